/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/bridge_link.h"
#include <net/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#define MTU_MAX 65535

/* A kernel without it would refuse the word, even if it says no. */
static void put_filtering(struct nl_msg *m, const struct bridge_link *b)
{
	struct nlattr *info, *data;
	uint8_t on = b->vlan_filtering;

	if (b->there ? b->there->vlan_filtering == on : !on)
		return;
	info = netlink_nest(m, IFLA_LINKINFO);
	netlink_put_text(m, IFLA_INFO_KIND, "bridge");
	data = netlink_nest(m, IFLA_INFO_DATA);
	netlink_put(m, IFLA_BR_VLAN_FILTERING, &on, sizeof(on));
	netlink_nest_end(m, data);
	netlink_nest_end(m, info);
}

static void put_options(struct nl_msg *m, const bool *stp, const uint32_t *delay)
{
	struct nlattr *info = netlink_nest(m, IFLA_LINKINFO), *data;

	netlink_put_text(m, IFLA_INFO_KIND, "bridge");
	data = netlink_nest(m, IFLA_INFO_DATA);
	if (delay)
		netlink_put_u32(m, IFLA_BR_FORWARD_DELAY, *delay);
	if (stp)
		netlink_put_u32(m, IFLA_BR_STP_STATE, *stp);
	netlink_nest_end(m, data);
	netlink_nest_end(m, info);
}

/*
 * A bridge follows the smallest MTU of its ports until one was set by a
 * change (br_change_mtu() in net/bridge/br_device.c); one given when it is
 * made does not count. So it is made with another one and changed.
 */
static uint32_t mtu_before(uint32_t mtu)
{
	return mtu < MTU_MAX ? mtu + 1 : mtu - 1;
}

static struct nl_msg *create(struct host *h, const struct bridge_link *b)
{
	struct ifinfomsg head = { .ifi_family = AF_UNSPEC };
	struct nl_msg *m =
		netlink_request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof(head));
	struct mac mac = b->has_mac ? b->mac : link_mac(h, 0x52, b->name);

	netlink_put_text(m, IFLA_IFNAME, b->name);
	/* A given address stays whatever ports come (NET_ADDR_SET). */
	netlink_put(m, IFLA_ADDRESS, &mac, sizeof(mac));
	netlink_put_u32(m, IFLA_GROUP, LINK_MAKING);
	if (b->mtu)
		netlink_put_u32(m, IFLA_MTU, mtu_before(b->mtu));
	put_options(m, &b->stp, &b->forward_delay);
	return m;
}

/*
 * No mark can be given in the request that makes a link: the kernel takes IFLA_IFALIAS in changes
 * only. A group it takes, which tells a bridge that was cut off before its mark from everybody's.
 */
static void make_all(struct host *h, struct nl *nl, struct bridge_link *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct bridge_link *b = &v[i];
		struct error *e = &b->step->error;

		if (b->there || e->code)
			continue;
		netlink_queue(nl, create(h, b),
			(struct netlink_call){ "make the bridge", b->name, 0, e });
	}
	netlink_flush(nl);
}

/* One that was just made is asked for by an ioctl, which need not wait for who changes links. */
static bool find_index(struct bridge_link *b)
{
	struct error *e = &b->step->error;

	b->index = b->there ? b->there->index : (int)if_nametoindex(b->name);
	if (!b->index)
		error_set(e, -ENOENT, "the bridge %s was made, but is gone again", b->name);
	return b->index != 0;
}

static void queue_change(struct nl *nl, struct bridge_link *b, struct nl_msg *m)
{
	netlink_queue(
		nl, m, (struct netlink_call){ "change the bridge", b->name, 0, &b->step->error });
}

/*
 * With STP on the kernel takes delays of 2 s and more only: it goes off
 * before the delay changes. Going on it comes after the delay in one request,
 * the order in which the kernel handles them.
 */
static void change_options(struct nl *nl, struct bridge_link *b)
{
	bool stp = b->there->stp != b->stp;
	bool delay = b->there->forward_delay != b->forward_delay;
	struct nl_msg *m;

	if (stp && !b->stp) {
		m = link_change(b->index, false);
		put_options(m, &b->stp, NULL);
		queue_change(nl, b, m);
		stp = false;
	}
	if (!stp && !delay)
		return;
	m = link_change(b->index, false);
	put_options(m, stp ? &b->stp : NULL, delay ? &b->forward_delay : NULL);
	queue_change(nl, b, m);
}

/* Renaming asks for a link that is down on kernels before 6.2; its addresses and ports stay. */
static void rename_link(struct nl *nl, struct bridge_link *b)
{
	struct ifinfomsg head = { .ifi_index = b->index, .ifi_change = IFF_UP };

	queue_change(nl, b, netlink_request(RTM_NEWLINK, 0, &head, sizeof(head)));
}

static void put_mac(struct nl_msg *m, const struct bridge_link *b)
{
	const struct link *l = b->there;

	/* Taken over, its present address is set once more: from now on it does not follow ports.
	 */
	if (l && b->has_mac)
		netlink_put(m, IFLA_ADDRESS, &b->mac, sizeof(b->mac));
	else if (l && !link_marked(l) && *b->mark)
		netlink_put(m, IFLA_ADDRESS, &l->mac, sizeof(l->mac));
}

static void change(struct nl *nl, struct bridge_link *b)
{
	const struct link *l = b->there;
	bool renamed = l && !streq(l->name, b->name);
	struct nl_msg *m;

	if (l && b->options)
		change_options(nl, b);
	if (renamed)
		rename_link(nl, b);
	m = link_change(b->index, true);
	if (renamed)
		netlink_put_text(m, IFLA_IFNAME, b->name);
	put_mac(m, b);
	if (b->mtu && (!l || l->mtu != b->mtu))
		netlink_put_u32(m, IFLA_MTU, b->mtu);
	if (b->no_ipv6 && !l)
		link_put_no_ipv6(m);
	if (!l || !streq(l->alias ? l->alias : "", b->mark))
		netlink_put_text(m, IFLA_IFALIAS, b->mark);
	if (b->options)
		put_filtering(m, b);
	if (!l || l->group == LINK_MAKING)
		netlink_put_u32(m, IFLA_GROUP, 0);
	queue_change(nl, b, m);
}

/* The kernel says no more than that it cannot. */
static void explain(const struct bridge_link *b)
{
	struct error *e = &b->step->error;

	if (e->code != -EOPNOTSUPP || !b->options || !b->vlan_filtering)
		return;
	error_clear(e);
	error_set(e, -EOPNOTSUPP, "this kernel's bridges cannot tell VLANs apart");
	error_cure(e, "boot a kernel with CONFIG_BRIDGE_VLAN_FILTERING, or use `vlans:` and a "
		      "bridge for each");
}

void bridge_links_apply(struct host *h, struct nl *nl, struct bridge_link *v, size_t n)
{
	make_all(h, nl, v, n);
	for (size_t i = 0; i < n; i++) {
		if (!v[i].step->error.code && find_index(&v[i]))
			change(nl, &v[i]);
	}
	netlink_flush(nl);
	for (size_t i = 0; i < n; i++)
		explain(&v[i]);
}

bool bridge_link_find(
	const struct links *ls, struct step *s, const char *name, const struct link **there)
{
	const struct link *l = links_name(ls, name);
	char mark[LINK_MARK_MAX];

	if (s->have) {
		/* A rename under way: it is known by its mark. */
		const struct link *marked = links_mark(ls, link_mark(s->r, mark));

		l = marked ? marked : l;
	}
	*there = l;
	if (!l && s->have) {
		error_set(&s->error, -ENOENT, "the bridge %s went away meanwhile", name);
		return false;
	}
	if (l && !s->have && !link_marked(l)) {
		error_set(&s->error, -EEXIST, "a link %s appeared meanwhile", name);
		return false;
	}
	return true;
}

int bridge_link_check(struct host *h, const struct link *l, struct error *e)
{
	if (l->type && streq(l->type, "bridge"))
		return 0;
	error_set(e, -ENOTUNIQ, "the link %s is there already and is %s, not a bridge", l->name,
		link_describe(l, h->pass));
	return error_cure(
		e, "name the bridge otherwise, or remove the link: ip link delete %s", l->name);
}
