/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ports of the host that lead to guests. A packet for any address of the host
 * gets another destination before it is routed; what came that way is let in.
 * A guest that goes to its own network by way of the host is masqueraded, so
 * that the answer comes back the same way.
 */
#include "config/scalar.h"
#include "net/firewall.h"
#include "net/network.h"
#include <arpa/inet.h>

/* ---- an address with a port ---- */

static bool endpoint_parse(const struct field *f _unused_, struct scalar *s, void *value)
{
	const char *colon = strchr(s->text, ':'), *end;
	struct endpoint to;
	uint64_t port;
	char ip[INET_ADDRSTRLEN];

	if (!colon)
		return scalar_cure(s, "add the port: \"%s:80\"", scalar_shown(s));
	if ((size_t)(colon - s->text) >= sizeof(ip))
		return false;
	snprintf(ip, sizeof(ip), "%.*s", (int)(colon - s->text), s->text);
	if (inet_pton(AF_INET, ip, &to.ip) != 1)
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
	char ip[INET_ADDRSTRLEN];

	sb_addf(out, "%s:%u", inet_ntop(AF_INET, &to->ip, ip, sizeof(ip)), to->port);
}

static bool endpoint_equal(const void *a, const void *b)
{
	const struct endpoint *x = a, *y = b;

	return x->ip.s_addr == y->ip.s_addr && x->port == y->port;
}

#define OCTET "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"

static void endpoint_schema(const struct field *f _unused_, struct strbuf *out)
{
	sb_add(out,
		"\"type\":\"string\",\"pattern\":\"^" OCTET "(\\\\." OCTET
		"){3}:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|"
		"6553[0-5])$\"");
}

static const struct type type_endpoint = {
	.name = "an IPv4 address and a port such as 192.168.122.10:80",
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
		.doc = "The host's port. What listens there on the host itself is no longer "
		       "reached, "
		       "but by 127.0.0.1."),
	FIELD_VALUE(struct network_forward, to, struct endpoint, type_endpoint, .required = true,
		.example = "\"192.168.122.10:80\"", .doc = "The guest's address and port."),
};
const struct table network_forward_table = TABLE(
	struct network_forward, forward_rows, .doc = "A port of the host that leads to a guest.");

/* ---- checks ---- */

void network_check_forwards(const struct network *n, struct diags *d)
{
	for (size_t i = 0; i < n->forwards.n; i++) {
		const struct network_forward *f = &LIST_AT(&n->forwards, struct network_forward, i);
		const struct ip ip = { .family = AF_INET, .v4 = f->to.ip };
		const struct cidr *c = network_of(n, &ip);
		char text[INET_ADDRSTRLEN];

		inet_ntop(AF_INET, &f->to.ip, text, sizeof(text));
		if (n->mode == NETWORK_ISOLATED)
			diag_error(d, obj_mark_item(n, "forwards", i),
				"take the line out, or write mode: nat",
				"%s is isolated: nobody outside reaches its guests", n->obj.name);
		else if (!c)
			diag_error(d, obj_mark(f, "to"), "name a guest's address in this network",
				"%s is not in the network %s", text, n->obj.name);
		else if (c->ip.v4.s_addr == f->to.ip.s_addr)
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
			const char *key = arena_printf(d->arena, "%s port %d",
				protocol_names[f->protocol], (int)f->host_port);
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

static struct cidr one(struct in_addr ip)
{
	return (struct cidr){ .ip = { .family = AF_INET, .v4 = ip }, .prefix = 32 };
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

static void add_hairpin(const struct resource *r, struct wants *w, size_t at)
{
	const struct network *n = r->want;
	const struct network_forward *f = &LIST_AT(&n->forwards, struct network_forward, at);
	const struct ip ip = { .family = AF_INET, .v4 = f->to.ip };
	const struct cidr *c = network_of(n, &ip);

	firewall_add(w, r, "ip-nat",
		(struct fw_rule){ .chain = FW_POSTROUTING,
			.src = cidr_network(*c),
			.dst = one(f->to.ip),
			.out = n->bridge,
			.protocol = protocol_of(f),
			.dport = { f->to.port, f->to.port },
			.state = FW_FORWARDED,
			.target = FW_MASQUERADE });
}

void network_derive_forwards(const struct resource *r, struct wants *w)
{
	const struct network *n = r->want;
	const struct in_addr loopback = { .s_addr = htonl(0x7f000000) };

	for (size_t i = 0; i < n->forwards.n; i++) {
		const struct network_forward *f = &LIST_AT(&n->forwards, struct network_forward, i);
		struct fw_rule rule = {
			.chain = FW_PREROUTING,
			.dst_local = true,
			.protocol = protocol_of(f),
			.dport = { (uint16_t)f->host_port, (uint16_t)f->host_port },
			.target = FW_DNAT,
			.to = { .family = AF_INET, .v4 = f->to.ip },
			.to_ports = { f->to.port, f->to.port },
		};

		firewall_add(w, r, "ip-nat", rule);
		/* From 127.0.0.1 nothing leaves the host: its own programs use another address. */
		rule.chain = FW_OUTPUT;
		rule.dst = one(loopback);
		rule.dst.prefix = 8;
		rule.not_dst = true;
		firewall_add(w, r, "ip-nat", rule);
		if (!led_to_before(n, i))
			add_hairpin(r, w, i);
	}
}

void network_admit_forwards(const struct resource *r, struct wants *w)
{
	const struct network *n = r->want;

	for (size_t i = 0; i < n->forwards.n; i++) {
		const struct network_forward *f = &LIST_AT(&n->forwards, struct network_forward, i);

		if (led_to_before(n, i))
			continue;
		firewall_add(w, r, "ip-filter",
			(struct fw_rule){ .chain = FW_FORWARD_INTO,
				.dst = one(f->to.ip),
				.out = n->bridge,
				.protocol = protocol_of(f),
				.dport = { f->to.port, f->to.port },
				.state = FW_FORWARDED,
				.target = FW_ACCEPT });
	}
}
