/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One rule: equality, and its text in the words of iptables. */
#include "net/firewall.h"

const char *const fw_chain_names[FW_CHAINS] = {
	[FW_BASE_PREROUTING] = "PREROUTING",
	[FW_BASE_INPUT] = "INPUT",
	[FW_BASE_FORWARD] = "FORWARD",
	[FW_BASE_OUTPUT] = "OUTPUT",
	[FW_BASE_POSTROUTING] = "POSTROUTING",
	[FW_PREROUTING] = FW_CHAIN_PREFIX "PREROUTING",
	[FW_INPUT] = FW_CHAIN_PREFIX "INPUT",
	[FW_FORWARD] = FW_CHAIN_PREFIX "FORWARD",
	[FW_FORWARD_WITHIN] = FW_CHAIN_PREFIX "WITHIN",
	[FW_FORWARD_INTO] = FW_CHAIN_PREFIX "INTO",
	[FW_FORWARD_OUT_OF] = FW_CHAIN_PREFIX "OUT-OF",
	[FW_OUTPUT] = FW_CHAIN_PREFIX "OUTPUT",
	[FW_POSTROUTING] = FW_CHAIN_PREFIX "POSTROUTING",
	[FW_STRAY] = "?",
};

static bool ip_equal(const struct ip *a, const struct ip *b)
{
	return a->family == b->family &&
	       (!a->family || !memcmp(a->b, b->b, a->family == AF_INET ? 4 : 16));
}

static bool cidr_equal(const struct cidr *a, const struct cidr *b)
{
	return a->prefix == b->prefix && ip_equal(&a->ip, &b->ip);
}

static bool ports_equal(struct fw_ports a, struct fw_ports b)
{
	return a.min == b.min && a.max == b.max;
}

bool fw_rule_equal(const struct fw_rule *a, const struct fw_rule *b)
{
	return a->target != FW_UNKNOWN && a->chain == b->chain && a->target == b->target &&
	       a->jump == b->jump && a->not_src == b->not_src && a->not_dst == b->not_dst &&
	       a->dst_local == b->dst_local && a->state == b->state && ip_equal(&a->to, &b->to) &&
	       a->protocol == b->protocol && cidr_equal(&a->src, &b->src) &&
	       cidr_equal(&a->dst, &b->dst) && ports_equal(a->sport, b->sport) &&
	       ports_equal(a->dport, b->dport) && ports_equal(a->to_ports, b->to_ports) &&
	       streq_null(a->in, b->in) && streq_null(a->out, b->out) &&
	       streq_null(a->owner, b->owner);
}

static uint64_t mix(uint64_t x, uint64_t v)
{
	x = (x ^ v) * UINT64_C(0x9e3779b97f4a7c15);
	return x ^ x >> 29;
}

/* By words: there are thousands of rules, and each is hashed on both sides of a comparison. */
static uint64_t mix_bytes(uint64_t x, const void *bytes, size_t n)
{
	const char *at = bytes;
	uint64_t word = 0;

	for (; n >= sizeof(word); at += sizeof(word), n -= sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		x = mix(x, word);
	}
	word = n;
	memcpy((char *)&word + 1, at, n);
	return mix(x, word);
}

static uint64_t mix_text(uint64_t x, const char *s)
{
	return s ? mix_bytes(x, s, strlen(s)) : mix(x, 0);
}

static uint64_t mix_ip(uint64_t x, const struct ip *ip)
{
	return ip->family ? mix_bytes(x, ip->b, ip->family == AF_INET ? 4 : 16) : mix(x, 0);
}

static uint64_t mix_cidr(uint64_t x, const struct cidr *c)
{
	return mix(mix_ip(x, &c->ip), c->prefix);
}

uint64_t fw_rule_hash(const struct fw_rule *r)
{
	uint64_t x = mix(0, (uint64_t)r->chain << 24 | (uint64_t)r->target << 16 |
				    (uint64_t)r->jump << 8 | r->protocol);

	x = mix(x, (uint64_t)r->sport.min << 48 | (uint64_t)r->sport.max << 32 |
			   (uint64_t)r->dport.min << 16 | r->dport.max);
	x = mix(x, (uint64_t)r->to_ports.min << 32 | (uint64_t)r->to_ports.max << 16 |
			   (uint64_t)r->state << 3 | r->not_src << 2 | r->not_dst << 1 |
			   r->dst_local);
	x = mix_ip(x, &r->to);
	x = mix_cidr(mix_cidr(x, &r->src), &r->dst);
	return mix_text(mix_text(x, r->in), r->out);
}

static void add_cidr(struct strbuf *out, const char *option, const struct cidr *c, bool not )
{
	if (!c->ip.family)
		return;
	sb_addf(out, " %s%s ", not ? "! " : "", option);
	cidr_format(c, out);
}

static void add_ports(struct strbuf *out, const char *option, struct fw_ports p, char between)
{
	if (!p.min && !p.max)
		return;
	sb_addf(out, " %s %u", option, p.min);
	if (p.max != p.min)
		sb_addf(out, "%c%u", between, p.max);
}

static void add_target(struct strbuf *out, const struct fw_rule *r)
{
	static const char *const words[] = {
		[FW_ACCEPT] = "ACCEPT",
		[FW_REJECT] = "REJECT --reject-with icmp-port-unreachable",
		[FW_DROP] = "DROP",
		[FW_RETURN] = "RETURN",
		[FW_MASQUERADE] = "MASQUERADE",
		[FW_CHECKSUM_FILL] = "CHECKSUM --checksum-fill",
	};

	if (r->target == FW_DNAT) {
		bool v6 = r->to.family == AF_INET6;

		sb_addf(out, " -j DNAT --to-destination %s", v6 ? "[" : "");
		ip_format(&r->to, out);
		sb_addf(out, "%s:%u", v6 ? "]" : "", r->to_ports.min);
		return;
	}
	sb_addf(out, " -j %s", r->target == FW_JUMP ? fw_chain_names[r->jump] : words[r->target]);
	add_ports(out, "--to-ports", r->to_ports, '-');
}

/* In the order in which iptables-save puts them. */
void fw_rule_format(const struct fw_rule *r, bool brief, struct strbuf *out)
{
	sb_add(out, r->stray ? r->stray : fw_chain_names[r->chain]);
	if (r->target == FW_UNKNOWN) {
		sb_add(out, " ?");
		return;
	}
	add_cidr(out, "-s", &r->src, r->not_src);
	add_cidr(out, "-d", &r->dst, r->not_dst);
	if (r->in)
		sb_addf(out, " -i %s", r->in);
	if (r->out)
		sb_addf(out, " -o %s", r->out);
	if (r->protocol)
		sb_addf(out, " -p %s", r->protocol == IPPROTO_TCP ? "tcp" : "udp");
	if (r->protocol && (r->sport.max || r->dport.max))
		sb_addf(out, " -m %s", r->protocol == IPPROTO_TCP ? "tcp" : "udp");
	add_ports(out, "--sport", r->sport, ':');
	add_ports(out, "--dport", r->dport, ':');
	if (r->dst_local)
		sb_add(out, " -m addrtype --dst-type LOCAL");
	if (r->state)
		sb_addf(out, " -m conntrack --ctstate %s",
			r->state == FW_FORWARDED ? "DNAT" : "RELATED,ESTABLISHED");
	if (r->owner && !brief)
		sb_addf(out, " -m comment --comment kvmhost:%s", r->owner);
	add_target(out, r);
}
