/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One rule to and from struct ipt_entry and struct ip6t_entry (include/uapi/
 * linux/netfilter_ipv4/ip_tables.h, netfilter_ipv6/ip6_tables.h): the fixed part, then matches,
 * then the target, each with its name and revision. Reading is strict: every byte that a rule of
 * ours would have different makes the rule unknown.
 */
#include "net/fw_xt.h"
#include <linux/netfilter/x_tables.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>

const char *fw_xt_text(struct fw_texts *t, int slot, const char *text)
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
	*out = fw_xt_text(t, slot, name);
	return !memcmp(mask, whole, IFNAMSIZ);
}

static void encode_interface(const char *name, char *to, unsigned char *mask)
{
	if (!name)
		return;
	snprintf(to, IFNAMSIZ, "%s", name);
	memset(mask, 0xff, strlen(to) + 1);
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
	       fw_xt_decode_matches(e, t, r) && fw_xt_decode_target(at, target, t->family, r);
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
	struct ip6t_entry *v6 = (void *)buf;
	struct ipt_entry *v4 = (void *)buf;
	size_t target, len;

	memset(buf, 0, FW_XT_ENTRY_MAX);
	target = fw_xt_encode_matches(buf, family, r);
	len = target + fw_xt_encode_target((void *)(buf + target), family, r);
	if (family == AF_INET) {
		encode_v4(r, &v4->ip);
		v4->target_offset = (uint16_t)target;
		v4->next_offset = (uint16_t)len;
	} else {
		encode_v6(r, &v6->ipv6);
		v6->target_offset = (uint16_t)target;
		v6->next_offset = (uint16_t)len;
	}
	return buf;
}
