/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which virtual function of a pool an interface has: what it names, what it had, else the first
 * that is free. */
#include "runner/assign_vf.h"
#include "reconcile/record.h"
#include "sriov/sriov.h"

json_t *assign_vf_kept(struct host *h, const char *id, const char *part)
{
	return record_has(h, id) ? json_object_get(record_kept(h, id), part) : NULL;
}

struct numbers {
	struct strmap by_place; /* "web1 2" -> 1 + number */
	bool known;
};

static int numbers_open(struct host *h _unused_, void **data, struct error *e _unused_)
{
	struct numbers *n = xmalloc(sizeof(*n));

	*n = (struct numbers){ 0 };
	*data = n;
	return 0;
}

static void numbers_forget(void *data)
{
	struct numbers *n = data;

	strmap_free(&n->by_place);
	*n = (struct numbers){ 0 };
}

static void numbers_close(void *data)
{
	numbers_forget(data);
	free(data);
}

static const struct handle numbers_handle = {
	.name = "numbers of virtual functions",
	.open = numbers_open,
	.forget = numbers_forget,
	.close = numbers_close,
};

struct pool {
	bool *taken;
	size_t n, next;
};

struct choosing {
	struct host *h;
	struct numbers *out;
	struct strmap pools; /* by name */
	const struct wants *w;
};

static struct pool *pool_of(struct choosing *c, const char *name)
{
	struct pool *p = strmap_get(&c->pools, name);
	const struct resource *r = p ? NULL : wants_find(c->w, "sriov", name);

	if (p || !r)
		return p;
	p = arena_alloc(c->h->pass, sizeof(*p));
	p->n = (size_t)((const struct sriov *)r->want)->max_vfs;
	p->taken = arena_alloc(c->h->pass, p->n + 1);
	strmap_put(&c->pools, r->name, p);
	return p;
}

static const char *place_of(struct host *h, const struct resource *r, size_t i)
{
	return arena_printf(h->pass, "%s %zu", r->name, i);
}

static void take(struct choosing *c, const struct resource *r, size_t i, struct pool *p, int number)
{
	p->taken[number] = true;
	strmap_put(&c->out->by_place, place_of(c->h, r, i), (void *)(intptr_t)(number + 1));
}

static int kept_number(struct host *h, const struct resource *r, size_t i, const char *pool)
{
	const json_t *at = json_object_get(
		assign_vf_kept(h, r->id, "numbers"), arena_printf(h->pass, "%zu", i));

	return streq_null(json_string_value(json_object_get(at, "pool")), pool)
		       ? (int)json_integer_value(json_object_get(at, "number"))
		       : -1;
}

enum round { NAMED, KEPT, FREE };

static void choose_one(struct choosing *c, const struct resource *r, size_t i, enum round round)
{
	const struct guest *g = ((const struct assign *)r->want)->guest;
	struct vf_name vf;
	struct pool *p;
	int number;

	if (!interface_vf(&LIST_AT(&g->interfaces, const struct guest_interface, i), &vf) ||
		!(p = pool_of(c, vf.pool)) ||
		(round != NAMED && strmap_get(&c->out->by_place, place_of(c->h, r, i))))
		return;
	number = round == NAMED ? vf.index : kept_number(c->h, r, i, vf.pool);
	if (round == FREE) {
		while (p->next < p->n && p->taken[p->next])
			p->next++;
		number = (int)p->next;
	}
	if (number >= 0 && (size_t)number < p->n && !p->taken[number])
		take(c, r, i, p, number);
}

static void choose_all(struct host *h, const struct wants *w, struct numbers *out)
{
	struct choosing c = { .h = h, .out = out, .w = w };

	out->known = true;
	for (enum round round = NAMED; round <= FREE; round++)
		for (size_t i = 0; i < w->n; i++) {
			const struct assign *want = w->v[i]->want;

			if (w->v[i]->kind != &assign_kind)
				continue;
			for (size_t k = 0; k < want->guest->interfaces.n; k++)
				choose_one(&c, w->v[i], k, round);
		}
	strmap_free(&c.pools);
}

int assign_vf_number(struct host *h, const struct resource *r, size_t i)
{
	const struct assign *want = r->want;
	struct numbers *n;
	void *data;

	if (host_handle(h, &numbers_handle, &data, NULL) < 0)
		return -1;
	n = data;
	if (!n->known)
		choose_all(h, want->wants, n);
	return (int)(intptr_t)strmap_get(&n->by_place, place_of(h, r, i)) - 1;
}

int assign_vf_find(struct host *h, const struct resource *r, size_t i, const struct pci_device **vf,
	struct error *e)
{
	const struct assign *want = r->want;
	const struct resource *pool;
	struct vf_name name;
	int number = assign_vf_number(h, r, i);

	if (!interface_vf(
		    &LIST_AT(&want->guest->interfaces, const struct guest_interface, i), &name) ||
		!(pool = wants_find(want->wants, "sriov", name.pool)) || number < 0)
		return -ENOENT;
	return sriov_vf_address(h, pool->want, (unsigned)number, vf, e);
}
