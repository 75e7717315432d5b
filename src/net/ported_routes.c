/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Routes of a bridge or bond that are not where they should be. One through a port leads past the
 * bridge: what it sends has no answer, which the bridge hears. One that was taken of a port and is
 * gone took a way out of the host with it; to set a bridge down and up is enough for that. Whoever
 * leads it elsewhere meanwhile meant it.
 */
#include "net/ported_routes.h"
#include "net/route_seen.h"
#include "net/takeover.h"
#include <linux/rtnetlink.h>

struct look {
	struct host *h;
	const struct route_seen *v;
	size_t n;
	int index; /* of the bridge */
	struct lost *taken; /* all that were taken of its ports */
	size_t n_taken;
};

/* Those of an administrator and of what works for one; a routing daemon's come and go. */
static bool lasts(const struct route *r)
{
	const struct rtmsg *head = nlmsg_data(r->message);

	return !r->dynamic && !r->kernel &&
	       (head->rtm_protocol == RTPROT_BOOT || head->rtm_protocol == RTPROT_STATIC);
}

static void read_taken(struct look *k, const char *id, const struct ported *ref)
{
	const char *name;
	struct taken t;

	for (size_t i = 0; (name = taken_port(k->h, id, i)); i++) {
		if (!ported_wants(ref, name) || !taken_read(k->h, id, name, &t))
			continue;
		for (size_t r = 0; r < t.n_routes; r++)
			if (lasts(&t.routes[r]))
				*ARENA_PUSH(k->h->pass, k->taken, k->n_taken) =
					(struct lost){ t, &t.routes[r] };
	}
}

static bool was_taken(const struct look *k, const struct route_seen *s)
{
	for (size_t i = 0; i < k->n_taken; i++) {
		const struct route_seen t = route_key(k->taken[i].route);

		if (route_same_way(&t, s) && t.metric == s->metric)
			return true;
	}
	return false;
}

/* It is there, by whatever link, or the bridge has one in its place that nobody took of a port. */
static bool there(const struct look *k, const struct route *r)
{
	const struct route_seen want = route_key(r);

	for (size_t i = 0; i < k->n; i++) {
		const struct route_seen *s = &k->v[i];

		if (!route_same_way(&want, s))
			continue;
		if (s->metric == want.metric || (s->index == k->index && !was_taken(k, s)))
			return true;
	}
	return false;
}

int routes_lost(struct host *h, const char *id, const struct link *link, const struct ported *ref,
	struct lost **v, size_t *n, struct error *e)
{
	struct look k = { .h = h, .index = link->index };
	int r;

	*n = 0;
	if (!moves_along(link, ref))
		return 0;
	read_taken(&k, id, ref);
	if (!k.n_taken)
		return 0;
	r = routes_get(h, &k.v, &k.n, e);
	if (r < 0 || !k.v)
		return r;
	*v = NULL;
	for (size_t i = 0; i < k.n_taken; i++)
		if (!there(&k, k.taken[i].route))
			*ARENA_PUSH(h->pass, *v, *n) = k.taken[i];
	return 0;
}

int routes_compare(struct host *h, const char *id, const struct links *ls, const struct link *link,
	const struct ported *ref, struct link_state *out, struct error *e)
{
	const struct route_seen *v;
	struct lost *lost;
	size_t n;
	int r = routes_lost(h, id, link, ref, &lost, &n, e);

	if (r >= 0 && n)
		out->lost = lost->route->text;
	if (r >= 0)
		r = routes_get(h, &v, &n, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n && !out->astray; i++) {
		const struct link *l = v[i].text ? links_index(ls, v[i].index) : NULL;

		if (!l || l->master != link->index || !ported_wants(ref, l->name))
			continue;
		out->astray = v[i].text;
		out->astray_on = l->name;
	}
	return 0;
}
