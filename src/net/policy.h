/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules that choose a routing table (ip rule). One that names a link (iif, oif) means the bridge
 * once that has the link; one by an address of the link, or to a table with a route through it, is
 * taken away by a network manager that made it and leaves the link alone.
 */
#ifndef KVMHOST_POLICY_H
#define KVMHOST_POLICY_H

#include "net/address.h"
#include "net/route.h"

struct policy {
	const char *text; /* "102: from 192.0.2.2 iif eth0 lookup 52", for people */
	const struct nlmsghdr *message; /* RTM_NEWRULE */
};

/* All but the kernel's own, of IPv4 and IPv6. */
int policies_read(struct nl *nl, struct arena *a, struct policy **v, size_t *n, struct error *e);
/* From a message that was kept; false when it is none. */
bool policy_read(struct arena *a, const struct nlmsghdr *m, struct policy *out);

bool policy_names(const struct policy *p, const char *link);
bool policy_has_source(const struct policy *p, const struct cidr *c);
uint32_t policy_table(const struct policy *p);
/* They are the same, were it not for the names of the two links. */
bool policy_same(
	const struct policy *a, const char *link_a, const struct policy *b, const char *link_b);

/* With `to` where it named `from`. */
struct nl_msg *policy_add(const struct policy *p, const char *from, const char *to);
struct nl_msg *policy_delete(const struct policy *p, const char *from, const char *to);

#endif
