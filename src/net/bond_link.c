/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bonds as links (Documentation/networking/bonding.rst of the kernel). */
#include "net/bond.h"
#include "net/link_kind.h"
#include <net/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

enum { USEC_PER_MSEC = 1000 };

static uint32_t msec(uint64_t usec)
{
	return (uint32_t)(usec / USEC_PER_MSEC);
}

static void put_u8(struct nl_msg *m, int type, int v)
{
	netlink_put(m, type, &(uint8_t){ (uint8_t)v }, 1);
}

/*
 * What differs from `now`; NULL: all. The kernel handles them in its own order, the delays behind
 * what they are multiples of.
 */
static void put_options(
	struct nl_msg *m, const struct bond *want, const struct link_bond *now, bool loose)
{
	struct nlattr *info = netlink_nest(m, IFLA_LINKINFO), *data;

	netlink_put_text(m, IFLA_INFO_KIND, "bond");
	data = netlink_nest(m, IFLA_INFO_DATA);
	if (!now || (loose && now->mode != want->mode))
		put_u8(m, IFLA_BOND_MODE, want->mode);
	if (!now || loose || now->miimon != msec(want->miimon) ||
		now->updelay != msec(want->updelay) || now->downdelay != msec(want->downdelay)) {
		netlink_put_u32(m, IFLA_BOND_MIIMON, msec(want->miimon));
		if (want->miimon) {
			netlink_put_u32(m, IFLA_BOND_UPDELAY, msec(want->updelay));
			netlink_put_u32(m, IFLA_BOND_DOWNDELAY, msec(want->downdelay));
		}
	}
	if (!now || now->xmit_hash_policy != want->xmit_hash_policy)
		put_u8(m, IFLA_BOND_XMIT_HASH_POLICY, want->xmit_hash_policy);
	if (want->mode == BOND_8023AD && (!now || loose))
		put_u8(m, IFLA_BOND_AD_LACP_RATE, want->lacp_rate);
	netlink_nest_end(m, data);
	netlink_nest_end(m, info);
}

static void queue(struct nl *nl, struct nl_msg *m, const char *what, const char *name,
	struct step *s, int ignore)
{
	netlink_queue(nl, m, (struct netlink_call){ what, name, ignore, &s->error });
}

static struct nl_msg *take_down(int index)
{
	struct ifinfomsg head = { .ifi_index = index, .ifi_change = IFF_UP };

	return netlink_request(RTM_NEWLINK, 0, &head, sizeof(head));
}

/* Mode and LACP's rate: without ports, and down. */
static bool must_be_loose(const struct step *s)
{
	for (size_t i = 0; s->have && i < s->n_changes; i++)
		if (streq(s->changes[i].path, "mode") || streq(s->changes[i].path, "lacp_rate"))
			return true;
	return false;
}

static void loosen(struct nl *nl, const struct links *ls, struct step *s, const struct link *there)
{
	for (size_t i = 0; i < ls->n; i++) {
		const struct link *port = &ls->v[i];
		struct nl_msg *m;

		if (port->master != there->index)
			continue;
		m = link_change(port->index, false);
		netlink_put_u32(m, IFLA_MASTER, 0);
		queue(nl, m, "take out of its bond the port", port->name, s, 0);
	}
	queue(nl, take_down(there->index), "take down the bond", there->name, s, 0);
}

/* The smallest that the ports carry: the kernel would set them all to 1500. */
static uint32_t smallest_mtu(const struct links *ls, const struct bond *want)
{
	uint32_t mtu = 0;

	for (size_t i = 0; i < want->ports.n; i++) {
		const struct link *l = links_name(ls, LIST_AT(&want->ports, const char *, i));

		if (l && (!mtu || l->mtu < mtu))
			mtu = l->mtu;
	}
	return mtu;
}

static void make(struct nl *nl, const struct links *ls, struct step *s, const struct mac *mac)
{
	struct ifinfomsg head = { .ifi_family = AF_UNSPEC };
	struct nl_msg *m =
		netlink_request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof(head));
	uint32_t mtu = smallest_mtu(ls, s->want);

	netlink_put_text(m, IFLA_IFNAME, s->r->name);
	if (mtu && !obj_has(s->want, "mtu"))
		netlink_put_u32(m, IFLA_MTU, mtu);
	/* From the first: one that comes without gets another from udev, in its own time. */
	if (mac)
		netlink_put(m, IFLA_ADDRESS, mac, sizeof(*mac));
	put_options(m, s->want, NULL, true);
	queue(nl, m, "make the bond", s->r->name, s, 0);
}

/* By name: the index of a new one is not known. */
static void configure(struct host *h, struct nl *nl, struct step *s, const struct link *there,
	const struct mac *mac)
{
	const struct bond *want = s->want;
	struct nl_msg *m = link_change(0, true);
	char mark[LINK_MARK_MAX];

	netlink_put_text(m, IFLA_IFNAME, s->r->name);
	if (mac)
		netlink_put(m, IFLA_ADDRESS, mac, sizeof(*mac));
	if (obj_has(want, "mtu") && (!there || there->mtu != want->mtu))
		netlink_put_u32(m, IFLA_MTU, (uint32_t)want->mtu);
	netlink_put_text(m, IFLA_IFALIAS,
		s->verb == STEP_RESTORE ? "" : arena_strdup(h->pass, link_mark(s->r, mark)));
	queue(nl, m, "set up the bond", s->r->name, s, 0);
}

void bond_link_set(struct host *h, struct nl *nl, const struct links *ls, struct step *s,
	const struct link *there, const struct mac *mac)
{
	bool loose = there && must_be_loose(s);
	struct nl_msg *m;

	if (loose && ports_foreign(h, s->r, ls, there, &s->error) < 0)
		return;
	if (loose)
		loosen(nl, ls, s, there);
	if (there) {
		m = link_change(there->index, false);
		put_options(m, s->want, &there->bond, loose);
		queue(nl, m, "change the bond", s->r->name, s, 0);
	} else {
		make(nl, ls, s, mac);
		netlink_flush(nl);
		link_explain_driver(s, "bond", "bonding");
		if (s->error.code)
			return;
	}
	configure(h, nl, s, there, mac);
	netlink_flush(nl);
}

/* By number, and only of one that is in the bond does the kernel tell. */
void bond_link_prefer(struct host *h, struct step *s)
{
	const struct bond *want = s->want;
	const struct link *bond, *port;
	struct nlattr *info, *data;
	const struct links *ls;
	struct nl_msg *m;
	struct nl *nl;

	if (links_get(h, &ls, &s->error) < 0 || netlink_get(h, &nl, &s->error) < 0)
		return;
	bond = links_name(ls, s->r->name);
	port = want->primary ? links_name(ls, want->primary) : NULL;
	if (!bond || (!want->primary && !bond_is_ours(h, s->r)) ||
		(port && port->master != bond->index) ||
		bond->bond.primary == (port ? port->index : 0))
		return;
	m = link_change(bond->index, false);
	info = netlink_nest(m, IFLA_LINKINFO);
	netlink_put_text(m, IFLA_INFO_KIND, "bond");
	data = netlink_nest(m, IFLA_INFO_DATA);
	netlink_put_u32(m, IFLA_BOND_PRIMARY, port ? (uint32_t)port->index : 0);
	netlink_nest_end(m, data);
	netlink_nest_end(m, info);
	queue(nl, m, "prefer a port of", s->r->name, s, 0);
	netlink_flush(nl);
	links_forget(h);
}

const struct link *bond_link_stray(
	const struct links *ls, const struct link *bond, const struct bond *want, size_t i)
{
	const struct link *port = links_name(ls, LIST_AT(&want->ports, const char *, i));
	int mode = bond->bond.mode;

	if (mode == BOND_TLB || mode == BOND_ALB ||
		(mode == BOND_ACTIVE_BACKUP && bond->bond.fail_over_mac))
		return NULL;
	return port && port->master == bond->index && !mac_equal(&port->mac, &bond->mac) ? port
											 : NULL;
}

/* On the port itself: of a bond that has it already the kernel does not pass it on. */
void bond_link_align(struct host *h, struct step *s)
{
	const struct bond *want = s->want;
	const struct link *bond, *port;
	const struct links *ls;
	bool strays = false;
	struct nl_msg *m;
	struct nl *nl;

	if (links_get(h, &ls, &s->error) < 0 || netlink_get(h, &nl, &s->error) < 0)
		return;
	bond = links_name(ls, s->r->name);
	for (size_t i = 0; bond && i < want->ports.n; i++) {
		if (!(port = bond_link_stray(ls, bond, want, i)))
			continue;
		m = link_change(port->index, false);
		netlink_put(m, IFLA_ADDRESS, &bond->mac, sizeof(bond->mac));
		queue(nl, m, "give the bond's MAC address to the port", port->name, s, 0);
		strays = true;
	}
	if (!strays)
		return;
	netlink_flush(nl);
	links_forget(h);
}
