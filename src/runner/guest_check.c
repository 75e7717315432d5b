/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of one guest say of each other. */
#include "runner/guest.h"
#include "config/obj.h"
#include "runner/guest_numa.h"
#include "runner/machine_type.h"

static void check_count(
	const struct guest *g, const struct list *l, const char *key, size_t max, struct diags *d)
{
	if (l->n > max)
		diag_error(d, obj_mark_item(g, key, max), "take this one and what follows out",
			"a guest has at most %zu %s", max, key);
}

static bool can_boot(const struct guest *g, enum boot_device from)
{
	if (from == BOOT_NETWORK)
		return g->interfaces.n > 0;
	for (size_t i = 0; i < g->disks.n; i++)
		if (disk_boot(&LIST_AT(&g->disks, const struct guest_disk, i)) == from)
			return true;
	return false;
}

static void check_bootable(const struct guest *g, struct diags *d)
{
	if (obj_has(g, "kernel"))
		return;
	for (size_t i = 0; i < g->boot.order.n; i++)
		if (can_boot(g, (enum boot_device)LIST_AT(&g->boot.order, const int, i)))
			return;
	diag_error(d, g->boot.obj.node ? obj_mark(&g->boot, "order") : obj_mark(g, "boot"),
		"write in `boot: {order: [...]}` what it has: disk, cdrom, network, floppy",
		"the guest has nothing that its boot order names");
}

static void check_resources(const struct guest *g, struct diags *d)
{
	if (obj_has(g, "resources") && obj_has(&g->resources, "memory_max") &&
		g->resources.memory_max <= g->memory.size)
		diag_error(d, obj_mark(&g->resources, "memory_max"),
			"give it some 300MiB more than `memory.size`, or remove it",
			"the guest's own memory is as large, and QEMU needs some too: it would be "
			"killed");
}

static void check_balloon(const struct guest *g, struct diags *d)
{
	if (obj_has(&g->memory, "current") && guest_assigned(g))
		diag_error(d, obj_mark(&g->memory, "current"), "remove it",
			"a device of the host reaches all of the guest's memory, so none of it can "
			"be given back");
}

/* Each is a descriptor that goes through systemd's store, two with vhost-net. */
enum { QUEUES_MAX = 128 };

static void check_queues(const struct guest *g, struct diags *d)
{
	size_t sum = 0;

	for (size_t i = 0; i < g->interfaces.n; i++) {
		const struct guest_interface *nic =
			&LIST_AT(&g->interfaces, const struct guest_interface, i);

		sum += interface_queues(nic);
		if ((int64_t)interface_queues(nic) > g->cpu.count)
			diag_error(d, obj_mark(nic, "queues"),
				arena_printf(d->arena,
					"write at most %lld, or give the guest more CPUs",
					(long long)g->cpu.count),
				"more pairs of queues than the guest has CPUs to serve them");
		else if (sum > QUEUES_MAX)
			diag_error(d, obj_mark(nic, "queues"), "give some interfaces fewer",
				"a guest has at most %d pairs of queues in all", QUEUES_MAX);
	}
}

static size_t count_sata(const struct guest *g)
{
	size_t n = 0;

	for (size_t i = 0; i < g->disks.n; i++)
		n += disk_bus(&LIST_AT(&g->disks, const struct guest_disk, i)) == BUS_SATA;
	return n;
}

static void check_cloud_init(const struct guest *g, struct diags *d)
{
	if (obj_has(g, "cloud_init") && g->os == OS_WINDOWS && count_sata(g) > GUEST_SATA_SEED)
		diag_error(d, obj_mark(g, "cloud_init"), "put a disk on another `bus`",
			"the disc with data for cloud-init needs one of the %d places for SATA",
			GUEST_SATA_MAX);
}

/* A device of the host's may be one. */
static bool has_disk(const struct guest *g)
{
	for (size_t i = 0; i < g->disks.n; i++)
		if (!disk_is_drive(&LIST_AT(&g->disks, const struct guest_disk, i)))
			return true;
	return g->devices.n > 0;
}

static void check_installed(const struct guest *g, struct diags *d)
{
	if (!obj_has(g, "install"))
		return;
	if (!has_disk(g) && !d->incomplete)
		diag_error(d, obj_mark(g, "install"),
			"add to `disks`: {path: /var/lib/kvmhost/images/NAME.qcow2, size: 20GiB}",
			"there is no disk to install on%s",
			g->disks.n ? ", only drives for media" : "");
	else if (obj_has(g, "kernel"))
		diag_error(d, obj_mark(g, "install"), "take one of the two out",
			"a `kernel` goes before what is installed from");
	else if (g->install.pxe && !g->interfaces.n)
		diag_error(d, obj_mark(&g->install, "pxe"), "add one to `interfaces`",
			"there is no interface to install by");
	else if (g->install.iso && count_sata(g) > GUEST_SATA_MEDIUM)
		diag_error(d, obj_mark(&g->install, "iso"), "put a disk on another `bus`",
			"the disc to install from needs one of the %d places for SATA",
			GUEST_SATA_MAX);
}

/* More are tried and work; what is known to work everywhere is what people were told. */
static void check_devices(const struct guest *g, struct diags *d)
{
	size_t n = guest_assigned(g);

	check_count(g, &g->devices, "devices", GUEST_DEVICES_MAX, d);
	if (n > GUEST_ASSIGNED_MANY)
		diag_warning(d, g->devices.n ? obj_mark(g, "devices") : obj_mark(g, "interfaces"),
			"if it does not start, give it fewer",
			"%zu functions of the host's devices are assigned to this guest; more "
			"than %d are beyond what has been tried",
			n, GUEST_ASSIGNED_MANY);
}

/* Their only way would be the one that there is not. */
static void warn_of_blindness(const struct guest *g, struct diags *d)
{
	const struct guest_interface *blind = NULL;

	for (size_t i = 0; i < g->interfaces.n; i++) {
		const struct guest_interface *nic =
			&LIST_AT(&g->interfaces, const struct guest_interface, i);

		if (nic->network || nic->bridge)
			return;
		if (nic->macvtap && !blind)
			blind = nic;
	}
	if (blind)
		diag_warning(d, obj_mark(blind, "macvtap"),
			"where they have to: an isolated network (networks: {private: {mode: "
			"isolated, "
			"bridge: virbr1, addresses: [192.168.254.1/24]}}) and `- {network: "
			"private}` as "
			"a second interface",
			"the host and this guest do not hear each other through %s: what either "
			"sends leaves by the card, for others alone",
			blind->macvtap);
}

static void check_machine(const struct guest *g, struct diags *d)
{
	if (g->machine && !machine_type_valid(g->machine))
		diag_error(d, obj_mark(g, "machine"),
			"write `q35`, a version of it such as pc-q35-7.2, or leave it out",
			"kvmhost's guests are of the machine q35, and `%s` is another",
			text_shown(d->arena, g->machine));
}

void guest_check(const void *obj, struct diags *d)
{
	const struct guest *g = obj;

	if (!obj_has(g, "kernel") && !g->disks.n && !can_boot(g, BOOT_NETWORK))
		diag_error(d, obj_mark(g, "disks"),
			"add `disks: [{path: /var/lib/kvmhost/images/NAME.qcow2, size: 20GiB}]`, "
			"`kernel: {image: PATH}`, or an interface and `boot: {order: [network]}`",
			"a guest needs a disk, a kernel or a network to boot from");
	else
		check_bootable(g, d);
	check_machine(g, d);
	check_count(g, &g->numa, "numa", GUEST_NUMA_MAX, d);
	numa_check(g, d);
	check_installed(g, d);
	check_cloud_init(g, d);
	check_resources(g, d);
	check_balloon(g, d);
	check_count(g, &g->disks, "disks", GUEST_DISKS_MAX, d);
	disks_check(g, &g->disks, d);
	check_count(g, &g->interfaces, "interfaces", GUEST_INTERFACES_MAX, d);
	check_queues(g, d);
	check_devices(g, d);
	guest_check_interrupts(g, d);
	warn_of_blindness(g, d);
}
