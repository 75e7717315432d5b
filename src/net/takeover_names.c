/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whom the host asks for names goes along with its addresses. systemd-resolved asks by links, and a
 * network manager that leaves a card alone takes back in that moment what it told of it: without
 * this the host would know no name any more.
 */
#include "net/takeover.h"

int names_read(struct mover *m, const struct link *port, struct resolvers *out)
{
	int r = resolvers_asked(m->h, m->e);

	return r > 0 ? resolvers_get(m->h, port->index, out, m->e) : r;
}

static void put_names(struct mover *m, const struct resolvers *d)
{
	struct error why = { 0 };
	struct resolvers there;
	int r = resolvers_get(m->h, m->bridge->index, &there, &why);

	/* Whoever has said something of the bridge meant it. */
	if (r >= 0 && !resolvers_any(&there))
		r = resolvers_tell(m->h, m->bridge->index, d, &why);
	/* What networkd still has in hand is compared again when it was told. */
	if (r < 0 && r != -EBUSY)
		error_set(m->e, r, "%s", why.text);
	error_clear(&why);
}

void lead_names(struct mover *m, const struct ported *want, const struct port *p, size_t n)
{
	if (!moves_along(m->bridge, want))
		return;
	for (size_t i = 0; i < n; i++) {
		if (!resolvers_any(&p[i].t.names))
			continue;
		if (resolvers_asked(m->h, NULL) > 0)
			put_names(m, &p[i].t.names);
		return;
	}
}

static bool same_servers(const struct resolvers *a, const struct resolvers *b)
{
	bool same = a->servers.n == b->servers.n;

	for (size_t i = 0; same && i < a->servers.n; i++) {
		const struct ip *x = &LIST_AT(&a->servers, struct ip, i);
		const struct ip *y = &LIST_AT(&b->servers, struct ip, i);

		same = x->family == y->family && !memcmp(x->b, y->b, x->family == AF_INET ? 4 : 16);
	}
	return same;
}

/*
 * resolved takes a port that leaves its bridge for a link that went, and forgets what it was told
 * of it. Its answers are nobody's business: a bridge that goes takes its own along, and a manager
 * that gets its card back tells it anew.
 */
void give_names(struct mover *m, const struct taken *t, const struct link *port)
{
	struct resolvers there;

	if (!resolvers_any(&t->names) || resolvers_asked(m->h, NULL) <= 0)
		return;
	if (m->bridge && resolvers_get(m->h, m->bridge->index, &there, NULL) >= 0 &&
		same_servers(&there, &t->names))
		resolvers_tell(m->h, m->bridge->index, NULL, NULL);
	resolvers_tell(m->h, port->index, &t->names, NULL);
}

bool names_lost(struct host *h, const char *id, const struct link *bridge, const struct ported *ref)
{
	const char *name;
	struct taken t;

	if (!moves_along(bridge, ref))
		return false;
	for (size_t i = 0; (name = taken_port(h, id, i)); i++)
		if (ported_wants(ref, name) && taken_read(h, id, name, &t) &&
			resolvers_any(&t.names))
			return !resolvers_told(h, bridge->index) && resolvers_asked(h, NULL) > 0;
	return false;
}
