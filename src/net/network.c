/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kind `network`: a bridge without outside ports, the host's addresses on
 * it, and by its mode the rules that let guests out. The bridge is known by
 * its mark, so that it can be renamed in place.
 */
#include "net/network.h"
#include "net/bridge_link.h"
#include "reconcile/record.h"

static const char *const mode_names[] = { "nat", "routed", "isolated", NULL };
static const char *const ra_names[] = { "none", "slaac", "dhcp", NULL };

static const struct field network_fields[] = {
	FIELD_ENUM(struct network, mode, mode_names, .def = "nat",
		.doc = "How guests reach other networks: `nat` behind the host's address, `routed` "
		       "with their own, `isolated` not at all. They reach each other and the host "
		       "in "
		       "every mode."),
	FIELD_STRING(struct network, bridge, type_ifname, .required = true, .claims = "link",
		.example = "virbr0",
		.doc = "Interface name of the network's own bridge. A new name renames it in "
		       "place."),
	FIELD_LIST(struct network, addresses, type_cidr, .def = "[]",
		.example = "[192.168.122.1/24]",
		.doc = "The host's addresses in the network, of IPv4 and IPv6, each with its "
		       "prefix "
		       "length. They say which addresses the guests have; `nat` and `routed` need "
		       "one at least. Without one of IPv6 there is no IPv6 on the bridge."),
	FIELD_ENUM(struct network, ra, ra_names,
		.doc = "How guests come to IPv6 addresses. `slaac`: they make their own in a /64 "
		       "that the host announces. `dhcp`: they get one from dhcp.range6. `none`: "
		       "nothing is announced. Left out, `dhcp` where there is a range6, else "
		       "`slaac` for a /64. On an isolated network no way out is announced.",
		.example = "slaac"),
	FIELD_BOOL(struct network, nat66, .def = "false",
		.doc = "In mode `nat`, whether IPv6 guests too are hidden behind the host's "
		       "address. Else they go out with their own, which the outside must route "
		       "to the host, and answers alone come in."),
	FIELD_INT(struct network, mtu, 68, 65535, .example = "1500",
		.doc = "Largest packet in bytes. Left out, the kernel's choice: 1500, then the "
		       "smallest of the guests' interfaces."),
	FIELD_OBJECT(struct network, dhcp, struct network_dhcp, network_dhcp_table,
		.doc = "Addresses handed out to guests, with DNS."),
	FIELD_OBJECT(struct network, dns, struct network_dns, network_dns_table,
		.doc = "Names of guests and of the outside, answered by the host. DNS is served "
		       "wherever DHCP is; this section alone serves it without."),
	FIELD_OBJECT(struct network, tftp, struct network_tftp, network_tftp_table,
		.doc = "Files for guests that boot over the network."),
	FIELD_OBJECTS(struct network, forwards, network_forward_table, .def = "[]",
		.doc = "Ports of the host that lead to guests: at every address of the host, from "
		       "outside, from guests, and from the host itself but for 127.0.0.1. In modes "
		       "`nat` and `routed`."),
};

const struct table network_table = TABLE(struct network, network_fields, .key = &type_name,
	.key_word = "NETWORK", .check = network_check_values,
	.doc = "Virtual networks, each on a bridge of its own that no physical port is in.");

bool network_lists(const struct network *n, const struct cidr *c)
{
	for (size_t i = 0; n && i < n->addresses.n; i++) {
		const struct cidr *x = &LIST_AT(&n->addresses, struct cidr, i);

		if (x->prefix == c->prefix && x->ip.family == c->ip.family &&
			!memcmp(x->ip.b, c->ip.b, c->ip.family == AF_INET ? 4 : 16))
			return true;
	}
	return false;
}

/* In the order in which the document has them, then the others: order alone is no difference. */
static void read_addresses(struct host *h, const struct links *ls, const struct link *l,
	const struct network *want, struct network *have)
{
	struct network all = { 0 };
	struct cidr *v;
	size_t n, k = 0;
	const struct addr *a = links_addrs(ls, l->index, &n);

	v = arena_alloc(h->pass, (2 * n + 1) * sizeof(*v));
	for (size_t i = 0; i < n; i++)
		v[n + i] = a[i].cidr;
	all.addresses = (struct list){ v + n, n };
	for (size_t i = 0; want && i < want->addresses.n && k < n; i++)
		if (network_lists(&all, &LIST_AT(&want->addresses, struct cidr, i)))
			v[k++] = LIST_AT(&want->addresses, struct cidr, i);
	for (size_t i = 0; i < n && k < n; i++)
		if (!network_lists(want, &a[i].cidr))
			v[k++] = a[i].cidr;
	have->addresses = (struct list){ v, k };
	obj_mark_set(have, "addresses");
}

static struct network *network_have(
	struct host *h, const struct resource *r, const struct links *ls, const struct link *l)
{
	struct network *have = obj_new(h->pass, &network_table, r->name);
	const struct network *want = r->want, *mode = r->want ? r->want : r->before;

	have->bridge = arena_strdup(h->pass, l->name);
	have->mtu = l->mtu;
	have->state = link_state(l, r);
	have->ipv6_on = l->accept_ra < 0 ? -1 : !l->ipv6_off;
	obj_mark_set(have, "bridge");
	obj_mark_set(have, "mtu");
	read_addresses(h, ls, l, want, have);
	/* The mode is nothing on the link: the firewall's rules say it and are compared there. */
	if (mode) {
		have->mode = mode->mode;
		obj_mark_set(have, "mode");
	}
	return have;
}

/* The name under which an unmarked bridge would be ours. */
static const char *bridge_name(const struct resource *r)
{
	const struct network *n = r->want ? r->want : r->before;

	return n ? n->bridge : NULL;
}

/* Made by an apply that was cut off before it could mark it. */
static const struct link *unfinished(const struct resource *r, const struct links *ls)
{
	const struct network *n = r->made;
	const struct link *l = n ? links_name(ls, n->bridge) : NULL;

	return l && !link_marked(l) && l->group == LINK_MAKING ? l : NULL;
}

/* The wanted name is somebody else's while our bridge still has the old one. */
static int check_rename(struct host *h, const struct resource *r, const struct links *ls,
	const struct link *ours, struct error *e)
{
	const struct link *taken = links_name(ls, bridge_name(r));

	if (!taken || taken == ours || link_marked(taken))
		return 0;
	error_set(e, -ENOTUNIQ, "cannot rename %s to %s: there is %s of that name", ours->name,
		taken->name, link_describe(taken, h->pass));
	return error_cure(
		e, "name the bridge otherwise, or remove the link: ip link delete %s", taken->name);
}

static int network_find(struct host *h, const struct resource *r, const struct links *ls,
	const struct link **out, struct error *e)
{
	char mark[LINK_MARK_MAX];
	const char *name = bridge_name(r);
	const struct link *l = links_mark(ls, link_mark(r, mark));

	*out = l;
	if (l)
		return r->want ? check_rename(h, r, ls, l, e) : 0;
	l = name ? links_name(ls, name) : unfinished(r, ls);
	if (!l || link_marked(l))
		return 0;
	*out = l;
	return r->want ? bridge_link_check(h, l, e) : 0;
}

static int network_observe(struct host *h, const struct resource *r, void **have, struct error *e)
{
	const struct links *ls;
	const struct link *l;
	int ret;

	*have = NULL;
	if (!h->live)
		return 0;
	ret = links_get(h, &ls, e);
	if (ret < 0)
		return ret;
	ret = network_find(h, r, ls, &l, e);
	if (ret >= 0 && r->want)
		ret = network_check_free(h, r->want, ls, l, e);
	if (ret < 0 || !l || !l->type || !streq(l->type, "bridge"))
		return ret;
	if (!r->want && !r->before && (ret = bridge_ports_check(ls, l, e)) < 0)
		return ret;
	*have = network_have(h, r, ls, l);
	return 0;
}

bool network_keeps_foreign(struct host *h, const struct step *s)
{
	const struct network *have = s->have;

	if (!have || s->verb == STEP_RESTORE)
		return false;
	if (!h->record || !record_has(h, s->r->id))
		return have->state.unmarked;
	return !record_made(h, s->r->id);
}

/* Every address that is wanted is there. */
static bool has_wanted(const struct network *want, const struct network *have)
{
	for (size_t i = 0; i < want->addresses.n; i++)
		if (!network_lists(have, &LIST_AT(&want->addresses, struct cidr, i)))
			return false;
	return true;
}

/* What is not on the link, but in the firewall's rules and in dnsmasq's files, is compared there.
 */
static struct network link_part(const struct network *n)
{
	static const char *const elsewhere[] = { "dhcp", "dns", "tftp", "forwards", "ra", "nat66" };
	static uint64_t rows; /* the same for all networks */
	struct network part = *n;

	if (!rows)
		for (size_t i = 0; i < ARRAY_SIZE(elsewhere); i++)
			rows |= UINT64_C(1)
				<< (table_field(&network_table, elsewhere[i]) - network_fields);
	part.obj.set &= ~rows;
	return part;
}

static void network_diff(struct host *h, struct step *s)
{
	const struct network *have = s->have, *want = s->want;
	struct network shown, part = link_part(want);

	if (have && have->addresses.n > want->addresses.n && has_wanted(want, have) &&
		network_keeps_foreign(h, s)) {
		shown = *have;
		shown.addresses.n = want->addresses.n;
		s->have = &shown;
	}
	s->want = &part;
	link_diff(h, s, have ? &have->state : NULL);
	if (have && have->ipv6_on >= 0 && have->ipv6_on != network_has(want, AF_INET6) &&
		!network_keeps_foreign(h, s))
		step_change(h, s, "addresses", "IPv6", have->ipv6_on ? "on" : "off",
			have->ipv6_on ? "off" : "on");
	s->want = want;
	s->have = have;
}

static void network_refine(struct host *h _unused_, struct step *s)
{
	const struct network *have = s->have, *want = s->want;

	if (have && want && !streq(have->bridge, want->bridge))
		s->disruption = DISRUPT_LINK;
}

const struct kind network_kind = {
	.name = "network",
	.table = &network_table,
	.recreate_costs = DISRUPT_LINK,
	.undo = true,
	.check = network_check,
	.derive = network_derive,
	.observe = network_observe,
	.diff = network_diff,
	.refine = network_refine,
	.apply_all = network_apply_all,
	.owned = links_owned,
};
