/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From an entry of `devices:` to a function. Two things make that less than a
 * comparison: a card that is bound to vfio-pci shows no MAC address and counts
 * no more among its driver's devices, and a PCI address is the name of a
 * place, not of what is in it. The record helps with both: it knows the
 * function that was taken, and the kernel's object that it was, which stays
 * the same until the function is removed or the machine boots.
 */
#include "iommu/device.h"
#include "iommu/pci_config.h"
#include "iommu/vfio.h"
#include "reconcile/record.h"
#include <strings.h>

json_t *device_kept(struct host *h, const char *id)
{
	json_t *kept = record_has(h, id) ? record_kept(h, id) : NULL;

	return json_object_get(kept, "address") ? kept : NULL;
}

const char *device_kept_text(const json_t *kept, const char *key)
{
	return json_string_value(json_object_get(kept, key));
}

struct vfio_before device_before(const json_t *kept)
{
	return (struct vfio_before){ .driver = device_kept_text(kept, "former"),
		.override = device_kept_text(kept, "former_override") };
}

bool device_same(struct host *h, const json_t *kept)
{
	const char *address = device_kept_text(kept, "address");
	const char *now = address ? pci_object(h, address) : NULL;

	return now && streq_null(now, device_kept_text(kept, "object"));
}

static const char *id_of(struct host *h, const struct pci_device *d)
{
	return arena_printf(h->pass, "%04x:%04x", d->vendor, d->device);
}

static const char *mac_of(struct host *h, const struct pci_device *d)
{
	_cleanup_free_ char *path = NULL, *text = NULL;

	if (!d->n_nets)
		return NULL;
	path = xprintf("/sys/class/net/%s/address", d->nets[0]);
	return file_read_line(h->root, path, &text) < 0 ? NULL : arena_strdup(h->pass, text);
}

/* An NVMe drive's, which its driver alone can read. */
static const char *drive_serial(struct host *h, const struct pci_device *d)
{
	_cleanup_free_ char *dir = xprintf("/sys/bus/pci/devices/%s/nvme", d->address);
	_cleanup_free_ char **names = NULL, *path = NULL, *text = NULL;
	size_t n = 0;

	if (file_list(h->root, dir, &names, &n) < 0 || !n)
		return NULL;
	path = xprintf("%s/%s/serial", dir, names[0]);
	return file_read_line(h->root, path, &text) < 0 ? NULL : arena_strdup(h->pass, text);
}

static const char *mac_wanted(struct host *h, const struct device *want)
{
	return obj_has(want, "mac") ? obj_text(want, "mac", h->pass) : NULL;
}

static void keep_text(json_t *kept, const char *key, const char *text)
{
	if (text)
		json_object_set_new(kept, key, json_string(text));
	else
		json_object_del(kept, key);
}

/* What cannot be seen now and was seen of the same one stays. */
static void keep_seen(json_t *kept, const char *key, const char *text, bool same)
{
	if (text || !same)
		keep_text(kept, key, text);
}

void device_keep(struct host *h, const struct resource *r, const struct pci_device *d)
{
	json_t *kept = record_kept(h, r->id);
	bool fresh = !json_object_get(kept, "address");
	bool same = !fresh && streq(device_kept_text(kept, "address"), d->address) &&
		    device_same(h, kept);
	bool ours = d->driver && streq(d->driver, VFIO_DRIVER);
	const char *mac = mac_of(h, d);

	/* It was found by it; udev may have given the interface another name since. */
	if (!mac)
		mac = mac_wanted(h, r->want);
	if (!same) {
		json_object_set_new(kept, "adopted", json_boolean(fresh && ours));
		json_object_set_new(kept, "override", json_boolean(vfio_bound(d)));
	}
	json_object_del(kept, "refused");
	keep_text(kept, "address", d->address);
	keep_text(kept, "object", pci_object(h, d->address));
	keep_text(kept, "id", id_of(h, d));
	keep_seen(kept, "serial", pci_serial(h, d->address), same);
	keep_seen(kept, "drive", drive_serial(h, d), same);
	keep_seen(kept, "mac", mac, same);
	keep_seen(kept, "former", ours ? NULL : d->driver, same);
	if (!vfio_begun(d) || !same)
		keep_text(kept, "former_override", vfio_begun(d) ? NULL : d->driver_override);
	record_touch(h);
}

/* Unknown on one side says nothing. */
static bool contradicts(const json_t *kept, const char *key, const char *now)
{
	const char *was = device_kept_text(kept, key);

	return was && now && !streq(was, now);
}

static bool is_another(struct host *h, const json_t *kept, const struct pci_device *d)
{
	return contradicts(kept, "id", id_of(h, d)) ||
	       contradicts(kept, "serial", pci_serial(h, d->address)) ||
	       contradicts(kept, "drive", drive_serial(h, d)) ||
	       contradicts(kept, "mac", mac_of(h, d));
}

static bool proven(struct host *h, const json_t *kept, const struct pci_device *d)
{
	const char *serial = device_kept_text(kept, "serial"), *mac = device_kept_text(kept, "mac"),
		   *drive = device_kept_text(kept, "drive");

	return (serial && streq_null(serial, pci_serial(h, d->address))) ||
	       (mac && streq_null(mac, mac_of(h, d))) ||
	       (drive && streq_null(drive, drive_serial(h, d)));
}

static const struct pci_device *moved_to(struct host *h, struct pci *p, const json_t *kept)
{
	const struct pci_device *const *all;
	size_t n = 0;

	all = pci_all(p, &n);
	for (size_t i = 0; i < n; i++)
		if (!all[i]->physfn && !is_another(h, kept, all[i]) && proven(h, kept, all[i]))
			return all[i];
	return NULL;
}

static int refuse_other(struct host *h, struct pci *p, const json_t *kept,
	const struct pci_device *d, struct error *e)
{
	const char *mac = device_kept_text(kept, "mac"), *serial = device_kept_text(kept, "serial");
	const struct pci_device *there = moved_to(h, p, kept);
	const char *mark = mac ? mac : serial;

	error_set(e, -ENOTUNIQ,
		"the device was renumbered or exchanged: %s was %s%s%s when this entry was first "
		"applied, and is another one now, %s%s%s",
		d->address, device_kept_text(kept, "id"), mark ? " " : "", mark ? mark : "",
		id_of(h, d), mac_of(h, d) ? " " : "", mac_of(h, d) ? mac_of(h, d) : "");
	if (there)
		return error_cure(
			e, "what it was is at %s now: write that address", there->address);
	return error_cure(e, "kvmhostctl devices lists what is there; if it was exchanged on "
			     "purpose: take the entry out, apply, and put it in again");
}

/* All that the entry says, as far as it can be seen. kept: what was seen of the same function. */
static bool matches(
	struct host *h, const struct device *want, const struct pci_device *d, const json_t *kept)
{
	const char *mac, *serial, *drive;

	if (want->id && !streq(want->id, id_of(h, d)))
		return false;
	if (obj_has(want, "mac")) {
		mac = mac_of(h, d);
		if (!streq_null(mac_wanted(h, want), mac ? mac : device_kept_text(kept, "mac")))
			return false;
	}
	if (!want->serial)
		return true;
	serial = pci_serial(h, d->address);
	drive = drive_serial(h, d);
	return (serial && strcasecmp(want->serial, serial) == 0) ||
	       streq(want->serial, drive ? drive : "") ||
	       streq_null(want->serial, device_kept_text(kept, "drive"));
}

static const char *described(struct host *h, const struct device *want)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };
	const char *mac = mac_wanted(h, want);

	sb_addf(&text, "%s%s", want->id ? " " : "", want->id ? want->id : "");
	if (mac)
		sb_addf(&text, " with the MAC address %s", mac);
	if (want->serial)
		sb_addf(&text, "%s with the serial number %s", mac ? " and" : "", want->serial);
	if (want->driver)
		sb_addf(&text, " of the driver %s, port %lld", want->driver, (long long)want->port);
	return arena_strdup(h->pass, sb_str(&text));
}

static int not_there(struct host *h, const struct device *want, struct error *e)
{
	error_set(e, -ENODEV, "there is no PCI device%s%s%s on this machine", described(h, want),
		want->address ? " at " : "", want->address ? want->address : "");
	return error_cure(e, "kvmhostctl devices lists those that are");
}

static int by_address(struct host *h, struct pci *p, const struct device *want, const json_t *kept,
	const struct pci_device **out, struct error *e)
{
	const struct pci_device *d = pci_find(p, want->address), *there;
	bool known = streq_null(want->address, device_kept_text(kept, "address"));

	if (!d && known && (there = moved_to(h, p, kept))) {
		not_there(h, want, e);
		return error_cure(
			e, "what was there is at %s now: write that address", there->address);
	}
	if (!d)
		return not_there(h, want, e);
	if (known && is_another(h, kept, d))
		return refuse_other(h, p, kept, d, e);
	if (!matches(h, want, d, NULL)) {
		error_set(e, -ENOTUNIQ, "at %s is %s, not the device%s", d->address, id_of(h, d),
			described(h, want));
		return error_cure(e, "kvmhostctl devices lists what is where; take `address` out "
				     "and it is found by the rest");
	}
	*out = d;
	return 0;
}

/* Bound to the driver, or taken from it for a guest. */
static bool is_of_driver(struct host *h, const struct pci_device *d, const char *driver)
{
	const char *id;

	if (d->driver && streq(d->driver, driver))
		return true;
	if (!vfio_begun(d))
		return false;
	for (size_t at = 0; (id = record_next(h, &at));) {
		const json_t *kept = startswith(id, "device/") ? record_kept_any(h, id) : NULL;

		if (kept && streq_null(device_kept_text(kept, "address"), d->address) &&
			streq_null(device_kept_text(kept, "former"), driver))
			return true;
	}
	return false;
}

static int by_search(struct host *h, struct pci *p, const struct device *want,
	const struct pci_device **out, struct error *e)
{
	const struct pci_device *const *all, *found = NULL;
	size_t n = 0;
	int64_t port = 0;

	all = pci_all(p, &n);
	for (size_t i = 0; i < n; i++) {
		const struct pci_device *d = all[i];

		if (d->physfn || PCI_CLASS_BASE(d) == PCI_BASE_BRIDGE)
			continue;
		if (want->driver && (!is_of_driver(h, d, want->driver) || port++ != want->port))
			continue;
		if (!matches(h, want, d, NULL))
			continue;
		if (found) {
			error_set(e, -ENOTUNIQ, "there are several PCI devices%s: %s and %s",
				described(h, want), found->address, d->address);
			return error_cure(e, "add `mac`, `serial` or `address`");
		}
		found = d;
	}
	if (!found)
		return not_there(h, want, e);
	*out = found;
	return 0;
}

/* The kernel has had it since it was taken, by an entry that meant it as this one does. */
static const struct pci_device *still(
	struct host *h, struct pci *p, const struct device *want, const json_t *kept)
{
	const struct pci_device *d;

	if (!kept || !device_same(h, kept))
		return NULL;
	d = pci_find(p, device_kept_text(kept, "address"));
	if (!d || (want->address && !streq(want->address, d->address)) ||
		(want->driver && !is_of_driver(h, d, want->driver)))
		return NULL;
	/* Which port it is says the count alone. */
	return !want->driver && matches(h, want, d, kept) ? d : NULL;
}

int device_find(struct host *h, struct pci *p, const struct resource *r,
	const struct pci_device **out, struct error *e)
{
	const struct device *want = r->want;
	const json_t *kept = device_kept(h, r->id);
	const struct pci_device *d = still(h, p, want, kept);

	if (d) {
		*out = d;
		return 0;
	}
	return want->address ? by_address(h, p, want, kept, out, e) : by_search(h, p, want, out, e);
}
