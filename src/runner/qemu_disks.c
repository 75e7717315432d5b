/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The part of QEMU's argument list that is about disks. */
#include "config/obj.h"
#include "runner/qemu_args_internal.h"

/* cache=none and the like of QEMU's -drive, taken apart (qemu-options.hx). */
static const struct {
	bool no_flush, write_cache;
} caches[] = {
	[CACHE_WRITEBACK] = { false, true },
	[CACHE_NONE] = { false, true },
	[CACHE_WRITETHROUGH] = { false, false },
	[CACHE_DIRECTSYNC] = { false, false },
	[CACHE_UNSAFE] = { true, true },
};

/* The boot order of floppies is their controller's to know: bootindexA, bootindexB. */
static void add_floppy_controller(struct args *x, const struct guest *g)
{
	_cleanup_strbuf_ struct strbuf more = { 0 };

	for (size_t i = 0; i < g->disks.n; i++) {
		const char *index = args_bootindex(x, g, BOOT_FLOPPY, i);
		const char *equals = strchr(index, '=');

		if (equals &&
			disk_bus(&LIST_AT(&g->disks, const struct guest_disk, i)) == BUS_FLOPPY)
			sb_addf(&more, ",bootindex%c%s",
				'A' + (char)disk_number_on_bus(&g->disks, i), equals);
	}
	args_add(x, "-device", "isa-fdc,id=fdc%s", sb_str(&more));
}

/* Root ports, and controllers that q35 lacks, where a disk needs them. */
static void add_controllers(struct args *x, const struct machine *m)
{
	const struct guest *g = m->spec->guest;
	const struct list *disks = &g->disks;
	bool on[BUS_FLOPPY + 1] = { false };
	size_t virtio = 0;

	for (size_t i = 0; i < disks->n; i++) {
		enum disk_bus bus = disk_bus(&LIST_AT(disks, const struct guest_disk, i));

		on[bus] = true;
		virtio += bus == BUS_VIRTIO;
	}
	args_add_ports(x, "disk", PCI_SLOT_DISKS, virtio,
		GUEST_DISKS_MAX + (args_have_device_ports(m) ? 0 : GUEST_DEVICES_MAX));
	if (on[BUS_SCSI])
		args_add(x, "-device", "virtio-scsi-pci,id=scsi,bus=pcie.0,addr=0x%x",
			PCI_SLOT_SCSI);
	/* The port after those of disks is the pointer's. */
	if (on[BUS_USB] || obj_has(g, "graphics"))
		args_add(x, "-device", "qemu-xhci,id=usb,bus=pcie.0,addr=0x%x,p2=%d,p3=%d",
			PCI_SLOT_USB, GUEST_USB_MAX + 1, GUEST_USB_MAX + 1);
	if (obj_has(g, "graphics"))
		args_add(x, "-device", "usb-tablet,bus=usb.0,port=%d", GUEST_USB_MAX + 1);
	if (on[BUS_IDE])
		args_add(x, "-device", "piix3-ide,id=pata,bus=pcie.0,addr=0x%x", PCI_SLOT_IDE);
	if (on[BUS_FLOPPY])
		add_floppy_controller(x, g);
}

/* Below disk i, from the bottom; returns ",backing=..." for what stands on them. */
static const char *add_layers(struct args *x, const struct machine_disk *opened, size_t i)
{
	const char *below = "";
	int n = 0;

	while (n < IMAGE_LAYERS && opened->layers[n].fd >= 0)
		n++;
	while (n-- > 0) {
		const struct image_layer *l = &opened->layers[n];
		size_t set = FDSET_LAYERS + i * IMAGE_LAYERS + (size_t)n;

		args_add(x, "-add-fd", "fd=%d,set=%zu", l->fd, set);
		args_add(x, "-blockdev",
			"driver=%s,node-name=basefile%zu-%d,filename=/dev/fdset/%zu,locking=on,"
			"read-only=on",
			l->block ? "host_device" : "file", i, n, set);
		args_add(x, "-blockdev",
			"driver=%s,node-name=base%zu-%d,file=basefile%zu-%d,"
			"read-only=on%s",
			disk_format_names[l->format], i, n, i, n, below);
		below = arena_printf(x->arena, ",backing=base%zu-%d", i, n);
	}
	return below;
}

enum { LIMITS = 6 };
struct limit {
	const char *name; /* as qapi/block-core.json has it */
	unsigned long long n;
};

static void limits_of(const struct disk_throttle *t, struct limit out[static LIMITS])
{
	const struct limit all[LIMITS] = {
		{ "iops-total", (unsigned long long)t->iops },
		{ "iops-read", (unsigned long long)t->iops_read },
		{ "iops-write", (unsigned long long)t->iops_write },
		{ "bps-total", t->bps },
		{ "bps-read", t->bps_read },
		{ "bps-write", t->bps_write },
	};

	memcpy(out, all, sizeof(all));
}

/* What is not limited too: 0. */
json_t *qemu_limits(const struct disk_throttle *t)
{
	json_t *o = json_object();
	struct limit v[LIMITS];

	limits_of(t, v);
	for (size_t i = 0; i < LIMITS; i++)
		json_object_set_new(o, v[i].name, json_integer((json_int_t)v[i].n));
	return o;
}

/* `limits` in one can only be written as JSON (qapi/qom.json); these are the same, one by one. */
static void add_limits(struct args *x, const struct disk_throttle *t, size_t i)
{
	_cleanup_strbuf_ struct strbuf more = { 0 };
	struct limit v[LIMITS];

	limits_of(t, v);
	for (size_t k = 0; k < LIMITS; k++)
		if (v[k].n)
			sb_addf(&more, ",x-%s=%llu", v[k].name, v[k].n);
	args_add(x, "-object", "throttle-group,id=limits%zu%s", i, sb_str(&more));
	args_add(x, "-blockdev",
		"driver=throttle,node-name=disk%zu,throttle-group=limits%zu,file=format%zu", i, i,
		i);
}

/* QEMU opens an fdset member like a file, with its image locks, and without any permission. */
static void add_nodes(
	struct args *x, const struct guest_disk *d, const struct machine_disk *opened, size_t i)
{
	const char *below = add_layers(x, opened, i);
	bool limited = obj_has(d, "throttle");
	const char *how = arena_printf(x->arena,
		"cache.direct=%s,cache.no-flush=%s,discard=%s,read-only=%s%s",
		disk_is_direct(d) ? "on" : "off", caches[d->cache].no_flush ? "on" : "off",
		d->discard == DISCARD_UNMAP ? "unmap" : "ignore",
		disk_is_readonly(d) ? "on" : "off",
		d->detect_zeroes ? arena_printf(x->arena, ",detect-zeroes=%s",
					   disk_detect_zeroes_names[d->detect_zeroes])
				 : "");

	args_add(x, "-add-fd", "fd=%d,set=%zu", opened->fd, i);
	args_add(x, "-blockdev",
		"driver=%s,node-name=file%zu,filename=/dev/fdset/%zu,locking=on,%s%s%s",
		opened->block ? "host_device" : "file", i, i, how, d->aio ? ",aio=" : "",
		d->aio ? disk_aio_names[d->aio] : "");
	/* The node that the device has is named diskN. */
	args_add(x, "-blockdev", "driver=%s,node-name=%s%zu,file=file%zu,%s%s",
		disk_format_names[disk_format(d)], limited ? "format" : "disk", i, i, how, below);
	if (limited)
		add_limits(x, &d->throttle, i);
}

/* What the guest sees, and where: "virtio-blk-pci,bus=port-disk0,addr=0x0". */
static const char *device(struct args *x, const struct list *disks, size_t i)
{
	const struct guest_disk *d = &LIST_AT(disks, const struct guest_disk, i);
	const char *kind = d->device == DEVICE_CDROM ? "cd" : "hd";
	size_t n = disk_number_on_bus(disks, i);

	switch (disk_bus(d)) {
	case BUS_VIRTIO:
		return arena_printf(x->arena, "virtio-blk-pci,bus=port-disk%zu,addr=0x0", n);
	case BUS_SCSI:
		if (d->device == DEVICE_LUN)
			kind = "block";
		return arena_printf(
			x->arena, "scsi-%s,bus=scsi.0,channel=0,scsi-id=%zu,lun=0", kind, i);
	case BUS_SATA: return arena_printf(x->arena, "ide-%s,bus=ide.%zu,unit=0", kind, n);
	case BUS_IDE:
		/* The bus takes its controller's name and the channel's number. */
		return arena_printf(x->arena, "ide-%s,bus=pata.%zu,unit=%zu", kind, n / 2, n % 2);
	case BUS_USB: return arena_printf(x->arena, "usb-storage,bus=usb.0,port=%zu", n + 1);
	case BUS_FLOPPY: return arena_printf(x->arena, "floppy,bus=fdc.0,unit=%zu", n);
	}
	return NULL;
}

static void add_disk(struct args *x, const struct machine *m, size_t i)
{
	const struct list *disks = &m->spec->guest->disks;
	const struct guest_disk *d = &LIST_AT(disks, const struct guest_disk, i);
	const char *what = device(x, disks, i);
	_cleanup_strbuf_ struct strbuf more = { 0 };

	if (d->device == DEVICE_DISK)
		sb_addf(&more, ",write-cache=%s", caches[d->cache].write_cache ? "on" : "off");
	if (d->serial)
		sb_addf(&more, ",serial=%s", d->serial);
	if (d->werror != ON_ERROR_ENOSPC && d->device != DEVICE_FLOPPY)
		sb_addf(&more, ",werror=%s", disk_on_error_names[d->werror]);
	if (d->rerror != ON_ERROR_REPORT && d->device != DEVICE_FLOPPY)
		sb_addf(&more, ",rerror=%s", disk_on_error_names[d->rerror]);
	if (d->iothread) {
		args_add(x, "-object", "iothread,id=iothread%zu", i);
		sb_addf(&more, ",iothread=iothread%zu", i);
	}
	if (d->device != DEVICE_FLOPPY)
		sb_add(&more, args_bootindex(x, m->spec->guest, disk_boot(d), i));
	if (d->path)
		add_nodes(x, d, &m->disks[i], i);
	args_add(x, "-device", "%s,id=storage%zu%s%s", what, i,
		d->path ? arena_printf(x->arena, ",drive=disk%zu", i) : "", sb_str(&more));
}

/* Before all others while it is installed from, and not booted any more afterwards. */
static void add_medium(struct args *x, const struct machine *m)
{
	if (m->medium < 0)
		return;
	args_add(x, "-add-fd", "fd=%d,set=%d", m->medium, FDSET_MEDIUM);
	args_add(x, "-blockdev",
		"driver=file,node-name=mediumfile,filename=/dev/fdset/%d,locking=on,read-only=on",
		FDSET_MEDIUM);
	args_add(x, "-blockdev", "driver=raw,node-name=medium,file=mediumfile,read-only=on");
	args_add(x, "-device", "ide-cd,bus=ide.%d,unit=0,id=medium,drive=medium%s",
		GUEST_SATA_MEDIUM, m->install >= 0 ? ",bootindex=0" : "");
}

/* Where a guest has drivers from the start; Windows has none for virtio. */
static void add_seed(struct args *x, const struct machine *m)
{
	if (m->seed < 0)
		return;
	args_add(x, "-add-fd", "fd=%d,set=%d", m->seed, FDSET_SEED);
	args_add(x, "-blockdev",
		"driver=file,node-name=seedfile,filename=/dev/fdset/%d,locking=on,read-only=on",
		FDSET_SEED);
	args_add(x, "-blockdev", "driver=raw,node-name=seed,file=seedfile,read-only=on");
	if (m->spec->guest->os == OS_WINDOWS) {
		args_add(x, "-device", "ide-cd,bus=ide.%d,unit=0,id=seed,drive=seed",
			GUEST_SATA_SEED);
		return;
	}
	args_add_port(x, "port-seed", PCI_SLOT_SEED);
	args_add(x, "-device", "virtio-blk-pci,bus=port-seed,addr=0x0,id=seed,drive=seed");
}

void args_add_disks(struct args *x, const struct machine *m)
{
	const struct list *disks = &m->spec->guest->disks;

	add_controllers(x, m);
	for (size_t i = 0; i < disks->n; i++)
		add_disk(x, m, i);
	add_medium(x, m);
	add_seed(x, m);
}

char **qemu_args_disk(struct arena *a, const struct machine *m, size_t i)
{
	struct args x = { .arena = a };

	add_disk(&x, m, i);
	*ARENA_PUSH(a, x.v, x.n) = NULL;
	return x.v;
}
