/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kind `tap`: a guest's interface on the host's side. Not in the
 * document; guests derive it. The device is persistent, so it outlives
 * both this daemon and the guest's runner, which opens it by name.
 */
#include "net/manager.h"
#include "net/link.h"
#include "net/net.h"
#include "net/port_vlans.h"
#include "net/tun.h"
#include "reconcile/record.h"
#include <net/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

struct tap {
	struct obj obj;
	const char *bridge;
	struct mac mac;
	int64_t owner, queues, mtu, pvid;
	struct list vlans; /* of struct vlan_range */
	struct link_state state;
	bool in_use;
};

static const struct field tap_fields[] = {
	FIELD_STRING(struct tap, bridge, type_ifname, .uses = "link",
		.doc = "The bridge that the tap is a port of."),
	FIELD_VALUE(struct tap, mac, struct mac, type_mac, .doc = "Address of the host's side."),
	FIELD_INT(struct tap, owner, 0, UINT32_MAX, .doc = "User ID that may open the tap."),
	FIELD_INT(struct tap, queues, 1, 16, .on_change = CHANGE_RECREATE,
		.doc = "How many queues the guest may open."),
	FIELD_INT(struct tap, mtu, 68, 65535, .doc = "Largest packet in bytes."),
	FIELD_INT(struct tap, pvid, 0, 4094, .doc = "VLAN of packets without a tag; 0: none."),
	FIELD_LIST(struct tap, vlans, type_vlan_range, .doc = "VLANs with tags."),
};

static const struct table tap_table = TABLE(
	struct tap, tap_fields, .key = &type_ifname, .doc = "Guests' interfaces on the host.");

/* Queues come with those who open them; the device only knows whether there may be several. */
static int64_t queues_of(const struct link *l, const struct tap *want)
{
	if (!l->multi_queue)
		return 1;
	return want && want->queues > 1 ? want->queues : 2;
}

static struct tap *tap_have(
	struct host *h, const struct resource *r, const struct links *ls, const struct link *l)
{
	const struct link *bridge = l->master ? links_index(ls, l->master) : NULL;
	struct tap *t = obj_new(h->pass, &tap_table, r->name);

	if (bridge) {
		t->bridge = arena_strdup(h->pass, bridge->name);
		obj_mark_set(t, "bridge");
	}
	if (l->owner >= 0) {
		t->owner = l->owner;
		obj_mark_set(t, "owner");
	}
	t->mac = l->mac;
	t->queues = queues_of(l, r->want);
	t->mtu = l->mtu;
	obj_mark_set(t, "mac");
	obj_mark_set(t, "queues");
	obj_mark_set(t, "mtu");
	t->state = link_state(l, r);
	t->in_use = l->carrier;
	return t;
}

/* Only of a bridge that filters there is something to say. */
static int tap_have_vlans(struct host *h, const struct resource *r, const struct link *l,
	struct tap *t, struct error *e)
{
	const struct tap *ref = r->want ? r->want : r->before;
	static const struct port_vlans nothing;
	const struct port_vlans *now;
	int ret;

	if (!ref || !obj_has(ref, "pvid"))
		return 0;
	ret = port_vlans_get(h, l->index, &now, e);
	if (ret < 0)
		return ret;
	now = now ? now : &nothing;
	t->pvid = now->pvid;
	t->vlans = port_vlans_list(h->pass, now, &ref->vlans);
	obj_mark_set(t, "pvid");
	obj_mark_set(t, "vlans");
	return 0;
}

/* Someone's own tap of this name may carry someone's traffic: it is not taken over. */
static int check_ours(
	struct host *h, const struct resource *r, const struct link *l, struct error *e)
{
	bool tap = l->type && streq(l->type, "tun") && l->tap;

	/* Unmarked but recorded: an earlier apply died between making it and marking it. */
	if (tap && (link_marked(l) || (h->record && record_has(h, r->id))))
		return 0;
	error_set(e, -ENOTUNIQ, "the link %s is there already and is %s that is not kvmhost's",
		l->name, link_describe(l, h->pass));
	return error_cure(e, "remove it: ip link delete %s", l->name);
}

static int tap_observe(struct host *h, const struct resource *r, void **have, struct error *e)
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
	ret = check_ours(h, r, l, r->want ? e : NULL);
	if (ret < 0)
		return r->want ? ret : 0;
	*have = tap_have(h, r, ls, l);
	return tap_have_vlans(h, r, l, *have, e);
}

static void tap_diff(struct host *h, struct step *s)
{
	const struct tap *have = s->have;

	link_diff(h, s, have ? &have->state : NULL);
}

static bool changes(const struct step *s, const char *field)
{
	for (size_t i = 0; i < s->n_changes; i++)
		if (streq(s->changes[i].path, field))
			return true;
	return false;
}

/*
 * Owner and queues are fixed while a guest has the tap open, and QEMU would keep a dead one that
 * was deleted.
 */
static void tap_refine(struct host *h _unused_, struct step *s)
{
	const struct tap *have = s->have;

	if (!s->want) {
		s->idle = !have->in_use;
		s->disruption = DISRUPT_NONE;
		s->in_use =
			have->in_use ? "the guest to be restarted, which has the tap open" : NULL;
	} else if (have && have->in_use && (changes(s, "owner") || changes(s, "queues"))) {
		s->disruption = DISRUPT_GUEST;
		s->wait = "the guest to be stopped, which has the tap open";
	}
}

static int make(struct host *h, struct step *s)
{
	const struct tap *want = s->want;
	bool several = obj_has(want, "queues") && want->queues > 1;

	return tun_make(
		h, s->r->name, several, obj_has(want, "owner") ? want->owner : -1, &s->error);
}

/* One request brings everything else; by name, because the index of a new one is not known. */
static void configure(
	struct host *h, struct nl *nl, const struct links *ls, struct step *s, bool fresh)
{
	const struct tap *want = s->want;
	const struct link *bridge = obj_has(want, "bridge") ? links_name(ls, want->bridge) : NULL;
	struct mac mac = obj_has(want, "mac") ? want->mac : link_mac(h, 0xfe, s->r->name);
	char mark[LINK_MARK_MAX];
	struct nl_msg *m;

	if (obj_has(want, "bridge") && !bridge) {
		error_set(&s->error, -ENODEV, "there is no bridge %s for the tap %s", want->bridge,
			s->r->name);
		return;
	}
	m = link_change(0, true);
	netlink_put_text(m, IFLA_IFNAME, s->r->name);
	if (fresh || obj_has(want, "mac"))
		netlink_put(m, IFLA_ADDRESS, &mac, sizeof(mac));
	if (obj_has(want, "mtu"))
		netlink_put_u32(m, IFLA_MTU, (uint32_t)want->mtu);
	if (bridge)
		netlink_put_u32(m, IFLA_MASTER, (uint32_t)bridge->index);
	netlink_put_text(m, IFLA_IFALIAS, link_mark(s->r, mark));
	netlink_queue(nl, m, (struct netlink_call){ "set up the tap", s->r->name, 0, &s->error });
}

/*
 * Behind the request that puts it into its bridge. In another one it has what the kernel gives,
 * as if it were new.
 */
static void put_vlans(struct host *h, struct nl *nl, struct step *s, const struct link *l)
{
	const struct tap *want = s->want;
	struct port_vlans_change c = { .name = s->r->name,
		.index = l ? l->index : (int)if_nametoindex(s->r->name),
		.pvid = (uint16_t)want->pvid,
		.vlans = &want->vlans };

	if (!obj_has(want, "pvid"))
		return;
	if (l && !changes(s, "bridge") && port_vlans_get(h, l->index, &c.have, &s->error) < 0)
		return;
	port_vlans_put(nl, &c, &s->error);
}

/* One queue or several is decided when the device is made. An undo has no verb for it. */
static bool made_anew(const struct step *s)
{
	return s->verb == STEP_RECREATE || (s->have && s->want && changes(s, "queues"));
}

/* Those to go and those to be made anew leave together. */
static void remove_old(
	struct host *h, struct nl *nl, const struct links *ls, struct step *const *steps, size_t n)
{
	struct doomed *go = arena_alloc(h->pass, n * sizeof(*go));
	size_t n_go = 0;

	for (size_t i = 0; i < n; i++) {
		const struct link *l = links_name(ls, steps[i]->r->name);
		bool out = !steps[i]->want || made_anew(steps[i]);

		if (out && l && !check_ours(h, steps[i]->r, l, NULL))
			go[n_go++] = (struct doomed){ l, steps[i] };
	}
	if (n_go)
		links_remove(nl, ls, go, n_go);
}

static void keep_one(struct host *h, struct nl *nl, const struct links *ls, struct step *s)
{
	bool there = links_name(ls, s->r->name) && !made_anew(s);

	if (!s->want || s->error.code)
		return;
	if (there && !s->have && !link_marked(links_name(ls, s->r->name))) {
		error_set(&s->error, -EEXIST, "a link %s appeared meanwhile", s->r->name);
		return;
	}
	if ((!there || changes(s, "owner")) && make(h, s) < 0)
		return;
	configure(h, nl, ls, s, !there);
	put_vlans(h, nl, s, there ? links_name(ls, s->r->name) : NULL);
}

static void tap_apply_all(struct host *h, struct step *const *steps, size_t n)
{
	const struct links *ls = NULL;
	struct nl *nl = NULL;
	bool ready = n > 0;

	managers_expect(h, steps, n);
	for (size_t i = 0; i < n; i++)
		ready &= links_get(h, &ls, &steps[i]->error) >= 0 &&
			 netlink_get(h, &nl, &steps[i]->error) >= 0;
	if (!ready)
		return;
	remove_old(h, nl, ls, steps, n);
	for (size_t i = 0; i < n; i++)
		keep_one(h, nl, ls, steps[i]);
	netlink_flush(nl);
	links_forget(h);
}

const struct kind tap_kind = {
	.name = "tap",
	.table = &tap_table,
	.claims = "link",
	.recreate_costs = DISRUPT_GUEST,
	.undo = true,
	.observe = tap_observe,
	.diff = tap_diff,
	.refine = tap_refine,
	.apply_all = tap_apply_all,
	.owned = links_owned,
};
