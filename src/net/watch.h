/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the kernel tells that somebody changed the network. A watch does no
 * work: it says that there is reason to look.
 *
 *	links, addresses, routes  rtnetlink groups (rtnetlink(7))
 *	our nftables tables       nfnetlink group NFNLGRP_NFTABLES
 *	iptables tables           none exists; but who writes them locks /run/xtables.lock
 *	                          (iptables(8), --wait), and closes it when done
 */
#ifndef KVMHOST_NET_WATCH_H
#define KVMHOST_NET_WATCH_H

#include "base/error.h"

enum { WATCH_WHAT_MAX = 160 };

/* Of several events the weightiest is told of. */
enum event { EVENT_NONE, EVENT_CHANGED, EVENT_GONE };

/* One source of events; its state is the watch's own. */
struct watch {
	const char *name;
	/* A descriptor to poll for input, closed by close(), or a negative errno. */
	int (*open)(void **state, struct error *e);
	/*
	 * Takes all that is there. Unless EVENT_NONE something of ours may differ now, and `what`
	 * says it in words ("the link virbr0 went"); of many, the first of the weightiest.
	 */
	enum event (*read)(int fd, void *state, char what[static WATCH_WHAT_MAX]);
	void (*close)(int fd, void *state);
};

extern const struct watch watch_route, watch_nft, watch_xtables;

#endif
