/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a document may say of ports and of the addresses that go with them. */
#include "net/ported.h"
#include "net/address.h"
#include "config/scalar.h"

/* ---- addressing: a word or an address ---- */

static const char *const words[] = {
	[ADDRESSING_INHERIT] = "inherit",
	[ADDRESSING_NONE] = "none",
	[ADDRESSING_DHCP] = "dhcp",
};

static bool item_parse(const struct field *f, struct scalar *s, void *value)
{
	for (int i = ADDRESSING_INHERIT; i <= ADDRESSING_DHCP; i++)
		if (streq(s->text, words[i])) {
			*(struct cidr *)value = (struct cidr){ .prefix = (uint8_t)i };
			return true;
		}
	scalar_cure_word(s, words + ADDRESSING_INHERIT, ARRAY_SIZE(words) - ADDRESSING_INHERIT);
	return type_cidr.parse(f, s, value);
}

static void item_format(const struct field *f _unused_, const void *value, struct strbuf *out)
{
	const struct cidr *c = value;

	if (c->ip.family)
		cidr_format(c, out);
	else
		sb_add(out, words[c->prefix]);
}

static bool item_equal(const void *a, const void *b)
{
	return address_equal(a, b);
}

static void item_schema(const struct field *f, struct strbuf *out)
{
	sb_add(out, "\"anyOf\":[{\"enum\":[\"inherit\",\"none\",\"dhcp\"]},{");
	type_cidr.schema(f, out);
	sb_addc(out, '}');
	sb_addc(out, ']');
}

const struct type type_addressing = {
	.name = "inherit, dhcp, none, or an address with its prefix length such as 192.0.2.2/24",
	.size = sizeof(struct cidr),
	.parse = item_parse,
	.format = item_format,
	.equal = item_equal,
	.schema = item_schema,
};

enum addressing addressing_of(const struct ported *p)
{
	const struct cidr *first = p->addressing.v;

	if (!p->addressing.n)
		return ADDRESSING_INHERIT; /* a record of a version that knew nothing else */
	return first->ip.family ? ADDRESSING_LIST : (enum addressing)first->prefix;
}

void addressing_set(struct ported *p, struct arena *a, enum addressing word)
{
	struct cidr *c = arena_alloc(a, sizeof(*c));

	c->prefix = (uint8_t)word;
	p->addressing = (struct list){ c, 1 };
}

/* ---- checks ---- */

static const char *item_text(struct arena *a, const struct cidr *c)
{
	_cleanup_strbuf_ struct strbuf b = { 0 };

	item_format(NULL, c, &b);
	return arena_strdup(a, sb_str(&b));
}

/* An address that a host can have: not a network's own, loopback or multicast. */
static const char *unfit(const struct cidr *c)
{
	struct cidr net = cidr_network(*c);
	uint32_t v4;

	if (c->ip.family == AF_INET6) {
		if (c->ip.b[0] == 0xff)
			return "is a multicast address";
		return IN6_IS_ADDR_UNSPECIFIED(&c->ip.v6) || IN6_IS_ADDR_LOOPBACK(&c->ip.v6)
			       ? "cannot be a host's address"
			       : NULL;
	}
	v4 = ntohl(c->ip.v4.s_addr);
	if (v4 >> 24 == 0 || v4 >> 24 == 127 || v4 >> 28 >= 0xe)
		return "cannot be a host's address";
	if (c->prefix < 31 && !memcmp(&net.ip.v4, &c->ip.v4, 4))
		return "is the first address of its network";
	if (c->prefix && c->prefix < 31 && (v4 | UINT32_MAX << (32 - c->prefix)) == UINT32_MAX)
		return "is the broadcast address of its network";
	return NULL;
}

static void check_item(const struct ported *p, size_t i, struct diags *d)
{
	const struct cidr *c = &LIST_AT(&p->addressing, struct cidr, i);
	struct mark m = obj_mark_item(p, "addressing", i);
	const char *why = c->ip.family ? unfit(c) : NULL;

	if (!c->ip.family && p->addressing.n > 1)
		diag_error(d, m, "write the word alone, or addresses alone",
			"%s: `%s` and other addresses contradict each other", p->obj.name,
			item_text(d->arena, c));
	if (why)
		diag_error(d, m, "write the host's own address, such as 192.0.2.2/24", "%s %s",
			item_text(d->arena, c), why);
	for (size_t k = 0; c->ip.family && k < i; k++)
		if (address_equal(c, &LIST_AT(&p->addressing, struct cidr, k)))
			diag_error(d, m, "take one of the two out", "%s stands twice in %s",
				item_text(d->arena, c), p->obj.name);
}

void ported_check_values(const struct ported *p, struct diags *d)
{
	if (!p->addressing.n)
		diag_error(d, obj_mark(p, "addressing"), "write addressing: none",
			"%s: an empty list of addresses says nothing", p->obj.name);
	for (size_t i = 0; i < p->addressing.n; i++)
		check_item(p, i, d);
}

bool moves_along(const struct link *l, const struct ported *p)
{
	enum addressing mode = addressing_of(p);

	/* What a bond that is a port had has moved on. */
	return !l->master && (mode == ADDRESSING_INHERIT || mode == ADDRESSING_LIST);
}

bool ported_wants(const struct ported *p, const char *name)
{
	for (size_t i = 0; p && i < p->ports.n; i++)
		if (streq(LIST_AT(&p->ports, const char *, i), name))
			return true;
	return false;
}
