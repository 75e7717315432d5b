/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One rule to and from struct ipt_entry and struct ip6t_entry (include/uapi/
 * linux/netfilter_ipv4/ip_tables.h, netfilter_ipv6/ip6_tables.h): the fixed part, then matches,
 * then the target, each with its name and revision. Reading is strict: every byte that a rule of
 * ours would have different makes the rule unknown.
 */
#include "net/fw_xt.h"
#include <linux/netfilter/x_tables.h>
#include <linux/netfilter/xt_addrtype.h>
#include <linux/netfilter/xt_comment.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>

#define COMMENT_PREFIX "kvmhost:"
/* Revision 3 of the conntrack match (linux/netfilter/xt_conntrack.h), since Linux 2.6.39. */
#define CONNTRACK_REVISION 3
/* Revision 1 of the addrtype match, since Linux 2.6.24. */
#define ADDRTYPE_REVISION 1
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

static bool decode_network(const void *addr, const void *mask, int family, struct cidr *c)
{
	const uint8_t *m = mask;
	int len = family == AF_INET ? 4 : 16, bits = 0;

	while (bits < len * 8 && m[bits / 8] & 0x80 >> bits % 8)
		bits++;
	for (int i = bits; i < len * 8; i++)
		if (m[i / 8] & 0x80 >> i % 8)
			return false;
	if (!bits)
		return all_zero(addr, (size_t)len);
	c->ip.family = family;
	memcpy(c->ip.b, addr, (size_t)len);
	c->prefix = (uint8_t)bits;
	return true;
}

static void encode_network(const struct cidr *c, void *addr, void *mask)
{
	uint8_t *m = mask;

	if (!c->ip.family || !c->prefix)
		return;
	memcpy(addr, c->ip.b, c->ip.family == AF_INET ? 4 : 16);
	for (int i = 0; i < c->prefix; i++)
		m[i / 8] |= (uint8_t)(0x80 >> i % 8);
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
	for (size_t s = FW_ESTABLISHED; s < ARRAY_SIZE(states); s++) {
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

static bool decode_matches(const void *e, struct fw_texts *t, struct fw_rule *r)
{
	size_t at = fw_xt_head(t->family), end = fw_xt_target_offset(e, t->family);

	while (at + sizeof(struct xt_entry_match) <= end) {
		const struct xt_entry_match *m = (const void *)((const char *)e + at);
		size_t len = m->u.match_size;

		if (len < sizeof(*m) || len > end - at || !decode_match(m, len, t, r))
			return false;
		at += len;
	}
	return at == end;
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

/* ---- the fixed part ---- */

size_t fw_xt_head(int family)
{
	return family == AF_INET ? sizeof(struct ipt_entry) : sizeof(struct ip6t_entry);
}

uint16_t fw_xt_target_offset(const void *e, int family)
{
	return family == AF_INET ? ((const struct ipt_entry *)e)->target_offset
				 : ((const struct ip6t_entry *)e)->target_offset;
}

uint16_t fw_xt_next_offset(const void *e, int family)
{
	return family == AF_INET ? ((const struct ipt_entry *)e)->next_offset
				 : ((const struct ip6t_entry *)e)->next_offset;
}

static bool decode_v4(const struct ipt_ip *ip, struct fw_texts *t, struct fw_rule *r)
{
	r->protocol = (uint8_t)ip->proto;
	r->not_src = ip->invflags & IPT_INV_SRCIP;
	r->not_dst = ip->invflags & IPT_INV_DSTIP;
	return !ip->flags && !(ip->invflags & ~(IPT_INV_SRCIP | IPT_INV_DSTIP)) &&
	       ip->proto == r->protocol && decode_network(&ip->src, &ip->smsk, AF_INET, &r->src) &&
	       decode_network(&ip->dst, &ip->dmsk, AF_INET, &r->dst) &&
	       decode_interface(ip->iniface, ip->iniface_mask, t, 0, &r->in) &&
	       decode_interface(ip->outiface, ip->outiface_mask, t, 1, &r->out);
}

static bool decode_v6(const struct ip6t_ip6 *ip, struct fw_texts *t, struct fw_rule *r)
{
	r->protocol = (uint8_t)ip->proto;
	r->not_src = ip->invflags & IP6T_INV_SRCIP;
	r->not_dst = ip->invflags & IP6T_INV_DSTIP;
	return ip->flags == (ip->proto ? IP6T_F_PROTO : 0) &&
	       !(ip->invflags & ~(IP6T_INV_SRCIP | IP6T_INV_DSTIP)) && ip->proto == r->protocol &&
	       decode_network(&ip->src, &ip->smsk, AF_INET6, &r->src) &&
	       decode_network(&ip->dst, &ip->dmsk, AF_INET6, &r->dst) &&
	       decode_interface(ip->iniface, ip->iniface_mask, t, 0, &r->in) &&
	       decode_interface(ip->outiface, ip->outiface_mask, t, 1, &r->out);
}

static bool decode(const void *e, const char *target, struct fw_texts *t, struct fw_rule *r)
{
	const void *at = (const char *)e + fw_xt_target_offset(e, t->family);
	bool good = t->family == AF_INET ? decode_v4(&((const struct ipt_entry *)e)->ip, t, r)
					 : decode_v6(&((const struct ip6t_entry *)e)->ipv6, t, r);

	return good && (!r->protocol || r->protocol == IPPROTO_TCP || r->protocol == IPPROTO_UDP) &&
	       decode_matches(e, t, r) && fw_xt_decode_target(at, target, t->family, r);
}

void fw_xt_decode(const void *e, const char *target, struct fw_texts *texts, struct fw_rule *r)
{
	*r = (struct fw_rule){ 0 };
	if (!decode(e, target, texts, r))
		*r = (struct fw_rule){ .target = FW_UNKNOWN };
}

static void encode_v4(const struct fw_rule *r, struct ipt_ip *ip)
{
	encode_network(&r->src, &ip->src, &ip->smsk);
	encode_network(&r->dst, &ip->dst, &ip->dmsk);
	ip->invflags = (r->not_src ? IPT_INV_SRCIP : 0) | (r->not_dst ? IPT_INV_DSTIP : 0);
	encode_interface(r->in, ip->iniface, ip->iniface_mask);
	encode_interface(r->out, ip->outiface, ip->outiface_mask);
	ip->proto = r->protocol;
}

static void encode_v6(const struct fw_rule *r, struct ip6t_ip6 *ip)
{
	encode_network(&r->src, &ip->src, &ip->smsk);
	encode_network(&r->dst, &ip->dst, &ip->dmsk);
	ip->invflags = (r->not_src ? IP6T_INV_SRCIP : 0) | (r->not_dst ? IP6T_INV_DSTIP : 0);
	encode_interface(r->in, ip->iniface, ip->iniface_mask);
	encode_interface(r->out, ip->outiface, ip->outiface_mask);
	ip->proto = r->protocol;
	ip->flags = r->protocol ? IP6T_F_PROTO : 0;
}

const void *fw_xt_encode(const struct fw_rule *r, int family, char buf[FW_XT_ENTRY_MAX])
{
	struct writer w = { buf, fw_xt_head(family) };
	struct ip6t_entry *v6 = (void *)buf;
	struct ipt_entry *v4 = (void *)buf;
	size_t target;

	memset(buf, 0, FW_XT_ENTRY_MAX);
	encode_matches(&w, r);
	target = w.len;
	w.len += fw_xt_encode_target((void *)(buf + target), family, r);
	if (family == AF_INET) {
		encode_v4(r, &v4->ip);
		v4->target_offset = (uint16_t)target;
		v4->next_offset = (uint16_t)w.len;
	} else {
		encode_v6(r, &v6->ipv6);
		v6->target_offset = (uint16_t)target;
		v6->next_offset = (uint16_t)w.len;
	}
	return buf;
}
