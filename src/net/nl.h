/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A netlink route session, kept in the host. Requests are queued and sent many
 * in one send; the kernel handles them in order before send(2) returns, so one
 * acknowledgement at the end tells that all errors are in. A refusal carries
 * the kernel's own words (NETLINK_EXT_ACK).
 */
#ifndef KVMHOST_NL_H
#define KVMHOST_NL_H

#include "reconcile/host.h"
#include <netlink/attr.h>
#include <netlink/msg.h>

struct nl;

/* The host's session, opened on first use. */
int netlink_get(struct host *h, struct nl **nl, struct error *e);

/* A message of the type with its fixed part; more goes in with nla_put_*(). */
struct nl_msg *netlink_request(int type, int flags, const void *head, size_t len);
/* The same for more than a page: room for max bytes. */
struct nl_msg *netlink_request_large(int type, int flags, const void *head, size_t len, size_t max);
/* nla_put() that ends the process when memory is out. */
void netlink_put(struct nl_msg *m, int type, const void *data, size_t len);
void netlink_put_u32(struct nl_msg *m, int type, uint32_t v);
void netlink_put_text(struct nl_msg *m, int type, const char *text);
struct nlattr *netlink_nest(struct nl_msg *m, int type);
void netlink_nest_end(struct nl_msg *m, struct nlattr *nest);

/* What is wanted to be known of one queued request. Texts are borrowed until netlink_flush(). */
struct netlink_call {
	const char *what, *name; /* "cannot WHAT NAME: ...", when it fails */
	int ignore; /* an errno that is as good as success; 0: none */
	struct error *e; /* filled when it fails, unless an earlier call filled it */
};

/* Takes the message. Sends by itself what does not fit into one send. */
void netlink_queue(struct nl *nl, struct nl_msg *m, struct netlink_call call);
/* Sends what is queued and gives every call its answer. */
void netlink_flush(struct nl *nl);

/*
 * Takes the message and calls fn for each object of the dump. 1: the dump was
 * interrupted by a change, or longer than expected: what fn saw may be
 * inconsistent, ask again.
 */
typedef void netlink_dump_fn(const struct nlmsghdr *m, void *arg);
int netlink_dump(struct nl *nl, struct nl_msg *m, netlink_dump_fn *fn, void *arg, struct error *e);

/* How often an interrupted dump is asked again. */
#define NL_DUMP_TRIES 8
/*
 * The same until it is whole. *n: how many objects fn has gathered in an array of the arena's; set
 * back to what it was before each try. -EAGAIN: "WHAT change faster than they can be read".
 */
int netlink_dump_whole(struct nl *nl, struct nl_msg *m, netlink_dump_fn *fn, void *arg, size_t *n,
	const char *what, struct error *e);

/* The message in the arena. */
const struct nlmsghdr *netlink_keep(struct arena *a, const struct nlmsghdr *m);

#endif
