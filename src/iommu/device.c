/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bound while wanted. `have` is the binding: there is none while another
 * driver has the function, so that guests wait for it. What is not the
 * machine's to show, the driver it had and what it looked like then, is kept
 * in the record, before the first write.
 */
#include "iommu/device.h"
#include "iommu/assignable.h"
#include "iommu/iommu.h"
#include "iommu/vfio.h"
#include "iommu/vfio_holder.h"
#include "reconcile/record.h"

static void check_device(const void *obj, struct diags *d)
{
	const struct device *x = obj;

	if (!x->address && !x->id && !obj_has(x, "mac") && !x->serial && !x->driver)
		diag_error(d, obj_mark_key(x, "address"),
			"write `address: \"0000:41:00.0\"`, or `id: \"8086:10c9\"` with `mac` or "
			"`serial`, or `driver` and `port`; kvmhostctl devices lists them",
			"nothing says which device it is");
	if (obj_has(x, "port") != (x->driver != NULL))
		diag_error(d, obj_mark(x, x->driver ? "driver" : "port"),
			x->driver ? "add `port: 0` for the first device of that driver"
				  : "add `driver: NAME`",
			"`driver` and `port` go together");
}

static const struct field rows[] = {
	FIELD_STRING(struct device, address, type_pci_address, .claims = "PCI device",
		.on_change = CHANGE_RECREATE, .example = "0000:41:00.0",
		.doc = "Its PCI address. Addresses may change when hardware is added, so what is "
		       "found there must "
		       "be what was there when the entry was first applied."),
	FIELD_STRING(struct device, id, type_pci_id, .on_change = CHANGE_RECREATE,
		.example = "8086:10c9",
		.doc = "Vendor and device number, as `lspci -nn` shows them; finds the only such "
		       "device, or one of several with `mac` or `serial`."),
	FIELD_VALUE(struct device, mac, struct mac, type_mac, .on_change = CHANGE_RECREATE,
		.example = "00:1b:21:aa:bb:cc", .doc = "MAC address of a network card."),
	FIELD_STRING(struct device, serial, type_string, .on_change = CHANGE_RECREATE,
		.example = "00-1b-21-ff-ff-aa-bb-cc",
		.doc = "Serial number: the one that PCI Express devices have (`lspci -vv`: Device "
		       "Serial Number), or an NVMe drive's."),
	FIELD_STRING(struct device, driver, type_string, .on_change = CHANGE_RECREATE,
		.example = "igb", .doc = "The host's driver for it; with `port`."),
	FIELD_INT(struct device, port, 0, 255, .on_change = CHANGE_RECREATE, .example = "1",
		.doc = "Which of the driver's devices, counted from 0 in the order of their "
		       "addresses."),
};

const struct table device_table = TABLE(struct device, rows, .key = &type_name, .key_word = "NAME",
	.check = check_device,
	.doc = "Whole PCI devices for guests, by names that guests' `devices:` use. A device is "
	       "taken "
	       "from its driver and bound to vfio-pci while it stands here, and given back when "
	       "not. What the host itself needs, or what shares an IOMMU group with something "
	       "that stays the host's, is refused.");

static void derive(const struct resource *r, struct wants *w)
{
	struct resource *iommu = wants_find(w, "iommu", "host"), *module;

	((struct device *)r->want)->wants = w;
	module = want_derive(w, r, "module", "vfio_pci", true);
	want_set(w, module, "state", "loaded");
	if (iommu)
		want_after(w, wants_find(w, "device", r->name), iommu);
}

struct judged {
	struct host *h;
	struct pci *p;
	const struct resource *r;
};

/* Another entry of `devices:` means it. */
static bool given(const struct pci_device *d, void *arg)
{
	struct judged *j = arg;
	const struct wants *w = ((const struct device *)j->r->want)->wants;
	const struct pci_device *other;

	for (size_t i = 0; w && i < w->n; i++)
		if (w->v[i]->kind == &device_kind && w->v[i] != j->r &&
			device_find(j->h, j->p, w->v[i], &other, NULL) >= 0 && other == d)
			return true;
	return false;
}

static int judge(struct host *h, struct pci *p, const struct resource *r,
	const struct pci_device *d, struct error *e)
{
	struct judged j = { h, p, r };
	struct asking how = { given, &j, device_kept(h, r->id) != NULL };
	struct verdict v = assignable(h, p, d, &how);

	if (v.why) {
		error_set(e, -EBUSY, "%s (%s) cannot be given to a guest: %s", d->address,
			pci_driven(h, d), v.why);
		return v.cure ? error_cure(e, "%s", v.cure) : e->code;
	}
	return 0;
}

/* Bound by somebody else, whose guest may have it. */
static int check_holder(
	struct host *h, const struct resource *r, const struct pci_device *d, struct error *e)
{
	const struct vfio_holder *holder = device_kept(h, r->id) ? NULL : vfio_holder(h, d);

	if (!holder)
		return 0;
	error_set(e, -EBUSY, "%s is in use by %s", d->address, holder->words);
	return error_cure(e, "stop that first, or choose another device");
}

static void *binding(struct host *h, const char *name, const struct pci_device *d)
{
	struct device *have = obj_new(h->pass, &device_table, name);

	have->address = d->address;
	obj_mark_set(have, "address");
	have->found = d;
	return have;
}

/* What we left at the function that is kept: a binding, or the half of one. */
static const struct pci_device *left(struct host *h, struct pci *p, const json_t *kept)
{
	const char *address = device_kept_text(kept, "address");
	const struct pci_device *d = address ? pci_find(p, address) : NULL;

	if (!d || !device_same(h, kept))
		return NULL;
	return vfio_begun(d) || (!d->driver && device_kept_text(kept, "former")) ? d : NULL;
}

static int observe_wanted(
	struct host *h, struct pci *p, const struct resource *r, void **have, struct error *e)
{
	const struct pci_device *d, *old = left(h, p, device_kept(h, r->id));
	struct device *want = (struct device *)r->want;
	int ret;

	want->found = NULL;
	want->missing = NULL;
	ret = iommu_serves(h, r, e);
	if (ret < 0)
		return ret == -ENOENT && !old ? error_clear(e), 0 : ret;
	ret = device_find(h, p, r, &d, e);
	if (ret == -ENODEV) {
		want->missing = arena_strdup(h->pass, e->text);
		*have = old ? binding(h, r->name, old) : NULL;
		return error_clear(e), 0;
	}
	if (ret < 0)
		return ret;
	want->found = d;
	if (!vfio_bound(d) || !device_kept(h, r->id)) {
		ret = judge(h, p, r, d, e);
		if (ret >= 0)
			ret = check_holder(h, r, d, e);
		if (ret < 0)
			return ret;
	}
	if (old && old != d)
		*have = binding(h, r->name, old);
	else if (d->driver && streq(d->driver, VFIO_DRIVER))
		*have = binding(h, r->name, d);
	return 0;
}

static int device_observe(struct host *h, const struct resource *r, void **have, struct error *e)
{
	const struct pci_device *d;
	struct pci *p;
	int ret;

	*have = NULL;
	ret = pci_get(h, &p, e);
	if (ret < 0)
		return ret;
	if (r->want)
		return observe_wanted(h, p, r, have, e);
	d = left(h, p, device_kept(h, r->id));
	if (d)
		*have = binding(h, r->name, d);
	return 0;
}

static void device_diff(struct host *h, struct step *s)
{
	const struct device *have = s->have, *want = s->want;
	const struct pci_device *d = want->found;

	/* It waits for what is not known yet, or was as it is before it was ours. */
	if (!d || !s->r->want) {
		if (!have || (s->r->want && want->missing))
			step_change(h, s, "address", "driver", NULL, VFIO_DRIVER);
		return;
	}
	if (have && have->found != d)
		step_change(h, s, "address", "address", have->address, d->address);
	else if (!d->driver || !streq(d->driver, VFIO_DRIVER))
		step_change(h, s, "driver", arena_printf(h->pass, "driver of %s", d->address),
			d->driver ? d->driver : "none", VFIO_DRIVER);
	else if (!vfio_bound(d))
		step_change(h, s, "driver",
			arena_printf(h->pass, "driver_override of %s", d->address),
			d->driver_override ? d->driver_override : "none", VFIO_DRIVER);
}

static void device_refine(struct host *h, struct step *s)
{
	const struct device *have = s->have;
	const struct pci_device *d = s->r->want ? ((const struct device *)s->r->want)->found : NULL;
	const json_t *kept = device_kept(h, s->r->id);
	const char *former = device_kept_text(kept, "former");
	const struct vfio_holder *holder;
	const char *wait;

	if (s->r->want && ((const struct device *)s->r->want)->missing)
		s->wait = arena_printf(
			h->pass, "its device: %s", ((const struct device *)s->r->want)->missing);
	/* The rows' costs are for a binding that is given up for another. */
	s->disruption = d && d->n_nets ? DISRUPT_LINK : DISRUPT_NONE;
	if (s->verb == STEP_RECREATE)
		s->verb = STEP_UPDATE;
	s->by_hand = d && json_is_true(json_object_get(kept, "refused")) && device_same(h, kept);
	if (!have || have->found == d)
		return;
	if (!s->r->want && !s->want)
		s->reason = arena_printf(h->pass, "no longer in the document: %s goes back to %s",
			have->address, former ? former : "no driver");
	holder =
		json_is_true(json_object_get(kept, "adopted")) ? NULL : vfio_holder(h, have->found);
	if (!holder)
		return;
	wait = arena_printf(h->pass, "%s to be stopped or restarted, which has it", holder->words);
	if (!s->r->want) {
		s->in_use = wait;
		return;
	}
	s->disruption = DISRUPT_GUEST;
	s->wait = wait;
}

/* Who had bound it to vfio-pci before us keeps it so. */
static int release(struct host *h, struct step *s, struct error *e)
{
	const json_t *kept = device_kept(h, s->r->id);
	const struct pci_device *d;
	struct vfio_before before;
	struct pci *p;
	int r = pci_get(h, &p, e);

	d = r < 0 ? NULL : left(h, p, kept);
	if (!d)
		return r;
	if (json_is_true(json_object_get(kept, "adopted")))
		return json_is_true(json_object_get(kept, "override"))
			       ? 0
			       : pci_write(h, d, "driver_override", "\n");
	before = device_before(kept);
	return vfio_unbind(h, d->address, &before, e);
}

/* An event must not take it from its driver once more. Where that cannot be saved, one does. */
static int take(struct host *h, const struct resource *r, const char *address, struct error *e)
{
	const json_t *kept = device_kept(h, r->id);
	struct vfio_before before = device_before(kept);
	int ret = vfio_bind(h, address, &before, e);

	if (ret >= 0)
		return ret;
	json_object_set_new(record_kept(h, r->id), "refused", json_true());
	record_touch(h);
	(void)record_save(h, NULL);
	return ret;
}

static int device_apply(struct host *h, struct step *s, struct error *e)
{
	const json_t *kept = device_kept(h, s->r->id);
	const struct pci_device *d, *old;
	struct pci *p;
	int r;

	if (!s->r->want)
		return release(h, s, e);
	pci_forget(h);
	r = pci_get(h, &p, e);
	if (r >= 0)
		r = device_find(h, p, s->r, &d, e);
	if (r < 0)
		return r;
	old = left(h, p, kept);
	if (old && old != d) {
		const char *address = arena_strdup(h->pass, d->address);
		struct vfio_before before = device_before(kept);

		r = vfio_unbind(h, old->address, &before, e);
		if (r >= 0)
			r = pci_get(h, &p, e);
		d = r < 0 ? NULL : pci_find(p, address);
	}
	if (r < 0 || !d)
		return r < 0 ? r : -ENOENT;
	if (!vfio_bound(d))
		r = judge(h, p, s->r, d, e);
	if (r < 0)
		return r;
	device_keep(h, s->r, d);
	r = record_save(h, e);
	return r < 0 ? r : take(h, s->r, d->address, e);
}

const struct kind device_kind = {
	.name = "device",
	.table = &device_table,
	.derive = derive,
	.observe = device_observe,
	.diff = device_diff,
	.refine = device_refine,
	.apply = device_apply,
};
