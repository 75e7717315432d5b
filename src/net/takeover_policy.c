/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules that choose a routing table go along with the addresses and routes of a port. */
#include "net/takeover.h"
#include <linux/rtnetlink.h>

/* Those of the port, or of what goes along with it. */
static bool concerns(const struct policy *p, const struct link *port, const struct taken *live)
{
	uint32_t table = policy_table(p);

	if (policy_names(p, port->name))
		return true;
	for (size_t i = 0; i < live->n_addrs; i++)
		if (policy_has_source(p, &live->addrs[i].cidr))
			return true;
	for (size_t i = 0; table != RT_TABLE_MAIN && i < live->n_routes; i++)
		if (route_table(&live->routes[i]) == table)
			return true;
	return false;
}

int policies_of(struct mover *m, const struct link *port, struct taken *live)
{
	struct policy *all;
	size_t n;
	int r = policies_read(m->nl, m->h->pass, &all, &n, m->e);

	for (size_t i = 0; r >= 0 && i < n; i++)
		if (concerns(&all[i], port, live))
			*ARENA_PUSH(m->h->pass, live->policies, live->n_policies) = all[i];
	return r;
}

bool taken_has_policy(
	const struct taken *t, const char *name, const struct policy *p, const char *p_name)
{
	for (size_t i = 0; i < t->n_policies; i++)
		if (policy_same(&t->policies[i], name, p, p_name))
			return true;
	return false;
}

void put_policies(struct mover *m, const struct taken *t, const char *to)
{
	for (size_t i = 0; i < t->n_policies; i++)
		netlink_queue(m->nl, policy_add(&t->policies[i], t->port, to),
			(struct netlink_call){ arena_printf(m->h->pass, "set up the rule %s for",
						       t->policies[i].text),
				to, EEXIST, m->e });
}

void drop_policies(struct mover *m, const struct taken *t, const char *from)
{
	for (size_t i = 0; i < t->n_policies; i++)
		if (policy_names(&t->policies[i], t->port))
			netlink_queue(m->nl, policy_delete(&t->policies[i], t->port, from),
				(struct netlink_call){
					arena_printf(m->h->pass, "drop the rule %s of",
						t->policies[i].text),
					from, ENOENT, m->e });
}

int policies_lost(struct host *h, const char *id, const struct link *bridge,
	const struct ported *ref, const char **out, struct error *e)
{
	struct taken now = { .port = bridge->name }, t;
	const char *name;
	struct nl *nl;
	int r = 0;

	if (!moves_along(bridge, ref))
		return 0;
	for (size_t i = 0; r >= 0 && !*out && (name = taken_port(h, id, i)); i++) {
		if (!ported_wants(ref, name) || !taken_read(h, id, name, &t) || !t.n_policies)
			continue;
		r = now.policies ? 0 : netlink_get(h, &nl, e);
		if (r >= 0 && !now.policies)
			r = policies_read(nl, h->pass, &now.policies, &now.n_policies, e);
		for (size_t k = 0; r >= 0 && !*out && k < t.n_policies; k++)
			if (!taken_has_policy(&now, bridge->name, &t.policies[k], name))
				*out = t.policies[k].text;
	}
	return r;
}
