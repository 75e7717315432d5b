/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ports of the host that lead to guests. A packet for any address of the host
 * gets another destination before it is routed; what came that way is let in.
 * A guest that goes to its own network by way of the host is masqueraded, so
 * that the answer comes back the same way, and so is the host that speaks to
 * its own 127.0.0.1. IPv6 has no such way: what comes from ::1 is never routed.
 */
#include "config/scalar.h"
#include "net/dnsmasq.h"
#include "net/firewall.h"
#include "net/network.h"
#include <arpa/inet.h>

/* ---- an address with a port ---- */

/* "192.168.122.10:80" or "[fd00:122::10]:80" */
static bool endpoint_parse(const struct field *f _unused_, struct scalar *s, void *value)
{
	bool six = *s->text == '[';
	const char *close = six ? strchr(s->text, ']') : NULL;
	const char *colon = six ? (close ? close + 1 : NULL) : strchr(s->text, ':');
	char text[INET6_ADDRSTRLEN];
	const char *end;
	struct endpoint to;
	uint64_t port;

	if (!six && colon && strchr(colon + 1, ':'))
		return scalar_cure(s, "put an IPv6 address in brackets: \"[fd00:122::10]:80\"");
	if (!colon || *colon != ':')
		return scalar_cure(s, "add the port: \"%s:80\"", scalar_shown(s));
	if ((size_t)((six ? close : colon) - s->text) >= sizeof(text))
		return false;
	snprintf(text, sizeof(text), "%.*s", (int)((six ? close - 1 : colon) - s->text),
		s->text + six);
	if (!ip_parse(text, &to.ip) || (to.ip.family == AF_INET6) != six)
		return false;
	if (!digits_parse(colon + 1, &end, &port) || *end || !port || port > UINT16_MAX)
		return scalar_refuse(s, "`%s` is no port: 1 to 65535", colon + 1);
	to.port = (uint16_t)port;
	*(struct endpoint *)value = to;
	return true;
}

static void endpoint_format(const struct field *f _unused_, const void *value, struct strbuf *out)
{
	const struct endpoint *to = value;
	bool six = to->ip.family == AF_INET6;

	sb_add(out, six ? "[" : "");
	ip_format(&to->ip, out);
	sb_addf(out, "%s:%u", six ? "]" : "", to->port);
}

static bool endpoint_equal(const void *a, const void *b)
{
	const struct endpoint *x = a, *y = b;

	return x->ip.family == y->ip.family && x->port == y->port &&
	       !memcmp(x->ip.b, y->ip.b, x->ip.family == AF_INET ? 4 : 16);
}

#define OCTET "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"

static void endpoint_schema(const struct field *f _unused_, struct strbuf *out)
{
	sb_add(out, "\"type\":\"string\",\"pattern\":\"^(" OCTET "(\\\\." OCTET
		    "){3}|\\\\[[0-9a-fA-F:.]+\\\\]):([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|"
		    "65[0-4][0-9]{2}|655[0-2][0-9]|"
		    "6553[0-5])$\"");
}

static const struct type type_endpoint = {
	.name = "an address and a port such as 192.168.122.10:80",
	.size = sizeof(struct endpoint),
	.parse = endpoint_parse,
	.format = endpoint_format,
	.equal = endpoint_equal,
	.schema = endpoint_schema,
};

static const char *const protocol_names[] = { "tcp", "udp", NULL };

static const struct field forward_rows[] = {
	FIELD_ENUM(struct network_forward, protocol, protocol_names, .def = "tcp",
		.doc = "The protocol whose port it is."),
	FIELD_INT(struct network_forward, host_port, 1, UINT16_MAX, .required = true,
		.example = "8080",
		.doc = "The host's port, on all of its addresses; from the host itself also on "
		       "127.0.0.1, not on ::1. What listens there on the host is no longer "
		       "reached."),
	FIELD_VALUE(struct network_forward, to, struct endpoint, type_endpoint, .required = true,
		.example = "\"192.168.122.10:80\"",
		.doc = "The guest's address and port; an IPv6 address stands in "
		       "brackets. The host's port is one of that family."),
};
const struct table network_forward_table = TABLE(
	struct network_forward, forward_rows, .doc = "A port of the host that leads to a guest.");

/* ---- checks ---- */

void network_check_forwards(const struct network *n, struct diags *d)
{
	for (size_t i = 0; i < n->forwards.n; i++) {
		const struct network_forward *f = &LIST_AT(&n->forwards, struct network_forward, i);
		const struct cidr *c = network_of(n, &f->to.ip);
		const char *text = ip_text(d->arena, &f->to.ip);

		if (n->mode == NETWORK_ISOLATED)
			diag_error(d, obj_mark_item(n, "forwards", i),
				"take the line out, or write mode: nat",
				"%s is isolated: nobody outside reaches its guests", n->obj.name);
		else if (!c)
			diag_error(d, obj_mark(f, "to"), "name a guest's address in this network",
				"%s is not in the network %s", text, n->obj.name);
		else if (!memcmp(c->ip.b, f->to.ip.b, c->ip.family == AF_INET ? 4 : 16))
			diag_error(d, obj_mark(f, "to"), "name a guest's address in this network",
				"%s is the host's own address", text);
	}
}

void network_check_ports(const struct wants *w, struct diags *d)
{
	_cleanup_strmap_ struct strmap seen = { 0 };

	for (size_t i = 0; i < w->n; i++) {
		const struct network *n = w->v[i]->want;

		for (size_t k = 0; w->v[i]->kind == &network_kind && k < n->forwards.n; k++) {
			struct network_forward *f =
				&LIST_AT(&n->forwards, struct network_forward, k);
			const char *key = arena_printf(d->arena, "%s port %d%s",
				protocol_names[f->protocol], (int)f->host_port,
				f->to.ip.family == AF_INET6 ? " (IPv6)" : "");
			const struct network_forward *first = strmap_get(&seen, key);

			if (!first) {
				strmap_put(&seen, key, f);
				continue;
			}
			diag_relate(diag_error(d, obj_mark(f, "host_port"),
					    "give one of the two another port",
					    "%s of the host is forwarded twice", key),
				obj_mark(first, "host_port"), "first used here");
		}
	}
}

/* ---- rules ---- */

static struct cidr one(const struct ip *ip)
{
	return (struct cidr){ .ip = *ip, .prefix = ip->family == AF_INET ? 32 : 128 };
}

/* What never leaves the host. */
static struct cidr loopback(int family)
{
	struct cidr c = { .ip.family = family, .prefix = family == AF_INET ? 8 : 128 };

	c.ip.b[family == AF_INET ? 0 : 15] = family == AF_INET ? 127 : 1;
	return c;
}

static uint8_t protocol_of(const struct network_forward *f)
{
	return f->protocol == FORWARD_TCP ? IPPROTO_TCP : IPPROTO_UDP;
}

/* Two ports of the host may lead to the same one of a guest, which is let in once. */
static bool led_to_before(const struct network *n, size_t at)
{
	const struct network_forward *f = &LIST_AT(&n->forwards, struct network_forward, at);

	for (size_t i = 0; i < at; i++) {
		const struct network_forward *x = &LIST_AT(&n->forwards, struct network_forward, i);

		if (x->protocol == f->protocol && endpoint_equal(&x->to, &f->to))
			return true;
	}
	return false;
}

static const char *nat_of(int family)
{
	return family == AF_INET ? "ip-nat" : "ip6-nat";
}

/* What the forward's packets from `src` have on their way to the guest. */
static void add_masquerade(
	const struct resource *r, struct wants *w, const struct network_forward *f, struct cidr src)
{
	const struct network *n = r->want;

	firewall_add(w, r, nat_of(f->to.ip.family),
		(struct fw_rule){ .chain = FW_POSTROUTING,
			.src = src,
			.dst = one(&f->to.ip),
			.out = n->bridge,
			.protocol = protocol_of(f),
			.dport = { f->to.port, f->to.port },
			.state = FW_FORWARDED,
			.target = FW_MASQUERADE });
}

static void add_back_ways(const struct resource *r, struct wants *w, size_t at)
{
	const struct network *n = r->want;
	const struct network_forward *f = &LIST_AT(&n->forwards, struct network_forward, at);

	if (led_to_before(n, at))
		return;
	add_masquerade(r, w, f, cidr_network(*network_of(n, &f->to.ip)));
	if (f->to.ip.family == AF_INET)
		add_masquerade(r, w, f, (struct cidr){ .ip = loopback(AF_INET).ip, .prefix = 8 });
}

/* From the host itself: to any of its addresses, and to 127.0.0.1, no other of that network. */
static void add_own_way(const struct resource *r, struct wants *w, struct fw_rule rule, int family)
{
	rule.chain = FW_OUTPUT;
	rule.dst = loopback(family);
	rule.not_dst = true;
	firewall_add(w, r, nat_of(family), rule);
	if (family != AF_INET)
		return;
	rule.dst.ip.b[3] = 1;
	rule.dst.prefix = 32;
	rule.not_dst = false;
	firewall_add(w, r, nat_of(family), rule);
}

/* What a bridge that localnet opens must not take from guests. */
static void add_guard(const struct resource *r, struct wants *w)
{
	const struct network *n = r->want;
	struct fw_rule rule = { .chain = FW_PREROUTING, .in = n->bridge, .target = FW_DROP };

	rule.dst = loopback(AF_INET);
	firewall_add(w, r, "ip-mangle", rule);
	rule.src = rule.dst;
	rule.dst = (struct cidr){ 0 };
	firewall_add(w, r, "ip-mangle", rule);
	localnet_derive(r, w);
}

void network_derive_forwards(const struct resource *r, struct wants *w, int family)
{
	const struct network *n = r->want;
	bool any = false;

	for (size_t i = 0; i < n->forwards.n; i++) {
		const struct network_forward *f = &LIST_AT(&n->forwards, struct network_forward, i);
		struct fw_rule rule = {
			.chain = FW_PREROUTING,
			.dst_local = true,
			.protocol = protocol_of(f),
			.dport = { (uint16_t)f->host_port, (uint16_t)f->host_port },
			.target = FW_DNAT,
			.to = f->to.ip,
			.to_ports = { f->to.port, f->to.port },
		};

		if (f->to.ip.family != family)
			continue;
		any = true;
		firewall_add(w, r, nat_of(family), rule);
		add_own_way(r, w, rule, family);
		add_back_ways(r, w, i);
	}
	if (any && family == AF_INET)
		add_guard(r, w);
}

void network_admit_forwards(const struct resource *r, struct wants *w, int family)
{
	const struct network *n = r->want;

	for (size_t i = 0; i < n->forwards.n; i++) {
		const struct network_forward *f = &LIST_AT(&n->forwards, struct network_forward, i);

		if (f->to.ip.family != family || led_to_before(n, i))
			continue;
		firewall_add(w, r, family == AF_INET ? "ip-filter" : "ip6-filter",
			(struct fw_rule){ .chain = FW_FORWARD_INTO,
				.dst = one(&f->to.ip),
				.out = n->bridge,
				.protocol = protocol_of(f),
				.dport = { f->to.port, f->to.port },
				.state = FW_FORWARDED,
				.target = FW_ACCEPT });
	}
}
