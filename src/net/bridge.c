/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kind `bridge`. Bridges are made with a MAC address of their own, which
 * never follows the ports. One that is there already is taken over in place
 * and given back as it was.
 */
#include "net/bridge_link.h"
#include "net/net.h"

#define USEC_PER_CSEC (USEC_PER_SEC / 100)

struct bridge {
	struct obj obj;
	bool stp;
	uint64_t forward_delay;
	int64_t mtu;
	struct mac mac;
	struct link_state state;
};

static void check_values(const void *obj, struct diags *d)
{
	const struct bridge *b = obj;
	const char *name = b->obj.name;

	/* Finer values do not survive the kernel's way through jiffies. */
	if (b->forward_delay % (USEC_PER_SEC / 10))
		diag_error(d, obj_mark(b, "forward_delay"), "write 100ms, 2s, 15s, ...",
			"%s: the kernel keeps the forward delay in tenths of a second", name);
	else if (b->stp && b->forward_delay < 2 * USEC_PER_SEC)
		diag_error(d, obj_mark(b, obj_has(b, "forward_delay") ? "forward_delay" : "stp"),
			"write forward_delay: 15s, which is the kernel's default",
			"%s: with STP the kernel wants a forward delay of 2s to 30s", name);
}

static const struct field bridge_fields[] = {
	FIELD_PLANNED("ports", "Links that are ports of the bridge."),
	FIELD_PLANNED("addressing", "Where the bridge's own addresses come from."),
	FIELD_BOOL(struct bridge, stp, .def = "false",
		.doc = "Spanning tree protocol. Needed only where bridges can form a loop."),
	FIELD_DURATION(struct bridge, forward_delay, 0, 30 * USEC_PER_SEC, .def = "0s",
		.doc = "How long a new port listens and learns before it forwards. Without STP 0s: "
		       "a "
		       "guest that asks for a lease or boots over the network would time out. With "
		       "STP 2s to 30s."),
	FIELD_INT(struct bridge, mtu, 68, 65535, .example = "1500",
		.doc = "Largest packet in bytes. Left out, the kernel's choice: 1500, then the "
		       "smallest of the ports."),
	FIELD_VALUE(struct bridge, mac, struct mac, type_mac, .example = "\"52:54:00:6d:90:01\"",
		.doc = "The bridge's own address. Left out, one that is derived from the machine "
		       "and "
		       "the name. Either way it does not change when ports come and go."),
	FIELD_PLANNED("vlan_filtering", "VLANs told apart by the bridge, with tags per port."),
};

const struct table bridge_table = TABLE(struct bridge, bridge_fields, .key = &type_ifname,
	.key_word = "BRIDGE", .check = check_values,
	.doc = "Bridges by interface name, for guests that are to stand in the host's own "
	       "networks.");

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

static int bridge_observe(struct host *h, const struct resource *r, void **have, struct error *e)
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
	/* One that another resource of ours made (a network's) is for the taking. */
	if (!l || (link_marked(l) && !link_is_marked_for(l, r)))
		return 0;
	if (r->want && (ret = bridge_link_check(h, l, e)) < 0)
		return ret;
	if (!l->type || !streq(l->type, "bridge"))
		return 0;
	if (!r->want && !r->before && (ret = bridge_ports_check(ls, l, e)) < 0)
		return ret;
	*have = bridge_have(h, r, l);
	return 0;
}

static void bridge_diff(struct host *h, struct step *s)
{
	const struct bridge *have = s->have;

	link_diff(h, s, have ? &have->state : NULL);
}

static struct bridge_link to_link(struct host *h, struct step *s, const struct link *there)
{
	const struct bridge *want = s->want;
	char mark[LINK_MARK_MAX];

	return (struct bridge_link){
		.step = s,
		.name = s->r->name,
		.there = there,
		.mark = s->verb == STEP_RESTORE ? "" : arena_strdup(h->pass, link_mark(s->r, mark)),
		.mac = want->mac,
		.has_mac = obj_has(want, "mac"),
		.mtu = obj_has(want, "mtu") ? (uint32_t)want->mtu : 0,
		.options = true,
		.stp = want->stp,
		.forward_delay = (uint32_t)(want->forward_delay / USEC_PER_CSEC),
	};
}

static void bridge_apply_all(struct host *h, struct step *const *steps, size_t n)
{
	struct bridge_link *keep = arena_alloc(h->pass, n * sizeof(*keep));
	struct doomed *go = arena_alloc(h->pass, n * sizeof(*go));
	size_t n_keep = 0, n_go = 0;
	const struct links *ls;
	struct nl *nl;

	for (size_t i = 0; i < n; i++) {
		struct step *s = steps[i];
		const struct link *there;

		if (links_get(h, &ls, &s->error) < 0 || netlink_get(h, &nl, &s->error) < 0)
			continue;
		if (!s->want) {
			/* Marked for another resource by now: it is that one's to remove. */
			there = links_name(ls, s->r->name);
			if (there && (!link_marked(there) || link_is_marked_for(there, s->r)))
				go[n_go++] = (struct doomed){ there, s };
		} else if (bridge_link_find(ls, s, s->r->name, &there)) {
			keep[n_keep++] = to_link(h, s, there);
		}
	}
	if (n_go)
		links_remove(nl, ls, go, n_go);
	if (n_keep)
		bridge_links_apply(h, nl, keep, n_keep);
	links_forget(h);
}

static int bridge_owned(
	struct host *h, void (*found)(const char *name, void *arg), void *arg, struct error *e)
{
	return links_owned(h, &bridge_kind, found, arg, e);
}

const struct kind bridge_kind = {
	.name = "bridge",
	.table = &bridge_table,
	.claims = "link",
	.recreate_costs = DISRUPT_LINK,
	.undo = true,
	.observe = bridge_observe,
	.diff = bridge_diff,
	.apply_all = bridge_apply_all,
	.owned = bridge_owned,
};
