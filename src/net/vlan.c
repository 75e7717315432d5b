/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kind `vlan`: a link that stands for one VLAN of another link. What
 * makes it another VLAN makes another link; it keeps its place in a bridge.
 */
#include "net/link.h"
#include "net/manager.h"
#include "net/net.h"
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

	if (streq(v->link, "lo"))
		diag_error(d, obj_mark(v, "link"), "name a network card",
			"%s: the loopback device has no VLANs", v->obj.name);
}

const struct table vlan_table = TABLE(struct vlan, vlan_fields, .key = &type_ifname,
	.key_word = "VLAN", .check = check_values,
	.doc = "VLANs of links, by interface name. As ports of bridges they bring one VLAN to "
	       "guests.");

static struct vlan *vlan_have(
	struct host *h, const struct resource *r, const struct links *ls, const struct link *l)
{
	const struct link *parent = l->parent ? links_index(ls, l->parent) : NULL;
	struct vlan *v = obj_new(h->pass, &vlan_table, r->name);

	if (parent) {
		v->link = arena_strdup(h->pass, parent->name);
		obj_mark_set(v, "link");
	}
	v->id = l->vlan_id;
	v->protocol = l->vlan_protocol == ETH_P_8021AD;
	v->mtu = l->mtu;
	v->mac = l->mac;
	v->state = link_state(l, r);
	obj_mark_set(v, "id");
	obj_mark_set(v, "protocol");
	obj_mark_set(v, "mtu");
	obj_mark_set(v, "mac");
	return v;
}

static bool is_vlan(const struct link *l)
{
	return l->type && streq(l->type, "vlan");
}

static int vlan_observe(struct host *h, const struct resource *r, void **have, struct error *e)
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
	l = links_name(ls, r->name);
	if (!l || (link_marked(l) && !link_is_marked_for(l, r)))
		return 0;
	if (is_vlan(l)) {
		*have = vlan_have(h, r, ls, l);
		return 0;
	}
	if (!r->want)
		return 0;
	error_set(e, -ENOTUNIQ, "the link %s is there already and is %s, not a vlan", l->name,
		link_describe(l, h->pass));
	return error_cure(
		e, "name the vlan otherwise, or remove the link: ip link delete %s", l->name);
}

static void vlan_diff(struct host *h, struct step *s)
{
	const struct vlan *have = s->have;

	link_diff(h, s, have ? &have->state : NULL);
}

/* Its link is one that nothing in the document makes, and that is not there. */
static void vlan_refine(struct host *h, struct step *s)
{
	const struct vlan *want = s->want;
	const struct links *ls;

	if (!want || s->have || s->r->n_after || links_get(h, &ls, NULL) < 0 ||
		links_name(ls, want->link))
		return;
	s->wait = arena_printf(h->pass, "the link %s to appear", want->link);
}

static void put_vlan(struct nl_msg *m, const struct vlan *want)
{
	struct nlattr *info = netlink_nest(m, IFLA_LINKINFO), *data;
	uint16_t id = (uint16_t)want->id, protocol = htons(protocols[want->protocol]);

	netlink_put_text(m, IFLA_INFO_KIND, "vlan");
	data = netlink_nest(m, IFLA_INFO_DATA);
	netlink_put(m, IFLA_VLAN_ID, &id, sizeof(id));
	netlink_put(m, IFLA_VLAN_PROTOCOL, &protocol, sizeof(protocol));
	netlink_nest_end(m, data);
	netlink_nest_end(m, info);
}

/* A kernel without the driver says only that it does not know the type. */
static void explain(struct step *s)
{
	struct error why = s->error;

	/* The same number says of a link that it can have no VLANs. */
	if (why.code != -EOPNOTSUPP || !strstr(why.text, "Unknown device type"))
		return;
	s->error = (struct error){ 0 };
	error_set(&s->error, why.code, "%s: the kernel's vlan driver, 8021q, is not loaded",
		why.text);
	error_cure(&s->error,
		"modprobe 8021q, and for every boot: host: {kernel: {modules: {8021q: "
		"{}}}}");
	error_clear(&why);
}

static void make(struct nl *nl, const struct links *ls, struct step *s, int master)
{
	const struct vlan *want = s->want;
	const struct link *parent = links_name(ls, want->link);
	struct ifinfomsg head = { .ifi_family = AF_UNSPEC };
	struct nl_msg *m;

	if (!parent) {
		error_set(&s->error, -ENODEV, "there is no link %s for the vlan %s", want->link,
			s->r->name);
		error_cure(&s->error, "look at `ip link` for the card's present name");
		return;
	}
	m = netlink_request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof(head));
	netlink_put_text(m, IFLA_IFNAME, s->r->name);
	netlink_put_u32(m, IFLA_LINK, (uint32_t)parent->index);
	if (master)
		netlink_put_u32(m, IFLA_MASTER, (uint32_t)master);
	put_vlan(m, want);
	netlink_queue(
		nl, m, (struct netlink_call){ "make the vlan", s->r->name, 0, &s->error, NULL });
	netlink_flush(nl);
	explain(s);
}

/* By name: the index of a new one is not known. */
static void configure(struct host *h, struct nl *nl, struct step *s)
{
	const struct vlan *want = s->want;
	char mark[LINK_MARK_MAX];
	struct nl_msg *m = link_change(0, true);

	netlink_put_text(m, IFLA_IFNAME, s->r->name);
	if (obj_has(want, "mac"))
		netlink_put(m, IFLA_ADDRESS, &want->mac, sizeof(want->mac));
	if (obj_has(want, "mtu"))
		netlink_put_u32(m, IFLA_MTU, (uint32_t)want->mtu);
	netlink_put_text(m, IFLA_IFALIAS,
		s->verb == STEP_RESTORE ? "" : arena_strdup(h->pass, link_mark(s->r, mark)));
	netlink_queue(
		nl, m, (struct netlink_call){ "set up the vlan", s->r->name, 0, &s->error, NULL });
	netlink_flush(nl);
}

/* What cannot be changed in a link that is there. */
static bool another(const struct step *s)
{
	for (size_t i = 0; s->have && s->want && i < s->n_changes; i++)
		if (s->changes[i].field && s->changes[i].field->on_change == CHANGE_RECREATE)
			return true;
	return false;
}

static int vlan_apply(struct host *h, struct step *s, struct error *e)
{
	const struct links *ls;
	const struct link *there;
	int r = links_get(h, &ls, e), master = 0;
	struct nl *nl;

	if (r < 0 || (r = netlink_get(h, &nl, e)) < 0)
		return r;
	there = links_name(ls, s->r->name);
	if (there && (!is_vlan(there) || (link_marked(there) && !link_is_marked_for(there, s->r))))
		return error_set(e, -EEXIST, "a link %s appeared meanwhile", s->r->name);
	if (there && (!s->want || another(s))) {
		master = there->master;
		links_remove(nl, ls, &(struct doomed){ there, s }, 1);
		there = NULL;
	}
	if (s->want && !there && !s->error.code)
		make(nl, ls, s, master);
	if (s->want && !s->error.code)
		configure(h, nl, s);
	links_forget(h);
	*e = s->error;
	s->error = (struct error){ 0 };
	return e->code;
}

static int vlan_owned(
	struct host *h, void (*found)(const char *name, void *arg), void *arg, struct error *e)
{
	return links_owned(h, &vlan_kind, found, arg, e);
}

const struct kind vlan_kind = {
	.name = "vlan",
	.table = &vlan_table,
	.claims = "link",
	.recreate_costs = DISRUPT_LINK,
	.undo = true,
	.derive = manager_imply,
	.observe = vlan_observe,
	.diff = vlan_diff,
	.refine = vlan_refine,
	.apply = vlan_apply,
	.owned = vlan_owned,
};
