/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kind `docker`: Docker refuses all forwarding that is not its containers'
 * (the policy of FORWARD), and a table of ours cannot overrule that. Where its
 * rules stand in nf_tables, guests' packets are let through in DOCKER-USER, the
 * chain that it makes for others; whether they may go is decided by our own
 * rules. Where they stand in iptables' own tables, ours do too, and first.
 * A resource for each family, derived from the networks that let guests out.
 */
#include "net/docker_user.h"
#include "net/names.h"
#include "net/network.h"
#include "reconcile/plan.h"

struct docker {
	struct obj obj;
	struct list bridges; /* const char *, in the order of their names */
	int64_t broken; /* rules of ours that somebody changed, or that lack their other half */
};

static const struct field rows[] = {
	FIELD_LIST(struct docker, bridges, type_ifname,
		.doc = "Bridges whose guests' packets Docker lets through."),
	FIELD_INT(struct docker, broken, 0, INT64_MAX,
		.doc = "Rules of ours that say something else now, or lack their other half."),
};
static const struct table table =
	TABLE(struct docker, rows, .doc = "Rules of ours in Docker's chain " DOCKER_USER ".");

static int family_of(const char *name)
{
	return streq(name, "ip") ? AF_INET : AF_INET6;
}

void docker_imply(const struct resource *network, struct wants *w)
{
	const struct network *n = network->want;

	if (n->mode == NETWORK_ISOLATED)
		return;
	if (network_has(n, AF_INET))
		want_imply(w, network, "docker", "ip");
	if (network_has(n, AF_INET6))
		want_imply(w, network, "docker", "ip6");
}

/* The resource comes behind all networks. */
static void docker_derive(const struct resource *r, struct wants *w)
{
	struct docker *d = (struct docker *)r->want;
	const char **v = NULL;
	size_t n = 0;

	for (size_t i = 0; i < w->n; i++) {
		const struct network *net = w->v[i]->want;

		if (w->v[i]->kind == &network_kind && net->mode != NETWORK_ISOLATED &&
			network_has(net, family_of(r->name)))
			*ARENA_PUSH(w->arena, v, n) = net->bridge;
	}
	d->bridges = names_sorted(v, n);
	obj_mark_set(d, "bridges");
	obj_mark_set(d, "broken");
}

static bool has(const struct docker_chain *c, const char *bridge, bool into)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->rules[i].bridge && c->rules[i].into == into &&
			streq(c->rules[i].bridge, bridge))
			return true;
	return false;
}

/* A bridge has two rules, one for each direction. */
static void fill(struct docker *d, struct arena *a, const struct docker_chain *c)
{
	const char **v = NULL;
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++) {
		const char *bridge = c->rules[i].bridge;

		if (!bridge || !has(c, bridge, !c->rules[i].into))
			d->broken++;
		else if (c->rules[i].into)
			*ARENA_PUSH(a, v, n) = bridge;
	}
	d->bridges = names_sorted(v, n);
	obj_mark_set(d, "bridges");
	obj_mark_set(d, "broken");
}

static int docker_observe(struct host *h, const struct resource *r, void **have, struct error *e)
{
	struct docker_chain chain;
	struct docker *d;
	int ret;

	*have = NULL;
	if (!h->live)
		return 0;
	ret = docker_read(h, family_of(r->name), h->pass, &chain, e);
	if (ret < 0)
		return ret;
	if (!chain.present)
		return r->want ? NOT_HERE : 0;
	if (!chain.n)
		return 0;
	d = obj_new(h->pass, &table, r->name);
	fill(d, h->pass, &chain);
	*have = d;
	return 0;
}

static void docker_refine(struct host *h, struct step *s)
{
	if (!s->reason)
		s->reason = arena_printf(h->pass, "Docker's chain " DOCKER_USER " is there");
}

static int docker_apply(struct host *h, struct step *s, struct error *e)
{
	const struct docker *want = s->want;

	return docker_write(h, family_of(s->r->name), want ? want->bridges.v : NULL,
		want ? want->bridges.n : 0, e);
}

static int docker_owned(struct host *h, const struct kind *k _unused_,
	void (*found)(const char *name, void *arg), void *arg, struct error *e)
{
	static const char *const names[] = { "ip", "ip6" };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(names) && r >= 0; i++) {
		struct docker_chain chain;

		r = docker_read(h, family_of(names[i]), h->pass, &chain, e);
		if (r >= 0 && chain.n)
			found(names[i], arg);
	}
	return r;
}

const struct kind docker_kind = {
	.name = "docker",
	.table = &table,
	.undo = true,
	.derive = docker_derive,
	.observe = docker_observe,
	.refine = docker_refine,
	.apply = docker_apply,
	.owned = docker_owned,
};
