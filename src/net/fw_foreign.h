/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who else drops what guests send elsewhere, or ask of the host: a packet must
 * be accepted by every base chain of every owner, and ours cannot overrule
 * another's drop.
 */
#ifndef KVMHOST_FW_FOREIGN_H
#define KVMHOST_FW_FOREIGN_H

#include "reconcile/kind.h"

struct fw_foreign {
	const char *network; /* whose guests */
	const char *what; /* "what guests of default send to other networks" */
	const char *where; /* "chain FORWARD of the nftables table ip filter" */
	const char *owner; /* "Docker", "firewalld", ...; NULL: not known */
	const char *cure;
};

/*
 * For each wanted network that lets guests out: the first that drops a new
 * connection of theirs, of either family; for each that serves: who drops a
 * guest's first question to the host. Only what a rule says of interfaces
 * and of the connection's state is understood; a rule with another condition
 * is taken to match nothing, so one that accepts by addresses is not seen; of
 * questions to the host only what is dropped for sure is told.
 * In h->pass.
 */
int fw_foreign(
	struct host *h, const struct wants *w, struct fw_foreign **v, size_t *n, struct error *e);

#endif
