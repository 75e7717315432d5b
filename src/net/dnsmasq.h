/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kind `dnsmasq`: DHCP, DNS and TFTP of a network, "a unit with this
 * configuration, running". Derived from the network. Its files:
 *
 *	/run/kvmhost/networks/NAME/dnsmasq.conf  read when dnsmasq starts
 *	                           hosts         guests' MAC addresses; these are read again on
 *	                           names         SIGHUP: names of fixed addresses
 *	                           servers       the host's resolvers
 *	                           applied.json  what the running one was last told; written last
 *	/var/lib/kvmhost/networks/NAME/leases    dnsmasq's own
 */
#ifndef KVMHOST_DNSMASQ_H
#define KVMHOST_DNSMASQ_H

#include "net/network.h"
#include <jansson.h>

#define NETWORKS_RUN_DIR RUN_DIR "/networks"
#define NETWORKS_STATE_DIR STATE_DIR "/networks"
/* Where systemd keeps the state directories of units with DynamicUser=. */
#define NETWORKS_PRIVATE_DIR "/var/lib/private/kvmhost/networks"
#define NETWORK_UNIT_PREFIX "kvmhost-network@"

struct dnsmasq_host {
	struct obj obj; /* its name is the guest's */
	struct mac mac; /* not set in wants where it is generated: that takes the machine's id */
	struct ip address, address6; /* not set: from the range */
	size_t nic; /* index of the guest's interface */
};

enum dnsmasq_state { DNSMASQ_RUNNING, DNSMASQ_STOPPED, DNSMASQ_FAILED };

/* Rows that are not set do not apply. */
struct dnsmasq {
	struct obj obj;
	int state; /* enum dnsmasq_state */
	const char *bridge;
	int64_t link; /* index of the bridge when it was started; in haves alone */
	struct list addresses; /* struct cidr */
	struct list range, range6; /* struct ip, two */
	int ra; /* enum network_ra; not set: none */
	uint64_t lease_time;
	bool router;
	const char *domain, *tftp_root, *boot_file;
	struct list servers; /* const char * */
	struct list hosts; /* struct dnsmasq_host */
};

struct dnsmasq_seen {
	struct dnsmasq have; /* first: a resource's have points here */
	const struct dnsmasq *applied; /* NULL: nobody knows */
	bool running;
	bool same_link; /* of the bridge that it was started on */
};

/* What the running one was last told. Missing or damaged: NULL, and everything is done anew. In
 * h->pass. */
const struct dnsmasq *dnsmasq_applied(struct host *h, const char *network);

extern const struct kind dnsmasq_kind;
extern const struct table dnsmasq_table;

/* network_service_table.c */
bool dns_label(const char *text, size_t n);
/* Its files can hold the text: letters, digits and the characters in `more` alone. */
bool dnsmasq_plain(const char *text, const char *more);
const char *ip_text(struct arena *a, const struct ip *ip);
/* The guest's interfaces as JSON, or NULL; the caller lets go of *hold. */
const json_t *guest_interfaces(struct arena *a, const struct resource *guest, json_t **hold);

/* dnsmasq_derive.c */
void dnsmasq_derive(const struct resource *network, struct wants *w);
void dnsmasq_derive_hosts(const struct resource *r, struct wants *w);

/* dnsmasq_files.c */
struct dnsmasq_path {
	char s[160];
};
struct dnsmasq_path dnsmasq_path(const char *network, const char *file);
struct dnsmasq_path dnsmasq_unit(const char *network);
enum { DNSMASQ_CONF, DNSMASQ_FILES = 4 };
extern const char *const dnsmasq_files[DNSMASQ_FILES]; /* the first needs a restart */
#define DNSMASQ_APPLIED "applied.json"
void dnsmasq_render(const struct dnsmasq *d, const char *network, size_t file, struct strbuf *out);
/* The file holds just this. */
bool dnsmasq_file_is(struct host *h, const char *network, size_t file, const struct dnsmasq *d);
bool dnsmasq_has_files(struct host *h, const char *network);
int dnsmasq_files_remove(struct host *h, const char *network, struct error *e);
/* With MAC addresses and the host's resolvers filled in; in h->pass. */
const struct dnsmasq *dnsmasq_resolve(struct host *h, const struct dnsmasq *want);

/* dnsmasq_apply.c */
void dnsmasq_apply_all(struct host *h, struct step *const *steps, size_t n);

/* port_holder.c: who listens at the port, at any address or at one of these (struct cidr). */
struct port_holder {
	int pid;
	char name[16]; /* comm */
	char unit[128]; /* "": none */
	char address[64];
};
bool port_holder_find(struct host *h, const char *protocol, uint16_t port,
	const struct list *addresses, struct port_holder *out);
/* Who has the socket of that inode; false: nobody who is seen, or a dnsmasq of ours. */
bool port_holder_of(struct host *h, unsigned long inode, struct port_holder *out);
/* TCP ports that are listened at, at other addresses than the loopback device's. */
uint16_t *ports_listening(struct host *h, struct arena *a, size_t *n);

#endif
