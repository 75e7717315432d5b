/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Offsets and numbers as in linux/pci_regs.h. */
#include "iommu/pci_config.h"
#include <linux/pci_regs.h>

enum { CONFIG_SIZE = 4096, EXTENDED = 256, SERIAL_SIZE = 12, WALK_MAX = 96 };

struct config {
	unsigned char *v;
	size_t n;
};

static void config_free(struct config *c)
{
	free(c->v);
}

static bool read_config(struct host *h, const char *address, struct config *c)
{
	_cleanup_free_ char *path = xprintf("/sys/bus/pci/devices/%s/config", address);

	return file_read(h->root, path, CONFIG_SIZE, (char **)&c->v, &c->n) >= 0;
}

static uint32_t word(const struct config *c, size_t at)
{
	return at + 4 > c->n ? 0
			     : c->v[at] | (uint32_t)c->v[at + 1] << 8 |
				       (uint32_t)c->v[at + 2] << 16 | (uint32_t)c->v[at + 3] << 24;
}

/* Where the capability begins; 0: there is none. */
static size_t capability(const struct config *c, unsigned id)
{
	size_t at = 0;

	if (word(c, PCI_STATUS) & PCI_STATUS_CAP_LIST)
		at = word(c, PCI_CAPABILITY_LIST) & 0xfc;
	for (int i = 0; at && i < WALK_MAX; i++, at = (word(c, at) >> 8) & 0xfc)
		if ((word(c, at) & 0xff) == id)
			return at;
	return 0;
}

static size_t extended(const struct config *c, unsigned id)
{
	size_t at = EXTENDED;

	for (int i = 0; at && i < WALK_MAX && word(c, at); i++, at = PCI_EXT_CAP_NEXT(word(c, at)))
		if (PCI_EXT_CAP_ID(word(c, at)) == id)
			return at;
	return 0;
}

const char *pci_serial(struct host *h, const char *address)
{
	_cleanup_(config_free) struct config c = { 0 };
	_cleanup_strbuf_ struct strbuf text = { 0 };
	size_t at;

	if (!read_config(h, address, &c) || !(at = extended(&c, PCI_EXT_CAP_ID_DSN)) ||
		at + SERIAL_SIZE > c.n)
		return NULL;
	for (size_t i = 0; i < 8; i++)
		sb_addf(&text, "%s%02x", i ? "-" : "", c.v[at + SERIAL_SIZE - 1 - i]);
	return arena_strdup(h->pass, sb_str(&text));
}

bool pci_is_legacy_bridge(struct host *h, const char *address)
{
	_cleanup_(config_free) struct config c = { 0 };
	size_t express;

	/* Without root's rights the capabilities are not to be seen, and nothing is known. */
	if (!read_config(h, address, &c) || c.n <= 64)
		return false;
	express = capability(&c, PCI_CAP_ID_EXP);
	return !express || ((word(&c, express) >> 20) & 0xf) == PCI_EXP_TYPE_PCI_BRIDGE;
}
