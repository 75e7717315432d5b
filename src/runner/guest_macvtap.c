/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/guest_macvtap.h"
#include "config/obj.h"

static const struct guest_interface *interface(const struct guest *g, size_t i)
{
	return &LIST_AT(&g->interfaces, const struct guest_interface, i);
}

/* The bridge or bond whose port the link is to be: its packets are theirs. */
static const struct resource *port_of(const struct wants *w, const char *link)
{
	for (size_t i = 0; i < w->n; i++) {
		const struct field *f =
			w->v[i]->want ? table_field(w->v[i]->kind->table, "ports") : NULL;
		const struct list *ports =
			f && f->shape == SHAPE_LIST
				? (const void *)((const char *)w->v[i]->want + f->offset)
				: NULL;

		for (size_t k = 0; ports && k < ports->n; k++)
			if (streq(LIST_AT(ports, const char *, k), link))
				return w->v[i];
	}
	return NULL;
}

static void check_port(const struct guest_interface *nic, const struct wants *w, struct diags *d)
{
	const struct resource *holder = port_of(w, nic->macvtap);

	if (!holder)
		return;
	diag_relate(diag_error(d, obj_mark(nic, "macvtap"),
			    arena_printf(d->arena,
				    streq(holder->kind->name, "bridge") ? "write `bridge: %s`"
									: "write `macvtap: %s`",
				    holder->name),
			    "%s is a port of %s, which has all of its packets", nic->macvtap,
			    holder->id),
		holder->mark, "declared here");
}

struct use {
	struct mark mark;
	bool alone;
};

/* One that passes all through shares the link with nobody. */
static void check_alone(const struct wants *w, struct diags *d)
{
	_cleanup_strmap_ struct strmap uses = { 0 };

	for (size_t i = 0; i < w->n; i++) {
		const struct guest *g = streq(w->v[i]->kind->name, "guest") ? w->v[i]->want : NULL;

		for (size_t k = 0; g && k < g->interfaces.n; k++) {
			const struct guest_interface *nic = interface(g, k);
			struct use *use, *first;

			if (!nic->macvtap)
				continue;
			use = arena_alloc(d->arena, sizeof(*use));
			*use = (struct use){ obj_mark(nic, "macvtap"),
				interface_mode(nic) == MACVTAP_PASSTHRU };
			first = strmap_get(&uses, nic->macvtap);
			if (!first)
				strmap_put(&uses, nic->macvtap, use);
			else if (first->alone || use->alone)
				diag_relate(
					diag_error(d, use->mark,
						"name another link, or another `mode`",
						"with `mode: passthru` %s is one interface's alone",
						nic->macvtap),
					first->mark, "the other is here");
		}
	}
}

void guest_macvtap_check(const struct resource *guest, const struct wants *w, struct diags *d)
{
	const struct guest *g = guest->want;
	size_t first = 0;

	for (size_t i = 0; i < g->interfaces.n; i++)
		if (interface(g, i)->macvtap)
			check_port(interface(g, i), w, d);
	while (first < w->n && !streq(w->v[first]->kind->name, "guest"))
		first++;
	if (first < w->n && w->v[first] == guest)
		check_alone(w, d);
}

void guest_macvtap_derive(const struct resource *guest, size_t i, struct wants *w)
{
	const struct guest_interface *nic = interface(guest->want, i);
	char name[IFNAMSIZ];
	struct resource *r;

	guest_tap_name(guest->name, i, name);
	r = want_derive(w, guest, "macvtap", name, true);
	want_set(w, r, "link", nic->macvtap);
	want_set(w, r, "mode", macvtap_mode_names[interface_mode(nic)]);
	want_set(w, r, "guest", guest->name);
	want_set(w, r, "number", arena_printf(w->arena, "%zu", i));
	if (obj_has(nic, "mac"))
		want_set(w, r, "mac", obj_text(nic, "mac", w->arena));
	if (obj_has(nic, "mtu"))
		want_set(w, r, "mtu", obj_text(nic, "mtu", w->arena));
}
