/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Network addresses. */
#include "config/type.h"
#include "config/scalar.h"
#include <arpa/inet.h>

static size_t ip_bytes(const struct ip *ip)
{
	return ip->family == AF_INET ? 4 : 16;
}

static bool ip_equal(const void *a, const void *b)
{
	const struct ip *x = a, *y = b;

	return x->family == y->family && memcmp(x->b, y->b, ip_bytes(x)) == 0;
}

/*
 * MAC addresses
 */

static int hex(char c)
{
	const char *digits = "0123456789abcdef", *p;

	if (c >= 'A' && c <= 'F')
		c = (char)(c - 'A' + 'a');
	p = c ? strchr(digits, c) : NULL;
	return p ? (int)(p - digits) : -1;
}

bool mac_parse(const char *text, struct mac *out)
{
	struct mac m;

	if (strlen(text) != 17)
		return false;
	for (size_t i = 0; i < 6; i++) {
		int high = hex(text[3 * i]), low = hex(text[3 * i + 1]);

		if (high < 0 || low < 0 || (i < 5 && text[3 * i + 2] != ':'))
			return false;
		m.b[i] = (uint8_t)(high << 4 | low);
	}
	*out = m;
	return true;
}

bool mac_equal(const struct mac *a, const struct mac *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

void mac_format(const struct mac *m, struct strbuf *out)
{
	static const char digits[] = "0123456789abcdef";
	char text[3 * sizeof(m->b)];

	for (size_t i = 0; i < sizeof(m->b); i++) {
		text[3 * i] = digits[m->b[i] >> 4];
		text[3 * i + 1] = digits[m->b[i] & 15];
		text[3 * i + 2] = ':';
	}
	sb_addn(out, text, sizeof(text) - 1);
}

static bool mac_type_parse(const struct field *f _unused_, struct scalar *s, void *value)
{
	static const struct mac zero = { { 0 } };
	struct mac m;

	if (!mac_parse(s->text, &m))
		return scalar_cure(s, strchr(s->text, '-') ? "write colons between the bytes"
							   : "write six bytes of two digits, with "
							     "colons between them");
	if (m.b[0] & 1) {
		scalar_cure(s, "make the first byte even, or take one that begins with 52:54:00");
		return scalar_refuse(s,
			"must be the MAC address of one interface, and %s is a "
			"multicast address",
			s->text);
	}
	if (memcmp(&m, &zero, sizeof(m)) == 0) {
		scalar_cure(s, "take one that begins with 52:54:00");
		return scalar_refuse(s, "must not be all zeros");
	}
	*(struct mac *)value = m;
	return true;
}

static void mac_type_format(const struct field *f _unused_, const void *value, struct strbuf *out)
{
	mac_format(value, out);
}

static void mac_schema(const struct field *f _unused_, struct strbuf *out)
{
	sb_add(out, "\"type\":\"string\",\"pattern\":"
		    "\"^(?!00(:00){5}$)[0-9a-fA-F][02468aceACE](:[0-9a-fA-F]{2}){5}$\"");
}

const struct type type_mac = {
	.name = "a MAC address such as 52:54:00:6d:90:02",
	.size = sizeof(struct mac),
	.parse = mac_type_parse,
	.format = mac_type_format,
	.schema = mac_schema,
};

/*
 * IP addresses
 */

bool ip_parse(const char *text, struct ip *out)
{
	struct ip ip = { .family = strchr(text, ':') ? AF_INET6 : AF_INET };

	if (inet_pton(ip.family, text, ip.b) != 1)
		return false;
	*out = ip;
	return true;
}

void ip_format(const struct ip *ip, struct strbuf *out)
{
	char text[INET6_ADDRSTRLEN];

	if (inet_ntop(ip->family, ip->b, text, sizeof(text)))
		sb_add(out, text);
}

static bool ip_type_parse(const struct field *f _unused_, struct scalar *s, void *value)
{
	struct cidr c;

	if (ip_parse(s->text, value))
		return true;
	if (cidr_parse(s->text, &c))
		scalar_cure(s, "leave out the prefix length: %.*s", (int)strcspn(s->text, "/"),
			s->text);
	return false;
}

static void ip_type_format(const struct field *f _unused_, const void *value, struct strbuf *out)
{
	ip_format(value, out);
}

#define OCTET "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
#define IPV4 OCTET "(\\\\." OCTET "){3}"
/* Looser than the parser, as far as a readable expression goes. */
#define IPV6 "(?=.*:)(?!.*::.*::)(?!.*:::)(?!:[^:])[0-9a-fA-F:]{2,39}(" IPV4 ")?"

static void ip_schema(const struct field *f _unused_, struct strbuf *out)
{
	sb_add(out, "\"type\":\"string\",\"anyOf\":[{\"pattern\":\"^" IPV4 "$\"},"
		    "{\"format\":\"ipv6\",\"pattern\":\"^" IPV6 "$\"}]");
}

const struct type type_ip = {
	.name = "an IP address such as 192.168.122.10",
	.size = sizeof(struct ip),
	.parse = ip_type_parse,
	.format = ip_type_format,
	.equal = ip_equal,
	.schema = ip_schema,
};

/*
 * Addresses with a prefix length
 */

bool cidr_parse(const char *text, struct cidr *out)
{
	const char *slash = strchr(text, '/'), *end;
	char address[INET6_ADDRSTRLEN];
	struct cidr c;
	uint64_t prefix;

	if (!slash || (size_t)(slash - text) >= sizeof(address))
		return false;
	memcpy(address, text, (size_t)(slash - text));
	address[slash - text] = '\0';
	if (!ip_parse(address, &c.ip) || !digits_parse(slash + 1, &end, &prefix) || *end ||
		prefix > 8 * ip_bytes(&c.ip))
		return false;
	c.prefix = (uint8_t)prefix;
	*out = c;
	return true;
}

void cidr_format(const struct cidr *c, struct strbuf *out)
{
	ip_format(&c->ip, out);
	sb_addf(out, "/%u", c->prefix);
}

const char *cidr_text(struct arena *a, const struct cidr *c)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };

	cidr_format(c, &text);
	return arena_strdup(a, sb_str(&text));
}

static void clear_host_bits(struct ip *ip, unsigned prefix)
{
	for (unsigned i = 0; i < ip_bytes(ip); i++) {
		unsigned keep = prefix > 8 * i ? MIN_OF(prefix - 8 * i, 8U) : 0;

		ip->b[i] &= (uint8_t)(0xff00U >> keep);
	}
}

struct cidr cidr_network(struct cidr c)
{
	clear_host_bits(&c.ip, c.prefix);
	return c;
}

bool cidr_contains(const struct cidr *net, const struct ip *ip)
{
	struct cidr a = cidr_network(*net), b = { .ip = *ip, .prefix = net->prefix };

	if (net->ip.family != ip->family)
		return false;
	clear_host_bits(&b.ip, b.prefix);
	return ip_equal(&a.ip, &b.ip);
}

bool cidr_overlap(const struct cidr *a, const struct cidr *b)
{
	return a->prefix <= b->prefix ? cidr_contains(a, &b->ip) : cidr_contains(b, &a->ip);
}

/* 24 for 255.255.255.0; -1: no netmask. */
static int netmask_prefix(const char *text)
{
	struct in_addr mask;
	uint32_t host;

	if (inet_pton(AF_INET, text, &mask) != 1)
		return -1;
	host = ~ntohl(mask.s_addr);
	return host & (host + 1) ? -1 : 32 - __builtin_popcount(host);
}

static bool cidr_type_parse(const struct field *f _unused_, struct scalar *s, void *value)
{
	const char *slash = strchr(s->text, '/');
	int prefix = slash ? netmask_prefix(slash + 1) : -1;
	struct ip ip;

	if (cidr_parse(s->text, value))
		return true;
	if (prefix >= 0)
		return scalar_cure(s, "write the netmask as a prefix length: /%d", prefix);
	if (slash)
		scalar_cure(s, "four numbers up to 255, or an IPv6 address; then / and up to 32, "
			       "or 128; no zeros in front, no blanks");
	if (ip_parse(s->text, &ip)) {
		scalar_refuse(s, "needs its prefix length");
		return scalar_cure(s, "write `%s/%u`", s->text, ip.family == AF_INET ? 24 : 64);
	}
	return false;
}

static void cidr_type_format(const struct field *f _unused_, const void *value, struct strbuf *out)
{
	cidr_format(value, out);
}

static bool cidr_equal(const void *a, const void *b)
{
	const struct cidr *x = a, *y = b;

	return x->prefix == y->prefix && ip_equal(&x->ip, &y->ip);
}

static void cidr_schema(const struct field *f _unused_, struct strbuf *out)
{
	sb_add(out, "\"type\":\"string\",\"anyOf\":["
		    "{\"pattern\":\"^" IPV4 "/(3[0-2]|[12]?[0-9])$\"},"
		    "{\"pattern\":\"^" IPV6 "/(12[0-8]|1[01][0-9]|[1-9]?[0-9])$\"}]");
}

const struct type type_cidr = {
	.name = "an address with its prefix length such as 192.168.122.1/24",
	.size = sizeof(struct cidr),
	.parse = cidr_type_parse,
	.format = cidr_type_format,
	.equal = cidr_equal,
	.schema = cidr_schema,
};
