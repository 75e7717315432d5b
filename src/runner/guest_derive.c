/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a guest implies: taps, images, discs, trees and devices that are there before it starts. */
#include "base/decimal.h"
#include "runner/assign.h"
#include "runner/guest_kind.h"
#include "runner/guest_macvtap.h"
#include "runner/guest_vfs.h"

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

		if (!k->path || (!obj_has(k, "size") &&
					(disk_is_readonly(k) || !startswith(k->path, "/dev/"))))
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

	if (!guest_filters(to, w))
		return;
	want_set(w, tap, "pvid", arena_printf(w->arena, "%lld", (long long)pvid));
	want_set_list(w, tap, "vlans", &nic->vlans);
}

void guest_derive(const struct resource *r, struct wants *w)
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
