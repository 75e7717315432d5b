/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guests' section of the configuration language. */
#include "runner/guest.h"
#include "config/obj.h"
#include "runner/guest_numa.h"

const char *const guest_state_names[] = { "running", "stopped", NULL };
const char *const guest_restart_names[] = { "no", "on-failure", "always", NULL };
static const char *const on_change_names[] = { "wait", "restart", NULL };
const char *const guest_firmware_names[] = { "bios", "uefi", "uefi-secure", NULL };
static const char *const boot_names[] = { "disk", "cdrom", "network", "floppy", NULL };
static const char *const os_names[] = { "other", "linux", "windows", NULL };
const char *const guest_graphics_names[] = { "vnc", "spice", NULL };
const char *const guest_panic_names[] = { "ignore", "pause", "poweroff", "fail", NULL };
const char *const guest_watchdog_names[] = { "none", "reset", "poweroff", "pause", NULL };
static const char *const console_names[] = { "serial", NULL };

static const struct field cpu_rows[] = {
	FIELD_INT(struct guest_cpu, count, 1, GUEST_CPUS_MAX, .def = "1",
		.on_change = CHANGE_RECREATE,
		.doc = "Virtual CPUs. More than the host has threads makes all guests slower."),
	FIELD_INT(struct guest_cpu, sockets, 1, GUEST_CPUS_MAX, .on_change = CHANGE_RECREATE,
		.example = "1",
		.doc = "In how many sockets the guest sees them; some systems are licensed by it. "
		       "What is left out of `sockets`, `dies`, `cores` and `threads` is counted: "
		       "cores first."),
	FIELD_INT(struct guest_cpu, dies, 1, GUEST_CPUS_MAX, .on_change = CHANGE_RECREATE,
		.example = "1", .doc = "Dies in each socket."),
	FIELD_INT(struct guest_cpu, cores, 1, GUEST_CPUS_MAX, .on_change = CHANGE_RECREATE,
		.example = "2", .doc = "Cores in each die."),
	FIELD_INT(struct guest_cpu, threads, 1, GUEST_CPUS_MAX, .on_change = CHANGE_RECREATE,
		.example = "2",
		.doc = "Threads of each core. Useful where `pinning` puts two on the threads of "
		       "one of the host's."),
	FIELD_STRING(struct guest_cpu, model, type_string, .def = "host",
		.on_change = CHANGE_RECREATE,
		.doc = "CPU model as QEMU names it (`qemu-system-x86_64 -cpu help`). `host` is the "
		       "host's "
		       "own; where KVM does not work and QEMU emulates, it means `max`, and "
		       "`kvmhostctl "
		       "status` says so. A model that QEMU does not know, or with flags that this "
		       "machine's KVM lacks, is refused in the plan, and the flags are named. "
		       "Emulated, a "
		       "guest does without those that QEMU cannot emulate, and the journal names "
		       "them."),
	{ FIELD_AT(struct guest_cpu, pinning, struct list), .shape = SHAPE_LIST, .type = &type_int,
		.min = 0, .max = 8191, .def = "[]", .on_change = CHANGE_RECREATE,
		.example = "[2, 3]",
		.doc = "Host CPUs on which the virtual CPUs run, one for each, in order. Keep "
		       "others "
		       "off them with `host.cpu`." },
};

/* What is given must leave a whole number for the rest. */
static void check_topology(const struct guest_cpu *c, struct diags *d)
{
	static const char *const keys[] = { "sockets", "dies", "cores", "threads" };
	const int64_t levels[] = { c->sockets, c->dies, c->cores, c->threads };
	const char *last = NULL;
	int64_t product = 1;
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (obj_has(c, keys[i])) {
			product *= levels[i];
			last = keys[i];
			n++;
		}
	if (!last || (n == ARRAY_SIZE(keys) ? product == c->count : c->count % product == 0))
		return;
	diag_error(d, obj_mark(c, last), "make their product the `count`",
		"%lld virtual CPUs cannot be laid out so: sockets, dies, cores and threads make "
		"%lld",
		(long long)c->count, (long long)product);
}

static void check_cpu(const void *obj, struct diags *d)
{
	const struct guest_cpu *c = obj;

	check_topology(c, d);

	if (c->pinning.n && c->pinning.n != (size_t)c->count)
		diag_error(d, obj_mark(c, "pinning"), "name one CPU of the host for each",
			"%lld virtual CPUs are pinned to %zu CPUs of the host", (long long)c->count,
			c->pinning.n);
}

static const struct table cpu_table =
	TABLE(struct guest_cpu, cpu_rows, .check = check_cpu, .doc = "The guest's processors.");

static const struct field memory_rows[] = {
	FIELD_SIZE(struct guest_memory, size, 1 * MIB, 16 * TIB, .def = "1GiB",
		.on_change = CHANGE_RECREATE, .doc = "The guest's memory.", .example = "2GiB"),
	FIELD_SIZE(struct guest_memory, current, 1 * MIB, 16 * TIB, .example = "1GiB",
		.doc = "How much of `size` the guest has now. A balloon in it takes the rest and "
		       "gives it to the host, as far as the guest can spare it. Changed while it "
		       "runs; left out, all."),
	FIELD_BOOL(struct guest_memory, hugepages, .def = "false", .on_change = CHANGE_RECREATE,
		.doc = "Back the memory with hugepages of the host's default size, all taken at "
		       "the "
		       "start; `host.memory.hugepages` sets them aside."),
};

static void check_memory(const void *obj, struct diags *d)
{
	const struct guest_memory *m = obj;

	if (obj_has(m, "current") && m->current > m->size)
		diag_error(d, obj_mark(m, "current"), "give it at most `size`, or a larger `size`",
			"a balloon only takes: a guest has at most the memory that it was started "
			"with");
	else if (obj_has(m, "current") && m->hugepages)
		diag_error(d, obj_mark(m, "current"), "remove it, or `hugepages`",
			"a hugepage that the guest gives back may be somebody else's when it wants "
			"it again, and it would be killed");
}

static const struct table memory_table = TABLE(
	struct guest_memory, memory_rows, .check = check_memory, .doc = "The guest's memory.");

static const struct field kernel_rows[] = {
	FIELD_STRING(struct guest_kernel, image, type_path, .required = true,
		.on_change = CHANGE_RECREATE, .example = "/var/lib/kvmhost/boot/vmlinuz",
		.doc = "Kernel to boot, a file of the host."),
	FIELD_STRING(struct guest_kernel, initrd, type_path, .on_change = CHANGE_RECREATE,
		.example = "/var/lib/kvmhost/boot/initrd.img",
		.doc = "Its initial RAM disk, a file of the host."),
	FIELD_STRING(struct guest_kernel, cmdline, type_string, .on_change = CHANGE_RECREATE,
		.example = "console=ttyS0 root=/dev/vda1",
		.doc = "Its command line. For the time of day a Linux with kvm-clock (2.6.27, RHEL "
		       "5.5 "
		       "and later) needs nothing. Without it one of 64 bits wants `notsc lpj=N`, "
		       "one of "
		       "32 bits `clocksource=acpi_pm lpj=N` (RHEL 4: `clock=pmtmr`), N being the "
		       "loops "
		       "per jiffy of the host's CPU. `divider=10` makes 100 ticks a second of "
		       "1000: "
		       "only for RHEL 5.8 and later of that line; earlier ones lose time by it, "
		       "and "
		       "kernels without a steady tick gain nothing."),
};
static const struct table kernel_table = TABLE(struct guest_kernel, kernel_rows,
	.doc = "Boot this kernel directly, without firmware boot menu or boot loader.");

static void check_boot(const void *obj, struct diags *d)
{
	const struct guest_boot *b = obj;

	for (size_t i = 0; i < b->order.n; i++)
		for (size_t k = 0; k < i; k++)
			if (LIST_AT(&b->order, const int, i) == LIST_AT(&b->order, const int, k))
				diag_error(d, obj_mark_item(b, "order", i),
					"take one of the two out",
					"`%s` stands twice in the boot order",
					boot_names[LIST_AT(&b->order, const int, i)]);
}

static const struct field boot_rows[] = {
	{ FIELD_AT(struct guest_boot, order, struct list), .shape = SHAPE_LIST, .type = &type_enum,
		.names = boot_names, .def = "[disk, cdrom]", .on_change = CHANGE_RECREATE,
		.example = "[network, disk]",
		.doc = "What is tried, in order: disk, cdrom, network (PXE), floppy; of several "
		       "disks the one that "
		       "stands first (the firmware `bios` tries no other). What is not named is "
		       "not booted. A `kernel` goes before all." },
	FIELD_DURATION(struct guest_boot, reboot_timeout, 0, 65535 * (USEC_PER_SEC / 1000),
		.on_change = CHANGE_RECREATE, .example = "1s",
		.doc = "How long the firmware waits before it tries again when nothing could be "
		       "booted. Without it "
		       "it gives up. UEFI tries all that there is, PXE by each protocol too, "
		       "before it has "
		       "nothing left. That is known by what OVMF says on the serial console; with "
		       "a firmware that says something else it is not tried again."),
};
static const struct table boot_table = TABLE(
	struct guest_boot, boot_rows, .check = check_boot, .doc = "What the guest boots from.");

static const struct field resources_rows[] = {
	FIELD_INT(struct guest_resources, cpu_weight, 1, 10000, .example = "200",
		.doc = "Share of the CPU when it is scarce; others have 100. The cure for steal "
		       "time in an "
		       "important guest."),
	FIELD_VALUE(struct guest_resources, cpu_quota, int64_t, type_percent, .min = 1,
		.max = 100000, .example = "150%",
		.doc = "At most so much CPU time; 100% is one CPU of the host."),
	FIELD_SIZE(struct guest_resources, memory_max, 1 * MIB, 32 * TIB, .example = "3GiB",
		.doc = "At most so much of the host's memory for the guest and its QEMU, which "
		       "needs some 100MiB "
		       "to 300MiB more than the guest has; beyond that the guest is killed."),
	FIELD_INT(struct guest_resources, io_weight, 1, 10000, .example = "100",
		.doc = "Share of the block devices when they are busy; others have 100."),
};
static const struct table resources_table = TABLE(struct guest_resources, resources_rows,
	.doc = "Shares and limits of CPU, memory and I/O, as properties of the guest's unit. "
	       "Changed while it runs. All guests together are in the slice kvmhost-guests.slice: "
	       "`systemctl set-property kvmhost-guests.slice CPUWeight=500` puts them before the "
	       "host's other work, and kvmhost leaves that alone.");

static const struct field shutdown_rows[] = {
	FIELD_DURATION(struct guest_shutdown, timeout, 0, 3600 * USEC_PER_SEC, .def = "90s",
		.doc = "How long the guest may take from its power button to power off. After that "
		       "it "
		       "is switched off."),
};
static const struct table shutdown_table =
	TABLE(struct guest_shutdown, shutdown_rows, .doc = "How it is shut down.");

static bool is_loopback(const struct ip *ip)
{
	return ip->family == AF_INET ? ip->b[0] == 127 : IN6_IS_ADDR_LOOPBACK(&ip->v6);
}

static void check_graphics(const void *obj, struct diags *d)
{
	const struct guest_graphics *g = obj;

	if (!g->password && !is_loopback(&g->listen))
		diag_error(d, obj_mark(g, "listen"),
			"add `password: NAME`, a credential; or leave `listen` out and use a "
			"tunnel: "
			"ssh -L",
			"whoever reaches this address would have the guest's screen and keyboard");
	if (g->password && (strchr(g->password, '/') || *g->password == '.'))
		diag_error(d, obj_mark(g, "password"),
			"write the password to /etc/credstore/NAME, and NAME here",
			"`password` is the name of a credential, not a path");
}

static const struct field graphics_rows[] = {
	FIELD_ENUM(struct guest_graphics, type, guest_graphics_names, .def = "vnc",
		.on_change = CHANGE_RECREATE,
		.doc = "How the screen is seen from outside. For `spice` QEMU may need a package "
		       "more (from Debian 13 on: qemu-system-modules-spice)."),
	FIELD_VALUE(struct guest_graphics, listen, struct ip, type_ip, .def = "127.0.0.1",
		.on_change = CHANGE_RECREATE,
		.doc = "The host's address to listen on. What is sent is not encrypted."),
	FIELD_INT(struct guest_graphics, port, 1, 65535, .on_change = CHANGE_RECREATE,
		.example = "5901",
		.doc = "The port. Without it the first free one from 5900 on; `kvmhostctl status` "
		       "tells which."),
	FIELD_STRING(struct guest_graphics, password, type_string, .on_change = CHANGE_RECREATE,
		.example = "web1-screen",
		.doc = "The name of a credential with the password in one line: "
		       "/etc/credstore/NAME, /run/credstore/NAME or one passed to the host's "
		       "systemd. "
		       "VNC counts 8 characters."),
};
static const struct table graphics_table = TABLE(struct guest_graphics, graphics_rows,
	.check = check_graphics, .doc = "A screen, with keyboard and pointer.");

static const struct field guest_rows[] = {
	FIELD_ENUM(struct guest, state, guest_state_names, .def = "running",
		.doc = "Whether it is to run. `kvmhostctl guest stop` holds a running one down "
		       "until "
		       "`guest start` or a reboot, and so does a guest that powers itself off, "
		       "unless "
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
	FIELD_OBJECTS(struct guest, numa, guest_numa_table, .def = "[]",
		.on_change = CHANGE_RECREATE, .example = "[{host_node: 0}, {host_node: 1}]",
		.doc = "NUMA nodes that the guest sees, and where in the host their memory is. "
		       "Worth it for a guest that is larger than one of the host's nodes, or that "
		       "`pinning` keeps on one: `numa: [{host_node: 1}]`."),
	FIELD_STRING(struct guest, machine, type_string, .on_change = CHANGE_RECREATE,
		.example = "pc-q35-7.2",
		.doc = "The version of QEMU's machine (`qemu-system-x86_64 -machine help`). Left "
		       "out, the guest keeps the one that it was first started with, so that its "
		       "devices stay the same when QEMU is upgraded; it is kept in "
		       "/var/lib/kvmhost/machine, and `kvmhostctl guest info` shows it. `q35` is "
		       "the newest at each start."),
	FIELD_OBJECT(struct guest, kernel, struct guest_kernel, kernel_table,
		.on_change = CHANGE_RECREATE,
		.doc = "Boot this kernel directly, without firmware boot menu or boot loader."),
	FIELD_OBJECTS(struct guest, disks, disk_table, .def = "[]", .on_change = CHANGE_PARTLY,
		.doc = "Disks, in order: the first virtio disk is the guest's vda. At most 64; "
		       "Linux with one CPU has interrupts for some 58 on virtio. While the guest "
		       "runs, disks on virtio, SCSI and USB are plugged in and out at the end of "
		       "the list, and a drive's medium is changed; other changes need it to "
		       "restart."),
	FIELD_OBJECTS(struct guest, interfaces, guest_interface_table, .def = "[]",
		.on_change = CHANGE_PARTLY,
		.doc = "Network interfaces, in order. While the guest runs, one is moved to "
		       "another network or bridge, and they are plugged in and out at the end of "
		       "the list; other changes need it to restart."),
	FIELD_OBJECT(struct guest, boot, struct guest_boot, boot_table, .def = "{}",
		.on_change = CHANGE_RECREATE, .doc = "What the guest boots from."),
	FIELD_ENUM(struct guest, firmware, guest_firmware_names, .def = "bios",
		.on_change = CHANGE_RECREATE,
		.doc = "`uefi` is OVMF; `uefi-secure` has Secure Boot on, with the distribution's "
		       "and Microsoft's keys. "
		       "The guest's own variables are kept in /var/lib/kvmhost/nvram, also when it "
		       "leaves the "
		       "document, as its disks are."),
	FIELD_ENUM(struct guest, console, console_names, .def = "serial",
		.on_change = CHANGE_RECREATE,
		.doc = "A serial console is always there: `kvmhostctl console NAME`; what it says "
		       "is "
		       "kept in /var/log/kvmhost/NAME.console.log."),
	FIELD_OBJECT(struct guest, install, struct guest_install, guest_install_table,
		.on_change = CHANGE_RECREATE, .doc = "An installation that is run once."),
	FIELD_OBJECT(struct guest, graphics, struct guest_graphics, graphics_table,
		.on_change = CHANGE_RECREATE,
		.doc = "A screen, with keyboard and pointer. Without it the guest has a serial "
		       "console alone."),
	FIELD_ENUM(struct guest, os, os_names, .def = "other", .on_change = CHANGE_RECREATE,
		.doc = "What runs in it. For `windows` the clock has the host's local time and "
		       "late ticks "
		       "are "
		       "made good, there is no HPET, and with KVM the Hyper-V enlightenments are "
		       "on."),
	FIELD_BOOL(struct guest, agent, .def = "false", .on_change = CHANGE_RECREATE,
		.doc = "A channel for the guest's agent (install qemu-guest-agent in the guest). "
		       "It is asked first when the guest is shut down, and `kvmhostctl guest info` "
		       "asks it for addresses and file systems."),
	FIELD_INT(struct guest, vsock, 3, UINT32_MAX - 1, .claims = "context id",
		.on_change = CHANGE_RECREATE, .example = "42",
		.doc = "A socket between host and guest without a network (vsock): the number by "
		       "which the host's programs reach the guest, its context id. The guest "
		       "reaches the host by 2."),
	FIELD_ENUM(struct guest, panic, guest_panic_names, .def = "ignore",
		.on_change = CHANGE_RECREATE,
		.doc = "What happens when the guest's kernel panics: the guest decides (`ignore`), "
		       "it stands still, is powered off, or ends as failed, so that `restart` "
		       "counts. The journal and `kvmhostctl status` tell of it in any case."),
	FIELD_ENUM(struct guest, watchdog, guest_watchdog_names, .def = "none",
		.on_change = CHANGE_RECREATE,
		.doc = "A watchdog device (i6300esb): what happens when the guest does not feed it "
		       "any more. Something in the guest must begin (systemd's "
		       "RuntimeWatchdogSec=)."),
	FIELD_OBJECT(struct guest, resources, struct guest_resources, resources_table,
		.doc = "Shares and limits of CPU, memory and I/O, as properties of the guest's "
		       "unit. Changed while "
		       "it runs."),
	FIELD_OBJECT(struct guest, shutdown, struct guest_shutdown, shutdown_table, .def = "{}",
		.doc = "How it is shut down."),
	FIELD_ENUM(struct guest, restart, guest_restart_names, .def = "on-failure",
		.doc = "When it is started again by itself: never, when QEMU failed, or also when "
		       "the "
		       "guest powered itself off. One that never came up is not tried again."),
	FIELD_LIST(struct guest, after, type_name, .ref = "guest", .def = "[]", .example = "[db1]",
		.doc = "Guests that are started before this one and stopped after it."),
	FIELD_BOOL(struct guest, tpm, .def = "false", .on_change = CHANGE_RECREATE,
		.doc = "A TPM 2.0 (CRB), by swtpm. What it remembers is kept in "
		       "/var/lib/kvmhost/tpm, also when the guest leaves the document, as its "
		       "disks are; who removes the file makes the guest a new TPM."),
	FIELD_LIST(struct guest, devices, type_string, .ref = "device", .claims = "device",
		.def = "[]", .on_change = CHANGE_RECREATE, .example = "[nic2]",
		.doc = "PCI devices of the host, entries of `devices:`, handed over to the guest. "
		       "A guest that has one can be neither saved nor migrated. At the end of the "
		       "list they are plugged into a running guest, and out. One that vanishes "
		       "meanwhile is named in `kvmhostctl status`; the guest runs on, and has it "
		       "again when it is back; of several, when all are."),
	FIELD_OBJECT(struct guest, cloud_init, struct guest_cloud_init, guest_cloud_init_table,
		.on_change = CHANGE_RECREATE,
		.doc = "Data for cloud-init in the guest, on a small disc of its own."),
};
const struct table guest_table = TABLE(struct guest, guest_rows, .key = &type_name,
	.key_word = "NAME", .check = guest_check, .doc = "A virtual machine.");
