/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/port_vlans.h"
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

/* What the kernel gives to a port, unless somebody changed vlan_default_pvid. */
enum { DEFAULT_PVID = 1 };

static bool has(const struct vlan_set *s, unsigned id)
{
	return s->bits[id / 8] >> id % 8 & 1;
}

static void put(struct vlan_set *s, unsigned id)
{
	s->bits[id / 8] = (uint8_t)(s->bits[id / 8] | 1 << id % 8);
}

void vlan_set_add(struct vlan_set *set, const struct list *ranges)
{
	for (size_t i = 0; i < ranges->n; i++) {
		const struct vlan_range *r = &LIST_AT(ranges, struct vlan_range, i);

		for (unsigned id = r->from; id <= r->to; id++)
			put(set, id);
	}
}

struct list port_vlans_list(struct arena *a, const struct port_vlans *port, const struct list *like)
{
	struct vlan_set same = { 0 }, set = port->tagged;
	struct vlan_range *v = NULL;
	size_t n = 0;

	if (like)
		vlan_set_add(&same, like);
	for (size_t i = 0; i < sizeof(set.bits); i++)
		set.bits[i] = (uint8_t)(set.bits[i] & ~(port->odd.bits[i] & same.bits[i]));
	if (like && !memcmp(&same, &set, sizeof(same)))
		return *like;
	for (unsigned id = 1; id < VLAN_IDS; id++) {
		if (!has(&set, id))
			continue;
		if (n && v[n - 1].to == id - 1)
			v[n - 1].to = (uint16_t)id;
		else
			*ARENA_PUSH(a, v, n) = (struct vlan_range){ (uint16_t)id, (uint16_t)id };
	}
	return (struct list){ v, n };
}

/* ---- reading ---- */

static void add_info(struct port_vlans *p, const struct bridge_vlan_info *info, unsigned *from)
{
	bool pvid = info->flags & BRIDGE_VLAN_INFO_PVID;
	bool untagged = info->flags & BRIDGE_VLAN_INFO_UNTAGGED;

	if (info->vid >= VLAN_IDS)
		return;
	if (info->flags & BRIDGE_VLAN_INFO_RANGE_BEGIN) {
		*from = info->vid;
		return;
	}
	if (!(info->flags & BRIDGE_VLAN_INFO_RANGE_END))
		*from = info->vid;
	for (unsigned id = *from; id <= info->vid; id++) {
		if (pvid && untagged)
			p->pvid = (uint16_t)id;
		else
			put(&p->tagged, id);
		if (pvid != untagged)
			put(&p->odd, id);
	}
}

static void add_port(const struct nlmsghdr *m, void *arg)
{
	const struct ifinfomsg *head = nlmsg_data(m);
	struct nlattr *spec, *at;
	struct links *ls = arg;
	struct port_vlans *v = ls->vlans, *p;
	unsigned from = 0;
	int left;

	if (m->nlmsg_type != RTM_NEWLINK)
		return;
	spec = nlmsg_find_attr((struct nlmsghdr *)(uintptr_t)m, sizeof(*head), IFLA_AF_SPEC);
	if (!spec)
		return;
	p = ARENA_PUSH(ls->arena, v, ls->n_vlans);
	ls->vlans = v;
	p->index = head->ifi_index;
	nla_for_each_nested(at, spec, left) if (nla_type(at) == IFLA_BRIDGE_VLAN_INFO &&
						nla_len(at) >= (int)sizeof(struct bridge_vlan_info))
		add_info(p, nla_data(at), &from);
}

static int load(struct nl *nl, struct links *ls, struct error *e)
{
	struct ifinfomsg head = { .ifi_family = AF_BRIDGE };
	struct nl_msg *m = netlink_request(RTM_GETLINK, 0, &head, sizeof(head));
	int r;

	ls->n_vlans = 0;
	netlink_put_u32(m, IFLA_EXT_MASK, RTEXT_FILTER_BRVLAN_COMPRESSED);
	r = netlink_dump_whole(nl, m, add_port, ls, &ls->n_vlans, "VLANs of ports", e);
	ls->vlans_read = r == 0;
	return r;
}

int port_vlans_get(struct host *h, int index, const struct port_vlans **out, struct error *e)
{
	const struct links *ls;
	struct nl *nl;
	int r = links_get(h, &ls, e);

	*out = NULL;
	if (r >= 0 && !ls->vlans_read) {
		r = netlink_get(h, &nl, e);
		/* The snapshot is the host's, and grows by what is asked of it. */
		if (r >= 0)
			r = load(nl, (struct links *)(uintptr_t)ls, e);
	}
	for (size_t i = 0; r >= 0 && i < ls->n_vlans; i++)
		if (ls->vlans[i].index == index)
			*out = &ls->vlans[i];
	return r < 0 ? r : 0;
}

/* ---- writing ---- */

/* A port with every second VLAN has the most runs, of one attribute each. */
enum { REQUEST_MAX = VLAN_IDS / 2 * (NLA_HDRLEN + sizeof(struct bridge_vlan_info)) + 256 };

static struct nl_msg *begin(const struct port_vlans_change *c, int type, struct nlattr **spec)
{
	struct ifinfomsg head = { .ifi_family = AF_BRIDGE, .ifi_index = c->index };
	struct nl_msg *m = netlink_request_large(type, 0, &head, sizeof(head), REQUEST_MAX);
	uint16_t flags = BRIDGE_FLAGS_SELF;

	*spec = netlink_nest(m, IFLA_AF_SPEC);
	if (c->self)
		netlink_put(m, IFLA_BRIDGE_FLAGS, &flags, sizeof(flags));
	return m;
}

static void add_one(struct nl_msg *m, unsigned id, unsigned flags)
{
	struct bridge_vlan_info info = { .vid = (uint16_t)id, .flags = (uint16_t)flags };

	netlink_put(m, IFLA_BRIDGE_VLAN_INFO, &info, sizeof(info));
}

/* Every run of numbers in `set` that are not in `but`. Returns whether there are any. */
static bool add_runs(struct nl_msg *m, const struct vlan_set *set, const struct vlan_set *but)
{
	bool any = false;

	for (unsigned id = 1, from; id < VLAN_IDS; id++) {
		if (!has(set, id) || has(but, id))
			continue;
		for (from = id; id + 1 < VLAN_IDS && has(set, id + 1) && !has(but, id + 1);)
			id++;
		add_one(m, from, from < id ? BRIDGE_VLAN_INFO_RANGE_BEGIN : 0);
		if (from < id)
			add_one(m, id, BRIDGE_VLAN_INFO_RANGE_END);
		any = true;
	}
	return any;
}

static void queue_it(struct nl *nl, struct nl_msg *m, struct nlattr *spec, bool any,
	const struct netlink_call *call)
{
	netlink_nest_end(m, spec);
	if (any)
		netlink_queue(nl, m, *call);
	else
		nlmsg_free(m);
}

/* What goes, goes first: the untagged one may become a tagged one. */
void port_vlans_put(struct nl *nl, const struct port_vlans_change *c, struct error *e)
{
	static const struct vlan_set none;
	struct port_vlans had = c->have ? *c->have : (struct port_vlans){ .pvid = DEFAULT_PVID };
	const struct netlink_call call = { "set the VLANs of", c->name, 0, e };
	struct vlan_set want = { 0 }, keep;
	struct nlattr *spec;
	struct nl_msg *m;
	bool any;

	vlan_set_add(&want, c->vlans);
	keep = want;
	if (had.pvid && had.pvid != c->pvid)
		put(&had.tagged, had.pvid);
	/* Present as a tagged one, the new untagged one is only marked anew. */
	if (c->pvid)
		put(&keep, c->pvid);
	if (had.pvid && had.pvid != c->pvid && has(&want, had.pvid))
		keep.bits[had.pvid / 8] = (uint8_t)(keep.bits[had.pvid / 8] & ~(1 << had.pvid % 8));
	m = begin(c, RTM_DELLINK, &spec);
	any = add_runs(m, &had.tagged, &keep);
	queue_it(nl, m, spec, any, &call);
	m = begin(c, RTM_SETLINK, &spec);
	any = add_runs(m, &want, &none);
	if (c->pvid)
		add_one(m, c->pvid, BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED);
	queue_it(nl, m, spec, any || c->pvid, &call);
}
