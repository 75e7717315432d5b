/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The doctor's checks of the running system: kernel, control groups, room, boot, time. */
#include "hostprep/boot.h"
#include "hostprep/doctor.h"
#include <fcntl.h>
#include <sys/statvfs.h>
#include <sys/timex.h>

static void look_vhost_net(struct doctor *d)
{
	if (file_exists(d->h->root, "/dev/vhost-net")) {
		doctor_found(d, HEALTH_PASS, "/dev/vhost-net");
		return;
	}
	doctor_found(d, HEALTH_WARN, "there is no /dev/vhost-net");
	doctor_cure(d, "host: {kernel: {modules: {vhost_net: {state: loaded}}}}");
}

static void look_tun(struct doctor *d)
{
	if (file_exists(d->h->root, "/dev/net/tun")) {
		doctor_found(d, HEALTH_PASS, "/dev/net/tun");
		return;
	}
	doctor_found(d, HEALTH_FAIL, "there is no /dev/net/tun");
	doctor_cure(d, "modprobe tun");
}

#define CONTROLLERS "/sys/fs/cgroup/cgroup.controllers"

static void look_controller(struct doctor *d, const char *name, const char *serves)
{
	const char *list = doctor_line(d, CONTROLLERS);

	if (!list) {
		doctor_found(
			d, HEALTH_WARN, "no unified cgroup hierarchy: there is no " CONTROLLERS);
		doctor_cure(d, "boot with systemd.unified_cgroup_hierarchy=1");
	} else if (has_word(list, name)) {
		doctor_found(d, HEALTH_PASS, "controller %s", name);
	} else {
		doctor_found(d, HEALTH_WARN, "the kernel has no controller %s: %s do nothing", name,
			serves);
		doctor_cure(d,
			"take cgroup_disable=%s off the kernel command line, or use a "
			"kernel that has it",
			name);
	}
}

static void look_cgroup_cpu(struct doctor *d)
{
	look_controller(d, "cpu", "cpu_weight and cpu_quota");
}

static void look_cgroup_cpuset(struct doctor *d)
{
	look_controller(d, "cpuset", "isolated CPUs");
}

static void look_cgroup_memory(struct doctor *d)
{
	look_controller(d, "memory", "memory_max");
}

static void look_cgroup_io(struct doctor *d)
{
	look_controller(d, "io", "io_weight");
}

/* In the unified hierarchy a program does it, without a controller. */
static void look_cgroup_devices(struct doctor *d)
{
	if (doctor_line(d, CONTROLLERS))
		doctor_found(d, HEALTH_PASS, "by programs (BPF)");
	else
		doctor_found(d, HEALTH_UNKNOWN, "there is no " CONTROLLERS);
}

#define MEMORY_LEAST (UINT64_C(1800) << 20) /* 2 GB, less what the firmware keeps */

static void look_memory(struct doctor *d)
{
	uint64_t total = meminfo(d->h, "MemTotal");

	if (!total) {
		doctor_found(d, HEALTH_UNKNOWN, "/proc/meminfo cannot be read");
	} else if (total < MEMORY_LEAST) {
		doctor_found(d, HEALTH_WARN, "%llu MiB, and 2 GiB are the least",
			(unsigned long long)(total >> 20));
		doctor_cure(d, "add memory");
	} else {
		doctor_found(d, HEALTH_PASS, "%llu MiB", (unsigned long long)(total >> 20));
	}
}

#define DISK_LEAST (UINT64_C(6) << 30)

static void look_disk(struct doctor *d)
{
	_cleanup_close_ int fd = file_open(d->h->root, "/var/lib", O_RDONLY | O_DIRECTORY, 0);
	struct statvfs fs;
	uint64_t available;

	if (fd < 0 || fstatvfs(fd, &fs) < 0) {
		doctor_found(d, HEALTH_UNKNOWN, "/var/lib cannot be looked at");
		return;
	}
	available = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (available >= DISK_LEAST) {
		doctor_found(d, HEALTH_PASS, "%llu MiB free in /var/lib",
			(unsigned long long)(available >> 20));
		return;
	}
	doctor_found(d, HEALTH_WARN, "%llu MiB free in /var/lib, and 6 GiB are the least",
		(unsigned long long)(available >> 20));
	doctor_cure(d, "make room, or mount a larger file system on /var/lib/kvmhost");
}

static void look_modules(struct doctor *d)
{
	const char *release = doctor_line(d, "/proc/sys/kernel/osrelease");
	const char *path = arena_printf(d->arena, "/lib/modules/%s", release ? release : "");

	if (!release || !d->h->live) {
		doctor_found(d, HEALTH_UNKNOWN, "no kernel runs from this tree");
	} else if (file_exists(d->h->root, path)) {
		doctor_found(d, HEALTH_PASS, "%s", path);
	} else {
		doctor_found(d, HEALTH_WARN, "the running kernel %s has no modules in %s", release,
			path);
		doctor_cure(d, "reboot into the kernel that is installed");
	}
}

static void look_lockdown(struct doctor *d)
{
	const char *now = doctor_line(d, "/sys/kernel/security/lockdown");

	if (!now)
		doctor_found(d, HEALTH_UNKNOWN, "/sys/kernel/security/lockdown cannot be read");
	else if (strstr(now, "[none]"))
		doctor_found(d, HEALTH_PASS, "the kernel is not locked down");
	else
		doctor_found(d, HEALTH_PASS, "%s: modules must be signed", now);
}

static void look_boot_loader(struct doctor *d)
{
	_cleanup_error_ struct error e = { 0 };
	struct boot b = { .arena = d->arena };

	if (boot_read(d->h, &b, &e) < 0) {
		doctor_found(d, HEALTH_WARN, "%s", e.text);
		if (e.cure)
			doctor_cure(d, "%s", e.cure);
	} else {
		doctor_found(d, HEALTH_PASS, "%s (%s)", b.loader->name, b.evidence);
	}
}

static void look_reboot(struct doctor *d)
{
	_cleanup_free_ char *text = NULL;
	char *p;

	if (!file_exists(d->h->root, "/run/reboot-required")) {
		doctor_found(d, HEALTH_PASS, "there is no /run/reboot-required");
		return;
	}
	(void)file_read(d->h->root, "/run/reboot-required.pkgs", 1 << 16, &text, NULL);
	for (p = text ? strchr(text, '\n') : NULL; p; p = strchr(p, '\n'))
		*p = p[1] ? ' ' : '\0';
	doctor_found(
		d, HEALTH_WARN, "/run/reboot-required%s%s", text ? " by " : "", text ? text : "");
	doctor_cure(d, "what kvmhost waits for: kvmhostctl status; then reboot");
}

/* The kernel's own word: a daemon disciplines its clock, or nobody does. */
static void look_time(struct doctor *d)
{
	struct timex t = { 0 };

	if (!d->h->live || adjtimex(&t) < 0) {
		doctor_found(d, HEALTH_UNKNOWN, "the kernel's clock cannot be asked");
	} else if (!(t.status & STA_UNSYNC)) {
		doctor_found(d, HEALTH_PASS, "the kernel's clock is synchronised");
	} else {
		doctor_found(d, HEALTH_WARN, "the kernel's clock is not synchronised");
		doctor_install(d, (const char *const[]){ "chrony", "chrony", "chrony", "chrony" });
	}
}

const struct check doctor_host[] = {
	{ "vhost-net", "Packets of guests pass through the kernel",
		"Without /dev/vhost-net QEMU copies each packet itself.", look_vhost_net },
	{ "tun", "Guests' interfaces can be made", "They are taps, made through /dev/net/tun.",
		look_tun },
	{ "cgroup-cpu", "Guests' processor time can be limited",
		"By the controller cpu, which also counts it.", look_cgroup_cpu },
	{ "cgroup-cpuset", "CPUs can be kept for guests", "By the controller cpuset.",
		look_cgroup_cpuset },
	{ "cgroup-memory", "Guests' memory can be limited", "By the controller memory.",
		look_cgroup_memory },
	{ "cgroup-io", "Guests' use of disks can be limited", "By the controller io.",
		look_cgroup_io },
	{ "cgroup-devices", "Guests reach only their own devices",
		"systemd keeps a unit to DeviceAllow=.", look_cgroup_devices },
	{ "memory", "There is memory for guests", "2 GiB are the least for a host.", look_memory },
	{ "disk-space", "There is room for the host", "6 GiB free are the least.", look_disk },
	{ "modules", "The running kernel's modules are there",
		"After an upgrade that removed them nothing can be loaded until a reboot.",
		look_modules },
	{ "lockdown", "Which modules the kernel takes",
		"Under Secure Boot a kernel takes signed modules only.", look_lockdown },
	{ "boot-loader", "The kernel command line can be set",
		"kvmhost writes it for boot loaders that it knows (host.kernel.cmdline).",
		look_boot_loader },
	{ "reboot", "No reboot is waited for",
		"Packages or kvmhost have put something in place that holds from the next boot.",
		look_reboot },
	{ "time", "The clock is right",
		"Guests take their time from the host; a host without NTP drifts, and they with "
		"it.",
		look_time },
};
const size_t n_doctor_host = ARRAY_SIZE(doctor_host);
