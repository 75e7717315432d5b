/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * In the record's entry of an assignment:
 *
 *	"numbers": {"2": {"pool": "uplink", "number": 3}}    by the guest's interface
 *	"bound": {"0000:01:10.6": {"object": "...", "former": "igbvf"}}
 *
 * A binding counts while the kernel's object is the same: new virtual
 * functions at the old addresses are bound to nothing.
 */
#include "runner/assign_vf.h"
#include "iommu/device.h"
#include "iommu/vfio.h"
#include "iommu/vfio_holder.h"
#include "reconcile/record.h"
#include "sriov/sriov.h"

static json_t *kept_part(struct host *h, const char *id, const char *part)
{
	return record_has(h, id) ? json_object_get(record_kept(h, id), part) : NULL;
}

/* --- numbers -----------------------------------------------------------------------------------
 */

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
	const json_t *at =
		json_object_get(kept_part(h, r->id, "numbers"), arena_printf(h->pass, "%zu", i));

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

/* --- bindings ----------------------------------------------------------------------------------
 */

static json_t *part(struct host *h, const char *id, const char *name)
{
	json_t *kept = record_kept(h, id), *o = json_object_get(kept, name);

	if (!o) {
		o = json_object();
		json_object_set_new(kept, name, o);
	}
	return o;
}

static void keep_number(struct host *h, const struct resource *r, size_t i, const char *pool)
{
	char key[24];

	snprintf(key, sizeof(key), "%zu", i);
	json_object_set_new(part(h, r->id, "numbers"), key,
		json_pack("{s:s, s:i}", "pool", pool, "number", assign_vf_number(h, r, i)));
}

/* Whether it is the one that we bound, or began to. */
static bool is_same(struct host *h, const char *address, const json_t *bound)
{
	const char *object = pci_object(h, address);

	return object && streq_null(object, json_string_value(json_object_get(bound, "object")));
}

static void keep_bound(struct host *h, const struct resource *r, const struct pci_device *d)
{
	json_t *all = part(h, r->id, "bound"), *one = json_object_get(all, d->address);

	if (one && is_same(h, d->address, one))
		return;
	json_object_set_new(all, d->address,
		json_pack("{s:s?, s:s?}", "object", pci_object(h, d->address), "former",
			vfio_begun(d) ? NULL : d->driver));
}

/* Of functions that went, with their card's driver or the boot. */
static void forget_gone(struct host *h, json_t *all)
{
	const char *address;
	json_t *bound;
	void *next;

	json_object_foreach_safe(all, next, address, bound) if (!is_same(h, address, bound))
		json_object_del(all, address);
}

int assign_vf_keep(
	struct host *h, const struct resource *r, const struct functions *f, struct error *e)
{
	const struct guest *g = ((const struct assign *)r->want)->guest;
	struct vf_name vf;

	json_object_clear(part(h, r->id, "numbers"));
	forget_gone(h, part(h, r->id, "bound"));
	for (size_t i = 0; i < g->interfaces.n; i++)
		if (interface_vf(&LIST_AT(&g->interfaces, const struct guest_interface, i), &vf) &&
			vf.index < 0)
			keep_number(h, r, i, vf.pool);
	for (size_t i = 0; i < f->n; i++)
		if (f->v[i].vf)
			keep_bound(h, r, f->v[i].d);
	record_touch(h);
	return record_save(h, e);
}

static bool has(const struct functions *f, const char *address)
{
	for (size_t i = 0; f && i < f->n; i++)
		if (f->v[i].vf && streq(f->v[i].d->address, address))
			return true;
	return false;
}

static bool is_left(struct host *h, const struct pci_device *d, const json_t *bound)
{
	bool had = json_is_string(json_object_get(bound, "former"));

	return is_same(h, d->address, bound) && (vfio_begun(d) || (had && !d->driver));
}

const struct pci_device **assign_vf_left(
	struct host *h, const struct resource *r, const struct functions *f, size_t *n)
{
	const struct pci_device **left = NULL, *d;
	const char *address;
	json_t *bound;
	struct pci *p;

	*n = 0;
	if (pci_get(h, &p, NULL) < 0)
		return NULL;
	json_object_foreach (kept_part(h, r->id, "bound"), address, bound)
		if (!has(f, address) && (d = pci_find(p, address)) && is_left(h, d, bound))
			*ARENA_PUSH(h->pass, left, *n) = d;
	return left;
}

int assign_vf_unbind(
	struct host *h, const struct resource *r, const struct functions *f, struct error *e)
{
	size_t n;
	const struct pci_device **left = assign_vf_left(h, r, f, &n);
	int ret = 0;

	vfio_holders_forget(h); /* the guest may just have let go */
	for (size_t i = 0; i < n && ret >= 0; i++) {
		json_t *all = kept_part(h, r->id, "bound");
		const json_t *bound = json_object_get(all, left[i]->address);

		if (vfio_holder(h, left[i]))
			continue;
		ret = vfio_unbind(h, left[i]->address,
			json_string_value(json_object_get(bound, "former")), e);
		if (ret >= 0)
			json_object_del(all, left[i]->address);
	}
	record_touch(h);
	return ret;
}

int assign_vf_bind(struct host *h, const struct resource *r _unused_, const struct functions *f,
	struct error *e)
{
	int ret = 0;

	for (size_t i = 0; i < f->n && ret >= 0; i++)
		if (f->v[i].vf && !vfio_bound(f->v[i].d))
			ret = vfio_bind(h, f->v[i].d->address, e);
	return ret;
}
