/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A rule's target to and from struct xt_entry_target; strict as fw_xt.c. */
#include "net/fw_xt.h"
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/x_tables.h>
#include <linux/netfilter/xt_CHECKSUM.h>
#include <linux/netfilter_ipv4/ipt_REJECT.h>
#include <linux/netfilter_ipv6/ip6t_REJECT.h>

/* Revision 2 of the DNAT target, since Linux 4.18; iptables-save shows no older one. */
#define DNAT_REVISION 2

static bool decode_range(unsigned flags, uint16_t min, uint16_t max, struct fw_rule *r)
{
	r->target = FW_MASQUERADE;
	if (flags == NF_NAT_RANGE_PROTO_SPECIFIED)
		r->to_ports = (struct fw_ports){ ntohs(min), ntohs(max) };
	return (flags & ~(unsigned)NF_NAT_RANGE_PROTO_SPECIFIED) == 0;
}

static bool decode_masquerade(const void *data, size_t len, int family, struct fw_rule *r)
{
	const struct nf_nat_ipv4_multi_range_compat *v4 = data;
	const struct nf_nat_range *v6 = data;

	if (family == AF_INET)
		return len >= sizeof(*v4) && v4->rangesize == 1 &&
		       decode_range(
			       v4->range[0].flags, v4->range[0].min.all, v4->range[0].max.all, r);
	return len >= sizeof(*v6) &&
	       decode_range(v6->flags, v6->min_proto.all, v6->max_proto.all, r);
}

/* One address and one port. */
static bool decode_dnat(const struct nf_nat_range2 *range, int family, struct fw_rule *r)
{
	r->target = FW_DNAT;
	r->to.family = family;
	memcpy(r->to.b, &range->min_addr, family == AF_INET ? 4 : 16);
	r->to_ports = (struct fw_ports){ ntohs(range->min_proto.all), ntohs(range->max_proto.all) };
	return !memcmp(range->min_addr.all, range->max_addr.all, sizeof(range->min_addr.all)) &&
	       range->min_proto.all == range->max_proto.all && !range->base_proto.all &&
	       range->flags == (NF_NAT_RANGE_MAP_IPS | NF_NAT_RANGE_PROTO_SPECIFIED);
}

static bool decode_extension(
	const struct xt_entry_target *t, const char *name, int family, struct fw_rule *r)
{
	int port_unreachable =
		family == AF_INET ? (int)IPT_ICMP_PORT_UNREACHABLE : (int)IP6T_ICMP6_PORT_UNREACH;
	size_t len = t->u.target_size - sizeof(*t);

	if (streq(name, "DNAT") && t->u.user.revision == DNAT_REVISION &&
		len >= sizeof(struct nf_nat_range2))
		return decode_dnat((const void *)t->data, family, r);
	if (t->u.user.revision)
		return false;
	if (streq(name, "MASQUERADE"))
		return decode_masquerade(t->data, len, family, r);
	if (streq(name, "REJECT") && len >= sizeof(struct ipt_reject_info)) {
		r->target = FW_REJECT;
		/* Of both families the same: one number. */
		return (int)((const struct ipt_reject_info *)t->data)->with == port_unreachable;
	}
	if (streq(name, "CHECKSUM") && len >= sizeof(struct xt_CHECKSUM_info)) {
		r->target = FW_CHECKSUM_FILL;
		return ((const struct xt_CHECKSUM_info *)t->data)->operation == XT_CHECKSUM_OP_FILL;
	}
	return false;
}

bool fw_xt_decode_target(
	const struct xt_entry_target *t, const char *name, int family, struct fw_rule *r)
{
	enum fw_chain chain = fw_own_chain(name);

	if (streq(name, "ACCEPT")) {
		r->target = FW_ACCEPT;
	} else if (streq(name, "DROP")) {
		r->target = FW_DROP;
	} else if (streq(name, "RETURN")) {
		r->target = FW_RETURN;
	} else if (chain < FW_CHAINS) {
		r->target = FW_JUMP;
		r->jump = chain;
	} else {
		return decode_extension(t, name, family, r);
	}
	return true;
}

static size_t encode_masquerade(const struct fw_rule *r, int family, void *data)
{
	unsigned flags = r->to_ports.max ? NF_NAT_RANGE_PROTO_SPECIFIED : 0;
	struct nf_nat_ipv4_multi_range_compat *v4 = data;
	struct nf_nat_range *v6 = data;

	if (family == AF_INET) {
		v4->rangesize = 1;
		v4->range[0].flags = flags;
		v4->range[0].min.all = htons(r->to_ports.min);
		v4->range[0].max.all = htons(r->to_ports.max);
		return sizeof(*v4);
	}
	v6->flags = flags;
	v6->min_proto.all = htons(r->to_ports.min);
	v6->max_proto.all = htons(r->to_ports.max);
	return sizeof(*v6);
}

static size_t encode_dnat(const struct fw_rule *r, void *data)
{
	struct nf_nat_range2 *range = data;

	range->flags = NF_NAT_RANGE_MAP_IPS | NF_NAT_RANGE_PROTO_SPECIFIED;
	memcpy(&range->min_addr, r->to.b, r->to.family == AF_INET ? 4 : 16);
	range->max_addr = range->min_addr;
	range->min_proto.all = range->max_proto.all = htons(r->to_ports.min);
	return sizeof(*range);
}

size_t fw_xt_encode_target(struct xt_entry_target *t, int family, const struct fw_rule *r)
{
	static const char *const names[] = {
		[FW_ACCEPT] = "ACCEPT",
		[FW_REJECT] = "REJECT",
		[FW_DROP] = "DROP",
		[FW_RETURN] = "RETURN",
		[FW_MASQUERADE] = "MASQUERADE",
		[FW_DNAT] = "DNAT",
		[FW_CHECKSUM_FILL] = "CHECKSUM",
	};
	size_t size = sizeof(int); /* a verdict, which libiptc fills in */

	snprintf(t->u.user.name, sizeof(t->u.user.name), "%s",
		r->target == FW_JUMP ? fw_chain_names[r->jump] : names[r->target]);
	if (r->target == FW_REJECT) {
		if (family == AF_INET)
			((struct ipt_reject_info *)t->data)->with = IPT_ICMP_PORT_UNREACHABLE;
		else
			((struct ip6t_reject_info *)t->data)->with = IP6T_ICMP6_PORT_UNREACH;
		size = sizeof(struct ipt_reject_info);
	} else if (r->target == FW_CHECKSUM_FILL) {
		((struct xt_CHECKSUM_info *)t->data)->operation = XT_CHECKSUM_OP_FILL;
		size = sizeof(struct xt_CHECKSUM_info);
	} else if (r->target == FW_MASQUERADE) {
		size = encode_masquerade(r, family, t->data);
	} else if (r->target == FW_DNAT) {
		t->u.user.revision = DNAT_REVISION;
		size = encode_dnat(r, t->data);
	}
	t->u.target_size = (uint16_t)XT_ALIGN(sizeof(*t) + size);
	return t->u.target_size;
}
