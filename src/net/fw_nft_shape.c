/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shapes: which rules stand in our nftables table, and how an abstract rule is
 * an element of one. All keys are concatenations, networks as well, because
 * the kernel keeps start and end of those in one element.
 */
#include "net/fw_nft.h"
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>

const struct nft_chain nft_chains[NFT_CHAINS] = {
	{ "forward", NFT_FILTER, "filter", NF_INET_FORWARD, NF_IP_PRI_FILTER },
	{ "prerouting", NFT_NAT, "nat", NF_INET_PRE_ROUTING, NF_IP_PRI_NAT_DST },
	{ "output", NFT_NAT, "nat", NF_INET_LOCAL_OUT, NF_IP_PRI_NAT_DST },
	{ "postrouting", NFT_NAT, "nat", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC },
	{ "guard", NFT_MANGLE, "filter", NF_INET_PRE_ROUTING, NF_IP_PRI_MANGLE },
};
#define FORWARD (&nft_chains[0])
#define PREROUTING (&nft_chains[1])
#define OUTPUT (&nft_chains[2])
#define POSTROUTING (&nft_chains[3])
#define GUARD (&nft_chains[4])

#define SADDR (1u << NFT_SADDR)
#define DADDR (1u << NFT_DADDR)
#define IIF (1u << NFT_IIF)
#define OIF (1u << NFT_OIF)
#define PROTO (1u << NFT_PROTO)
#define DPORT (1u << NFT_DPORT)

#define WITHIN .chain = FORWARD, .from = FW_FORWARD_WITHIN
#define INTO .chain = FORWARD, .from = FW_FORWARD_INTO
#define OUT_OF .chain = FORWARD, .from = FW_FORWARD_OUT_OF
#define SOURCE .chain = POSTROUTING, .from = FW_POSTROUTING

const struct nft_shape nft_shapes[NFT_SHAPES] = {
	{ "within", WITHIN, .keys = IIF | OIF, .target = FW_ACCEPT },
	{ "isolated", WITHIN, .keys = IIF, .target = FW_REJECT },
	{ "answers", INTO, .keys = DADDR | OIF, .interval = true, .state = FW_ESTABLISHED,
		.target = FW_ACCEPT },
	{ "reachable", INTO, .keys = DADDR | OIF, .interval = true, .target = FW_ACCEPT },
	{ "forwarded", INTO, .keys = DADDR | OIF | PROTO | DPORT, .state = FW_FORWARDED,
		.target = FW_ACCEPT },
	{ "closed-in", INTO, .keys = OIF, .target = FW_REJECT },
	{ "leaving", OUT_OF, .keys = SADDR | IIF, .interval = true, .target = FW_ACCEPT },
	{ "closed-out", OUT_OF, .keys = IIF, .target = FW_REJECT },
	{ "ports", .chain = PREROUTING, .from = FW_PREROUTING, .keys = PROTO | DPORT,
		.target = FW_DNAT },
	{ "own-ports", .chain = OUTPUT, .from = FW_OUTPUT, .keys = PROTO | DPORT,
		.not_loopback = true, .target = FW_DNAT },
	{ "loopback-ports", .chain = OUTPUT, .from = FW_OUTPUT, .keys = DADDR | PROTO | DPORT,
		.target = FW_DNAT },
	{ "hairpin", SOURCE, .keys = SADDR | DADDR | OIF | PROTO | DPORT, .interval = true,
		.state = FW_FORWARDED, .target = FW_MASQUERADE },
	{ "unchanged", SOURCE, .keys = SADDR | DADDR, .interval = true, .target = FW_RETURN },
	{ "hidden-tcp", SOURCE, .keys = SADDR | DADDR, .interval = true, .any_dst = true,
		.protocol = IPPROTO_TCP, .target = FW_MASQUERADE },
	{ "hidden-udp", SOURCE, .keys = SADDR | DADDR, .interval = true, .any_dst = true,
		.protocol = IPPROTO_UDP, .target = FW_MASQUERADE },
	{ "hidden", SOURCE, .keys = SADDR | DADDR, .interval = true, .any_dst = true,
		.target = FW_MASQUERADE },
	{ "loopback-to", .chain = GUARD, .from = FW_PREROUTING, .keys = DADDR | IIF,
		.interval = true, .target = FW_DROP },
	{ "loopback-from", .chain = GUARD, .from = FW_PREROUTING, .keys = SADDR | IIF,
		.interval = true, .target = FW_DROP },
};

/* A privileged source port would be trusted by old services. */
static const struct fw_ports unprivileged = { 1024, 65535 };

bool nft_is_map(const struct nft_shape *s)
{
	return s->target == FW_DNAT;
}

/* ---- which shape ---- */

static bool is_loopback(const struct cidr *c)
{
	static const uint8_t one[16] = { [15] = 1 };

	return c->ip.family == AF_INET ? c->ip.b[0] == 127 && c->prefix == 8
				       : c->prefix == 128 && !memcmp(c->ip.b, one, 16);
}

static bool same_ports(struct fw_ports a, struct fw_ports b)
{
	return a.min == b.min && a.max == b.max;
}

static uint8_t keys_of(const struct nft_shape *s, const struct fw_rule *r)
{
	bool dst = s->any_dst || (r->dst.ip.family && !s->not_loopback);

	return (uint8_t)((r->src.ip.family ? SADDR : 0) | (dst ? DADDR : 0) | (r->in ? IIF : 0) |
			 (r->out ? OIF : 0) | (r->protocol && !s->protocol ? PROTO : 0) |
			 (r->dport.max ? DPORT : 0));
}

static bool whole(const struct cidr *c)
{
	return !c->ip.family || c->prefix == (c->ip.family == AF_INET ? 32 : 128);
}

static bool fits(const struct nft_shape *s, const struct fw_rule *r)
{
	if ((s->protocol && s->protocol != r->protocol) || s->from != r->chain ||
		s->target != r->target || s->state != r->state || r->not_src || r->sport.max ||
		r->dport.min != r->dport.max || r->not_dst != s->not_loopback ||
		r->dst_local != nft_is_map(s))
		return false;
	if (s->not_loopback ? !is_loopback(&r->dst)
			    : r->not_dst || (s->any_dst && r->dst.ip.family))
		return false;
	if (!nft_is_map(s) &&
		!same_ports(r->to_ports, s->protocol ? unprivileged : (struct fw_ports){ 0 }))
		return false;
	return keys_of(s, r) == s->keys &&
	       (s->interval || ((whole(&r->src) && (whole(&r->dst) || s->not_loopback))));
}

const struct nft_shape *nft_shape_of(const struct fw_rule *r)
{
	for (size_t i = 0; i < NFT_SHAPES; i++)
		if (fits(&nft_shapes[i], r))
			return &nft_shapes[i];
	return NULL;
}

/* ---- keys ---- */

size_t nft_key_part(const struct nft_shape *s, enum nft_key k, int family)
{
	if (!(s->keys & 1u << k))
		return 0;
	if (k == NFT_SADDR || k == NFT_DADDR)
		return family == AF_INET ? 4 : 16;
	return k == NFT_IIF || k == NFT_OIF ? IFNAMSIZ : 4;
}

size_t nft_key_len(const struct nft_shape *s, int family)
{
	size_t n = 0;

	for (enum nft_key k = 0; k < NFT_KEYS; k++)
		n += nft_key_part(s, k, family);
	return n;
}

/* First and last address of the network; of all, where it is none. */
static void put_network(const struct cidr *c, size_t len, char *key, char *end)
{
	int bits = c->ip.family ? c->prefix : 0;

	for (size_t i = 0; i < len; i++, bits -= 8) {
		uint8_t host = bits >= 8 ? 0 : bits <= 0 ? 0xff : (uint8_t)(0xff >> bits);
		uint8_t b = c->ip.family ? c->ip.b[i] : 0;

		key[i] = (char)(b & ~host);
		end[i] = (char)(b | host);
	}
}

static bool get_network(const char *key, const char *end, size_t len, int family, struct cidr *c)
{
	size_t prefix = 0;

	*c = (struct cidr){ .ip.family = family };
	memcpy(c->ip.b, key, len);
	for (size_t i = 0; i < len; i++) {
		uint8_t host = (uint8_t)(key[i] ^ end[i]);

		/* From its first bit on all are the host's, and 0 in the first address. */
		if (host & (host + 1) || key[i] & host || (prefix < 8 * i && host != 0xff))
			return false;
		prefix += host ? (size_t)__builtin_clz(host) - 24 : 8;
	}
	c->prefix = (uint8_t)prefix;
	if (!prefix)
		*c = (struct cidr){ 0 };
	return true;
}

static void put_key(const struct fw_rule *r, enum nft_key k, size_t len, char *key, char *end)
{
	uint16_t port = htons(r->dport.min);

	switch (k) {
	case NFT_SADDR: put_network(&r->src, len, key, end); return;
	case NFT_DADDR: put_network(&r->dst, len, key, end); return;
	case NFT_IIF: memcpy(key, r->in, strlen(r->in)); break;
	case NFT_OIF: memcpy(key, r->out, strlen(r->out)); break;
	case NFT_PROTO: *key = (char)r->protocol; break;
	default: memcpy(key, &port, sizeof(port));
	}
	memcpy(end, key, len);
}

static bool get_key(const struct nft_shape *s, enum nft_key k, const char *key, const char *end,
	size_t len, int family, struct arena *a, struct fw_rule *r)
{
	uint16_t port;

	if (k == NFT_SADDR)
		return get_network(key, end, len, family, &r->src) && r->src.ip.family;
	if (k == NFT_DADDR)
		return get_network(key, end, len, family, &r->dst) &&
		       !r->dst.ip.family == s->any_dst;
	if (memcmp(key, end, len) != 0)
		return false;
	memcpy(&port, key, sizeof(port));
	switch (k) {
	case NFT_IIF: r->in = arena_strndup(a, key, len); return *r->in;
	case NFT_OIF: r->out = arena_strndup(a, key, len); return *r->out;
	case NFT_PROTO: r->protocol = (uint8_t)*key; return r->protocol;
	default: r->dport.min = r->dport.max = ntohs(port); return port;
	}
}

/* ---- elements ---- */

void nft_element_of(
	const struct nft_shape *s, const struct fw_rule *r, int family, struct nft_element *out)
{
	size_t at = 0, len;

	memset(out, 0, sizeof(*out));
	for (enum nft_key k = 0; k < NFT_KEYS; k++) {
		len = nft_key_part(s, k, family);
		if (len)
			put_key(r, k, len, out->key + at, out->end + at);
		at += len;
	}
	if (nft_is_map(s)) {
		uint16_t port = htons(r->to_ports.min);

		len = family == AF_INET ? 4 : 16;
		memcpy(out->data, r->to.b, len);
		memcpy(out->data + len, &port, sizeof(port));
		out->data_len = len + 4;
	}
}

static bool get_data(const struct nft_element *el, int family, struct fw_rule *r)
{
	size_t len = family == AF_INET ? 4 : 16;
	uint16_t port;

	if (el->data_len != len + 4)
		return false;
	r->to.family = family;
	memcpy(r->to.b, el->data, len);
	memcpy(&port, el->data + len, sizeof(port));
	r->to_ports = (struct fw_ports){ ntohs(port), ntohs(port) };
	return port;
}

static struct cidr loopback(int family)
{
	struct cidr c = { .ip.family = family, .prefix = family == AF_INET ? 8 : 128 };

	c.ip.b[family == AF_INET ? 0 : 15] = family == AF_INET ? 127 : 1;
	return c;
}

bool nft_rule_of(const struct nft_shape *s, const struct nft_element *el, int family,
	struct arena *a, struct fw_rule *out)
{
	size_t at = 0, len;

	*out = (struct fw_rule){ .chain = s->from, .target = s->target, .state = s->state };
	for (enum nft_key k = 0; k < NFT_KEYS; k++, at += len) {
		len = nft_key_part(s, k, family);
		if (len && !get_key(s, k, el->key + at, el->end + at, len, family, a, out))
			return false;
	}
	if (s->protocol) {
		out->protocol = s->protocol;
		out->to_ports = unprivileged;
	}
	if (s->not_loopback) {
		out->dst = loopback(family);
		out->not_dst = true;
	}
	out->dst_local = nft_is_map(s);
	return !nft_is_map(s) || get_data(el, family, out);
}
