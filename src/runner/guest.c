/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kind `guest`: "a unit with this specification, in this state". systemd
 * supervises, kvmhost-run joins it with QEMU; here the specification is
 * written and the unit started, stopped or restarted.
 */
#include "base/decimal.h"
#include "runner/assign.h"
#include "runner/guest_kind.h"
#include "runner/guest_macvtap.h"
#include "runner/guest_vfs.h"

struct uid_owner {
	uid_t uid;
	const struct resource *r;
};

static int compare_uids(const void *a, const void *b)
{
	const struct uid_owner *x = a, *y = b;

	return x->uid < y->uid ? -1 : x->uid > y->uid;
}

static bool is_guest(const struct resource *r)
{
	return streq(r->kind->name, "guest");
}

/* Users come from names by a hash; two guests with one user could read each other's memory. */
static void check_uids(const struct wants *w, struct diags *d)
{
	struct uid_owner *v = arena_alloc(d->arena, (w->n + 1) * sizeof(*v));
	size_t n = 0;

	for (size_t i = 0; i < w->n; i++)
		if (is_guest(w->v[i]))
			v[n++] = (struct uid_owner){ guest_uid(w->v[i]->name), w->v[i] };
	qsort(v, n, sizeof(*v), compare_uids);
	for (size_t i = 1; i < n; i++)
		if (v[i].uid == v[i - 1].uid)
			diag_relate(diag_error(d, v[i].r->mark, "give one of them another name",
					    "the names of %s and %s lead to the same user %lu",
					    v[i - 1].r->id, v[i].r->id, (unsigned long)v[i].uid),
				v[i - 1].r->mark, "the other one");
}

struct image_use {
	struct resource *r;
	struct mark mark;
	bool readonly;
};

/* One image in two places is two writers, unless all only read. */
static void use_image(struct strmap *uses, struct resource *r, const char *path, struct mark mark,
	bool readonly, struct diags *d)
{
	struct image_use *use = arena_alloc(d->arena, sizeof(*use)),
			 *first = strmap_get(uses, path);
	struct diag *said;

	*use = (struct image_use){ r, mark, readonly };
	if (!first) {
		strmap_put(uses, path, use);
		return;
	}
	if (first->readonly && readonly)
		return;
	said = first->r == r
		       ? diag_error(d, mark, "take one of the two out",
				 "disk `%s` stands twice in %s", text_shown(d->arena, path), r->id)
		       : diag_error(d, mark, "give one of the two another one",
				 "disk `%s` is claimed by %s and by %s", text_shown(d->arena, path),
				 first->r->id, r->id);
	diag_relate(said, first->mark, "first claimed here");
}

static void use_images(struct strmap *uses, struct resource *r, struct diags *d)
{
	const struct guest *g = r->want;

	for (size_t i = 0; i < g->disks.n; i++) {
		const struct guest_disk *k = &LIST_AT(&g->disks, const struct guest_disk, i);

		use_image(uses, r, k->path, obj_mark(k, "path"), disk_is_readonly(k), d);
		if (k->base)
			use_image(uses, r, k->base, obj_mark(k, "base"), true, d);
		if (k->copy_of)
			use_image(uses, r, k->copy_of, obj_mark(k, "copy_of"), true, d);
	}
	if (obj_has(g, "install") && g->install.iso)
		use_image(uses, r, g->install.iso, obj_mark(&g->install, "iso"), true, d);
}

static void check_images(const struct wants *w, struct diags *d)
{
	_cleanup_strmap_ struct strmap uses = { 0 };

	for (size_t i = 0; i < w->n; i++)
		if (is_guest(w->v[i]))
			use_images(&uses, w->v[i], d);
}

/* The same place twice. Who else listens there shows when the guest starts. */
static void check_screens(const struct wants *w, struct diags *d)
{
	_cleanup_strmap_ struct strmap uses = { 0 };

	for (size_t i = 0; i < w->n; i++) {
		const struct guest *g = is_guest(w->v[i]) ? w->v[i]->want : NULL;
		const struct resource *first;
		const char *at;

		if (!g || !obj_has(g, "graphics") || !obj_has(&g->graphics, "port"))
			continue;
		at = arena_printf(d->arena, "%s port %d",
			obj_text(&g->graphics, "listen", d->arena), (int)g->graphics.port);
		first = strmap_get(&uses, at);
		if (!first)
			strmap_put(&uses, at, w->v[i]);
		else
			diag_relate(diag_error(d, obj_mark(&g->graphics, "port"),
					    "give one of the two another port, or leave it out",
					    "%s is the screen of %s and of %s", at, first->id,
					    w->v[i]->id),
				obj_mark(&((const struct guest *)first->want)->graphics, "port"),
				"first claimed here");
	}
}

static bool filters(const struct resource *bridge, const struct wants *w)
{
	return bridge && streq_null(obj_text(bridge->want, "vlan_filtering", w->arena), "true");
}

/* A tag that counts nowhere would be a guest in the wrong network. */
static void check_vlans(const struct resource *r, const struct wants *w, struct diags *d)
{
	const struct guest *g = r->want;

	for (size_t i = 0; i < g->interfaces.n; i++) {
		const struct guest_interface *nic =
			&LIST_AT(&g->interfaces, const struct guest_interface, i);
		const char *key = obj_has(nic, "pvid") ? "pvid" : "vlans";

		if (nic->vf || !obj_has(nic, key) ||
			(nic->bridge && filters(wants_find(w, "bridge", nic->bridge), w)))
			continue;
		if (nic->bridge)
			diag_error(d, obj_mark_key(nic, key),
				arena_printf(
					d->arena, "write vlan_filtering: true for %s", nic->bridge),
				"the bridge %s does not tell VLANs apart", nic->bridge);
		else
			diag_error(d, obj_mark_key(nic, key), "name a bridge with vlan_filtering",
				"a %s has no VLANs", nic->macvtap ? "macvtap" : "network");
	}
}

/* Once for all guests, on behalf of the first. */
static void check(const struct resource *r, const struct wants *w, struct diags *d)
{
	size_t first = 0;

	check_vlans(r, w, d);
	guest_macvtap_check(r, w, d);
	while (first < w->n && !is_guest(w->v[first]))
		first++;
	if (first < w->n && w->v[first] == r) {
		check_uids(w, d);
		check_images(w, d);
		check_screens(w, d);
		guest_vfs_check(w, d);
	}
}

/* The resource that an interface is connected to, and its bridge; NULL: not declared. */
static struct resource *connected_to(
	const struct guest_interface *nic, struct wants *w, const char **bridge)
{
	struct resource *to;

	if (nic->bridge) {
		*bridge = nic->bridge;
		return wants_find(w, "bridge", nic->bridge);
	}
	to = nic->network ? wants_find(w, "network", nic->network) : NULL;
	*bridge = to ? obj_text(to->want, "bridge", w->arena) : NULL;
	return to;
}

/* An image with a `size` is made before the guest starts. */
static void derive_disks(const struct resource *r, struct wants *w)
{
	const struct guest *g = r->want;

	for (size_t i = 0; i < g->disks.n; i++) {
		const struct guest_disk *k = &LIST_AT(&g->disks, const struct guest_disk, i);
		struct resource *disk;

		if (!obj_has(k, "size") && (disk_is_readonly(k) || !startswith(k->path, "/dev/")))
			continue;
		disk = want_derive(w, r, "disk", k->path + 1, true);
		if (obj_has(k, "size"))
			want_set(w, disk, "size", obj_text(k, "size", w->arena));
		want_set(w, disk, "format", disk_format_names[disk_format(k)]);
		want_set(w, disk, "preallocation", disk_preallocation_names[k->preallocation]);
		if (k->base) {
			want_set(w, disk, "base", k->base);
			want_set(w, disk, "base_format", disk_format_names[k->base_format]);
		}
		if (k->copy_of) {
			want_set(w, disk, "copy_of", k->copy_of);
			want_set(w, disk, "base_format", disk_format_names[k->base_format]);
		}
	}
}

/* What is made of some of a section's keys before the guest starts. */
static void derive_of(struct wants *w, const struct resource *r, const char *kind,
	const void *section, const char *const *keys, size_t n)
{
	struct resource *made = want_derive(w, r, kind, r->name, true);

	for (size_t i = 0; i < n; i++)
		if (obj_has(section, keys[i]))
			want_set(w, made, keys[i], obj_text(section, keys[i], w->arena));
}

static void derive_seed(const struct resource *r, struct wants *w)
{
	static const char *const keys[] = { "user_data", "meta_data", "network_config",
		"vendor_data" };
	const struct guest *g = r->want;

	if (obj_has(g, "cloud_init"))
		derive_of(w, r, "seed", &g->cloud_init, keys, ARRAY_SIZE(keys));
}

static void derive_tree(const struct resource *r, struct wants *w)
{
	static const char *const keys[] = { "location", "answers", "kernel_sha256",
		"initrd_sha256" };
	const struct guest *g = r->want;

	if (obj_has(g, "install") && g->install.location)
		derive_of(w, r, "tree", &g->install, keys, ARRAY_SIZE(keys));
}

/* The host's word, for interfaces that have none of their own: what runs is compared with it. */
static void inherit_vhost(const struct resource *r, struct wants *w)
{
	const struct guest *g = r->want;
	struct resource *host = wants_find(w, "vhost_net", "host");
	const char *enabled = host ? obj_text(host->want, "enabled", w->arena) : NULL;

	if (!enabled)
		return;
	for (size_t i = 0; i < g->interfaces.n; i++) {
		struct guest_interface *nic = &LIST_AT(&g->interfaces, struct guest_interface, i);

		if (nic->vf || obj_has(nic, "vhost"))
			continue;
		nic->vhost = streq(enabled, "true");
		obj_mark_set(nic, "vhost");
	}
	if (g->interfaces.n)
		want_after(w, wants_find(w, "guest", r->name), host);
}

/* Where the bridge filters something is always said, so that what was said before goes. */
static void derive_vlans(const struct guest_interface *nic, const struct resource *to,
	struct resource *tap, struct wants *w)
{
	int64_t pvid = obj_has(nic, "pvid") ? nic->pvid : obj_has(nic, "vlans") ? 0 : 1;

	if (!filters(to, w))
		return;
	want_set(w, tap, "pvid", arena_printf(w->arena, "%lld", (long long)pvid));
	want_set_list(w, tap, "vlans", &nic->vlans);
}

static void derive(const struct resource *r, struct wants *w)
{
	const struct guest *g = r->want;
	char name[IFNAMSIZ], owner[24];
	struct decimal queues;

	derive_disks(r, w);
	derive_seed(r, w);
	derive_tree(r, w);
	inherit_vhost(r, w);
	assign_derive(r, w);
	guest_vfs_derive(r, w);
	snprintf(owner, sizeof(owner), "%lu", (unsigned long)guest_uid(r->name));
	for (size_t i = 0; i < g->interfaces.n; i++) {
		const struct guest_interface *nic =
			&LIST_AT(&g->interfaces, const struct guest_interface, i);
		const char *bridge;
		struct resource *tap, *to;

		if (nic->macvtap)
			guest_macvtap_derive(r, i, w);
		to = connected_to(nic, w, &bridge);

		/* A dangling reference is reported from the row. */
		if (!to || !bridge)
			continue;
		guest_tap_name(r->name, i, name);
		tap = want_derive(w, r, "tap", name, true);
		want_set(w, tap, "bridge", bridge);
		want_set(w, tap, "owner", owner);
		want_after(w, tap, to);
		want_set(w, tap, "queues", decimal(&queues, interface_queues(nic)));
		if (obj_has(nic, "mtu"))
			want_set(w, tap, "mtu", obj_text(nic, "mtu", w->arena));
		derive_vlans(nic, to, tap, w);
	}
}

const struct kind guest_kind = {
	.name = "guest",
	.table = &guest_table,
	.recreate_costs = DISRUPT_GUEST,
	.units = true,
	.check = check,
	.derive = derive,
	.observe = guest_observe,
	.diff = guest_diff,
	.refine = guest_refine,
	.apply_all = guest_apply,
	.owned = guest_owned,
};
