/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kind `macvtap`: a guest's interface that is an address of its own on a
 * link of the host's, without a bridge. Not in the document; guests derive it.
 * It has the guest's MAC address, and a character device that the runner's
 * opener opens.
 */
#include "net/link_kind.h"
#include "net/manager.h"
#include "net/node_holder.h"
#include "config/guest_mac.h"
#include "reconcile/machine_id.h"
#include "reconcile/record.h"
#include <net/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

struct macvtap {
	struct obj obj;
	const char *link;
	int mode;
	const char *guest;
	int64_t number; /* of the guest's interface */
	struct mac mac; /* where the document has none it is filled in when the machine is seen */
	int64_t mtu;
	struct link_state state;
};

static const char *const mode_names[] = { "bridge", "vepa", "private", "passthru", NULL };
static const uint32_t modes[] = { MACVLAN_MODE_BRIDGE, MACVLAN_MODE_VEPA, MACVLAN_MODE_PRIVATE,
	MACVLAN_MODE_PASSTHRU };

static const struct field macvtap_fields[] = {
	FIELD_STRING(struct macvtap, link, type_ifname, .uses = "link",
		.on_change = CHANGE_RECREATE, .doc = "The link that it is an address of."),
	FIELD_ENUM(struct macvtap, mode, mode_names, .on_change = CHANGE_RECREATE,
		.doc = "Whom it reaches on the same link."),
	FIELD_STRING(struct macvtap, guest, type_string, .doc = "Whose it is."),
	FIELD_INT(struct macvtap, number, 0, 31, .doc = "Which of the guest's interfaces."),
	FIELD_VALUE(struct macvtap, mac, struct mac, type_mac, .doc = "The guest's address."),
	FIELD_INT(struct macvtap, mtu, 68, 65535, .doc = "Largest packet in bytes."),
};

static const struct table macvtap_table = TABLE(struct macvtap, macvtap_fields, .key = &type_ifname,
	.doc = "Guests' interfaces on links of the host's.");

static bool is_up(const struct link *l)
{
	return l && l->flags & IFF_UP;
}

static void read_macvtap(struct host *h, const struct resource *r, const struct links *ls,
	const struct link *l, void *have)
{
	const struct link *below = l->parent ? links_index(ls, l->parent) : NULL;
	const struct macvtap *want = r->want;
	struct macvtap *v = have;

	if (below) {
		v->link = arena_strdup(h->pass, below->name);
		obj_mark_set(v, "link");
	}
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		if (l->macvlan_mode == modes[i])
			v->mode = (int)i;
	obj_mark_set(v, "mode");
	/* Which guest's it is stands in its name. */
	if (want) {
		v->guest = want->guest;
		v->number = want->number;
		obj_mark_set(v, "guest");
		obj_mark_set(v, "number");
	}
	v->state.down |= !is_up(below);
}

static const char *below(const void *want)
{
	return ((const struct macvtap *)want)->link;
}

static void put_macvtap(struct nl_msg *m, const void *want)
{
	netlink_put_u32(m, IFLA_MACVLAN_MODE, modes[((const struct macvtap *)want)->mode]);
}

const struct link_kind macvtap_link = {
	.kind = &macvtap_kind,
	.type = "macvtap",
	.driver = "macvtap",
	.state = offsetof(struct macvtap, state),
	.guests = true,
	.below = below,
	.read = read_macvtap,
	.put = put_macvtap,
};

/* The address that the guest's interface has, which another on the same link would not hear. */
static int fill_mac(struct host *h, const struct resource *r, struct error *e)
{
	struct macvtap *want = (struct macvtap *)(uintptr_t)r->want;
	const char *id;
	int ret;

	if (!want || obj_has(want, "mac") || !h->live)
		return 0;
	ret = machine_id(h, &id);
	if (ret < 0)
		return error_set(e, ret, "cannot read /etc/machine-id: %s", strerror(-ret));
	want->mac = guest_mac(id, want->guest, (size_t)want->number);
	obj_mark_set(want, "mac");
	return 0;
}

static int macvtap_observe(struct host *h, const struct resource *r, void **have, struct error *e)
{
	int ret = fill_mac(h, r, e);

	return ret < 0 ? ret : link_kind_observe(h, r, have, e);
}

/* ---- the guest that has it ---- */

static bool in_use(struct host *h, const char *name)
{
	_cleanup_free_ char *index = xprintf("/sys/class/net/%s/ifindex", name), *n = NULL,
			    *dev = NULL;
	unsigned major, minor;

	if (file_read_line(h->root, index, &n) < 0)
		return false;
	free(index);
	index = xprintf("/sys/class/net/%s/macvtap/tap%s/dev", name, n);
	return file_read_line(h->root, index, &dev) >= 0 &&
	       sscanf(dev, "%u:%u", &major, &minor) == 2 && node_held(h, makedev(major, minor));
}

/* QEMU would keep a dead one. */
static void macvtap_refine(struct host *h, struct step *s)
{
	bool used;

	link_kind_refine(h, s);
	if (!s->have || (s->want && s->verb != STEP_RECREATE))
		return;
	used = in_use(h, s->r->name);
	s->disruption = used && s->want ? DISRUPT_GUEST : DISRUPT_NONE;
	if (used && s->want)
		s->wait = "the guest to be stopped, which has the macvtap open";
	else if (used)
		s->in_use = "the guest to be restarted, which has the macvtap open";
	else
		s->idle = !s->want;
}

/* ---- the link below ---- */

static int set_flags(struct host *h, const struct link *l, bool up, struct error *e)
{
	struct ifinfomsg head = {
		.ifi_index = l->index, .ifi_flags = up ? IFF_UP : 0, .ifi_change = IFF_UP
	};
	struct nl *nl;
	int r = netlink_get(h, &nl, e);

	if (r < 0)
		return r;
	netlink_queue(nl, netlink_request(RTM_NEWLINK, 0, &head, sizeof(head)),
		(struct netlink_call){
			up ? "set up the link" : "take down the link", l->name, 0, e });
	netlink_flush(nl);
	links_forget(h);
	return e->code;
}

/* A card that nobody used is down. Noted first, to be as it was when the last guest leaves it. */
static int raise_below(struct host *h, const struct resource *r, struct error *e)
{
	const struct macvtap *want = r->want;
	const struct links *ls;
	const struct link *l;
	int ret = links_get(h, &ls, e);

	l = ret < 0 ? NULL : links_name(ls, want->link);
	if (!l || is_up(l))
		return ret;
	if (record_has(h, r->id)) {
		json_object_set_new(record_kept(h, r->id), "raised", json_string(l->name));
		record_touch(h);
		ret = record_save(h, e);
	}
	return ret < 0 ? ret : set_flags(h, l, true, e);
}

static const char *raised(struct host *h, const struct resource *r)
{
	return record_has(h, r->id)
		       ? json_string_value(json_object_get(record_kept(h, r->id), "raised"))
		       : NULL;
}

static int lower_below(struct host *h, const struct resource *r, const char *name, struct error *e)
{
	const struct links *ls;
	const struct link *l;
	int ret = links_get(h, &ls, e);

	/* It may have noted another one meanwhile. */
	if (ret >= 0 && streq_null(raised(h, r), name)) {
		json_object_del(record_kept(h, r->id), "raised");
		record_touch(h);
	}
	l = ret >= 0 ? links_name(ls, name) : NULL;
	if (!l || !is_up(l))
		return ret;
	for (size_t i = 0; i < ls->n; i++) {
		const char *id = ls->v[i].alias ? startswith(ls->v[i].alias, LINK_MARK) : NULL;

		if (ls->v[i].parent != l->index || !id || !record_has(h, id))
			continue;
		/* Another one needs it, and is to take it down. */
		json_object_set_new(record_kept(h, id), "raised", json_string(name));
		record_touch(h);
		return record_save(h, e);
	}
	return set_flags(h, l, false, e);
}

static int macvtap_apply(struct host *h, struct step *s, struct error *e)
{
	const struct macvtap *want = s->want;
	const char *before = raised(h, s->r) ? arena_strdup(h->pass, raised(h, s->r)) : NULL;
	int r = want ? raise_below(h, s->r, e) : 0;

	if (r >= 0)
		r = link_kind_apply(h, s, e);
	if (r >= 0 && before && !(want && streq(want->link, before)))
		r = lower_below(h, s->r, before, e);
	return r;
}

const struct kind macvtap_kind = {
	.name = "macvtap",
	.table = &macvtap_table,
	.claims = "link",
	.recreate_costs = DISRUPT_GUEST,
	.undo = true,
	.derive = manager_imply,
	.observe = macvtap_observe,
	.diff = link_kind_diff,
	.refine = macvtap_refine,
	.apply = macvtap_apply,
	.owned = links_owned,
};
