/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest's disks in the configuration language. */
#include "config/obj.h"
#include "runner/guest.h"

const char *const disk_format_names[] = { "raw", "qcow2", "vmdk", "vpc", "vhdx", "qed", NULL };
const char *const disk_preallocation_names[] = { "off", "metadata", "falloc", "full", NULL };
static const char *const device_names[] = { "disk", "cdrom", "floppy", NULL };
static const char *const bus_names[] = { "virtio", "scsi", "sata", "ide", "usb", NULL };
static const char *const cache_names[] = { "writeback", "none", "writethrough", "directsync",
	"unsafe", NULL };
static const char *const discard_names[] = { "ignore", "unmap", NULL };

enum { SERIAL_MAX = 20 }; /* what virtio-blk and IDE have room for */

enum disk_format disk_format(const struct guest_disk *d)
{
	if (obj_has(d, "format"))
		return (enum disk_format)d->format;
	return d->device != DEVICE_DISK || startswith(d->path, "/dev/") ? DISK_RAW : DISK_QCOW2;
}

enum disk_bus disk_bus(const struct guest_disk *d)
{
	if (d->device == DEVICE_FLOPPY)
		return BUS_FLOPPY;
	if (obj_has(d, "bus"))
		return (enum disk_bus)d->bus;
	return d->device == DEVICE_CDROM ? BUS_SATA : BUS_VIRTIO;
}

bool disk_is_readonly(const struct guest_disk *d)
{
	return d->readonly || d->device == DEVICE_CDROM;
}

enum boot_device disk_boot(const struct guest_disk *d)
{
	return d->device == DEVICE_CDROM    ? BOOT_CDROM
	       : d->device == DEVICE_FLOPPY ? BOOT_FLOPPY
					    : BOOT_DISK;
}

size_t disk_number_on_bus(const struct list *disks, size_t i)
{
	const struct guest_disk *v = disks->v;
	size_t n = 0;

	for (size_t k = 0; k < i; k++)
		n += disk_bus(&v[k]) == disk_bus(&v[i]);
	return n;
}

static void check_size(const struct guest_disk *k, struct diags *d)
{
	if (k->device != DEVICE_DISK)
		diag_error(d, obj_mark_key(k, "size"), "remove it",
			"kvmhost makes no medium for a %s, so it has no `size`",
			device_names[k->device]);
	else if (startswith(k->path, "/dev/"))
		diag_error(d, obj_mark_key(k, "size"),
			"remove it; a device is made and grown by its own tools",
			"%s is a device of the host, which kvmhost does not make",
			text_shown(d->arena, k->path));
	else if (k->size % MIB)
		diag_error(
			d, obj_mark(k, "size"), NULL, "a disk's size must be a multiple of 1MiB");
}

static void check_preallocation(const struct guest_disk *k, struct diags *d)
{
	enum disk_format f = disk_format(k);

	if (k->preallocation == PREALLOCATION_OFF)
		return;
	if (!obj_has(k, "size"))
		diag_error(d, obj_mark(k, "preallocation"), "add `size`, or remove it",
			"`preallocation` is for an image that kvmhost makes, which needs a `size`");
	else if (f != DISK_RAW && f != DISK_QCOW2)
		diag_error(d, obj_mark(k, "preallocation"),
			"use `format: raw` or `qcow2`, or remove it",
			"an image of the format %s is not preallocated", disk_format_names[f]);
	else if (f == DISK_RAW && k->preallocation == PREALLOCATION_METADATA)
		diag_error(d, obj_mark(k, "preallocation"), "use falloc or full",
			"a raw image has no metadata to preallocate");
}

static void check_base(const struct guest_disk *k, struct diags *d)
{
	if (disk_format(k) != DISK_QCOW2)
		diag_error(d, obj_mark(k, "base"), "use `format: qcow2`, or remove it",
			"an image of the format %s is made on no other one",
			disk_format_names[disk_format(k)]);
	else if (k->preallocation != PREALLOCATION_OFF)
		diag_error(d, obj_mark(k, "preallocation"), "remove it, or `base`",
			"an image that is made on another one is not preallocated");
	else if (streq(k->base, k->path))
		diag_error(d, obj_mark(k, "base"), NULL, "an image cannot be made on itself");
}

static void check_device(const struct guest_disk *k, struct diags *d)
{
	enum disk_bus bus = disk_bus(k);

	if (k->device != DEVICE_DISK && disk_format(k) != DISK_RAW)
		diag_error(d, obj_mark(k, "format"), "remove it", "the medium of a %s is `raw`",
			device_names[k->device]);
	if (k->device == DEVICE_FLOPPY && obj_has(k, "bus"))
		diag_error(d, obj_mark_key(k, "bus"), "remove it", "a floppy has a bus of its own");
	else if (k->device == DEVICE_CDROM && (bus == BUS_VIRTIO || bus == BUS_USB))
		diag_error(d, obj_mark(k, "bus"), "use sata, scsi or ide",
			"there is no cdrom on the bus %s", bus_names[bus]);
	if (k->device == DEVICE_DISK && k->readonly && (bus == BUS_SATA || bus == BUS_IDE))
		diag_error(d, obj_mark(k, "readonly"), "use `bus: virtio` or `scsi`",
			"a disk on the bus %s cannot be read only", bus_names[bus]);
}

static void check_serial(const struct guest_disk *k, struct diags *d)
{
	static const char valid[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";

	if (k->device == DEVICE_FLOPPY)
		diag_error(
			d, obj_mark_key(k, "serial"), "remove it", "a floppy has no serial number");
	else if (strlen(k->serial) > SERIAL_MAX || k->serial[strspn(k->serial, valid)])
		diag_error(d, obj_mark(k, "serial"), NULL,
			"a disk's serial number is of letters, digits, _ . and -, at most %d",
			SERIAL_MAX);
}

static void check_disk(const void *obj, struct diags *d)
{
	const struct guest_disk *k = obj;

	check_device(k, d);
	check_preallocation(k, d);
	if (obj_has(k, "size"))
		check_size(k, d);
	if (k->serial)
		check_serial(k, d);
	if (k->base)
		check_base(k, d);
}

void disks_check(const void *g, const struct list *disks, struct diags *d)
{
	static const struct {
		size_t max;
		const char *what, *cure;
	} limits[] = {
		[BUS_SATA] = { GUEST_SATA_MAX, "SATA disks and cdroms",
			"put it on another `bus`: virtio or scsi" },
		[BUS_IDE] = { GUEST_IDE_MAX, "IDE disks and cdroms",
			"put it on another `bus`: virtio, scsi or sata" },
		[BUS_USB] = { GUEST_USB_MAX, "USB disks",
			"put it on another `bus`: virtio or scsi" },
		[BUS_FLOPPY] = { GUEST_FLOPPIES_MAX, "floppies", NULL },
	};

	for (size_t i = 0; i < disks->n; i++) {
		enum disk_bus bus = disk_bus(&LIST_AT(disks, const struct guest_disk, i));

		if (limits[bus].max && disk_number_on_bus(disks, i) == limits[bus].max)
			diag_error(d, obj_mark_item(g, "disks", i), limits[bus].cure,
				"a guest has at most %zu %s", limits[bus].max, limits[bus].what);
	}
}

static const struct field disk_rows[] = {
	FIELD_STRING(struct guest_disk, path, type_path, .required = true,
		.on_change = CHANGE_RECREATE, .example = "/var/lib/kvmhost/images/web1.qcow2",
		.doc = "An image file or a block device of the host. Without `size` it must be "
		       "there already. "
		       "Only what is read only (a cdrom's ISO) may stand in several places."),
	FIELD_SIZE(struct guest_disk, size, 1 * MIB, 64 * TIB, .example = "20GiB",
		.doc = "With it kvmhost makes the image when it is missing, and grows it when this "
		       "grows and the "
		       "guest is stopped (raw, qcow2, qed). Nothing is ever overwritten, shrunk or "
		       "deleted: the "
		       "image stays when the guest leaves the document. The directory must be "
		       "there, but for "
		       "/var/lib/kvmhost/images."),
	FIELD_STRING(struct guest_disk, base, type_path, .on_change = CHANGE_RECREATE,
		.example = "/srv/images/debian-12.qcow2",
		.doc = "An image that this one (`format: qcow2`) is made on: what differs is kept "
		       "here, "
		       "the rest is read from there. Several guests may share it, and it must stay "
		       "as it is. An image that is made on another one is not started without."),
	FIELD_ENUM(struct guest_disk, base_format, disk_format_names, .def = "qcow2",
		.on_change = CHANGE_RECREATE, .doc = "How `base` is kept."),
	FIELD_ENUM(struct guest_disk, preallocation, disk_preallocation_names, .def = "off",
		.doc = "Which space is taken when the image is made: none, that of the format's "
		       "tables (qcow2), "
		       "all by reservation (`falloc`), or all by writing zeros (`full`)."),
	FIELD_ENUM(struct guest_disk, format, disk_format_names, .on_change = CHANGE_RECREATE,
		.example = "qcow2",
		.doc = "How the image is kept. Without it `qcow2`; below /dev, for cdroms and for "
		       "floppies `raw`. "
		       "Never guessed from the data, which the guest could forge. The size of a "
		       "vhdx image is not "
		       "compared."),
	FIELD_ENUM(struct guest_disk, device, device_names, .def = "disk",
		.on_change = CHANGE_RECREATE,
		.doc = "What it is to the guest. A cdrom is read only."),
	FIELD_ENUM(struct guest_disk, bus, bus_names, .on_change = CHANGE_RECREATE,
		.example = "virtio",
		.doc = "How the guest sees it. Without it a disk is `virtio` and a cdrom `sata`. "
		       "Old systems that "
		       "know neither have `ide` (at most 4) and `sata` (at most 6)."),
	FIELD_BOOL(struct guest_disk, readonly, .def = "false", .on_change = CHANGE_RECREATE,
		.doc = "Whether the guest may only read it."),
	FIELD_ENUM(struct guest_disk, cache, cache_names, .def = "writeback",
		.on_change = CHANGE_RECREATE,
		.doc = "The host's caching: `writeback` is safe with guests that flush; `none` "
		       "bypasses the host's "
		       "page cache; `writethrough` and `directsync` (bypassing) finish each write "
		       "on the disk; "
		       "`unsafe` ignores flushes and loses data with the host."),
	FIELD_ENUM(struct guest_disk, discard, discard_names, .def = "ignore",
		.on_change = CHANGE_RECREATE,
		.doc = "Whether space freed by the guest is given back to the host."),
	FIELD_STRING(struct guest_disk, serial, type_string, .on_change = CHANGE_RECREATE,
		.example = "web1-data",
		.doc = "Serial number that the guest sees; Linux names /dev/disk/by-id after it."),
};
const struct table disk_table =
	TABLE(struct guest_disk, disk_rows, .check = check_disk, .doc = "A disk.");
