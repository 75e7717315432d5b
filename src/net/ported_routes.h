/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Routes of a bridge or bond with ports that are not where they should be. */
#ifndef KVMHOST_PORTED_ROUTES_H
#define KVMHOST_PORTED_ROUTES_H

#include "net/port.h"
#include "net/ported.h"

/* A route that was taken of a port and is nowhere now. */
struct lost {
	struct taken of;
	const struct route *route;
};

/* Those of the link's ports that are wanted and were taken. In h->pass. */
int routes_lost(struct host *h, const char *id, const struct link *link, const struct ported *ref,
	struct lost **v, size_t *n, struct error *e);
/* The first that is lost, and the first that leads through a wanted port, into *out. */
int routes_compare(struct host *h, const char *id, const struct links *ls, const struct link *link,
	const struct ported *ref, struct link_state *out, struct error *e);

#endif
