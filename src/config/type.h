/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The scalar types of the configuration language. */
#ifndef KVMHOST_TYPE_H
#define KVMHOST_TYPE_H

#include "config/field.h"
#include <netinet/in.h>

/* true or false, nothing else; bool */
extern const struct type type_bool;
/* decimal; int64_t within min..max */
extern const struct type type_int;
/* number and unit B, KiB, MiB, GiB, TiB; uint64_t bytes */
extern const struct type type_size;
/* number and unit us, ms, s, min, h, d; uint64_t microseconds */
extern const struct type type_duration;
/* number and unit Hz, kHz, MHz, GHz, where a decimal fraction may stand; uint64_t hertz */
extern const struct type type_frequency;
/* CPUs as the kernel lists them: 2-7,10; const char * in order, joined where they touch */
extern const struct type type_cpus;
/* number and unit bit, Kbit, Mbit, Gbit, of a thousand each; uint64_t bits per second */
extern const struct type type_rate;
/* a time of the week, config/window.h; const char * in the canonical form */
extern const struct type type_window;
/* one of field.names; int index */
extern const struct type type_enum;
/* text, not empty, no control characters; const char * */
extern const struct type type_string;
/* absolute path without . and .. parts; const char * */
extern const struct type type_path;
/* the same, and without its first slash relative to /etc/kvmhost; const char *, absolute */
extern const struct type type_config_path;
/* any scalar, its text kept as written: sysctl values, module options; const char * */
extern const struct type type_any;
/* interface name: 1 to 15 bytes, no blank, '/', ':' (dev_valid_name() in net/core/dev.c); const
 * char * */
extern const struct type type_ifname;
/* guest name as the guide has it: letters, digits, _ . -, not digits alone, at most 64 bytes; const
 * char * */
extern const struct type type_name;
/* sysctl name, dots between parts (slashes for a dot inside, as sysctl.d(5)); const char * */
extern const struct type type_sysctl;
/* kernel module name: letters, digits, _ -; const char * in the form with _ */
extern const struct type type_module;
/* decimal number with % ; int64_t percent */
extern const struct type type_percent;

struct mac {
	uint8_t b[6];
};
bool mac_equal(const struct mac *a, const struct mac *b);
/* aa:bb:cc:dd:ee:ff, unicast; written lower-case */
extern const struct type type_mac;

struct ip {
	int family; /* AF_INET, AF_INET6 */
	union {
		struct in_addr v4;
		struct in6_addr v6;
		uint8_t b[16]; /* network order */
	};
};
extern const struct type type_ip;

/* An address with its prefix length: 192.168.122.1/24. Host bits are kept. */
struct cidr {
	struct ip ip;
	uint8_t prefix;
};
extern const struct type type_cidr;

/* VLANs: 10 or 20-29. */
struct vlan_range {
	uint16_t from, to;
};
extern const struct type type_vlan_range;

bool mac_parse(const char *text, struct mac *out);
void mac_format(const struct mac *m, struct strbuf *out);
bool ip_parse(const char *text, struct ip *out);
void ip_format(const struct ip *ip, struct strbuf *out);
bool cidr_parse(const char *text, struct cidr *out);
void cidr_format(const struct cidr *c, struct strbuf *out);
const char *cidr_text(struct arena *a, const struct cidr *c);
bool cidr_contains(const struct cidr *net, const struct ip *ip);
bool cidr_overlap(const struct cidr *a, const struct cidr *b);
/* The network: host bits cleared. */
struct cidr cidr_network(struct cidr c);

#endif
