/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a document may say of a bridge's ports and addresses. */
#include "net/bridge.h"
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

enum addressing bridge_addressing(const struct bridge *b)
{
	const struct cidr *first = b->addressing.v;

	if (!b->addressing.n)
		return ADDRESSING_INHERIT; /* a record of a version that knew nothing else */
	return first->ip.family ? ADDRESSING_LIST : (enum addressing)first->prefix;
}

void bridge_set_addressing(struct bridge *b, struct arena *a, enum addressing word)
{
	struct cidr *c = arena_alloc(a, sizeof(*c));

	c->prefix = (uint8_t)word;
	b->addressing = (struct list){ c, 1 };
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

static void check_item(const struct bridge *b, size_t i, struct diags *d)
{
	const struct cidr *c = &LIST_AT(&b->addressing, struct cidr, i);
	struct mark m = obj_mark_item(b, "addressing", i);
	const char *why = c->ip.family ? unfit(c) : NULL;

	if (!c->ip.family && b->addressing.n > 1)
		diag_error(d, m, "write the word alone, or addresses alone",
			"%s: `%s` and other addresses contradict each other", b->obj.name,
			item_text(d->arena, c));
	if (why)
		diag_error(d, m, "write the host's own address, such as 192.0.2.2/24", "%s %s",
			item_text(d->arena, c), why);
	for (size_t k = 0; c->ip.family && k < i; k++)
		if (address_equal(c, &LIST_AT(&b->addressing, struct cidr, k)))
			diag_error(d, m, "take one of the two out", "%s stands twice in %s",
				item_text(d->arena, c), b->obj.name);
}

static void check_delay(const struct bridge *b, struct diags *d)
{
	const char *name = b->obj.name;

	/* Finer values do not survive the kernel's way through jiffies. */
	if (b->forward_delay % (USEC_PER_SEC / 10))
		diag_error(d, obj_mark(b, "forward_delay"), "write 100ms, 2s, 15s, ...",
			"%s: the kernel keeps the forward delay in tenths of a second", name);
	else if (b->stp && b->forward_delay < 2 * USEC_PER_SEC)
		diag_error(d, obj_mark(b, obj_has(b, "forward_delay") ? "forward_delay" : "stp"),
			"write forward_delay: 15s, which is the kernel's default",
			"%s: with STP the kernel wants a forward delay of 2s to 30s", name);
}

void bridge_check_values(const void *obj, struct diags *d)
{
	const struct bridge *b = obj;

	check_delay(b, d);
	bridge_vlans_check(b, d);
	if (!b->addressing.n)
		diag_error(d, obj_mark(b, "addressing"), "write addressing: none",
			"%s: an empty list of addresses says nothing", b->obj.name);
	for (size_t i = 0; i < b->addressing.n; i++)
		check_item(b, i, d);
	for (size_t i = 0; i < b->ports.n; i++)
		if (streq(LIST_AT(&b->ports, const char *, i), "lo"))
			diag_error(d, obj_mark_item(b, "ports", i), "name a network card",
				"%s: the loopback device cannot be a port", b->obj.name);
}

/* The declared bridge, or network that makes a bridge, of that name. */
static const struct resource *bridge_named(const struct wants *w, const char *name)
{
	for (size_t i = 0; i < w->n; i++) {
		const struct resource *r = w->v[i];

		if (r->kind == &network_kind && r->want &&
			streq_null(obj_text(r->want, "bridge", w->arena), name))
			return r;
	}
	return wants_find(w, "bridge", name);
}

void bridge_check(const struct resource *r, const struct wants *w, struct diags *d)
{
	const struct bridge *b = r->want;

	for (size_t i = 0; i < b->ports.n; i++) {
		const char *port = LIST_AT(&b->ports, const char *, i);
		const struct resource *other = bridge_named(w, port);

		if (other)
			diag_relate(diag_error(d, obj_mark_item(b, "ports", i),
					    "join two bridges by a veth pair, or make one of them",
					    "%s is a bridge itself, and cannot be a port of %s",
					    port, r->name),
				other->mark, "declared here");
	}
}

bool bridge_wants_port(const struct bridge *b, const char *name)
{
	for (size_t i = 0; b && i < b->ports.n; i++)
		if (streq(LIST_AT(&b->ports, const char *, i), name))
			return true;
	return false;
}
