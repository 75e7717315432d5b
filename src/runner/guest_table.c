/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guests' section of the configuration language. */
#include "runner/guest.h"
#include "config/obj.h"

const char *const guest_state_names[] = { "running", "stopped", NULL };
const char *const guest_restart_names[] = { "no", "on-failure", "always", NULL };
static const char *const on_change_names[] = { "wait", "restart", NULL };
static const char *const console_names[] = { "serial", NULL };

static const struct field cpu_rows[] = {
	FIELD_INT(struct guest_cpu, count, 1, GUEST_CPUS_MAX, .def = "1",
		.on_change = CHANGE_RECREATE,
		.doc = "Virtual CPUs. More than the host has threads makes all guests slower."),
	FIELD_STRING(struct guest_cpu, model, type_string, .def = "host",
		.on_change = CHANGE_RECREATE,
		.doc = "CPU model as QEMU names it (`qemu-system-x86_64 -cpu help`). `host` is the host's "
		       "own; where KVM does not work and QEMU emulates, it means `max`, and `kvmhostctl "
		       "status` says so."),
	FIELD_PLANNED("pinning", "Host CPUs on which the virtual CPUs run, in order."),
};
static const struct table cpu_table =
	TABLE(struct guest_cpu, cpu_rows, .doc = "The guest's processors.");

static const struct field memory_rows[] = {
	FIELD_SIZE(struct guest_memory, size, 1 * MIB, 16 * TIB, .def = "1GiB",
		.on_change = CHANGE_RECREATE, .doc = "The guest's memory.", .example = "2GiB"),
	FIELD_PLANNED("hugepages", "Back the memory with the host's hugepages."),
};
static const struct table memory_table =
	TABLE(struct guest_memory, memory_rows, .doc = "The guest's memory.");

static const struct field kernel_rows[] = {
	FIELD_STRING(struct guest_kernel, image, type_path, .required = true,
		.on_change = CHANGE_RECREATE, .example = "/var/lib/kvmhost/boot/vmlinuz",
		.doc = "Kernel to boot, a file of the host."),
	FIELD_STRING(struct guest_kernel, initrd, type_path, .on_change = CHANGE_RECREATE,
		.example = "/var/lib/kvmhost/boot/initrd.img",
		.doc = "Its initial RAM disk, a file of the host."),
	FIELD_STRING(struct guest_kernel, cmdline, type_string, .on_change = CHANGE_RECREATE,
		.example = "console=ttyS0 root=/dev/vda1", .doc = "Its command line."),
};
static const struct table kernel_table = TABLE(struct guest_kernel, kernel_rows,
	.doc = "Boot this kernel directly, without firmware boot menu or boot loader.");

static void check_interface(const void *obj, struct diags *d)
{
	const struct guest_interface *i = obj;

	if (i->network && i->bridge)
		diag_relate(diag_error(d, obj_mark(i, "bridge"), "keep one of the two",
				"an interface is on a network or on a bridge, not on both"),
			obj_mark(i, "network"), "the network is named here");
	else if (!i->network && !i->bridge)
		diag_error(d, obj_mark(i, "network"), "add `network: NAME` or `bridge: NAME`",
			"an interface needs a network or a bridge");
}

static const struct field interface_rows[] = {
	FIELD_STRING(struct guest_interface, network, type_string, .ref = "network",
		.example = "default", .doc = "The network, one of `networks:`, that it is on."),
	FIELD_STRING(struct guest_interface, bridge, type_ifname, .ref = "bridge",
		.example = "br0", .doc = "The bridge, one of `bridges:`, that it is on."),
	FIELD_VALUE(struct guest_interface, mac, struct mac, type_mac, .claims = "mac",
		.on_change = CHANGE_RECREATE, .example = "52:54:00:1a:b3:4a",
		.doc = "Its MAC address. Without it one is generated, 52:54:00 and three bytes that "
		       "depend on the host, the guest and the interface's number, so it stays the same."),
	FIELD_PLANNED("vf", "A virtual function of an SR-IOV device."),
	FIELD_PLANNED("vhost", "Whether packets pass through the kernel's vhost-net."),
	FIELD_PLANNED("queues", "Pairs of queues, up to the number of CPUs."),
};
static const struct table interface_table = TABLE(struct guest_interface, interface_rows,
	.check = check_interface, .doc = "A network interface.");

static const struct field shutdown_rows[] = {
	FIELD_DURATION(struct guest_shutdown, timeout, 0, 3600 * USEC_PER_SEC, .def = "90s",
		.doc = "How long the guest may take from its power button to power off. After that it "
		       "is switched off."),
};
static const struct table shutdown_table =
	TABLE(struct guest_shutdown, shutdown_rows, .doc = "How it is shut down.");

static void check_count(const struct guest *g, const struct list *l, const char *key, size_t max,
	struct diags *d)
{
	if (l->n > max)
		diag_error(d, obj_mark_item(g, key, max), NULL, "a guest has at most %zu %s", max,
			key);
}

static void check_guest(const void *obj, struct diags *d)
{
	const struct guest *g = obj;

	if (!obj_has(g, "kernel") && !g->disks.n)
		diag_error(d, obj_mark(g, "disks"),
			"add `disks: [{path: /var/lib/kvmhost/images/NAME.qcow2}]` or "
			"`kernel: {image: PATH}`",
			"a guest needs a disk or a kernel to boot from");
	check_count(g, &g->disks, "disks", GUEST_DISKS_MAX, d);
	disks_check(g, &g->disks, d);
	check_count(g, &g->interfaces, "interfaces", GUEST_INTERFACES_MAX, d);
	for (size_t i = 0; i < g->after.n; i++)
		if (g->obj.name && streq(LIST_AT(&g->after, const char *, i), g->obj.name))
			diag_error(d, obj_mark_item(g, "after", i), NULL,
				"a guest cannot start after itself");
}

static const struct field guest_rows[] = {
	FIELD_ENUM(struct guest, state, guest_state_names, .def = "running",
		.doc = "Whether it is to run. `kvmhostctl guest stop` holds a running one down until "
		       "`guest start` or a reboot, and so does a guest that powers itself off, unless "
		       "`restart: always`."),
	FIELD_BOOL(struct guest, autostart, .def = "true",
		.doc = "Whether kvmhost starts it. false: only `kvmhostctl guest start` does."),
	FIELD_ENUM(struct guest, on_change, on_change_names, .def = "wait",
		.doc = "What happens on a change that needs the guest to restart: `wait` for "
		       "`kvmhostctl guest restart`, or `restart` it at once."),
	FIELD_OBJECT(struct guest, cpu, struct guest_cpu, cpu_table, .def = "{}",
		.on_change = CHANGE_RECREATE, .doc = "The guest's processors."),
	FIELD_OBJECT(struct guest, memory, struct guest_memory, memory_table, .def = "{}",
		.on_change = CHANGE_RECREATE, .doc = "The guest's memory."),
	FIELD_OBJECT(struct guest, kernel, struct guest_kernel, kernel_table,
		.on_change = CHANGE_RECREATE,
		.doc = "Boot this kernel directly, without firmware boot menu or boot loader."),
	FIELD_OBJECTS(struct guest, disks, disk_table, .def = "[]", .on_change = CHANGE_RECREATE,
		.doc = "Disks, in order: the first virtio disk is the guest's vda."),
	FIELD_OBJECTS(struct guest, interfaces, interface_table, .def = "[]",
		.on_change = CHANGE_RECREATE,
		.doc = "Network interfaces, in order. Moving one to another network or bridge is done "
		       "while the guest runs; others changes need it to restart."),
	FIELD_ENUM(struct guest, console, console_names, .def = "serial",
		.on_change = CHANGE_RECREATE,
		.doc = "A serial console is always there: `kvmhostctl console NAME`; what it says is "
		       "kept in /var/log/kvmhost/NAME.console.log."),
	FIELD_OBJECT(struct guest, shutdown, struct guest_shutdown, shutdown_table, .def = "{}",
		.doc = "How it is shut down."),
	FIELD_ENUM(struct guest, restart, guest_restart_names, .def = "on-failure",
		.doc = "When it is started again by itself: never, when QEMU failed, or also when the "
		       "guest powered itself off. One that never came up is not tried again."),
	FIELD_LIST(struct guest, after, type_name, .ref = "guest", .def = "[]", .example = "[db1]",
		.doc = "Guests that are started before this one and stopped after it."),
	FIELD_PLANNED("os", "A profile of settings that an operating system needs."),
	FIELD_PLANNED("firmware", "bios, uefi or uefi-secure."),
	FIELD_PLANNED("tpm", "A trusted platform module."),
	FIELD_PLANNED("install", "An installation that is run once."),
	FIELD_PLANNED("boot", "Boot order and retries."),
	FIELD_PLANNED("devices", "PCI devices of the host, handed over."),
	FIELD_PLANNED("graphics", "A screen by VNC or SPICE."),
	FIELD_PLANNED("agent", "A channel for the guest agent."),
	FIELD_PLANNED("cloud_init", "Data for cloud-init."),
	FIELD_PLANNED("resources", "Shares and limits of CPU, memory and I/O."),
};
const struct table guest_table = TABLE(struct guest, guest_rows, .key = &type_name,
	.key_word = "NAME", .check = check_guest, .doc = "A virtual machine.");
