/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The firewall: rules as data, one interface, several backends.
 *
 * A resource is one table of one family, `firewall/ip-filter`; kinds that need
 * rules derive it and add theirs with firewall_add(). All rules stand in
 * chains of our own; each built-in chain that leads to one has one jump, put
 * first when it is made. Where others put rules before it later, it stays: two
 * who both want to be first would never end.
 */
#ifndef KVMHOST_FIREWALL_H
#define KVMHOST_FIREWALL_H

#include "config/type.h"
#include "net/net.h"

/*
 * The kernel's chains, in which we have jumps only, and ours. Forwarded
 * packets see the rules of all networks in three stages: within a network,
 * into one, out of one. So one network's leave to go out is no leave to come
 * into another.
 */
enum fw_chain {
	FW_BASE_PREROUTING,
	FW_BASE_INPUT,
	FW_BASE_FORWARD,
	FW_BASE_OUTPUT,
	FW_BASE_POSTROUTING,
	FW_PREROUTING,
	FW_INPUT,
	FW_FORWARD,
	FW_FORWARD_WITHIN,
	FW_FORWARD_INTO,
	FW_FORWARD_OUT_OF,
	FW_OUTPUT,
	FW_POSTROUTING,
	FW_STRAY, /* named like ours, but none that we know: always removed */
	FW_CHAINS,
} __attribute__((packed));
#define FW_FIRST_OWN FW_PREROUTING
extern const char *const fw_chain_names[FW_CHAINS];
/* Begins the names of our chains. */
#define FW_CHAIN_PREFIX "KVMHOST-"

enum fw_target {
	FW_UNKNOWN, /* read back and not understood: never wanted, equal to nothing */
	FW_ACCEPT,
	FW_REJECT, /* with ICMP port unreachable */
	FW_DROP,
	FW_RETURN,
	FW_MASQUERADE, /* to_ports: from which the new source port comes; 0: any */
	FW_DNAT, /* to the address `to` and the port to_ports */
	FW_CHECKSUM_FILL, /* what offloading left open is filled in */
	FW_JUMP, /* to a chain of ours */
} __attribute__((packed));

/* The state of the packet's connection. */
enum fw_state {
	FW_ANY_STATE,
	FW_ESTABLISHED, /* RELATED,ESTABLISHED */
	FW_FORWARDED, /* its destination was changed: DNAT */
} __attribute__((packed));

struct fw_ports {
	uint16_t min, max; /* host order; both 0: any */
};

/* Thousands of them are in memory: hence the small types, and their order. */
struct fw_rule {
	enum fw_chain chain;
	enum fw_target target;
	enum fw_chain jump;
	enum fw_state state;
	uint8_t protocol; /* IPPROTO_TCP, IPPROTO_UDP or 0: any; ports need one of them */
	bool not_src, not_dst;
	bool dst_local; /* the destination is an address of the host */
	const char *in, *out; /* whole interface names; NULL: any */
	struct cidr src, dst; /* networks; family 0: any */
	struct fw_ports sport, dport, to_ports;
	struct ip to;
	const char *owner; /* the resource's id, kept as comment; NULL for jumps */
	const char *stray; /* the chain's name for FW_STRAY */
};

bool fw_rule_equal(const struct fw_rule *a, const struct fw_rule *b);
uint64_t fw_rule_hash(const struct fw_rule *r);
/* As iptables-save would write it, without "-A"; brief: without the comment. */
void fw_rule_format(const struct fw_rule *r, bool brief, struct strbuf *out);
/* The same back. What it does not know is false. */
bool fw_rule_parse(const char *text, struct fw_rule *r, struct arena *a);
/* A row's type: struct fw_rule, as text in records and undo logs. */
extern const struct type type_fw_rule;

struct fw_rules {
	struct fw_rule *v; /* by chain; within one in the order of evaluation */
	size_t n;
};

/*
 * The quickest way from one chain's rules to another: fn is called in order
 * for every rule, with its position at that moment. have and want are arrays
 * of pointers, so that a chain may be picked out of a table.
 */
enum fw_edit { FW_KEEP, FW_DELETE, FW_INSERT };
typedef void fw_edit_fn(enum fw_edit edit, const struct fw_rule *r, size_t at, void *arg);
void fw_compare(const struct fw_rule *const *have, size_t n_have, const struct fw_rule *const *want,
	size_t n_want, fw_edit_fn *fn, void *arg);
/* The same where order does not count: first what goes, then what comes; positions are 0. */
void fw_compare_sets(const struct fw_rule *const *have, size_t n_have,
	const struct fw_rule *const *want, size_t n_want, fw_edit_fn *fn, void *arg);

/* The rules of each chain, in their order; the arrays are in the arena. */
struct fw_part {
	const struct fw_rule **v;
	size_t n;
};
void fw_partition(const struct fw_rule *const *rules, size_t n, struct arena *a,
	struct fw_part parts[FW_CHAINS]);

/* One table of one family. */
struct fw_table {
	const char *resource; /* "ip-filter" */
	int family; /* AF_INET */
	const char *table; /* "filter" */
};
extern const struct fw_table fw_tables[];
extern const size_t fw_n_tables;

/* Where rules stand. */
enum fw_backend_id { FW_IPTABLES, FW_NFTABLES, FW_BACKENDS };
extern const char *const fw_backend_names[]; /* ends with NULL */

/* `host.firewall` of the document. */
enum fw_choice { FW_CHOICE_AUTO, FW_CHOICE_IPTABLES, FW_CHOICE_NFTABLES };
struct firewall_settings {
	struct obj obj;
	int backend; /* enum fw_choice */
};
extern const struct table firewall_settings_table;

struct firewall {
	struct obj obj;
	int backend; /* enum fw_backend_id; not set in a want: what the host speaks */
	struct list rules; /* struct fw_rule */
	uint32_t chains; /* private to firewall_put(): bit per chain that has its jumps */
	uint32_t held; /* in haves: bit per backend that holds some of it */
};

/*
 * Adds a rule that `from` needs to the wanted table, with the jumps that lead
 * to its chain. owner is filled in.
 */
void firewall_add(
	struct wants *w, const struct resource *from, const char *table, struct fw_rule rule);
/* The same in two parts, for who adds several: the table is looked up once. */
struct resource *firewall_table(struct wants *w, const struct resource *from, const char *table);
void firewall_put(
	struct wants *w, const struct resource *from, struct resource *table, struct fw_rule rule);

/* What a table holds of ours. */
struct fw_seen {
	bool present; /* anything of ours is there */
	struct fw_rules rules;
};

/* What a backend saw of the whole machine. */
struct fw_view {
	bool usable; /* the kernel has it, as far as looking tells */
	bool others; /* somebody else has rules there: this is what the host speaks */
	bool drops; /* what is forwarded, by the policy of iptables */
	struct fw_seen *tables; /* one for each of fw_tables */
};

/* A table to be brought to just these rules; none: everything of ours goes. */
struct fw_job {
	const struct fw_table *table;
	struct fw_part want;
	struct error *e; /* filled on failure */
};

struct fw_backend {
	const char *name;
	bool ordered; /* a chain's rules have an order that counts */
	/* The rule is said in this backend; NULL: all are. */
	bool (*holds)(const struct fw_rule *r);
	/*
	 * Our rules of each of fw_tables into h->pass. A table that the kernel does not have, or
	 * has not made yet, holds none of ours, and is not made by looking.
	 */
	int (*observe)(struct host *h, struct fw_view *v, struct error *e);
	/* In as few commits as can be. Rules of others and all counters stay. */
	void (*apply)(struct host *h, struct fw_job *jobs, size_t n);
};
/* NULL where it was not built. */
extern const struct fw_backend *const fw_backends[FW_BACKENDS];
extern const struct fw_backend fw_iptc, fw_nft;

/* fw_backend.c: what all of them saw in this pass. */
extern const struct handle fw_views_handle;
int fw_views_get(struct host *h, const struct fw_view **views, struct error *e);
void fw_views_forget(struct host *h);
/* Which one the wanted table goes to; f may be NULL. Negative: none can be used. */
int fw_choose(const struct fw_view *views, const struct firewall *f, struct error *e);

#endif
