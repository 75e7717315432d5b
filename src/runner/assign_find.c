/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which functions an assignment means, and whether its guest may have them. */
#include "iommu/assignable.h"
#include "iommu/device.h"
#include "iommu/iommu.h"
#include "iommu/vfio.h"
#include "iommu/vfio_holder.h"
#include "reconcile/record.h"
#include "runner/assign_vf.h"

static void place(struct host *h, struct functions *f, struct assigned *at, const char *what,
	const struct pci_device *d)
{
	struct function *new = ARENA_PUSH(h->pass, f->v, f->n);

	*new = (struct function){ .d = d, .at = at };
	at->what = what;
	at->group = d->group;
	snprintf(at->address, sizeof(at->address), "%s", d->address);
	snprintf(at->id, sizeof(at->id), "%04x:%04x", d->vendor, d->device);
}

static int find_devices(struct host *h, struct pci *p, const struct assign *want,
	struct functions *f, struct error *e)
{
	for (size_t i = 0; i < want->devices.n; i++) {
		const char *name = LIST_AT(&want->devices, const char *, i);
		const struct resource *r = wants_find(want->wants, "device", name);
		const struct pci_device *d;
		int ret = r ? device_find(h, p, r, &d, e) : -ENODEV;

		if (ret < 0)
			return ret;
		place(h, f, &f->assigned.devices[i], name, d);
	}
	return 0;
}

static int check_vf(struct host *h, struct pci *p, const struct resource *r, const char *name,
	const struct pci_device *d, struct error *e)
{
	const struct vfio_holder *holder = vfio_holder(h, d);
	struct asking how = { .again = record_has(h, r->id) };
	struct verdict v = { 0 };

	if (holder && !streq_null(holder->guest, r->name)) {
		error_set(e, -EBUSY, "the virtual function %s (%s) is in use by %s", name,
			d->address, holder->words);
		return error_cure(e, "stop that first, or name another function");
	}
	if (!vfio_bound(d))
		v = assignable(h, p, d, &how);
	if (!v.why)
		return 0;
	error_set(e, -EBUSY, "the virtual function %s (%s, %s) cannot be given to a guest: %s",
		name, d->address, pci_driven(h, d), v.why);
	return v.cure ? error_cure(e, "%s", v.cure) : e->code;
}

static int find_vfs(struct host *h, struct pci *p, const struct resource *r, struct functions *f,
	struct error *e)
{
	const struct guest *g = ((const struct assign *)r->want)->guest;
	const struct pci_device *d;
	struct vf_name vf;

	for (size_t i = 0; i < g->interfaces.n; i++) {
		const struct guest_interface *nic =
			&LIST_AT(&g->interfaces, const struct guest_interface, i);
		int ret;

		if (!interface_vf(nic, &vf))
			continue;
		ret = assign_vf_find(h, r, i, &d, e);
		if (ret >= 0)
			ret = check_vf(h, p, r, nic->vf, d, e);
		if (ret < 0)
			return ret;
		place(h, f, &f->assigned.interfaces[i],
			arena_printf(h->pass, "%s/%d", vf.pool, assign_vf_number(h, r, i)), d);
		f->v[f->n - 1].vf = true;
	}
	return 0;
}

/* A group is opened by one guest at a time. */
static int check_groups(struct host *h, struct pci *p, const struct resource *r,
	const struct functions *f, struct error *e)
{
	const struct wants *w = ((const struct assign *)r->want)->wants;

	for (size_t i = 0; i < w->n; i++) {
		const struct assign *other = w->v[i]->want;
		struct functions theirs = { 0 };

		if (w->v[i]->kind != &assign_kind || w->v[i] == r)
			continue;
		assignment_init(h->pass, other->guest, &theirs.assigned);
		if (find_devices(h, p, other, &theirs, NULL) < 0)
			continue;
		for (size_t k = 0; k < f->n * theirs.n; k++) {
			const struct function *a = &f->v[k / theirs.n],
					      *b = &theirs.v[k % theirs.n];

			if (a->d->group < 0 || a->d->group != b->d->group)
				continue;
			error_set(e, -EBUSY,
				"%s (%s) is in IOMMU group %d with %s (%s), which the guest %s is "
				"to have",
				a->at->what, a->d->address, a->d->group, b->at->what, b->d->address,
				w->v[i]->name);
			return error_cure(e, "a group goes to one guest: give it both");
		}
	}
	return 0;
}

int assign_find(struct host *h, const struct resource *r, struct functions *f, struct error *e)
{
	const struct assign *want = r->want;
	struct pci *p = NULL;
	int ret = iommu_serves(h, r, e);

	if (ret >= 0)
		ret = pci_get(h, &p, e);

	assignment_init(h->pass, want->guest, &f->assigned);
	if (ret >= 0)
		ret = find_devices(h, p, want, f, e);
	if (ret >= 0)
		ret = find_vfs(h, p, r, f, e);
	return ret < 0 ? ret : check_groups(h, p, r, f, e);
}
