/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the keys of a disk say of each other. */
#include "config/obj.h"
#include "runner/guest.h"

enum { SERIAL_MAX = 20 }; /* what virtio-blk and IDE have room for */

/* False: the key says how kvmhost is to make an image, and this is none. */
static bool is_made(const struct guest_disk *k, const char *key, struct diags *d)
{
	if (k->device == DEVICE_DISK)
		return true;
	diag_error(d, obj_mark_key(k, key), "remove it",
		"kvmhost makes no medium for a %s, so it has no `%s`", disk_device_names[k->device],
		key);
	return false;
}

static void check_size(const struct guest_disk *k, struct diags *d)
{
	if (!is_made(k, "size", d))
		return;
	if (startswith(k->path, "/dev/"))
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
	if (!is_made(k, "base", d))
		return;
	if (disk_format(k) != DISK_QCOW2)
		diag_error(d, obj_mark(k, "base"), "use `format: qcow2`, or remove it",
			"an image of the format %s is made on no other one",
			disk_format_names[disk_format(k)]);
	else if (k->preallocation != PREALLOCATION_OFF)
		diag_error(d, obj_mark(k, "preallocation"), "remove it, or `base`",
			"an image that is made on another one is not preallocated");
	else if (streq_null(k->base, k->path))
		diag_error(d, obj_mark(k, "base"), "name another image, or remove `base`",
			"an image cannot be made on itself");
}

static void check_copy(const struct guest_disk *k, struct diags *d)
{
	if (!is_made(k, "copy_of", d))
		return;
	if (k->base)
		diag_error(d, obj_mark_key(k, "copy_of"), "keep the one or the other",
			"an image is either made on another one (`base`) or a copy of one");
	else if (!obj_has(k, "size"))
		diag_error(d, obj_mark_key(k, "copy_of"), "add the `size` that it is to have",
			"`copy_of` is for an image that kvmhost makes, which needs a `size`");
	else if (streq_null(k->copy_of, k->path))
		diag_error(d, obj_mark(k, "copy_of"), "name another image, or remove `copy_of`",
			"an image cannot be a copy of itself");
}

static void check_device(const struct guest_disk *k, struct diags *d)
{
	enum disk_bus bus = disk_bus(k);

	if (k->device != DEVICE_DISK && disk_format(k) != DISK_RAW)
		diag_error(d, obj_mark(k, "format"), "remove it", "the medium of a %s is `raw`",
			disk_device_names[k->device]);
	if (k->device == DEVICE_FLOPPY && obj_has(k, "bus"))
		diag_error(d, obj_mark_key(k, "bus"), "remove it", "a floppy has a bus of its own");
	else if (k->device == DEVICE_CDROM && (bus == BUS_VIRTIO || bus == BUS_USB))
		diag_error(d, obj_mark(k, "bus"), "use sata, scsi or ide",
			"there is no cdrom on the bus %s", disk_bus_names[bus]);
	if (k->device == DEVICE_DISK && k->readonly && (bus == BUS_SATA || bus == BUS_IDE))
		diag_error(d, obj_mark(k, "readonly"), "use `bus: virtio` or `scsi`",
			"a disk on the bus %s cannot be read only", disk_bus_names[bus]);
}

static void check_serial(const struct guest_disk *k, struct diags *d)
{
	static const char valid[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";

	if (k->device == DEVICE_FLOPPY)
		diag_error(
			d, obj_mark_key(k, "serial"), "remove it", "a floppy has no serial number");
	else if (strlen(k->serial) > SERIAL_MAX || k->serial[strspn(k->serial, valid)])
		diag_error(d, obj_mark(k, "serial"), "write one such as WD-1234, or remove it",
			"a disk's serial number is of letters, digits, _ . and -, at most %d",
			SERIAL_MAX);
}

/* The guest's commands go to the device as they are. */
static void check_lun(const struct guest_disk *k, struct diags *d)
{
	if (!startswith(k->path, "/dev/"))
		diag_error(d, obj_mark(k, "path"), "name a SCSI disk, or use `device: disk`",
			"a lun is a block device of the host, and %s is a file",
			text_shown(d->arena, k->path));
	else if (disk_bus(k) != BUS_SCSI)
		diag_error(d, obj_mark(k, "bus"), "use `bus: scsi`, or `device: disk`",
			"there is no lun on the bus %s", disk_bus_names[disk_bus(k)]);
	else if (k->serial)
		diag_error(d, obj_mark_key(k, "serial"), "remove it",
			"a lun has the serial number of its device");
	else if (obj_has(k, "throttle"))
		diag_error(d, obj_mark_key(k, "throttle"),
			"use `device: disk`, or `resources.io_weight`",
			"QEMU cannot limit a lun, whose commands it does not see");
}

static void check_aio(const struct guest_disk *k, struct diags *d)
{
	if (k->aio == AIO_NATIVE && !disk_is_direct(k))
		diag_error(d, obj_mark(k, "aio"), "write `cache: none`, or `aio: io_uring`",
			"`aio: native` works only past the host's page cache");
	if (k->iothread && disk_bus(k) != BUS_VIRTIO)
		diag_error(d, obj_mark(k, "iothread"), "use `bus: virtio`, or remove it",
			"a disk on the bus %s has no thread of its own",
			disk_bus(k) == BUS_FLOPPY ? "floppy" : disk_bus_names[disk_bus(k)]);
	if (k->detect_zeroes == ZEROES_UNMAP && k->discard != DISCARD_UNMAP)
		diag_error(d, obj_mark(k, "detect_zeroes"), "write `discard: unmap` too",
			"`detect_zeroes: unmap` gives nothing back while `discard` is ignore");
	if (k->rerror == ON_ERROR_ENOSPC)
		diag_error(d, obj_mark(k, "rerror"), "use report, ignore or stop",
			"no read fails for want of room");
}

static void refuse_no_path(const struct guest_disk *k, struct diags *d)
{
	if (d->incomplete)
		return;
	diag_error(d, obj_mark(k, "path"),
		k->device == DEVICE_LUN ? "add `path: /dev/disk/by-id/NAME`"
					: "add `path: /var/lib/kvmhost/images/NAME.qcow2`",
		"`path` is missing: only a cdrom or floppy can be without a medium");
}

static void refuse_directory(
	const struct guest_disk *k, const char *key, const char *path, struct diags *d)
{
	const struct node *written = node_get(k->obj.node, key);

	/* What is written: a path that is kept ends in none. */
	if (path && (streq(path, "/") || (written && written->type == NODE_SCALAR &&
						 endswith(written->text, "/"))))
		diag_error(d, obj_mark(k, key), "name the file or block device itself",
			"%s is a directory", text_shown(d->arena, path));
}

void disk_check(const void *obj, struct diags *d)
{
	const struct guest_disk *k = obj;

	refuse_directory(k, "path", k->path, d);
	refuse_directory(k, "base", k->base, d);
	refuse_directory(k, "copy_of", k->copy_of, d);

	if (!k->path && !disk_is_drive(k)) {
		refuse_no_path(k, d);
		return;
	}
	if (k->device == DEVICE_LUN)
		check_lun(k, d);
	check_device(k, d);
	check_aio(k, d);
	check_preallocation(k, d);
	if (obj_has(k, "size"))
		check_size(k, d);
	if (k->serial)
		check_serial(k, d);
	if (k->base)
		check_base(k, d);
	if (k->copy_of)
		check_copy(k, d);
}

static void check_throttle(const void *obj, struct diags *d)
{
	static const char *const keys[][3] = { { "iops", "iops_read", "iops_write" },
		{ "bps", "bps_read", "bps_write" } };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (obj_has(obj, keys[i][0]) &&
			(obj_has(obj, keys[i][1]) || obj_has(obj, keys[i][2])))
			diag_error(d, obj_mark_key(obj, keys[i][0]), "keep the one or the others",
				"`%s` is for reads and writes together, so it has no `%s` or `%s` "
				"beside it",
				keys[i][0], keys[i][1], keys[i][2]);
}

#define LIMIT_IOPS(M, DOC) \
	FIELD_INT(struct disk_throttle, M, 1, 1000000000, .on_change = CHANGE_RECREATE, \
		.example = "500", .doc = (DOC))
#define LIMIT_BPS(M, DOC) \
	FIELD_SIZE(struct disk_throttle, M, 1 * KIB, 1 * TIB, .on_change = CHANGE_RECREATE, \
		.example = "50MiB", .doc = (DOC))
static const struct field throttle_rows[] = {
	LIMIT_IOPS(iops, "Requests, of reads and writes together."),
	LIMIT_IOPS(iops_read, "Reads."),
	LIMIT_IOPS(iops_write, "Writes."),
	LIMIT_BPS(bps, "Bytes, of reads and writes together."),
	LIMIT_BPS(bps_read, "Bytes read."),
	LIMIT_BPS(bps_write, "Bytes written."),
};
const struct table disk_throttle_table = TABLE(struct disk_throttle, throttle_rows,
	.check = check_throttle, .doc = "Limits of what a disk may do in a second.");

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
