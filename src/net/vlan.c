/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kind `vlan`: a link that stands for one VLAN of another link. What
 * makes it another VLAN makes another link; it keeps its place in a bridge.
 */
#include "net/link_kind.h"
#include "net/manager.h"
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

struct vlan {
	struct obj obj;
	const char *link;
	int64_t id;
	int protocol;
	int64_t mtu;
	struct mac mac;
	struct link_state state;
};

static const char *const protocol_names[] = { "802.1q", "802.1ad", NULL };
static const uint16_t protocols[] = { ETH_P_8021Q, ETH_P_8021AD };

static const struct field vlan_fields[] = {
	FIELD_STRING(struct vlan, link, type_ifname, .required = true, .uses = "link",
		.example = "eth1", .on_change = CHANGE_RECREATE,
		.doc = "The link whose VLAN it is: a network card, a bridge, another vlan. One "
		       "that "
		       "is not there yet is waited for."),
	FIELD_INT(struct vlan, id, 1, 4094, .required = true, .example = "42",
		.on_change = CHANGE_RECREATE, .doc = "The number of the VLAN."),
	FIELD_ENUM(struct vlan, protocol, protocol_names, .def = "802.1q",
		.on_change = CHANGE_RECREATE,
		.doc = "The tag: 802.1q, or 802.1ad for the outer one of two."),
	FIELD_INT(struct vlan, mtu, 68, 65535, .example = "1500",
		.doc = "Largest packet in bytes. Left out, that of the link."),
	FIELD_VALUE(struct vlan, mac, struct mac, type_mac, .example = "\"52:54:00:6d:90:42\"",
		.doc = "The vlan's own address. Left out, that of the link."),
};

static void check_values(const void *obj, struct diags *d)
{
	const struct vlan *v = obj;

	if (streq(v->link, v->obj.name))
		diag_error(d, obj_mark(v, "link"), "name the link that carries it",
			"%s: a vlan cannot be one of itself", v->obj.name);
}

const struct table vlan_table = TABLE(struct vlan, vlan_fields, .key = &type_ifname,
	.key_word = "VLAN", .check = check_values,
	.doc = "VLANs of links, by interface name. As ports of bridges they bring one VLAN to "
	       "guests.");

static void read_vlan(struct host *h, const struct resource *r _unused_, const struct links *ls,
	const struct link *l, void *have)
{
	const struct link *parent = l->parent ? links_index(ls, l->parent) : NULL;
	struct vlan *v = have;

	if (parent) {
		v->link = arena_strdup(h->pass, parent->name);
		obj_mark_set(v, "link");
	}
	v->id = l->vlan_id;
	v->protocol = l->vlan_protocol == ETH_P_8021AD;
	obj_mark_set(v, "id");
	obj_mark_set(v, "protocol");
}

static const char *below(const void *want)
{
	return ((const struct vlan *)want)->link;
}

static void put_vlan(struct nl_msg *m, const void *obj)
{
	const struct vlan *want = obj;
	uint16_t id = (uint16_t)want->id, protocol = htons(protocols[want->protocol]);

	netlink_put(m, IFLA_VLAN_ID, &id, sizeof(id));
	netlink_put(m, IFLA_VLAN_PROTOCOL, &protocol, sizeof(protocol));
}

const struct link_kind vlan_link = {
	.kind = &vlan_kind,
	.type = "vlan",
	.driver = "8021q",
	.state = offsetof(struct vlan, state),
	.below = below,
	.read = read_vlan,
	.put = put_vlan,
};

/* The kernel has each VLAN of a link once. Once for all, on behalf of the first. */
static void check_twice(const struct resource *r, const struct wants *w, struct diags *d)
{
	_cleanup_strmap_ struct strmap seen = { 0 };

	for (size_t i = 0; i < w->n; i++) {
		const struct vlan *v = w->v[i]->want;
		struct resource *first;
		const char *key;

		if (w->v[i]->kind != r->kind)
			continue;
		if (!seen.n && w->v[i] != r)
			return;
		key = arena_printf(d->arena, "%s %d %d", v->link, (int)v->id, v->protocol);
		first = strmap_get(&seen, key);
		if (!first)
			strmap_put(&seen, key, w->v[i]);
		else
			diag_relate(diag_error(d, obj_mark(v, "id"), "take one of the two out",
					    "%s and %s are the same VLAN %d of %s", first->id,
					    w->v[i]->id, (int)v->id, v->link),
				obj_mark(first->want, "id"), "the other one");
	}
}

const struct kind vlan_kind = {
	.name = "vlan",
	.table = &vlan_table,
	.check = check_twice,
	.claims = "link",
	.recreate_costs = DISRUPT_LINK,
	.undo = true,
	.derive = manager_imply,
	.observe = link_kind_observe,
	.diff = link_kind_diff,
	.refine = link_kind_refine,
	.apply = link_kind_apply,
	.owned = links_owned,
};
