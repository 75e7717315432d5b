/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the floor share. Nothing of kvmhost: it is what kvmhost is measured against. */
#ifndef KVMHOST_BENCH_FLOOR_H
#define KVMHOST_BENCH_FLOOR_H

#include <stdbool.h>
#include <stdint.h>

/* How many rules a network gets. */
enum floor_rules {
	FLOOR_NONE,
	FLOOR_MIN, /* 4: masquerade, and three to forward */
	FLOOR_NAT, /* 10: what kvmhost writes for mode `nat`, without its comments */
	FLOOR_FULL, /* 19: what libvirt writes for a network with DHCP */
};

/* floor.c */
_Noreturn void die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void net_name(char name[16], int i);
/* The first address of network i, a /24, in network order. */
uint32_t net_addr(int i);

/* floor_link.c: links and addresses by rtnetlink */
int link_socket(void);
/* Makes n bridges in their final state, many requests in one send; acked: one by one. */
void link_create(int fd, int n, bool acked);
void link_give_addresses(int fd, int n, bool acked);
/* Taps that are there become ports of their bridge and go up. */
void link_attach_taps(int fd, int n);
/* group: all in one request. */
void link_destroy(int fd, int n, bool group);
/* Both return how many there are. */
unsigned long link_dump(int fd);
unsigned long addr_dump(int fd);

/* floor_tap.c: n taps, and a bridge for each hundred */
enum { TAPS_PER_BRIDGE = 100 };
void tap_name(char name[16], int i);
void taps_create(int fd, int n);

/* floor_xt.c: iptables' tables by libiptc, one commit each */
void xt_create(int n, enum floor_rules rules);
void xt_destroy(void);
/* Returns how many rules there are in nat, filter and mangle. */
unsigned long xt_walk(void);

/* floor_nft.c: the same by libnftables, one transaction. sets: a constant number of rules. */
void nft_create(int n, enum floor_rules rules, bool sets);
void nft_destroy(void);
/* Chains, rules, and every element of every set, as the kernel dumps them; how many messages. */
unsigned long nft_walk(void);

/* floor_guests.c: what systemd says of guests' units, asked by libsystemd at its own socket and
 * awaited later */
struct sd_bus;
struct sd_bus *units_ask(void);
/* Returns how many there are. */
unsigned long units_count(struct sd_bus *bus);
/* Reads the first page of each file, up to a null pointer; returns how many there were. */
unsigned long files_read(char *const *paths);

/* floor_pci.c: a machine's PCI functions and network interfaces; both return how many there are */
unsigned long pci_walk(const char *root, bool pfs_alone);
unsigned long net_walk(const char *root);

#endif
