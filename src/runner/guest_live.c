/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What of a change a running guest takes, and what waits for its restart. Pure. */
#include "runner/guest_live.h"
#include "config/obj.h"
#include "runner/qemu_args.h"

static uint64_t bit(const struct obj *o, const char *field)
{
	return UINT64_C(1) << (table_field(o->table, field) - o->table->fields);
}

/* A balloon only takes from what the guest was started with. */
static void take_current(struct guest_memory *m, const struct guest_memory *want)
{
	uint64_t current = bit(&m->obj, "current");

	if (obj_has(want, "current") && want->current > m->size)
		return;
	m->current = want->current;
	m->obj.set = (m->obj.set & ~current) | (want->obj.set & current);
}

void guest_medium_take(struct guest_disk *to, const struct guest_disk *from)
{
	uint64_t path = bit(&to->obj, "path");

	to->path = from->path;
	to->obj.set = (to->obj.set & ~path) | (from->obj.set & path);
}

/* Another disc in the same drive, or none any more. */
bool guest_medium_differs(const struct guest_disk *a, const struct guest_disk *b)
{
	struct guest_disk other = *a;

	other.path = b->path;
	return disk_is_drive(a) && !streq_null(a->path, b->path) && !disk_differs(&other, b);
}

/* Other limits where there were some: what keeps them is in QEMU since the start. */
bool guest_limits_differ(const struct guest_disk *a, const struct guest_disk *b)
{
	struct guest_disk other = *a;

	other.throttle = b->throttle;
	return obj_has(a, "throttle") && obj_has(b, "throttle") && disk_limits_differ(a, b) &&
	       !disk_differs(&other, b);
}

static size_t count_on_bus(const struct list *disks, enum disk_bus bus)
{
	size_t n = 0;

	for (size_t i = 0; i < disks->n; i++)
		n += disk_bus(&LIST_AT(disks, const struct guest_disk, i)) == bus;
	return n;
}

/* Disk i of `all` comes to, or leaves, a guest that was started with `had`. */
static bool disk_plugs(const struct list *all, size_t i, const struct guest *had)
{
	enum disk_bus bus = disk_bus(&LIST_AT(all, const struct guest_disk, i));

	if (bus == BUS_VIRTIO)
		return disk_number_on_bus(all, i) < pci_ports(count_on_bus(&had->disks, bus));
	if (bus == BUS_USB)
		return count_on_bus(&had->disks, bus) || obj_has(had, "graphics");
	return bus == BUS_SCSI && count_on_bus(&had->disks, bus);
}

/* Only the end of the list: what stays keeps its number, and so its address and name. */
static bool disks_live(const struct guest *want, const struct guest *started)
{
	const struct list *a = &want->disks, *b = &started->disks;
	const struct list *longer = a->n > b->n ? a : b;
	size_t i = 0;

	for (; i < a->n && i < b->n; i++) {
		const struct guest_disk *x = &LIST_AT(a, const struct guest_disk, i);
		const struct guest_disk *y = &LIST_AT(b, const struct guest_disk, i);

		if (disk_differs(x, y) && !guest_medium_differs(x, y) && !guest_limits_differ(x, y))
			return false;
	}
	for (; i < longer->n; i++)
		if (!disk_plugs(longer, i, started))
			return false;
	return true;
}

static bool interfaces_live(const struct guest *want, const struct guest *started)
{
	const struct list *a = &want->interfaces, *b = &started->interfaces;
	const struct list *longer = a->n > b->n ? a : b;
	size_t i = 0;

	for (; i < a->n && i < b->n; i++)
		if (interface_differs(&LIST_AT(a, const struct guest_interface, i),
			    &LIST_AT(b, const struct guest_interface, i)))
			return false;
	for (; i < longer->n; i++) {
		const struct guest_interface *nic =
			&LIST_AT(longer, const struct guest_interface, i);

		if (nic->macvtap || i >= pci_ports(b->n))
			return false;
	}
	return true;
}

/* Likewise. */
static bool devices_live(const struct guest *want, const struct guest *started)
{
	const struct list *a = &want->devices, *b = &started->devices;

	for (size_t i = 0; i < a->n && i < b->n; i++)
		if (!streq(LIST_AT(a, const char *, i), LIST_AT(b, const char *, i)))
			return false;
	return a->n <= pci_ports(b->n);
}

const struct guest *guest_live(
	struct arena *a, const struct guest *want, const struct guest *started)
{
	struct guest *live = arena_alloc(a, sizeof(*live));

	*live = *started;
	take_current(&live->memory, &want->memory);
	if (disks_live(want, started))
		live->disks = want->disks;
	if (interfaces_live(want, started))
		live->interfaces = want->interfaces;
	if (devices_live(want, started))
		live->devices = want->devices;
	return live;
}

bool guest_live_differs(const struct guest *live, const struct guest *started)
{
	return live->memory.current != started->memory.current || disks_differ(live, started) ||
	       interfaces_differ(live, started) || devices_differ(live, started);
}
