/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses whole, as the kernel tells them, so that they can stand on another
 * link and come back exactly: label, peer, flags, lifetimes. Link-local IPv6
 * addresses are not among them: every link has its own.
 */
#ifndef KVMHOST_ADDRESS_H
#define KVMHOST_ADDRESS_H

#include "net/links.h"
#include "net/nl.h"

struct address {
	int index; /* of its link */
	struct cidr cidr;
	bool dynamic; /* it has an end; somebody prolongs it */
	bool current; /* its message is of this moment, however old others are that were kept with
			 it */
	const struct nlmsghdr *message; /* RTM_NEWADDR */
};

/*
 * All of the machine's, in the kernel's order, from the host's snapshot of
 * links: read on first use, forgotten with it.
 */
int addresses_get(struct host *h, const struct address **v, size_t *n, struct error *e);

/* The first of the link after `from` (NULL: of all), or NULL. */
const struct address *address_next(
	const struct address *v, size_t n, int index, const struct address *from);
bool address_equal(const struct cidr *a, const struct cidr *b);
/* The one of the link that is the same, or NULL. */
const struct address *address_find(
	const struct address *v, size_t n, int index, const struct cidr *c);

/* From a message that was kept; false when it is none. */
bool address_read(const struct nlmsghdr *m, struct address *out);
/* A plain one, as `ip address add` makes it. */
struct address address_plain(struct arena *a, const struct cidr *c);

struct address_place {
	int index;
	const char *name;
	const char *from; /* the link whose name the label begins with now */
	uint32_t age; /* seconds since the message was true */
	bool at_once; /* IPv6: usable at once, without asking who else has it */
};
/* Puts the address on the link; NULL when its time is over. */
struct nl_msg *address_add(const struct address *a, const struct address_place *to);
struct nl_msg *address_delete(const struct address *a, int index);

#endif
