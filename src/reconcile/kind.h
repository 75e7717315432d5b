/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kinds and resources. A kind is a type of thing kvmhost manages; a resource
 * is one of them, "bridge/br0". Want and have are the same C struct, described
 * by the kind's field table.
 *
 *	document -> want[] -> order -> observe -> have[] -> diff -> plan -> apply
 */
#ifndef KVMHOST_KIND_H
#define KVMHOST_KIND_H

#include "base/strmap.h"
#include "config/obj.h"
#include "reconcile/host.h"

struct kind;
struct step;
struct wants;

struct resource {
	const struct kind *kind;
	const char *name;
	const char *id; /* "kind/name" */
	const void *want; /* NULL: the document does not name it (any more) */
	void *have; /* NULL: absent on the machine */
	struct mark mark; /* its key in the YAML; for a derived one that of its origin */
	const struct resource *origin; /* derived: from whom (the first of several) */
	struct resource **after; /* declared ones that this one needs first */
	size_t n_after;
	/* From the record: managed before; how it was when taken (NULL: it was absent, we made it).
	 */
	bool recorded;
	bool marked; /* on the machine, as ours */
	const void *before;
	/* In an undo: what the apply that was cut off was making, where nothing was before. */
	const void *made;
	struct step *step; /* in the plan being made; NULL: nothing to do */
	unsigned seen; /* private to the walks of order and plan */
};

enum { NOT_HERE = 1 };

/* What a step costs those who use the machine. Ordered by weight. */
enum disruption { DISRUPT_NONE, DISRUPT_LINK, DISRUPT_GUEST, DISRUPT_REBOOT };

struct kind {
	const char *name;
	const struct table *table;
	/* Name space in which a resource's own name is claimed ("link"), or NULL. */
	const char *claims;
	/* What a change of a CHANGE_RECREATE field, or a removal, costs. */
	enum disruption recreate_costs;
	/* Is files alone, so that --root DIR may apply it. Others wait for the image to boot. */
	bool offline;
	/* Is observed by systemd's units, which are asked for ahead: units_ahead(). */
	bool units;
	/* Its steps run under the undo log: links, addresses, routes, firewall. */
	bool undo;
	/*
	 * Steps that go back with those, but are no reason for it when they fail: what a network is
	 * served by, and needs. NULL: none.
	 */
	bool (*undo_along)(const struct step *s);

	/*
	 * Cross-field and cross-resource checks on a valid object. Only reads. May be NULL.
	 */
	void (*check)(const struct resource *r, const struct wants *w, struct diags *d);

	/*
	 * Adds resources that this one implies, by want_derive(). Runs on a valid document before
	 * ordering; sees all declared resources. May be NULL.
	 */
	void (*derive)(const struct resource *r, struct wants *w);

	/*
	 * Reads the machine's state of r->name into *have, allocated in h->pass with obj_new();
	 * NULL when absent. Sets only the fields it saw. Reads from snapshots that its folder
	 * caches in the host, so that a pass costs one dump per object type. r->want may be NULL.
	 * Returns NOT_HERE for what was derived and this machine has no use for: nothing is done.
	 */
	int (*observe)(struct host *h, const struct resource *r, void **have, struct error *e);

	/*
	 * Overrides the field-by-field comparison where the table cannot say it: fills
	 * s->changes from s->have and s->want by step_change(), may set s->wait. May be NULL.
	 */
	void (*diff)(struct host *h, struct step *s);

	/*
	 * Last word on a step with changes: may set s->disruption, s->wait (why it is not done now)
	 * and s->reason. Only reads. May be NULL.
	 */
	void (*refine)(struct host *h, struct step *s);

	/*
	 * Brings the machine from s->have to s->want (NULL: remove). Runs again on a machine where
	 * it ran half before. -EEXIST, -ENOENT, -EAGAIN: the world moved, observe and plan again.
	 * Exactly one of apply and apply_all is set; apply_all gets steps that do not depend on
	 * each other, sets every s->error and returns nothing: for pipelining and one commit per
	 * table.
	 */
	int (*apply)(struct host *h, struct step *s, struct error *e);
	void (*apply_all)(struct host *h, struct step *const *steps, size_t n);

	/*
	 * Calls found() with the name of every thing on the machine that carries our mark, so that
	 * what the record lost is still released. May be NULL.
	 */
	int (*owned)(struct host *h, const struct kind *k,
		void (*found)(const char *name, void *arg), void *arg, struct error *e);
};

/* All kinds, in the order in which unrelated steps run. kinds.c */
extern const struct kind *const kinds[];
extern const size_t n_kinds;
const struct kind *kind_find(const char *name);
/* The table of the document's root. schema.c */
extern const struct table document_table;

/* Every resource that the document wants, declared and derived. */
struct wants {
	struct arena *arena;
	struct diags *diags;
	const void *document; /* the parsed root object */
	struct resource **v; /* in dependency order once built */
	size_t n;
	struct strmap by_id;
	/* Declared, but not valid: a reference to one is not dangling. What of theirs could be read
	 * names things all the same. */
	struct strmap invalid;
	struct resource **flawed;
	size_t n_flawed;
	const struct resource *deriving; /* on whose behalf the last want_derive() was */
};
void wants_free(struct wants *w);
#define _cleanup_wants_ _cleanup_(wants_free)

/*
 * From a valid tree to ordered wants: parse by the tables, resources, checks,
 * derivation, references, claims, cycles. False when d has errors; everything
 * lives in d->arena. w->v is then in dependency order.
 */
bool wants_build(struct wants *w, const struct node *root, struct diags *d);

/* The object of the document's section at "host.firewall", defaults filled in, or NULL. */
const void *wants_section(const struct wants *w, const char *path);

/* The resource or NULL. */
struct resource *wants_find(const struct wants *w, const char *kind, const char *name);

/*
 * Adds (or finds, when it is wanted already) resource kind/name on behalf of
 * `from`, which comes after it unless `before_from` is false (then it comes
 * after `from`). Then set its fields with want_set(). Values that contradict
 * a declared resource are an error at the declared place.
 */
struct resource *want_derive(struct wants *w, const struct resource *from, const char *kind,
	const char *name, bool before_from);
/* The same without an order between the two but that of their kinds. */
struct resource *want_imply(
	struct wants *w, const struct resource *from, const char *kind, const char *name);
void want_set(struct wants *w, struct resource *r, const char *field, const char *text);
/* A list of the same C type as the row's; the later word counts. */
void want_set_list(struct wants *w, struct resource *r, const char *field, const struct list *list);
/* The same for an entry of a map whose entries are written as one value: options.max_vfs. */
void want_set_entry(
	struct wants *w, struct resource *r, const char *map, const char *key, const char *text);
/* r comes after `needed`. */
void want_after(struct wants *w, struct resource *r, struct resource *needed);

#endif
