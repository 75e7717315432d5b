/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kind `network`: what its files share. */
#ifndef KVMHOST_NETWORK_H
#define KVMHOST_NETWORK_H

#include "net/link.h"
#include "net/net.h"

enum network_mode { NETWORK_NAT, NETWORK_ROUTED, NETWORK_ISOLATED };

/* Of a lease without end. */
#define LEASE_INFINITE UINT64_MAX

/* An entry of dhcp.hosts; its key is the guest's name. */
struct network_host {
	struct obj obj;
	struct ip address, address6; /* where obj_has() of the same name */
};

struct network_dhcp {
	struct obj obj;
	struct list range, range6; /* of struct ip: first and last; n is 0 where there is none */
	uint64_t lease_time; /* microseconds, or LEASE_INFINITE */
	struct list hosts; /* of struct network_host */
};

struct network_dns {
	struct obj obj;
	const char *domain; /* NULL: none */
};

struct network_tftp {
	struct obj obj;
	const char *root, *boot_file; /* boot_file NULL: none */
};

enum forward_protocol { FORWARD_TCP, FORWARD_UDP };

/* Who tells guests of IPv6 networks where they are (router advertisements). */
enum network_ra { RA_NONE, RA_SLAAC, RA_DHCP };

struct endpoint {
	struct ip ip;
	uint16_t port; /* host order */
};

struct network_forward {
	struct obj obj;
	int protocol; /* enum forward_protocol */
	int64_t host_port;
	struct endpoint to;
};

struct network {
	struct obj obj;
	int mode; /* enum network_mode */
	const char *bridge;
	struct list addresses; /* of struct cidr */
	int64_t mtu;
	int ra; /* enum network_ra, where it is written; network_ra() else */
	bool nat66;
	/* Where obj_has() of the same name. */
	struct network_dhcp dhcp;
	struct network_dns dns;
	struct network_tftp tftp;
	struct list forwards; /* of struct network_forward */
	struct link_state state;
	/* In haves: IPv6 on the bridge, as network_apply.c sets it; -1: the kernel has none. */
	int ipv6_on;
};

/* network_ipv6.c: the network has addresses of the family. */
bool network_has(const struct network *n, int family);
/* What is written, or what follows from addresses and ranges. */
enum network_ra network_ra(const struct network *n);
void network_check_ipv6(const struct network *n, struct diags *d);

/* The network has this very address; n may be NULL. */
bool network_lists(const struct network *n, const struct cidr *c);

/* network_check.c: one network by itself, and all of them against each other. */
void network_check_values(const void *obj, struct diags *d);
void network_check(const struct resource *r, const struct wants *w, struct diags *d);

/* network_rules.c: the firewall rules and settings that networks need. */
void network_derive(const struct resource *r, struct wants *w);

/* network_overlap.c: what of the network's addresses is at another link. In h->pass. */
struct overlap {
	const struct cidr *own;
	const struct link *link; /* whose address it is, or through which the route leads */
	const char *what; /* "eth0 has 192.0.2.1/24", "the route 192.0.2.0/25 leads through wg0" */
	bool same, wider; /* the other is this very network, or has it in it */
	bool route;
};
struct overlaps {
	struct overlap *v;
	size_t n;
};
/* bridge: the network's, NULL: there is none. */
int network_overlaps(struct host *h, const struct network *n, const struct links *ls,
	const struct link *bridge, struct overlaps *o, struct error *e);
/* -EADDRINUSE: it is to have a network that is somebody else's on this machine. */
int network_check_free(struct host *h, const struct network *n, const struct links *ls,
	const struct link *bridge, struct error *e);

/* network_service.c: what the host serves to guests, by dnsmasq. */
extern const struct table network_dhcp_table, network_dns_table, network_tftp_table;
extern const struct type type_lease_time;
/* Anything at all. */
bool network_serves(const struct network *n);
/* The address of the network's that ip is in, or NULL. */
const struct cidr *network_of(const struct network *n, const struct ip *ip);
void network_check_service(const struct network *n, struct diags *d);
/* That fixed addresses are of guests that are on the network. */
void network_check_hosts(const struct network *n, const struct wants *w, struct diags *d);
void network_derive_service(const struct resource *r, struct wants *w);

/* resolved.c: the guests' names for the host itself. */
void resolved_derive(const struct resource *network, struct wants *w);

/* firewalld.c: our bridges' place in it, where it runs. */
void firewalld_imply(const struct resource *network, struct wants *w);

/* docker.c: leave to pass where Docker refuses what is not its own. */
void docker_imply(const struct resource *network, struct wants *w);

/* forward.c: ports of the host that lead to guests. */
extern const struct table network_forward_table;
void network_check_forwards(const struct network *n, struct diags *d);
/* Between all networks: one use of each port of the host. */
void network_check_ports(const struct wants *w, struct diags *d);
void network_derive_forwards(const struct resource *r, struct wants *w, int family);
/* Between the rules that let packets in, and their refusal. */
void network_admit_forwards(const struct resource *r, struct wants *w, int family);

/* localnet.c: the host's own 127.0.0.1 may reach guests of the network; after the rules. */
void localnet_derive(const struct resource *network, struct wants *w);

/* uplinks.c: the host's own way out does not go when it begins to forward. */
void uplinks_derive(struct wants *w, struct resource *forwarding);

/* network_apply.c */
void network_apply_all(struct host *h, struct step *const *steps, size_t n);
/*
 * Addresses on the link that the network does not want: its own bridge's go,
 * those on a bridge that was there before it stay.
 */
bool network_keeps_foreign(struct host *h, const struct step *s);

#endif
