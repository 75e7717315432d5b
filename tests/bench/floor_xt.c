/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "floor.h"
#include <arpa/inet.h>
#include <errno.h>
#include <libiptc/libiptc.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/x_tables.h>
#include <linux/netfilter/xt_CHECKSUM.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv4/ipt_REJECT.h>
#include <stdio.h>
#include <string.h>

struct rule {
	uint32_t src, dst; /* a /24, unless host says otherwise */
	bool host; /* dst is one address */
	bool not_dst;
	const char *in, *out;
	int protocol, port;
	bool established;
	const char *target;
	const void *data; /* the target's */
	size_t len;
};

union entry {
	struct ipt_entry head;
	char bytes[1024 + sizeof(struct ipt_entry)];
} __attribute__((aligned(16)));

static void *add_match(union entry *e, size_t *at, const char *name, int revision, size_t n)
{
	struct xt_entry_match *m = (void *)((char *)e + *at);

	m->u.match_size = (uint16_t)XT_ALIGN(sizeof(*m) + n);
	snprintf(m->u.user.name, sizeof(m->u.user.name), "%s", name);
	m->u.user.revision = (uint8_t)revision;
	*at += m->u.match_size;
	return m->data;
}

static void set_interface(char *name, unsigned char *mask, const char *v)
{
	snprintf(name, IFNAMSIZ, "%s", v);
	memset(mask, 0xff, strlen(v) + 1);
}

static void put_head(struct ipt_ip *ip, const struct rule *r)
{
	ip->src.s_addr = r->src;
	ip->smsk.s_addr = r->src ? htonl(0xffffff00) : 0;
	ip->dst.s_addr = r->dst;
	ip->dmsk.s_addr = r->host ? ~0U : r->dst ? htonl(0xffffff00) : 0;
	ip->invflags = r->not_dst ? IPT_INV_DSTIP : 0;
	ip->proto = (uint16_t)r->protocol;
	if (r->in)
		set_interface(ip->iniface, ip->iniface_mask, r->in);
	if (r->out)
		set_interface(ip->outiface, ip->outiface_mask, r->out);
}

static void put_matches(union entry *e, size_t *at, const struct rule *r)
{
	uint16_t port = (uint16_t)r->port;

	if (r->port && r->protocol == IPPROTO_UDP) {
		struct xt_udp *m = add_match(e, at, "udp", 0, sizeof(*m));

		*m = (struct xt_udp){ .spts = { 0, 0xffff }, .dpts = { port, port } };
	} else if (r->port) {
		struct xt_tcp *m = add_match(e, at, "tcp", 0, sizeof(*m));

		*m = (struct xt_tcp){ .spts = { 0, 0xffff }, .dpts = { port, port } };
	}
	if (r->established) {
		struct xt_conntrack_mtinfo3 *m = add_match(e, at, "conntrack", 3, sizeof(*m));

		m->match_flags = XT_CONNTRACK_STATE;
		m->state_mask = XT_CONNTRACK_STATE_BIT(IP_CT_RELATED) |
				XT_CONNTRACK_STATE_BIT(IP_CT_ESTABLISHED);
	}
}

static void append(struct xtc_handle *h, const char *chain, const struct rule *r)
{
	union entry e = { .head.ip = { .proto = 0 } };
	size_t at = sizeof(e.head);
	struct xt_entry_target *t;

	put_head(&e.head.ip, r);
	put_matches(&e, &at, r);
	e.head.target_offset = (uint16_t)at;
	t = (void *)((char *)&e + at);
	t->u.target_size = (uint16_t)XT_ALIGN(sizeof(*t) + (r->len ? r->len : sizeof(int)));
	snprintf(t->u.user.name, sizeof(t->u.user.name), "%s", r->target);
	if (r->len)
		memcpy(t->data, r->data, r->len);
	e.head.next_offset = (uint16_t)(at + t->u.target_size);
	if (!iptc_append_entry(chain, &e.head, h))
		die("a rule for %s in %s: %s", r->target, chain, iptc_strerror(errno));
}

static const struct nf_nat_ipv4_multi_range_compat any_port = { .rangesize = 1 };
static const struct ipt_reject_info unreachable = { .with = IPT_ICMP_PORT_UNREACHABLE };
static const struct xt_CHECKSUM_info fill = { .operation = XT_CHECKSUM_OP_FILL };

#define ADD(chain, ...) append(h, chain, &(struct rule){ __VA_ARGS__ })
#define TO(name, info) .target = name, .data = &(info), .len = sizeof(info)

static void nat_rules(struct xtc_handle *h, int i, enum floor_rules rules)
{
	struct nf_nat_ipv4_multi_range_compat ports = { .rangesize = 1 };
	uint32_t net = net_addr(i);

	ports.range[0].flags = NF_NAT_RANGE_PROTO_SPECIFIED;
	ports.range[0].min.all = htons(1024);
	ports.range[0].max.all = htons(65535);
	if (rules >= FLOOR_NAT) {
		ADD("POSTROUTING", .src = net, .dst = htonl(0xe0000000), .target = "RETURN");
		ADD("POSTROUTING", .src = net, .dst = ~0U, .host = true, .target = "RETURN");
		ADD("POSTROUTING", .src = net, .dst = net, .not_dst = true, .protocol = IPPROTO_TCP,
			TO("MASQUERADE", ports));
		ADD("POSTROUTING", .src = net, .dst = net, .not_dst = true, .protocol = IPPROTO_UDP,
			TO("MASQUERADE", ports));
	}
	ADD("POSTROUTING", .src = net, .dst = net, .not_dst = true, TO("MASQUERADE", any_port));
}

/* DNS and DHCP, to the host and from it. */
static void service_rules(struct xtc_handle *h, const char *bridge)
{
	static const int in[] = { 53, 67 }, out[] = { 53, 68 };
	static const int protocols[] = { IPPROTO_UDP, IPPROTO_TCP };

	for (int k = 0; k < 4; k++) {
		ADD("INPUT", .in = bridge, .protocol = protocols[k % 2], .port = in[k / 2],
			.target = "ACCEPT");
		ADD("OUTPUT", .out = bridge, .protocol = protocols[k % 2], .port = out[k / 2],
			.target = "ACCEPT");
	}
}

static void filter_rules(struct xtc_handle *h, int i, enum floor_rules rules)
{
	uint32_t net = net_addr(i);
	char bridge[16];

	net_name(bridge, i);
	ADD("FORWARD", .dst = net, .out = bridge, .established = true, .target = "ACCEPT");
	ADD("FORWARD", .src = net, .in = bridge, .target = "ACCEPT");
	ADD("FORWARD", .in = bridge, .out = bridge, .target = "ACCEPT");
	if (rules < FLOOR_NAT)
		return;
	ADD("FORWARD", .out = bridge, TO("REJECT", unreachable));
	ADD("FORWARD", .in = bridge, TO("REJECT", unreachable));
	if (rules == FLOOR_FULL)
		service_rules(h, bridge);
}

static void mangle_rules(struct xtc_handle *h, int i, enum floor_rules rules)
{
	char bridge[16];

	(void)rules;
	net_name(bridge, i);
	ADD("POSTROUTING", .out = bridge, .protocol = IPPROTO_UDP, .port = 68,
		TO("CHECKSUM", fill));
}

static struct xtc_handle *open_table(const char *name)
{
	struct xtc_handle *h = iptc_init(name);

	if (!h)
		die("table %s: %s", name, iptc_strerror(errno));
	return h;
}

static void fill_table(const char *name, int n, enum floor_rules rules,
	void (*fn)(struct xtc_handle *, int, enum floor_rules))
{
	struct xtc_handle *h = open_table(name);

	for (int i = 0; i < n; i++)
		fn(h, i, rules);
	if (!iptc_commit(h))
		die("commit of table %s: %s", name, iptc_strerror(errno));
	iptc_free(h);
}

void xt_create(int n, enum floor_rules rules)
{
	fill_table("nat", n, rules, nat_rules);
	fill_table("filter", n, rules, filter_rules);
	if (rules == FLOOR_FULL)
		fill_table("mangle", n, rules, mangle_rules);
}

static const char *const tables[] = { "nat", "filter", "mangle" };

void xt_destroy(void)
{
	static const char *const chains[] = { "INPUT", "FORWARD", "OUTPUT", "POSTROUTING" };

	for (int i = 0; i < 3; i++) {
		struct xtc_handle *h = open_table(tables[i]);

		for (int k = 0; k < 4; k++)
			if (iptc_is_chain(chains[k], h))
				iptc_flush_entries(chains[k], h);
		if (!iptc_commit(h))
			die("commit of table %s: %s", tables[i], iptc_strerror(errno));
		iptc_free(h);
	}
}

unsigned long xt_walk(void)
{
	unsigned long n = 0;

	for (int i = 0; i < 3; i++) {
		struct xtc_handle *h = open_table(tables[i]);
		const struct ipt_entry *e;

		for (const char *c = iptc_first_chain(h); c; c = iptc_next_chain(h))
			for (e = iptc_first_rule(c, h); e; e = iptc_next_rule(e, h))
				n++;
		iptc_free(h);
	}
	return n;
}
