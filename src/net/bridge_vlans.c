/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which VLANs pass a bridge's ports, as far as the document says so. */
#include "net/bridge.h"
#include "net/port_vlans.h"

static void check_rows(const void *obj, struct diags *d)
{
	const struct bridge_vlans *v = obj;
	struct vlan_set set = { 0 };

	vlan_set_add(&set, &v->vlans);
	if (v->pvid && set.bits[v->pvid / 8] >> v->pvid % 8 & 1)
		diag_error(d, obj_mark(v, "pvid"),
			"a VLAN leaves with its tag or without: take it out of one of the two",
			"VLAN %lld is the untagged one and stands in `vlans` too",
			(long long)v->pvid);
}

static const struct field rows[] = {
	FIELD_INT(struct bridge_vlans, pvid, 0, 4094, .def = "0", .example = "42",
		.doc = "The VLAN of packets without a tag, which leave the port without one. 0: "
		       "packets without a tag are dropped."),
	FIELD_LIST(struct bridge_vlans, vlans, type_vlan_range, .def = "[]",
		.example = "[10, 20-29]", .doc = "VLANs whose packets pass with their tags."),
};

const struct table bridge_vlans_table = TABLE(struct bridge_vlans, rows, .key = &type_ifname,
	.key_word = "PORT", .check = check_rows,
	.doc = "VLANs by port of the bridge; the bridge's own name stands for the host. A port "
	       "that is not named has VLAN 1, without tags.");

static struct mark key_mark(const struct bridge *b, const char *port)
{
	const struct pair *vlans = b->obj.node ? node_find(b->obj.node, "vlans") : NULL;
	const struct pair *entry = vlans ? node_find(vlans->value, port) : NULL;

	return entry ? entry->key->mark : obj_mark(b, "vlans");
}

void bridge_vlans_check(const struct bridge *b, struct diags *d)
{
	if (b->vlans.n && !b->vlan_filtering)
		diag_error(d, obj_mark_key(b, "vlans"), "write vlan_filtering: true",
			"%s: VLANs of ports count only where the bridge filters", b->obj.name);
	for (size_t i = 0; i < b->vlans.n; i++) {
		const struct bridge_vlans *v = &LIST_AT(&b->vlans, struct bridge_vlans, i);

		if (!streq(v->obj.name, b->obj.name) && !ported_wants(&b->ported, v->obj.name))
			diag_error(d, key_mark(b, v->obj.name),
				"name one of `ports`, or the bridge itself; guests' interfaces "
				"have keys of their own, pvid and vlans",
				"%s is not a port of %s", v->obj.name, b->obj.name);
	}
}

/* The link of an entry, when it is in the bridge or the bridge itself. */
static const struct link *link_of(
	const struct links *ls, const struct link *bridge, const struct bridge_vlans *v)
{
	const struct link *l = links_name(ls, v->obj.name);

	return l && (l == bridge || l->master == bridge->index) ? l : NULL;
}

int bridge_vlans_observe(struct host *h, const struct links *ls, const struct link *bridge,
	const struct bridge *ref, struct bridge *have, struct error *e)
{
	struct bridge_vlans *out = NULL;

	have->vlan_filtering = bridge->vlan_filtering;
	obj_mark_set(have, "vlan_filtering");
	obj_mark_set(have, "vlans");
	for (size_t i = 0; ref && i < ref->vlans.n; i++) {
		const struct bridge_vlans *want = &LIST_AT(&ref->vlans, struct bridge_vlans, i);
		const struct link *l = link_of(ls, bridge, want);
		const struct port_vlans *now = NULL;
		struct bridge_vlans *v;
		int r = l ? port_vlans_get(h, l->index, &now, e) : 0;

		if (r < 0)
			return r;
		if (!now)
			continue;
		v = ARENA_PUSH(h->pass, out, have->vlans.n);
		obj_init(v, &bridge_vlans_table, want->obj.name);
		v->pvid = now->pvid;
		v->vlans = port_vlans_list(h->pass, now, &want->vlans);
		obj_mark_set(v, "pvid");
		obj_mark_set(v, "vlans");
	}
	have->vlans.v = out;
	return 0;
}

struct list bridge_vlans_present(
	struct host *h, const struct resource *r, const struct links *ls, const struct bridge *want)
{
	struct bridge_vlans *v = NULL;
	struct list out = { 0 };

	for (size_t i = 0; i < want->vlans.n; i++) {
		const struct bridge_vlans *one = &LIST_AT(&want->vlans, struct bridge_vlans, i);

		if (streq(one->obj.name, r->name) || !port_missing(h, r, ls, one->obj.name, NULL))
			*ARENA_PUSH(h->pass, v, out.n) = *one;
	}
	out.v = v;
	return out;
}

void bridge_vlans_apply(struct host *h, struct step *s)
{
	const struct bridge *want = s->want;
	const struct link *bridge;
	const struct links *ls;
	struct nl *nl;

	if (!want->vlans.n)
		return;
	links_forget(h);
	if (links_get(h, &ls, &s->error) < 0 || netlink_get(h, &nl, &s->error) < 0)
		return;
	bridge = links_name(ls, s->r->name);
	for (size_t i = 0; bridge && i < want->vlans.n; i++) {
		const struct bridge_vlans *v = &LIST_AT(&want->vlans, struct bridge_vlans, i);
		struct port_vlans_change c = { .self = streq(v->obj.name, s->r->name),
			.name = v->obj.name,
			.pvid = (uint16_t)v->pvid,
			.vlans = &v->vlans };
		const struct link *l = link_of(ls, bridge, v);
		static const struct port_vlans nothing;

		if (!l || port_vlans_get(h, l->index, &c.have, &s->error) < 0)
			continue;
		c.index = l->index;
		c.have = c.have ? c.have : &nothing;
		port_vlans_put(nl, &c, &s->error);
	}
	netlink_flush(nl);
	links_forget(h);
}
