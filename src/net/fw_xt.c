/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One rule to and from struct ipt_entry (include/uapi/linux/netfilter_ipv4/
 * ip_tables.h): the fixed part, then matches, then the target, each with its
 * name and revision. Reading is strict: every byte that a rule of ours would
 * have different makes the rule unknown.
 */
#include "net/fw_xt.h"
#include <arpa/inet.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/x_tables.h>
#include <linux/netfilter/xt_addrtype.h>
#include <linux/netfilter/xt_CHECKSUM.h>
#include <linux/netfilter/xt_comment.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv4/ipt_REJECT.h>

#define COMMENT_PREFIX "kvmhost:"
/* Revision 3 of the conntrack match (linux/netfilter/xt_conntrack.h), since Linux 2.6.39. */
#define CONNTRACK_REVISION 3
/* Revision 1 of the addrtype match, since Linux 2.6.24. */
#define ADDRTYPE_REVISION 1
/* Revision 2 of the DNAT target, since Linux 4.18; iptables-save shows no older one. */
#define DNAT_REVISION 2

static const char *intern(struct fw_texts *t, int slot, const char *text)
{
	if (!t->last[slot] || !streq(t->last[slot], text))
		t->last[slot] = arena_strdup(t->arena, text);
	return t->last[slot];
}

static bool all_zero(const void *data, size_t n)
{
	const char *p = data;

	return !n || (!p[0] && !memcmp(p, p + 1, n - 1));
}

/* ---- networks and interfaces ---- */

static bool decode_network(uint32_t addr, uint32_t mask, struct cidr *c)
{
	uint32_t m = ntohl(mask);

	if (!m)
		return !addr;
	if (~m & (~m + 1))
		return false;
	c->ip.family = AF_INET;
	c->ip.v4.s_addr = addr;
	c->prefix = (uint8_t)__builtin_popcount(m);
	return true;
}

static void encode_network(const struct cidr *c, struct in_addr *addr, struct in_addr *mask)
{
	if (c->ip.family != AF_INET || !c->prefix)
		return;
	*addr = c->ip.v4;
	mask->s_addr = htonl(UINT32_MAX << (32 - c->prefix));
}

/* The mask covers the name with its NUL: a whole name, not the start of one. */
static bool decode_interface(
	const char *name, const unsigned char *mask, struct fw_texts *t, int slot, const char **out)
{
	unsigned char whole[IFNAMSIZ] = { 0 };
	size_t len = strnlen(name, IFNAMSIZ - 1);

	if (!len)
		return all_zero(mask, IFNAMSIZ);
	memset(whole, 0xff, len + 1);
	*out = intern(t, slot, name);
	return !memcmp(mask, whole, IFNAMSIZ);
}

static void encode_interface(const char *name, char *to, unsigned char *mask)
{
	if (!name)
		return;
	snprintf(to, IFNAMSIZ, "%s", name);
	memset(mask, 0xff, strlen(to) + 1);
}

/* ---- matches ---- */

static void ports_to(struct fw_ports p, uint16_t to[2])
{
	to[0] = p.min;
	to[1] = p.max || p.min ? p.max : UINT16_MAX;
}

static struct fw_ports ports_from(const uint16_t from[2])
{
	if (from[0] == 0 && from[1] == UINT16_MAX)
		return (struct fw_ports){ 0 };
	return (struct fw_ports){ from[0], from[1] };
}

static const struct xt_conntrack_mtinfo3 states[] = {
	[FW_ESTABLISHED] = {
		.match_flags = XT_CONNTRACK_STATE,
		.state_mask = XT_CONNTRACK_STATE_BIT(IP_CT_RELATED) |
			      XT_CONNTRACK_STATE_BIT(IP_CT_ESTABLISHED),
	},
	[FW_FORWARDED] = {
		.match_flags = XT_CONNTRACK_STATE,
		.state_mask = XT_CONNTRACK_STATE_DNAT,
	},
};

static const struct xt_addrtype_info_v1 to_local = { .dest = XT_ADDRTYPE_LOCAL };

static bool decode_state(const void *data, struct fw_rule *r)
{
	for (enum fw_state s = FW_ESTABLISHED; s < ARRAY_SIZE(states); s++) {
		/* All its bytes, those between the members too, are what encode_matches() writes.
		 */
		const char *want = (const char *)&states[s];

		if (memcmp(data, want, sizeof(states[s])) != 0)
			continue;
		r->state = s;
		return true;
	}
	return false;
}

static bool decode_addrtype(const void *data, struct fw_rule *r)
{
	r->dst_local = !memcmp(data, &to_local, sizeof(to_local));
	return r->dst_local;
}

static bool decode_tcp(const struct xt_tcp *m, struct fw_rule *r)
{
	r->sport = ports_from(m->spts);
	r->dport = ports_from(m->dpts);
	return !m->option && !m->flg_mask && !m->flg_cmp && !m->invflags &&
	       r->protocol == IPPROTO_TCP;
}

static bool decode_udp(const struct xt_udp *m, struct fw_rule *r)
{
	r->sport = ports_from(m->spts);
	r->dport = ports_from(m->dpts);
	return !m->invflags && r->protocol == IPPROTO_UDP;
}

static bool decode_comment(const struct xt_comment_info *m, struct fw_texts *t, struct fw_rule *r)
{
	const char *owner = startswith(m->comment, COMMENT_PREFIX);

	if (!owner || !memchr(m->comment, 0, sizeof(m->comment)))
		return false;
	r->owner = intern(t, 2, owner);
	return true;
}

static bool decode_match(
	const struct xt_entry_match *m, size_t len, struct fw_texts *t, struct fw_rule *r)
{
	const char *name = m->u.user.name;
	int revision = m->u.user.revision;

	len -= sizeof(*m);
	if (streq(name, "tcp") && !revision && len >= sizeof(struct xt_tcp))
		return decode_tcp((const void *)m->data, r);
	if (streq(name, "udp") && !revision && len >= sizeof(struct xt_udp))
		return decode_udp((const void *)m->data, r);
	if (streq(name, "comment") && !revision && len >= sizeof(struct xt_comment_info))
		return decode_comment((const void *)m->data, t, r);
	if (streq(name, "addrtype") && revision == ADDRTYPE_REVISION && len >= sizeof(to_local))
		return decode_addrtype(m->data, r);
	if (streq(name, "conntrack") && revision == CONNTRACK_REVISION && len >= sizeof(states[0]))
		return decode_state(m->data, r);
	return false;
}

static bool decode_matches(const struct ipt_entry *e, struct fw_texts *t, struct fw_rule *r)
{
	size_t at = sizeof(*e);

	while (at + sizeof(struct xt_entry_match) <= e->target_offset) {
		const struct xt_entry_match *m = (const void *)((const char *)e + at);
		size_t len = m->u.match_size;

		if (len < sizeof(*m) || len > e->target_offset - at || !decode_match(m, len, t, r))
			return false;
		at += len;
	}
	return at == e->target_offset;
}

struct writer {
	char *buf;
	size_t len;
};

static void *add_match(struct writer *w, const char *name, int revision, size_t size)
{
	struct xt_entry_match *m = (void *)(w->buf + w->len);

	m->u.match_size = (uint16_t)XT_ALIGN(sizeof(*m) + size);
	snprintf(m->u.user.name, sizeof(m->u.user.name), "%s", name);
	m->u.user.revision = (uint8_t)revision;
	w->len += m->u.match_size;
	return m->data;
}

static void encode_ports(struct writer *w, const struct fw_rule *r)
{
	if (!r->sport.max && !r->dport.max)
		return;
	if (r->protocol == IPPROTO_TCP) {
		struct xt_tcp *m = add_match(w, "tcp", 0, sizeof(*m));

		ports_to(r->sport, m->spts);
		ports_to(r->dport, m->dpts);
	} else {
		struct xt_udp *m = add_match(w, "udp", 0, sizeof(*m));

		ports_to(r->sport, m->spts);
		ports_to(r->dport, m->dpts);
	}
}

static void encode_matches(struct writer *w, const struct fw_rule *r)
{
	encode_ports(w, r);
	if (r->dst_local)
		memcpy(add_match(w, "addrtype", ADDRTYPE_REVISION, sizeof(to_local)), &to_local,
			sizeof(to_local));
	if (r->state)
		memcpy(add_match(w, "conntrack", CONNTRACK_REVISION, sizeof(states[0])),
			&states[r->state], sizeof(states[0]));
	if (r->owner) {
		struct xt_comment_info *c = add_match(w, "comment", 0, sizeof(*c));

		snprintf(c->comment, sizeof(c->comment), COMMENT_PREFIX "%s", r->owner);
	}
}

/* ---- targets ---- */

static bool decode_masquerade(const struct nf_nat_ipv4_multi_range_compat *m, struct fw_rule *r)
{
	const struct nf_nat_ipv4_range *range = &m->range[0];

	r->target = FW_MASQUERADE;
	if (range->flags == NF_NAT_RANGE_PROTO_SPECIFIED)
		r->to_ports = (struct fw_ports){ ntohs(range->min.all), ntohs(range->max.all) };
	return m->rangesize == 1 && (range->flags & ~(unsigned)NF_NAT_RANGE_PROTO_SPECIFIED) == 0;
}

/* One address and one port. */
static bool decode_dnat(const struct nf_nat_range2 *range, struct fw_rule *r)
{
	r->target = FW_DNAT;
	r->to.family = AF_INET;
	r->to.v4.s_addr = range->min_addr.ip;
	r->to_ports = (struct fw_ports){ ntohs(range->min_proto.all), ntohs(range->max_proto.all) };
	return range->min_addr.ip == range->max_addr.ip &&
	       range->min_proto.all == range->max_proto.all && !range->base_proto.all &&
	       range->flags == (NF_NAT_RANGE_MAP_IPS | NF_NAT_RANGE_PROTO_SPECIFIED);
}

static bool decode_extension(const struct xt_entry_target *t, const char *name, struct fw_rule *r)
{
	size_t len = t->u.target_size - sizeof(*t);

	if (streq(name, "DNAT") && t->u.user.revision == DNAT_REVISION &&
		len >= sizeof(struct nf_nat_range2))
		return decode_dnat((const void *)t->data, r);
	if (t->u.user.revision)
		return false;
	if (streq(name, "MASQUERADE") && len >= sizeof(struct nf_nat_ipv4_multi_range_compat))
		return decode_masquerade((const void *)t->data, r);
	if (streq(name, "REJECT") && len >= sizeof(struct ipt_reject_info)) {
		r->target = FW_REJECT;
		return ((const struct ipt_reject_info *)t->data)->with == IPT_ICMP_PORT_UNREACHABLE;
	}
	if (streq(name, "CHECKSUM") && len >= sizeof(struct xt_CHECKSUM_info)) {
		r->target = FW_CHECKSUM_FILL;
		return ((const struct xt_CHECKSUM_info *)t->data)->operation == XT_CHECKSUM_OP_FILL;
	}
	return false;
}

static bool decode_target(const struct ipt_entry *e, const char *name, struct fw_rule *r)
{
	enum fw_chain chain = fw_own_chain(name);

	if (streq(name, "ACCEPT")) {
		r->target = FW_ACCEPT;
	} else if (streq(name, "RETURN")) {
		r->target = FW_RETURN;
	} else if (chain < FW_CHAINS) {
		r->target = FW_JUMP;
		r->jump = chain;
	} else {
		return decode_extension(
			(const void *)((const char *)e + e->target_offset), name, r);
	}
	return true;
}

static size_t encode_masquerade(const struct fw_rule *r, void *data)
{
	struct nf_nat_ipv4_multi_range_compat *m = data;

	m->rangesize = 1;
	m->range[0].flags = r->to_ports.max ? NF_NAT_RANGE_PROTO_SPECIFIED : 0;
	m->range[0].min.all = htons(r->to_ports.min);
	m->range[0].max.all = htons(r->to_ports.max);
	return sizeof(*m);
}

static size_t encode_dnat(const struct fw_rule *r, void *data)
{
	struct nf_nat_range2 *range = data;

	range->flags = NF_NAT_RANGE_MAP_IPS | NF_NAT_RANGE_PROTO_SPECIFIED;
	range->min_addr.ip = range->max_addr.ip = r->to.v4.s_addr;
	range->min_proto.all = range->max_proto.all = htons(r->to_ports.min);
	return sizeof(*range);
}

static void encode_target(struct writer *w, const struct fw_rule *r)
{
	static const char *const names[] = {
		[FW_ACCEPT] = "ACCEPT",
		[FW_REJECT] = "REJECT",
		[FW_RETURN] = "RETURN",
		[FW_MASQUERADE] = "MASQUERADE",
		[FW_DNAT] = "DNAT",
		[FW_CHECKSUM_FILL] = "CHECKSUM",
	};
	struct xt_entry_target *t = (void *)(w->buf + w->len);
	size_t size = sizeof(int); /* a verdict, which libiptc fills in */

	snprintf(t->u.user.name, sizeof(t->u.user.name), "%s",
		r->target == FW_JUMP ? fw_chain_names[r->jump] : names[r->target]);
	if (r->target == FW_REJECT) {
		((struct ipt_reject_info *)t->data)->with = IPT_ICMP_PORT_UNREACHABLE;
		size = sizeof(struct ipt_reject_info);
	} else if (r->target == FW_CHECKSUM_FILL) {
		((struct xt_CHECKSUM_info *)t->data)->operation = XT_CHECKSUM_OP_FILL;
		size = sizeof(struct xt_CHECKSUM_info);
	} else if (r->target == FW_MASQUERADE) {
		size = encode_masquerade(r, t->data);
	} else if (r->target == FW_DNAT) {
		t->u.user.revision = DNAT_REVISION;
		size = encode_dnat(r, t->data);
	}
	t->u.target_size = (uint16_t)XT_ALIGN(sizeof(*t) + size);
	w->len += t->u.target_size;
}

/* ---- the whole ---- */

static bool decode(
	const struct ipt_entry *e, const char *target, struct fw_texts *t, struct fw_rule *r)
{
	const struct ipt_ip *ip = &e->ip;

	if (ip->flags || (ip->invflags & ~(IPT_INV_SRCIP | IPT_INV_DSTIP)) ||
		(ip->proto && ip->proto != IPPROTO_TCP && ip->proto != IPPROTO_UDP))
		return false;
	r->not_src = ip->invflags & IPT_INV_SRCIP;
	r->not_dst = ip->invflags & IPT_INV_DSTIP;
	r->protocol = (uint8_t)ip->proto;
	return decode_network(ip->src.s_addr, ip->smsk.s_addr, &r->src) &&
	       decode_network(ip->dst.s_addr, ip->dmsk.s_addr, &r->dst) &&
	       decode_interface(ip->iniface, ip->iniface_mask, t, 0, &r->in) &&
	       decode_interface(ip->outiface, ip->outiface_mask, t, 1, &r->out) &&
	       decode_matches(e, t, r) && decode_target(e, target, r);
}

void fw_xt_decode(
	const struct ipt_entry *e, const char *target, struct fw_texts *texts, struct fw_rule *r)
{
	*r = (struct fw_rule){ 0 };
	if (!decode(e, target, texts, r))
		*r = (struct fw_rule){ .target = FW_UNKNOWN };
}

const struct ipt_entry *fw_xt_encode(const struct fw_rule *r, char buf[FW_XT_ENTRY_MAX])
{
	struct ipt_entry *e = (void *)buf;
	struct writer w = { buf, sizeof(*e) };

	memset(buf, 0, FW_XT_ENTRY_MAX);
	encode_network(&r->src, &e->ip.src, &e->ip.smsk);
	encode_network(&r->dst, &e->ip.dst, &e->ip.dmsk);
	e->ip.invflags = (r->not_src ? IPT_INV_SRCIP : 0) | (r->not_dst ? IPT_INV_DSTIP : 0);
	encode_interface(r->in, e->ip.iniface, e->ip.iniface_mask);
	encode_interface(r->out, e->ip.outiface, e->ip.outiface_mask);
	e->ip.proto = r->protocol;
	encode_matches(&w, r);
	e->target_offset = (uint16_t)w.len;
	encode_target(&w, r);
	e->next_offset = (uint16_t)w.len;
	return e;
}
