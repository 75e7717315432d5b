/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/guest_vfs.h"
#include "config/obj.h"
#include "runner/guest.h"
#include "sriov/sriov.h"

struct vf_use {
	const struct resource *guest;
	struct mark mark;
};

/* One entry of `sriov:` and who wants how much of it. */
struct pool {
	const struct resource *r;
	size_t used;
};

struct uses {
	const struct wants *w;
	struct diags *d;
	struct strmap functions; /* "uplink/0" -> struct vf_use */
	struct strmap pools; /* "uplink" -> struct pool */
};

static struct pool *pool_of(struct uses *u, const char *name)
{
	const struct resource *r = wants_find(u->w, "sriov", name);
	struct pool *p = r ? strmap_get(&u->pools, r->name) : NULL;

	if (!r || p)
		return p;
	p = arena_alloc(u->d->arena, sizeof(*p));
	p->r = r;
	strmap_put(&u->pools, r->name, p);
	return p;
}

static void claim(struct uses *u, const struct resource *guest, const char *text, struct mark m)
{
	struct vf_use *first = strmap_get(&u->functions, text), *use;
	struct diag *said;

	if (!first) {
		use = arena_alloc(u->d->arena, sizeof(*use));
		*use = (struct vf_use){ guest, m };
		strmap_put(&u->functions, text, use);
		return;
	}
	said = first->guest == guest
		       ? diag_error(u->d, m, "take one of the two out",
				 "virtual function `%s` stands twice in %s", text, guest->id)
		       : diag_error(u->d, m, "give one of the two another one",
				 "virtual function `%s` is claimed by %s and by %s", text,
				 first->guest->id, guest->id);
	diag_relate(said, first->mark, "first claimed here");
}

static void use(struct uses *u, const struct resource *guest, const struct guest_interface *nic)
{
	struct mark m = obj_mark(nic, "vf");
	struct vf_name vf;
	struct pool *p = interface_vf(nic, &vf) ? pool_of(u, vf.pool) : NULL;
	const struct sriov *s;

	/* A dangling reference is reported from the row. */
	if (!p)
		return;
	s = p->r->want;
	if (vf.index >= (int)s->max_vfs)
		diag_relate(
			diag_error(u->d, m,
				arena_printf(u->d->arena, "name one of 0 to %lld, or raise max_vfs",
					(long long)s->max_vfs - 1),
				"%s has %lld virtual functions, so there is no number %d", p->r->id,
				(long long)s->max_vfs, vf.index),
			obj_mark(s, "max_vfs"), "so many are wanted here");
	else if (++p->used == (size_t)s->max_vfs + 1)
		diag_relate(diag_error(u->d, m, "raise max_vfs, or take an interface out",
				    "%s has %lld virtual functions, and guests want more", p->r->id,
				    (long long)s->max_vfs),
			obj_mark(s, "max_vfs"), "so many are wanted here");
	if (vf.index >= 0)
		claim(u, guest, nic->vf, m);
}

void guest_vfs_check(const struct wants *w, struct diags *d)
{
	struct uses u = { .w = w, .d = d };

	for (size_t i = 0; i < w->n; i++) {
		const struct guest *g = w->v[i]->want;

		for (size_t k = 0; streq(w->v[i]->kind->name, "guest") && k < g->interfaces.n; k++)
			use(&u, w->v[i], &LIST_AT(&g->interfaces, const struct guest_interface, k));
	}
	strmap_free(&u.functions);
	strmap_free(&u.pools);
}

/* The entry of `vfs:`; made where the document has none. */
static struct vf *entry(struct wants *w, struct sriov *s, int number)
{
	const char *name = arena_printf(w->arena, "%d", number);
	struct vf *v;

	for (size_t i = 0; i < s->vfs.n; i++)
		if (streq(LIST_AT(&s->vfs, struct vf, i).obj.name, name))
			return &LIST_AT(&s->vfs, struct vf, i);
	v = arena_alloc(w->arena, (s->vfs.n + 1) * sizeof(*v));
	if (s->vfs.n)
		memcpy(v, s->vfs.v, s->vfs.n * sizeof(*v));
	obj_init(&v[s->vfs.n], &vf_table, name);
	s->vfs = (struct list){ v, s->vfs.n + 1 };
	obj_mark_set(s, "vfs");
	return &v[s->vfs.n - 1];
}

/* From here on it is the function's, which claims it: the guest has no second one. */
static void move_mac(struct wants *w, struct guest_interface *nic, struct vf *v)
{
	const struct table *t = nic->obj.table;

	if (obj_has(v, "mac")) {
		if (!mac_equal(&v->mac, &nic->mac))
			diag_relate(
				diag_error(w->diags, obj_mark(nic, "mac"), "keep one of the two",
					"the virtual function %s has another MAC address", nic->vf),
				obj_mark(v, "mac"), "which is given here");
	} else {
		v->mac = nic->mac;
		obj_mark_set(v, "mac");
	}
	nic->obj.set &= ~(UINT64_C(1) << (table_field(t, "mac") - t->fields));
}

void guest_vfs_derive(const struct resource *guest, struct wants *w)
{
	const struct guest *g = guest->want;

	for (size_t i = 0; i < g->interfaces.n; i++) {
		struct guest_interface *nic = &LIST_AT(&g->interfaces, struct guest_interface, i);
		struct resource *r;
		struct vf_name vf;

		if (!interface_vf(nic, &vf) || vf.index < 0 || !obj_has(nic, "mac"))
			continue;
		r = wants_find(w, "sriov", vf.pool);
		if (r)
			move_mac(w, nic, entry(w, (struct sriov *)r->want, vf.index));
	}
}
