/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * In the record's entry of an assignment:
 *
 *	"numbers": {"2": {"pool": "uplink", "number": 3}}    by the guest's interface
 *	"bound": {"0000:01:10.6": {"object": "...", "former": "igbvf", "former_override": "igbvf"}}
 *
 * A binding counts while the kernel's object is the same: new virtual
 * functions at the old addresses are bound to nothing.
 */
#include "runner/assign_vf.h"
#include "iommu/device.h"
#include "iommu/vfio.h"
#include "iommu/vfio_holder.h"
#include "reconcile/record.h"

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
		json_pack("{s:s?, s:s?, s:s?}", "object", pci_object(h, d->address), "former",
			vfio_begun(d) ? NULL : d->driver, "former_override",
			vfio_begun(d) ? NULL : d->driver_override));
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
	json_object_foreach (assign_vf_kept(h, r->id, "bound"), address, bound)
		if (!has(f, address) && (d = pci_find(p, address)) && is_left(h, d, bound))
			*ARENA_PUSH(h->pass, left, *n) = d;
	return left;
}

static struct vfio_before before_of(const json_t *bound)
{
	return (struct vfio_before){
		.driver = json_string_value(json_object_get(bound, "former")),
		.override = json_string_value(json_object_get(bound, "former_override")),
	};
}

int assign_vf_unbind(
	struct host *h, const struct resource *r, const struct functions *f, struct error *e)
{
	size_t n;
	const struct pci_device **left = assign_vf_left(h, r, f, &n);
	int ret = 0;

	vfio_holders_forget(h); /* the guest may just have let go */
	for (size_t i = 0; i < n && ret >= 0; i++) {
		json_t *all = assign_vf_kept(h, r->id, "bound");
		const json_t *bound = json_object_get(all, left[i]->address);
		struct vfio_before before;

		if (vfio_holder(h, left[i]))
			continue;
		before = before_of(bound);
		ret = vfio_unbind(h, left[i]->address, &before, e);
		if (ret >= 0)
			json_object_del(all, left[i]->address);
	}
	record_touch(h);
	return ret;
}

int assign_vf_bind(
	struct host *h, const struct resource *r, const struct functions *f, struct error *e)
{
	const json_t *all = assign_vf_kept(h, r->id, "bound");
	int ret = 0;

	for (size_t i = 0; i < f->n && ret >= 0; i++) {
		const char *address = f->v[i].d->address;
		struct vfio_before before = before_of(json_object_get(all, address));

		if (f->v[i].vf && !vfio_bound(f->v[i].d))
			ret = vfio_bind(h, address, &before, e);
	}
	return ret;
}
