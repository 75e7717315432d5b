/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether a guest's devices find interrupts. Linux on x86 has 256 vectors for each CPU, of which
 * some 200 are for devices. A virtio device takes one for each queue and one more, and so does each
 * root port; those that are found last get none, and do not work at all (-ENOSPC): they are on the
 * root bus, and what Linux would fall back to, INTx, needs a vector as well.
 */
#include "config/obj.h"
#include "runner/guest.h"
#include "runner/qemu_args.h"

enum { VECTORS_OF_CPU = 200 };
/* Timer, keyboard, RTC and the like; SATA; random numbers; the balloon. */
enum { VECTORS_ALWAYS = 6 + 1 + 2 + 2 };
/* With few of their own they share: config and all queues. */
enum { VECTORS_AGENT = 2, VECTORS_VSOCK = 4, VECTORS_SCSI = 3, VECTORS_USB = 2 };
enum { VECTORS_FUNCTION = 3 }; /* of the host; as igbvf has */

static size_t of_disks(const struct guest *g)
{
	size_t virtio = 0, cpus = (size_t)g->cpu.count;
	bool scsi = false, usb = obj_has(g, "graphics");

	for (size_t i = 0; i < g->disks.n; i++) {
		enum disk_bus bus = disk_bus(&LIST_AT(&g->disks, const struct guest_disk, i));

		virtio += bus == BUS_VIRTIO;
		scsi |= bus == BUS_SCSI;
		usb |= bus == BUS_USB;
	}
	/* QEMU gives a disk, and the SCSI controller, as many queues as there are CPUs. */
	return pci_ports(virtio) + virtio * (cpus + 1) + (scsi ? cpus + VECTORS_SCSI : 0) +
	       (usb ? VECTORS_USB : 0);
}

static size_t of_interfaces(const struct guest *g)
{
	size_t sum = pci_ports(g->interfaces.n);

	for (size_t i = 0; i < g->interfaces.n; i++) {
		const struct guest_interface *nic =
			&LIST_AT(&g->interfaces, const struct guest_interface, i);

		sum += nic->vf ? VECTORS_FUNCTION : 2 * interface_queues(nic) + 1;
	}
	return sum;
}

void guest_check_interrupts(const struct guest *g, struct diags *d)
{
	size_t sum = VECTORS_ALWAYS + of_disks(g) + of_interfaces(g),
	       there = VECTORS_OF_CPU * (size_t)g->cpu.count;

	if (g->devices.n)
		sum += pci_ports(g->devices.n) + VECTORS_FUNCTION * g->devices.n;
	if (obj_has(g, "cloud_init"))
		sum += 2 + (size_t)g->cpu.count;
	sum += (g->agent ? VECTORS_AGENT : 0) + (obj_has(g, "vsock") ? VECTORS_VSOCK : 0);
	if (sum <= there)
		return;
	diag_warning(d, obj_mark(g, g->disks.n ? "disks" : "interfaces"),
		arena_printf(d->arena,
			"give it `cpu: {count: %zu}`, or put disks on `bus: scsi`, where they "
			"share a few",
			(size_t)g->cpu.count + 1),
		"the guest's devices want some %zu interrupts, and Linux has some %d for each CPU: "
		"those found last, as the agent's channel and the balloon, get none and do not "
		"work",
		sum, VECTORS_OF_CPU);
}
