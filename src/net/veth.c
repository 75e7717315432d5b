/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kind `veth`: a cable with two ends, each a link. The resource has the
 * name of one end; with it both come and go.
 */
#include "net/link_kind.h"
#include "net/manager.h"
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>

struct veth {
	struct obj obj;
	const char *peer;
	int64_t mtu;
	struct mac mac;
	struct link_state state;
};

static const struct field veth_fields[] = {
	FIELD_STRING(struct veth, peer, type_ifname, .required = true, .claims = "link",
		.example = "lan1", .on_change = CHANGE_RECREATE,
		.doc = "The name of the other end. One that was moved into a container's network "
		       "namespace is left there."),
	FIELD_INT(struct veth, mtu, 68, 65535, .example = "1500",
		.doc = "Largest packet in bytes, of this end. Left out, 1500."),
	FIELD_VALUE(struct veth, mac, struct mac, type_mac, .example = "\"52:54:00:6d:90:60\"",
		.doc = "This end's address. Left out, one by chance."),
};

static void check_values(const void *obj, struct diags *d)
{
	const struct veth *v = obj;

	if (streq(v->peer, v->obj.name))
		diag_error(d, obj_mark(v, "peer"), "name the other end otherwise",
			"%s: a cable has two ends, which cannot have one name", v->obj.name);
}

const struct table veth_table = TABLE(struct veth, veth_fields, .key = &type_ifname,
	.key_word = "LINK", .check = check_values,
	.doc = "Cables inside the host, by the interface name of one end. Each end can be a port "
	       "of "
	       "a bridge: so two bridges are joined.");

/* An end in another namespace has a number that means nothing here. */
static void read_veth(struct host *h, const struct resource *r, const struct links *ls,
	const struct link *l, void *have)
{
	const struct link *peer = l->parent ? links_index(ls, l->parent) : NULL;
	const struct veth *want = r->want;
	struct veth *v = have;

	if (!peer && !want)
		return;
	v->peer = peer ? arena_strdup(h->pass, peer->name) : want->peer;
	obj_mark_set(v, "peer");
	v->state.down |= peer && !(peer->flags & IFF_UP);
}

static void put_veth(struct nl_msg *m, const void *obj)
{
	struct ifinfomsg head = { .ifi_family = AF_UNSPEC };
	struct nlattr *peer = netlink_nest(m, VETH_INFO_PEER);

	nlmsg_append(m, &head, sizeof(head), NLMSG_ALIGNTO);
	netlink_put_text(m, IFLA_IFNAME, ((const struct veth *)obj)->peer);
	netlink_nest_end(m, peer);
}

static const char *twin(const void *want)
{
	return ((const struct veth *)want)->peer;
}

const struct link_kind veth_link = {
	.kind = &veth_kind,
	.type = "veth",
	.driver = "veth",
	.state = offsetof(struct veth, state),
	.read = read_veth,
	.twin = twin,
	.put = put_veth,
};

const struct kind veth_kind = {
	.name = "veth",
	.table = &veth_table,
	.claims = "link",
	.recreate_costs = DISRUPT_LINK,
	.undo = true,
	.derive = manager_imply,
	.observe = link_kind_observe,
	.diff = link_kind_diff,
	.apply = link_kind_apply,
	.owned = links_owned,
};
