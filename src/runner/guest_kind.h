/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parts of the guest kind share; nobody else includes it.
 *
 * Three values of a guest meet: the one wanted, the one applied last
 * (spec.json: what the next start uses) and the one that its running QEMU was
 * started with (started.json). "have" is what runs, in the fields that only a
 * restart changes, and what was applied in the others.
 */
#ifndef KVMHOST_GUEST_KIND_H
#define KVMHOST_GUEST_KIND_H

#include "reconcile/plan.h"
#include "reconcile/units.h"
#include "runner/spec.h"
#include "runner/state.h"

/* A device of the host that is in started.json and not in the guest. */
struct guest_lost {
	const char *id; /* of QEMU's device */
	const char *name; /* "nic2 (0000:02:00.0)" */
};

struct guest_seen {
	struct guest have; /* first: a resource's have points here */
	const struct guest *applied; /* NULL: spec.json is missing or damaged */
	const struct guest
		*started; /* of the running one; NULL: it does not run, or nobody knows */
	bool running; /* or on its way up or down */
	bool failed;
	bool held; /* kvmhostctl guest stop */
	bool powered_off; /* the guest did so itself */
	const struct guest_lost *lost; /* running: devices of the host that it lost */
	size_t n_lost;
	const char *lost_link; /* an interface whose link is another since; or NULL */
	const char *why; /* failed: the reason; may be NULL */
};

/* guest.c: does the bridge (NULL: none) tell VLANs apart? */
bool guest_filters(const struct resource *bridge, const struct wants *w);

/* guest_claims.c: of all guests, on behalf of the first; for others it does nothing. */
void guest_claims_check(const struct resource *r, const struct wants *w, struct diags *d);

/* guest_derive.c */
void guest_derive(const struct resource *r, struct wants *w);

/* guest_observe.c */
int guest_observe(struct host *h, const struct resource *r, void **have, struct error *e);
int guest_owned(struct host *h, const struct kind *k, void (*found)(const char *name, void *arg),
	void *arg, struct error *e);

/* Fills seen->have from the rest. */
void guest_compose(struct guest_seen *seen);

/* What is to be done; all false: nothing, or only to wait. */
struct decision {
	bool write; /* spec.json is not what is wanted */
	bool start, stop, restart;
	bool live; /* running as something else, which it takes while it runs */
	bool pending; /* running as something else; waits for a restart */
	bool stays_down; /* by hand or by itself; waits for a start */
};
struct decision guest_decide(const struct guest *want, const struct guest_seen *seen);

/* guest_lost.c */
/* What the running guest lost, from its record and started.json. */
void guest_lost_read(
	struct host *h, json_t *record, const struct spec *started, struct guest_seen *seen);
/* Names, and ids up to a NULL, of those that it is to have again as `live`; NULL: there are none.
 */
const char *guest_lost_names(
	struct arena *a, const struct guest_seen *seen, const struct guest *live);
const char *const *guest_lost_ids(
	struct arena *a, const struct guest_seen *seen, const struct guest *live);

/* guest_diff.c */
void guest_diff(struct host *h, struct step *s);
void guest_refine(struct host *h, struct step *s);

/* guest_resources.c */
/* Gives the unit what `want` has of resources, where that is other than `applied` (may be NULL)
 * had. */
int guest_resources_set(struct host *h, const char *name, const struct guest *want,
	const struct guest *applied, struct error *e);
/* Leaves nothing of it behind. */
int guest_resources_forget(struct host *h, const char *name, struct error *e);

/* guest_resolve.c */
/* The specification of what is wanted; keeps `want` and `name`. */
int guest_resolve(struct host *h, const char *name, const struct guest *want, struct spec *out,
	struct error *e);
/*
 * spec.json is what would be written, to the byte: then it needs no parsing. text: what would be
 * written; empty where it cannot be known.
 */
bool guest_is_written(struct host *h, const char *name, const struct guest *want, struct spec *out,
	struct strbuf *text);

/* guest_apply.c */
void guest_apply(struct host *h, struct step *const *steps, size_t n);

#endif
