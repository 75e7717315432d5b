/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kind `bridge`. A bridge has the MAC address of its first port or one of
 * its own, which does not follow what comes and goes. One that is there
 * already is taken over in place and given back as it was.
 */
#include "net/bridge.h"
#include "net/bridge_link.h"
#include "net/manager.h"
#include "net/port.h"
#include "reconcile/record.h"

#define USEC_PER_CSEC (USEC_PER_SEC / 100)

static const struct field bridge_fields[] = {
	FIELD_LIST(struct bridge, ports, type_ifname, .def = "[]", .uses = "link", .claims = "port",
		.example = "[eth0]",
		.doc = "Links that are ports of the bridge: network cards, vlans. One that is not "
		       "there yet is waited for, the bridge works without it. Ports that others "
		       "put into the bridge, such as a container's, stay. One taken out of the "
		       "list gets back what it had."),
	FIELD_LIST(struct bridge, addressing, type_addressing, .def = "inherit", .alone = true,
		.example = "inherit",
		.doc = "The host's own addresses on the bridge. `inherit`: the addresses and "
		       "routes "
		       "that its ports have move to the bridge in one go, connections stay, and "
		       "they move back with the port. `dhcp`: from a DHCP server, by "
		       "systemd-networkd "
		       "where it runs, else by dhcpcd or dhclient in a unit of kvmhost's; until "
		       "the "
		       "bridge has a lease, the port's goes on. `none`: the ports' are put aside "
		       "as "
		       "long as they are ports. A list of addresses with their prefix lengths: "
		       "these, and "
		       "the ports' routes. What is not among them is put aside."),
	FIELD_BOOL(struct bridge, stp, .def = "false",
		.doc = "Spanning tree protocol. Needed only where bridges can form a loop."),
	FIELD_DURATION(struct bridge, forward_delay, 0, 30 * USEC_PER_SEC, .def = "0s",
		.doc = "How long a new port listens and learns before it forwards. Without STP 0s: "
		       "a "
		       "guest that asks for a lease or boots over the network would time out. With "
		       "STP 2s to 30s."),
	FIELD_INT(struct bridge, mtu, 68, 65535, .example = "1500",
		.doc = "Largest packet in bytes. Ports of the list that carry less are set to it "
		       "as long as they are ports. Left out, the kernel's choice: the smallest of "
		       "the ports, 1500 without one."),
	FIELD_VALUE(struct bridge, mac, struct mac, type_mac, .example = "\"52:54:00:6d:90:01\"",
		.doc = "The bridge's own address. Left out, that of the first port, and without "
		       "ports one that is derived from the machine and the name. Either way it "
		       "does "
		       "not change when guests come and go."),
	FIELD_BOOL(struct bridge, vlan_filtering, .def = "false",
		.doc = "Whether the bridge tells VLANs apart: a packet passes only ports that have "
		       "its VLAN. Ports, guests' interfaces among them, have VLAN 1 without tags "
		       "where nothing else is said."),
	FIELD_MAP(struct bridge, vlans, bridge_vlans_table, .def = "{}",
		.example = "{eth0: {pvid: 1, vlans: [10, 20-29]}}",
		.doc = "VLANs of the ports, by their names; the bridge's own name stands for the "
		       "host's side."),
};

const struct table bridge_table = TABLE(struct bridge, bridge_fields, .key = &type_ifname,
	.key_word = "BRIDGE", .check = bridge_check_values,
	.doc = "Bridges by interface name, for guests that are to stand in the host's own "
	       "networks.");

static void bridge_derive(const struct resource *r, struct wants *w)
{
	manager_imply(r, w);
	zone_imply(r, w);
	if (addressing_of(r->want) == ADDRESSING_DHCP)
		want_derive(w, r, "dhcp", r->name, false);
}

static struct bridge *bridge_have(struct host *h, const struct resource *r, const struct link *l)
{
	struct bridge *b = obj_new(h->pass, &bridge_table, r->name);

	b->stp = l->stp;
	b->forward_delay = l->forward_delay * (uint64_t)USEC_PER_CSEC;
	b->mtu = l->mtu;
	b->mac = l->mac;
	b->state = link_state(l, r);
	obj_mark_set(b, "stp");
	obj_mark_set(b, "forward_delay");
	obj_mark_set(b, "mtu");
	obj_mark_set(b, "mac");
	return b;
}

/* The bridge is gone, but what it took of its ports was never given back. */
static void *owes(struct host *h, const struct resource *r)
{
	if (r->want || !taken_port(h, r->id, 0))
		return NULL;
	return obj_new(h->pass, &bridge_table, r->name);
}

static int bridge_observe(struct host *h, const struct resource *r, void **have, struct error *e)
{
	const struct links *ls;
	const struct link *l;
	struct bridge *b;
	int ret;

	*have = NULL;
	if (!h->live)
		return 0;
	ret = ported_link(h, r, &ls, &l, e);
	if (ret < 0)
		return ret;
	if (!l) {
		*have = owes(h, r);
		/* Ports that cannot be had are told before the bridge is made. */
		b = obj_new(h->pass, &bridge_table, r->name);
		return r->want ? ported_observe(h, r, ls, NULL, &b->ported, e) : 0;
	}
	if (r->want && (ret = bridge_link_check(h, l, e)) < 0)
		return ret;
	if (!l->type || !streq(l->type, "bridge"))
		return 0;
	if (!r->want && !r->before && (ret = ports_foreign(h, r, ls, l, e)) < 0)
		return ret;
	b = bridge_have(h, r, l);
	ret = ported_observe(h, r, ls, l, &b->ported, e);
	if (ret >= 0)
		ret = bridge_vlans_observe(h, ls, l, r->want ? r->want : r->before, b, e);
	if (ret >= 0)
		*have = b;
	return ret;
}

/*
 * The MAC address of a bridge of ours, where the document gives none: its first port's, or its
 * own. One that it has stays, unless it was made before its first port came, or another link has
 * the same: two links with one address in one network would be heard as one. Returns whether
 * it has to change.
 */
static bool choose_mac(struct host *h, const struct links *ls, const struct resource *r,
	const struct bridge *want, const struct link *there, struct mac *out)
{
	struct mac own = link_mac(h, 0x52, r->name);
	const struct link *port = NULL;
	bool taken = false;

	for (size_t i = 0; !port && i < want->ports.n; i++)
		port = port_find(h, r, ls, LIST_AT(&want->ports, const char *, i), NULL);
	*out = port ? port->mac : own;
	if (!there)
		return port != NULL;
	if (!link_is_marked_for(there, r) || !record_has(h, r->id) || !record_made(h, r->id) ||
		mac_equal(&there->mac, out))
		return false;
	for (size_t i = 0; i < ls->n; i++)
		taken |= &ls->v[i] != there && mac_equal(&ls->v[i].mac, &there->mac) &&
			 ls->v[i].master != there->index &&
			 !ported_wants(&want->ported, ls->v[i].name);
	return taken || (port && mac_equal(&there->mac, &own));
}

/* Ports that are not there yet: the rest is compared, and done, without them. */
static const char *leave_out_missing(struct host *h, const struct step *s, struct bridge *shown)
{
	const struct bridge *want = s->want;
	const char *awaited;
	const struct links *ls;

	if (!want->ports.n || !h->live || links_get(h, &ls, NULL) < 0)
		return NULL;
	shown->ports = ports_present(h, s->r, ls, &want->ports, &awaited);
	shown->vlans = bridge_vlans_present(h, s->r, ls, want);
	return awaited;
}

static const char *mac_text(struct host *h, const struct mac *m)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };

	mac_format(m, &text);
	return arena_strdup(h->pass, sb_str(&text));
}

static void diff_mac(struct host *h, struct step *s)
{
	const struct bridge *have = s->have, *want = s->want;
	const struct links *ls;
	const struct link *l;
	struct mac m;

	if (!have || obj_has(want, "mac") || !h->live || links_get(h, &ls, NULL) < 0)
		return;
	l = links_name(ls, s->r->name);
	if (l && choose_mac(h, ls, s->r, want, l, &m))
		step_change(h, s, "mac", "mac", mac_text(h, &have->mac), mac_text(h, &m));
}

static void bridge_diff(struct host *h, struct step *s)
{
	const struct bridge *have = s->have, *want = s->want;
	struct bridge shown = *want;
	const char *awaited = leave_out_missing(h, s, &shown);

	s->want = &shown;
	link_diff(h, s, have ? &have->state : NULL);
	s->want = want;
	diff_mac(h, s);
	if (s->n_changes || !awaited || s->verb == STEP_RESTORE)
		return;
	step_change(h, s, "ports", "ports", obj_text(have, "ports", h->pass),
		obj_text(want, "ports", h->pass));
	s->wait = awaited;
}

static struct bridge_link to_link(
	struct host *h, const struct links *ls, struct step *s, const struct link *there)
{
	const struct bridge *want = s->want;
	char mark[LINK_MARK_MAX];
	struct bridge_link b = {
		.step = s,
		.name = s->r->name,
		.there = there,
		.mark = s->verb == STEP_RESTORE ? "" : arena_strdup(h->pass, link_mark(s->r, mark)),
		.mac = want->mac,
		.mtu = obj_has(want, "mtu") ? (uint32_t)want->mtu : 0,
		.options = true,
		.stp = want->stp,
		.vlan_filtering = want->vlan_filtering,
		.forward_delay = (uint32_t)(want->forward_delay / USEC_PER_CSEC),
	};

	if (obj_has(want, "mac"))
		b.has_mac = true;
	else
		b.has_mac = choose_mac(h, ls, s->r, want, there, &b.mac);
	return b;
}

/* Sorts the steps into links to go and links to be. */
static void sort_out(struct host *h, const struct links *ls, struct step *s,
	struct bridge_link *keep, size_t *n_keep, struct doomed *go, size_t *n_go)
{
	const struct link *there;

	if (!s->want) {
		/* Marked for another resource by now: it is that one's to remove. */
		there = links_name(ls, s->r->name);
		if (there && (!link_marked(there) || link_is_marked_for(there, s->r)))
			go[(*n_go)++] = (struct doomed){ there, s };
	} else if (s->verb == STEP_RESTORE && !links_name(ls, s->r->name)) {
		/* Whoever deleted it meant it: its ports have theirs back, and that is all. */
	} else if (bridge_link_find(ls, s, s->r->name, &there)) {
		keep[(*n_keep)++] = to_link(h, ls, s, there);
	}
}

static void bridge_apply_all(struct host *h, struct step *const *steps, size_t n)
{
	struct bridge_link *keep = arena_alloc(h->pass, n * sizeof(*keep));
	struct doomed *go = arena_alloc(h->pass, n * sizeof(*go));
	size_t n_keep = 0, n_go = 0;
	const struct links *ls;
	struct nl *nl;

	managers_expect(h, steps, n);
	for (size_t i = 0; i < n; i++)
		ports_give_back(h, steps[i]);
	for (size_t i = 0; i < n; i++)
		if (!steps[i]->error.code && links_get(h, &ls, &steps[i]->error) >= 0 &&
			netlink_get(h, &nl, &steps[i]->error) >= 0)
			sort_out(h, ls, steps[i], keep, &n_keep, go, &n_go);
	if (n_go)
		links_remove(nl, ls, go, n_go);
	if (n_keep)
		bridge_links_apply(h, nl, keep, n_keep);
	links_forget(h);
	for (size_t i = 0; i < n; i++)
		if (steps[i]->want && !steps[i]->error.code)
			ports_take(h, steps[i]);
	for (size_t i = 0; i < n; i++)
		if (steps[i]->want && !steps[i]->error.code)
			bridge_vlans_apply(h, steps[i]);
}

const struct kind bridge_kind = {
	.name = "bridge",
	.table = &bridge_table,
	.claims = "link",
	.recreate_costs = DISRUPT_LINK,
	.undo = true,
	.check = bridge_check,
	.derive = bridge_derive,
	.observe = bridge_observe,
	.diff = bridge_diff,
	.apply_all = bridge_apply_all,
	.owned = links_owned,
};
