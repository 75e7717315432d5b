/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/manager.h"
#include "net/link_kind.h"
#include <net/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

static const struct link_kind *const all[] = { &vlan_link, &dummy_link, &veth_link, &macvtap_link };

const struct link_kind *link_kind_of(const struct kind *k)
{
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i]->kind == k)
			return all[i];
	return NULL;
}

static void *member(const void *obj, const char *field)
{
	const struct field *f = table_field(((const struct obj *)obj)->table, field);

	return f ? (char *)(uintptr_t)obj + f->offset : NULL;
}

static struct link_state *state_of(const struct link_kind *k, const void *obj)
{
	return obj ? (void *)((char *)(uintptr_t)obj + k->state) : NULL;
}

static bool is_of(const struct link_kind *k, const struct link *l)
{
	return l->type && streq(l->type, k->type);
}

/* ---- how it is ---- */

static void *read_link(struct host *h, const struct link_kind *k, const struct resource *r,
	const struct links *ls, const struct link *l)
{
	void *have = obj_new(h->pass, k->kind->table, r->name);

	*state_of(k, have) = link_state(l, r);
	if (member(have, "mtu")) {
		*(int64_t *)member(have, "mtu") = l->mtu;
		obj_mark_set(have, "mtu");
	}
	if (member(have, "mac")) {
		*(struct mac *)member(have, "mac") = l->mac;
		obj_mark_set(have, "mac");
	}
	if (k->read)
		k->read(h, r, ls, l, have);
	return have;
}

int link_kind_observe(struct host *h, const struct resource *r, void **have, struct error *e)
{
	const struct link_kind *k = link_kind_of(r->kind);
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
	if (is_of(k, l)) {
		*have = read_link(h, k, r, ls, l);
		return 0;
	}
	if (!r->want)
		return 0;
	error_set(e, -ENOTUNIQ, "the link %s is there already and is %s, not a %s", l->name,
		link_describe(l, h->pass), k->type);
	return error_cure(e, "name the %s otherwise, or remove the link: ip link delete %s",
		k->type, l->name);
}

void link_kind_diff(struct host *h, struct step *s)
{
	link_diff(h, s, state_of(link_kind_of(s->r->kind), s->have));
}

void link_kind_refine(struct host *h, struct step *s)
{
	const struct link_kind *k = link_kind_of(s->r->kind);
	const char *below = k->below && s->want ? k->below(s->want) : NULL;
	const struct links *ls;

	if (!below || s->r->n_after || links_get(h, &ls, NULL) < 0)
		return;
	if (!links_name(ls, below) && (!s->have || s->verb == STEP_RECREATE))
		s->wait = link_awaited(h, ls, below);
	/* Names were exchanged: whether it is to leave its card nobody can say but a person. */
	for (size_t i = 0; s->have && i < s->n_changes; i++)
		s->by_hand |= streq(s->changes[i].path, "link");
}

/* ---- making it so ---- */

/* A kernel without the driver says only that it does not know the type. */
void link_explain_driver(struct step *s, const char *type, const char *driver)
{
	struct error why = s->error;

	if (why.code != -EOPNOTSUPP || !driver || !strstr(why.text, "Unknown device type"))
		return;
	s->error = (struct error){ 0 };
	error_set(&s->error, why.code, "%s: the kernel's %s driver, %s, is not loaded", why.text,
		type, driver);
	error_cure(&s->error,
		"modprobe %s, and for every boot: host: {kernel: {modules: {%s: "
		"{}}}}",
		driver, driver);
	error_clear(&why);
}

static void put_info(struct nl_msg *m, const struct link_kind *k, const void *want)
{
	struct nlattr *info = netlink_nest(m, IFLA_LINKINFO), *data;

	netlink_put_text(m, IFLA_INFO_KIND, k->type);
	if (k->put) {
		data = netlink_nest(m, IFLA_INFO_DATA);
		k->put(m, want);
		netlink_nest_end(m, data);
	}
	netlink_nest_end(m, info);
}

/* While it is down still. */
static void for_guests(struct nl *nl, struct step *s)
{
	struct ifinfomsg head = { .ifi_flags = IFF_ALLMULTI, .ifi_change = IFF_ALLMULTI };
	struct nl_msg *m = netlink_request(RTM_NEWLINK, 0, &head, sizeof(head));

	netlink_put_text(m, IFLA_IFNAME, s->r->name);
	link_put_no_ipv6(m);
	netlink_queue(nl, m, (struct netlink_call){ "set up the link", s->r->name, 0, &s->error });
}

static void make(struct nl *nl, const struct links *ls, const struct link_kind *k, struct step *s,
	int master)
{
	const char *below = k->below ? k->below(s->want) : NULL;
	const struct link *l = below ? links_name(ls, below) : NULL;
	struct ifinfomsg head = { .ifi_family = AF_UNSPEC };
	struct nl_msg *m;

	if (below && !l) {
		error_set(&s->error, -ENODEV, "there is no link %s for the %s %s", below, k->type,
			s->r->name);
		error_cure(&s->error, "look at `ip link` for the card's present name");
		return;
	}
	m = netlink_request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof(head));
	netlink_put_text(m, IFLA_IFNAME, s->r->name);
	if (l)
		netlink_put_u32(m, IFLA_LINK, (uint32_t)l->index);
	if (master)
		netlink_put_u32(m, IFLA_MASTER, (uint32_t)master);
	/* From the first: one that comes without gets another from udev, in its own time. */
	if (member(s->want, "mac") && obj_has(s->want, "mac"))
		netlink_put(m, IFLA_ADDRESS, member(s->want, "mac"), sizeof(struct mac));
	put_info(m, k, s->want);
	netlink_queue(nl, m, (struct netlink_call){ "make the link", s->r->name, 0, &s->error });
	if (k->guests)
		for_guests(nl, s);
	netlink_flush(nl);
	link_explain_driver(s, k->type, k->driver);
}

static void raise_twin(struct nl *nl, const struct link_kind *k, struct step *s)
{
	struct nl_msg *m = link_change(0, true);

	netlink_put_text(m, IFLA_IFNAME, k->twin(s->want));
	netlink_queue(nl, m, (struct netlink_call){ "set up the link", s->r->name, 0, &s->error });
}

/* By name: the index of a new one is not known. */
static void configure(
	struct host *h, struct nl *nl, const struct link_kind *k, struct step *s, bool twin)
{
	char mark[LINK_MARK_MAX];
	struct nl_msg *m = link_change(0, true);

	netlink_put_text(m, IFLA_IFNAME, s->r->name);
	if (member(s->want, "mac") && obj_has(s->want, "mac"))
		netlink_put(m, IFLA_ADDRESS, member(s->want, "mac"), sizeof(struct mac));
	if (member(s->want, "mtu") && obj_has(s->want, "mtu"))
		netlink_put_u32(m, IFLA_MTU, (uint32_t) * (int64_t *)member(s->want, "mtu"));
	netlink_put_text(m, IFLA_IFALIAS,
		s->verb == STEP_RESTORE ? "" : arena_strdup(h->pass, link_mark(s->r, mark)));
	netlink_queue(nl, m, (struct netlink_call){ "set up the link", s->r->name, 0, &s->error });
	if (twin)
		raise_twin(nl, k, s);
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

int link_kind_apply(struct host *h, struct step *s, struct error *e)
{
	const struct link_kind *k = link_kind_of(s->r->kind);
	const struct links *ls;
	const struct link *there;
	int r = links_get(h, &ls, e), master = 0;
	struct nl *nl;

	if (r < 0 || (r = netlink_get(h, &nl, e)) < 0)
		return r;
	managers_expect(h, &s, 1);
	there = links_name(ls, s->r->name);
	if (there && (!is_of(k, there) || (link_marked(there) && !link_is_marked_for(there, s->r))))
		return error_set(e, -EEXIST, "a link %s appeared meanwhile", s->r->name);
	if (there && (!s->want || another(s))) {
		master = there->master;
		links_remove(nl, ls, &(struct doomed){ there, s }, 1);
		there = NULL;
	}
	if (s->want && !there && !s->error.code)
		make(nl, ls, k, s, master);
	/* One that is nowhere to be seen beside its twin went to another namespace. */
	if (s->want && !s->error.code)
		configure(h, nl, k, s, k->twin && (!there || links_name(ls, k->twin(s->want))));
	links_forget(h);
	*e = s->error;
	s->error = (struct error){ 0 };
	return e->code;
}
