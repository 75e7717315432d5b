/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/link.h"
#include "reconcile/machine_id.h"
#include <net/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

const char *link_mark(const struct resource *r, char buf[LINK_MARK_MAX])
{
	size_t n = strnlen(r->id, LINK_MARK_MAX - sizeof(LINK_MARK));

	memcpy(buf, LINK_MARK, sizeof(LINK_MARK) - 1);
	memcpy(buf + sizeof(LINK_MARK) - 1, r->id, n);
	buf[sizeof(LINK_MARK) - 1 + n] = '\0';
	return buf;
}

bool link_is_marked_for(const struct link *l, const struct resource *r)
{
	const char *id = l->alias ? startswith(l->alias, LINK_MARK) : NULL;

	return id && streq(id, r->id);
}

struct link_state link_state(const struct link *l, const struct resource *r)
{
	return (struct link_state){
		.unmarked = !link_is_marked_for(l, r),
		.down = !(l->flags & IFF_UP),
	};
}

void link_diff(struct host *h, struct step *s, const struct link_state *have)
{
	struct change *c;
	size_t n = obj_diff(s->want, s->have, h->pass, &c);
	char mark[LINK_MARK_MAX];

	for (size_t i = 0; i < n; i++)
		step_change(h, s, c[i].field->name, c[i].path, c[i].have, c[i].want);
	if (!s->have || s->verb == STEP_RESTORE)
		return;
	if (have->unmarked && s->r->recorded)
		step_change(h, s, "mark", "mark", NULL, link_mark(s->r, mark));
	if (have->down)
		step_change(h, s, "up", "up", "false", "true");
	if (have->astray)
		step_change(h, s, "routes",
			arena_printf(h->pass, "route through %s", have->astray_on), have->astray,
			NULL);
	if (have->lost)
		step_change(h, s, "routes", arena_printf(h->pass, "route through %s", s->r->name),
			NULL, have->lost);
	if (have->lost_rule)
		step_change(h, s, "rules", "rule", NULL, have->lost_rule);
	if (have->nameless)
		step_change(h, s, "resolvers", "resolvers", NULL, "those of the port");
}

const char *link_awaited(struct host *h, const struct links *ls, const char *name)
{
	const struct link *l = links_other_name(ls, name);

	return l ? arena_printf(h->pass,
			   "the link %s to appear: that is another name of %s; write `%s`", name,
			   l->name, l->name)
		 : arena_printf(h->pass, "the link %s to appear", name);
}

int links_owned(struct host *h, const struct kind *k, void (*found)(const char *name, void *arg),
	void *arg, struct error *e)
{
	const struct links *ls;
	size_t len = strlen(k->name);
	int r;

	if (!h->live)
		return 0;
	r = links_get(h, &ls, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ls->n; i++) {
		const char *id = ls->v[i].alias ? startswith(ls->v[i].alias, LINK_MARK) : NULL;

		if (id && strncmp(id, k->name, len) == 0 && id[len] == '/' && id[len + 1])
			found(id + len + 1, arg);
	}
	return 0;
}

/* FNV-1a, then a round of mixing: neighbouring names must not give neighbouring addresses. */
static uint64_t hash(uint64_t seed, const char *s)
{
	uint64_t x = seed;

	for (; *s; s++)
		x = (x ^ (uint8_t)*s) * UINT64_C(0x100000001b3);
	x ^= x >> 33;
	x *= UINT64_C(0xff51afd7ed558ccd);
	return x ^ x >> 33;
}

/* A machine that has no machine-id yet still differs from others by its name. */
static uint64_t machine(struct host *h)
{
	char name[256] = "";
	const char *id;

	if (machine_id(h, &id) >= 0 && *id)
		return hash(UINT64_C(0xcbf29ce484222325), id);
	gethostname(name, sizeof(name) - 1);
	return hash(UINT64_C(0xcbf29ce484222325), name);
}

struct mac link_mac(struct host *h, uint8_t first, const char *name)
{
	uint64_t x = hash(machine(h), name);
	struct mac m = { .b = { first } };

	for (int i = 1; i < 6; i++, x >>= 8)
		m.b[i] = (uint8_t)x;
	return m;
}

struct nl_msg *link_change(int index, bool up)
{
	struct ifinfomsg head = { .ifi_family = AF_UNSPEC, .ifi_index = index };

	if (up)
		head.ifi_flags = head.ifi_change = IFF_UP;
	return netlink_request(RTM_NEWLINK, 0, &head, sizeof(head));
}

struct nl_msg *link_change_large(int index, size_t max)
{
	struct ifinfomsg head = { .ifi_family = AF_UNSPEC, .ifi_index = index };

	return netlink_request_large(RTM_NEWLINK, 0, &head, sizeof(head), max);
}

void link_put_no_ipv6(struct nl_msg *m)
{
	struct nlattr *spec = netlink_nest(m, IFLA_AF_SPEC), *inet6 = netlink_nest(m, AF_INET6);
	uint8_t mode = IN6_ADDR_GEN_MODE_NONE;

	netlink_put(m, IFLA_INET6_ADDR_GEN_MODE, &mode, sizeof(mode));
	netlink_nest_end(m, inet6);
	netlink_nest_end(m, spec);
}

int bridge_port_refuse(const struct link *bridge, const struct link *port, struct error *e)
{
	error_set(e, -EBUSY, "%s still holds the port %s, which is not kvmhost's", bridge->name,
		port->name);
	return error_cure(e, "take it out (ip link set %s nomaster) and apply again", port->name);
}

int bridge_ports_check(const struct links *ls, const struct link *bridge, struct error *e)
{
	for (size_t i = 0; i < ls->n; i++)
		if (ls->v[i].master == bridge->index && !link_marked(&ls->v[i]))
			return bridge_port_refuse(bridge, &ls->v[i], e);
	return 0;
}

/* The same for many: ports of others would lose their way out of the host without a word. */
static void refuse_foreign_ports(const struct links *ls, const struct strmap *doomed)
{
	for (size_t i = 0; i < ls->n; i++) {
		const struct link *port = &ls->v[i], *bridge;
		struct doomed *d;

		if (!port->master || link_marked(port))
			continue;
		bridge = links_index(ls, port->master);
		d = bridge ? strmap_get(doomed, bridge->name) : NULL;
		if (d && !d->step->error.code)
			bridge_port_refuse(bridge, port, &d->step->error);
	}
}

/* A group number that no other link is in. */
static uint32_t free_group(const struct links *ls)
{
	uint32_t group = 0x6b766d68; /* "kvmh" */

	for (size_t i = 0; i < ls->n; i++)
		if (ls->v[i].group == group) {
			group++;
			i = (size_t)-1;
		}
	return group;
}

static struct nl_msg *delete_request(int index)
{
	struct ifinfomsg head = { .ifi_family = AF_UNSPEC, .ifi_index = index };

	return netlink_request(RTM_DELLINK, 0, &head, sizeof(head));
}

static void delete_group(struct nl *nl, struct doomed *v, size_t n, uint32_t group)
{
	struct error e = { 0 };
	struct nl_msg *m;

	for (size_t i = 0; i < n; i++) {
		if (v[i].step->error.code)
			continue;
		m = link_change(v[i].link->index, false);
		netlink_put_u32(m, IFLA_GROUP, group);
		netlink_queue(nl, m,
			(struct netlink_call){
				"group for removal", v[i].link->name, ENODEV, &v[i].step->error });
	}
	m = delete_request(0);
	netlink_put_u32(m, IFLA_GROUP, group);
	netlink_queue(nl, m, (struct netlink_call){ "remove", "a group of links", ENODEV, &e });
	netlink_flush(nl);
	for (size_t i = 0; e.code && i < n; i++)
		if (!v[i].step->error.code)
			error_set(&v[i].step->error, e.code, "%s: %s", v[i].link->name, e.text);
	error_clear(&e);
}

void links_remove(struct nl *nl, const struct links *ls, struct doomed *v, size_t n)
{
	_cleanup_strmap_ struct strmap by_name = { 0 };

	for (size_t i = 0; i < n; i++)
		strmap_put(&by_name, v[i].link->name, &v[i]);
	refuse_foreign_ports(ls, &by_name);
	if (n == 1 && !v[0].step->error.code)
		netlink_queue(nl, delete_request(v[0].link->index),
			(struct netlink_call){
				"remove", v[0].link->name, ENODEV, &v[0].step->error });
	else if (n > 1)
		delete_group(nl, v, n, free_group(ls));
	netlink_flush(nl);
}
