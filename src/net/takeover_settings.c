/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Settings that somebody made for the card alone (net.ipv4.conf.eth0.rp_filter) are those of a
 * bridge of ours that speaks for it, unless somebody has said something of the bridge. The card
 * keeps its own.
 */
#include "net/takeover.h"

#define CONF "/proc/sys/net/%s/conf/%s/%s"

static const struct {
	const char *family, *name;
} settings[] = {
	{ "ipv4", "accept_local" },
	{ "ipv4", "accept_redirects" },
	{ "ipv4", "accept_source_route" },
	{ "ipv4", "arp_accept" },
	{ "ipv4", "arp_announce" },
	{ "ipv4", "arp_filter" },
	{ "ipv4", "arp_ignore" },
	{ "ipv4", "forwarding" },
	{ "ipv4", "log_martians" },
	{ "ipv4", "proxy_arp" },
	{ "ipv4", "rp_filter" },
	{ "ipv4", "secure_redirects" },
	{ "ipv4", "send_redirects" },
	{ "ipv4", "shared_media" },
	{ "ipv4", "src_valid_mark" },
	{ "ipv6", "accept_redirects" },
	{ "ipv6", "proxy_ndp" },
};

/* NULL: this kernel has no such thing. */
static char *read_setting(struct mover *m, size_t i, const char *link)
{
	_cleanup_free_ char *path = xprintf(CONF, settings[i].family, link, settings[i].name);
	char *text = NULL;

	return file_read_line(m->h->root, path, &text) < 0 ? NULL : text;
}

static void lead_one(struct mover *m, size_t i, const char *card)
{
	_cleanup_free_ char *own = read_setting(m, i, card), *usual = read_setting(m, i, "default");
	_cleanup_free_ char *path = NULL, *now = NULL;
	int r;

	if (!own || !usual || streq(own, usual))
		return;
	now = read_setting(m, i, m->bridge->name);
	if (!now || !streq(now, usual))
		return;
	path = xprintf(CONF, settings[i].family, m->bridge->name, settings[i].name);
	r = file_poke(m->h->root, path, own);
	if (r < 0)
		file_failure(m->e, r, "set", path);
}

void lead_settings(struct mover *m, const struct ported *want, const struct port *p, size_t n)
{
	if (!m->strict || !moves_along(m->bridge, want))
		return;
	for (size_t i = 0; i < n; i++) {
		if (!p[i].fresh || !p[i].t.n_addrs)
			continue;
		for (size_t k = 0; k < ARRAY_SIZE(settings); k++)
			lead_one(m, k, p[i].link->name);
		return;
	}
}
