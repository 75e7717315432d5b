/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest's disks in the configuration language. */
#include "config/obj.h"
#include "runner/guest.h"

const char *const disk_format_names[] = { "raw", "qcow2", "vmdk", "vpc", "vhdx", "qed", NULL };
const char *const disk_preallocation_names[] = { "off", "metadata", "falloc", "full", NULL };
const char *const disk_device_names[] = { "disk", "cdrom", "floppy", "lun", NULL };
const char *const disk_bus_names[] = { "virtio", "scsi", "sata", "ide", "usb", NULL };
static const char *const cache_names[] = { "writeback", "none", "writethrough", "directsync",
	"unsafe", NULL };
static const char *const discard_names[] = { "ignore", "unmap", NULL };
const char *const disk_aio_names[] = { "threads", "native", "io_uring", NULL };
const char *const disk_detect_zeroes_names[] = { "off", "on", "unmap", NULL };
const char *const disk_on_error_names[] = { "report", "ignore", "stop", "enospc", NULL };

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
	return d->device == DEVICE_CDROM ? BUS_SATA
	       : d->device == DEVICE_LUN ? BUS_SCSI
					 : BUS_VIRTIO;
}

bool disk_limits_differ(const struct guest_disk *x, const struct guest_disk *y)
{
	const struct disk_throttle *a = &x->throttle, *b = &y->throttle;

	return a->iops != b->iops || a->iops_read != b->iops_read ||
	       a->iops_write != b->iops_write || a->bps != b->bps || a->bps_read != b->bps_read ||
	       a->bps_write != b->bps_write;
}

bool disk_options_differ(const struct guest_disk *a, const struct guest_disk *b)
{
	return a->aio != b->aio || a->detect_zeroes != b->detect_zeroes || a->werror != b->werror ||
	       a->rerror != b->rerror || a->iothread != b->iothread || disk_limits_differ(a, b);
}

bool disk_is_direct(const struct guest_disk *d)
{
	return d->cache == CACHE_NONE || d->cache == CACHE_DIRECTSYNC;
}

bool disk_is_readonly(const struct guest_disk *d)
{
	return d->readonly || d->device == DEVICE_CDROM;
}

bool disk_is_drive(const struct guest_disk *d)
{
	return d->device == DEVICE_CDROM || d->device == DEVICE_FLOPPY;
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

static const struct field_case empty_drive = { "device",
	(const char *const[]){ "cdrom", "floppy", NULL } };

static const struct field disk_rows[] = {
	FIELD_STRING(struct guest_disk, path, type_path, .on_change = CHANGE_RECREATE,
		.required_unless = &empty_drive, .example = "/var/lib/kvmhost/images/web1.qcow2",
		.doc = "An image file or a block device of the host. Without `size` it must be "
		       "there already. "
		       "Only what is read only (a cdrom's ISO) may stand in several places. A "
		       "cdrom or floppy without `path` is an empty drive: a medium is put in and "
		       "taken out by writing and removing it, also while the guest runs."),
	FIELD_SIZE(struct guest_disk, size, 1 * MIB, 64 * TIB, .example = "20GiB",
		.doc = "With it kvmhost makes the image when it is missing, and grows it when this "
		       "grows, also "
		       "while the guest runs (raw, qcow2, qed; with `preallocation` falloc or full "
		       "once it is stopped). Nothing is ever overwritten, shrunk or "
		       "deleted: the "
		       "image stays when the guest leaves the document. The directory must be "
		       "there, but for "
		       "/var/lib/kvmhost/images."),
	FIELD_STRING(struct guest_disk, base, type_path, .on_change = CHANGE_RECREATE,
		.example = "/srv/images/debian-12.qcow2",
		.doc = "An image that this one (`format: qcow2`) is made on: what differs is kept "
		       "here, "
		       "the rest is read from there. Several guests may share it, and it must stay "
		       "as it is. An image that is made on another one is not started without, "
		       "nor on any but the one that its own header names: another `base` is for "
		       "images that are not made yet."),
	FIELD_STRING(struct guest_disk, copy_of, type_path,
		.example = "/srv/images/debian-12.qcow2",
		.doc = "An image whose data this one gets when it is made; from then on it stands "
		       "alone, in its own `format`. With a larger `size` the rest is empty. One "
		       "that has "
		       "its data, or some of it, in other files is refused: a guest whose disk it "
		       "was "
		       "could have named any file of the host there."),
	FIELD_ENUM(struct guest_disk, base_format, disk_format_names, .def = "qcow2",
		.on_change = CHANGE_RECREATE, .doc = "How `base` or `copy_of` is kept."),
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
	FIELD_ENUM(struct guest_disk, device, disk_device_names, .def = "disk",
		.on_change = CHANGE_RECREATE,
		.doc = "What it is to the guest. A cdrom is read only. A `lun` is a whole SCSI "
		       "disk of the host whose commands the guest sends itself: it sees its "
		       "vendor, serial number and reservations."),
	FIELD_ENUM(struct guest_disk, bus, disk_bus_names, .on_change = CHANGE_RECREATE,
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
	FIELD_ENUM(struct guest_disk, aio, disk_aio_names, .def = "threads",
		.on_change = CHANGE_RECREATE,
		.doc = "How QEMU asks the host's kernel: by threads of its own, by Linux' native "
		       "interface (with `cache: none` or `directsync`), or by io_uring, which the "
		       "kernel must allow (sysctl kernel.io_uring_disabled)."),
	FIELD_ENUM(struct guest_disk, detect_zeroes, disk_detect_zeroes_names, .def = "off",
		.on_change = CHANGE_RECREATE,
		.doc = "Whether zeros that the guest writes are looked for, and take no room; with "
		       "`unmap` (and `discard: unmap`) room that they had is given back."),
	FIELD_BOOL(struct guest_disk, iothread, .def = "false", .on_change = CHANGE_RECREATE,
		.doc = "A thread of its own for this disk (`bus: virtio`), beside the one that "
		       "does "
		       "all the rest."),
	FIELD_ENUM(struct guest_disk, werror, disk_on_error_names, .def = "enospc",
		.on_change = CHANGE_RECREATE,
		.doc = "What happens when a write fails: the guest is told (`report`), or not "
		       "(`ignore`); it stands still until `kvmhostctl guest resume` (`stop`), or "
		       "does "
		       "so when there is no room and is told of other errors (`enospc`)."),
	FIELD_ENUM(struct guest_disk, rerror, disk_on_error_names, .def = "report",
		.on_change = CHANGE_RECREATE, .doc = "What happens when a read fails."),
	FIELD_OBJECT(struct guest_disk, throttle, struct disk_throttle, disk_throttle_table,
		.on_change = CHANGE_RECREATE,
		.doc = "Limits of what it may do in a second. Changed while the guest runs, where "
		       "there were some when it started."),
};
const struct table disk_table =
	TABLE(struct guest_disk, disk_rows, .check = disk_check, .doc = "A disk.");
