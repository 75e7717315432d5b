/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu/pci.h"
#include "config/scalar.h"

/* n hexadecimal digits with `end` behind them; the value, or -1. */
static int part(const char **s, size_t n, char end)
{
	int v = 0;

	for (size_t i = 0; i < n; i++) {
		char c = (*s)[i];

		if (c >= '0' && c <= '9')
			v = v * 16 + c - '0';
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			v = v * 16 + (c | 0x20) - 'a' + 10;
		else
			return -1;
	}
	if ((*s)[n] != end)
		return -1;
	*s += n + (end != '\0');
	return v;
}

/*
 * Four digits, or more: what is behind Intel's VMD has domains from 10000 on
 * (drivers/pci/controller/vmd.c). An int for the kernel; -1: none.
 */
static int domain_part(const char **p)
{
	size_t digits = strcspn(*p, ":");

	if (digits > 4 && (digits > 7 || **p == '0'))
		return -1;
	return part(p, MAX_OF(digits, (size_t)4), ':');
}

static bool address_parse(const struct field *f _unused_, struct scalar *s, void *value)
{
	bool short_form = strlen(s->text) == strlen("0b:00.0");
	const char *p = s->text;
	int domain = short_form ? 0 : domain_part(&p);
	int bus = domain < 0 ? -1 : part(&p, 2, ':');
	int slot = bus < 0 ? -1 : part(&p, 2, '.');
	int function = slot < 0 ? -1 : part(&p, 1, '\0');

	if (function < 0 || function > 7 || slot > 0x1f)
		return scalar_cure(s, "`lspci -D` lists them, such as 0000:0b:00.0");
	*(const char **)value =
		arena_printf(s->arena, "%04x:%02x:%02x.%d", domain, bus, slot, function);
	return true;
}

static void address_format(const struct field *f _unused_, const void *value, struct strbuf *out)
{
	sb_add(out, *(const char *const *)value);
}

static bool address_equal(const void *a, const void *b)
{
	return streq(*(const char *const *)a, *(const char *const *)b);
}

static void address_schema(const struct field *f _unused_, struct strbuf *out)
{
	sb_add(out, "\"type\":\"string\",\"pattern\":"
		    "\"^(([0-9A-Fa-f]{4}|[1-9A-Fa-f][0-9A-Fa-f]{4,6}):)?[0-9A-Fa-f]{2}:[01][0-9A-"
		    "Fa-f]\\\\.[0-7]$\"");
}

const struct type type_pci_address = {
	.name = "a PCI address such as 0000:0b:00.0",
	.size = sizeof(const char *),
	.parse = address_parse,
	.format = address_format,
	.equal = address_equal,
	.schema = address_schema,
};

static bool id_parse(const struct field *f _unused_, struct scalar *s, void *value)
{
	const char *p = s->text;
	int vendor = part(&p, 4, ':'), device = vendor < 0 ? -1 : part(&p, 4, '\0');

	if (device < 0)
		return scalar_cure(s, "`lspci -nn` shows it in brackets, such as [8086:10c9]");
	*(const char **)value = arena_printf(s->arena, "%04x:%04x", vendor, device);
	return true;
}

static void id_schema(const struct field *f _unused_, struct strbuf *out)
{
	sb_add(out, "\"type\":\"string\",\"pattern\":\"^[0-9A-Fa-f]{4}:[0-9A-Fa-f]{4}$\"");
}

const struct type type_pci_id = {
	.name = "a vendor and device number such as \"8086:10c9\"",
	.size = sizeof(const char *),
	.parse = id_parse,
	.format = address_format,
	.equal = address_equal,
	.schema = id_schema,
};
