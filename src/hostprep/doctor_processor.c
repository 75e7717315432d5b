/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The doctor's checks of what the processor and the firmware must give. */
#include "hostprep/cpu.h"
#include "hostprep/doctor.h"
#include "iommu/iommu.h"
#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

#define FIRMWARE_SVM "turn VT-x (Intel) or SVM (AMD) on in the firmware's setup"

static bool is_guest(struct doctor *d)
{
	return cpuinfo_flag(d->h, "hypervisor");
}

static const char *extension(struct doctor *d)
{
	return cpuinfo_flag(d->h, "vmx") ? "vmx" : cpuinfo_flag(d->h, "svm") ? "svm" : NULL;
}

static void look_virtualization(struct doctor *d)
{
	const char *flag = extension(d);

	if (!doctor_line(d, "/proc/cpuinfo")) {
		doctor_found(d, HEALTH_UNKNOWN, "/proc/cpuinfo cannot be read");
	} else if (!flag) {
		doctor_found(d, HEALTH_FAIL, "/proc/cpuinfo has neither vmx nor svm");
		doctor_cure(d, "%s",
			is_guest(d) ? "this is a virtual machine: have its host turn nested "
				      "virtualization on, with the host's CPU model"
				    : FIRMWARE_SVM);
	} else if (!cpuinfo_flag(d->h, "lm")) {
		doctor_found(
			d, HEALTH_FAIL, "%s, but the processor is not a 64-bit one (no lm)", flag);
	} else {
		doctor_found(d, HEALTH_PASS, "%s, 64 bits", flag);
	}
}

static void look_kvm_device(struct doctor *d)
{
	const char *flag = extension(d);

	if (file_exists(d->h->root, "/dev/kvm")) {
		doctor_found(d, HEALTH_PASS, "/dev/kvm");
		return;
	}
	doctor_found(d, HEALTH_FAIL, "there is no /dev/kvm");
	if (!flag)
		doctor_cure(d, "see cpu-virtualization");
	else if (!file_exists(d->h->root, "/sys/module/kvm"))
		doctor_cure(d, "modprobe %s", cpu_kvm_module(d->h));
	else
		doctor_cure(d, FIRMWARE_SVM "; what the kernel says of it: dmesg | grep kvm");
}

static int make_guest(int kvm)
{
	int fd = ioctl(kvm, KVM_CREATE_VM, 0);

	return fd < 0 ? -errno : fd;
}

static void look_kvm_access(struct doctor *d)
{
	_cleanup_close_ int fd = -1, guest = -1;

	if (!file_exists(d->h->root, "/dev/kvm")) {
		doctor_found(d, HEALTH_UNKNOWN, "there is no /dev/kvm");
		return;
	}
	if (!d->h->live || geteuid() != 0) {
		doctor_found(
			d, HEALTH_UNKNOWN, "only root can tell: guests get it from kvmhost-run");
		return;
	}
	fd = file_open(d->h->root, "/dev/kvm", O_RDWR | O_CLOEXEC, 0);
	guest = fd < 0 ? fd : make_guest(fd);
	if (guest >= 0) {
		doctor_found(d, HEALTH_PASS, "KVM makes a guest");
		return;
	}
	doctor_found(d, HEALTH_FAIL, "/dev/kvm: %s", strerror(-guest));
	doctor_cure(d, "see who has it: ls -l /dev/kvm; fuser -v /dev/kvm");
}

static void look_nested(struct doctor *d)
{
	const char *intel = doctor_line(d, "/sys/module/kvm_intel/parameters/nested");
	const char *now = intel ? intel : doctor_line(d, "/sys/module/kvm_amd/parameters/nested");

	if (now)
		doctor_found(d, HEALTH_PASS, "guests can%s be KVM hosts (nested=%s)",
			strchr("1Y", *now) ? "" : "not", now);
	else
		doctor_found(d, HEALTH_UNKNOWN, "kvm_intel or kvm_amd is not loaded");
}

static void look_tsc(struct doctor *d)
{
	if (!doctor_line(d, "/proc/cpuinfo")) {
		doctor_found(d, HEALTH_UNKNOWN, "/proc/cpuinfo cannot be read");
	} else if (cpuinfo_flag(d->h, "constant_tsc")) {
		doctor_found(d, HEALTH_PASS, "constant_tsc");
	} else {
		doctor_found(d, HEALTH_WARN, "the processor has no constant_tsc");
		doctor_cure(d, "host: {cpu: {max_cstate: auto}}");
	}
}

#define CLOCK "/sys/devices/system/clocksource/clocksource0/current_clocksource"

static void look_clocksource(struct doctor *d)
{
	const char *now = doctor_line(d, CLOCK);

	if (!now) {
		doctor_found(d, HEALTH_UNKNOWN, CLOCK " cannot be read");
	} else if (streq(now, "hpet") || streq(now, "acpi_pm") || streq(now, "jiffies")) {
		doctor_found(d, HEALTH_WARN, "the kernel keeps time by %s", now);
		doctor_cure(d, "see why it left the TSC: dmesg | grep -i -e tsc -e clocksource");
	} else {
		doctor_found(d, HEALTH_PASS, "%s", now);
	}
}

#define FLAWS "/sys/devices/system/cpu/vulnerabilities"

static void look_flaws(struct doctor *d)
{
	_cleanup_free_ char **names = NULL;
	const char *open = NULL;
	size_t n, i, found = 0;

	if (file_list(d->h->root, FLAWS, &names, &n) < 0) {
		doctor_found(d, HEALTH_UNKNOWN, "there is no " FLAWS);
		return;
	}
	for (i = 0; i < n; i++) {
		const char *now = doctor_line(d, arena_printf(d->arena, FLAWS "/%s", names[i]));

		/* Vulnerable; Mitigation: PTE Inversion; VMX: vulnerable; KVM: Vulnerable. */
		if (!now || !strcasestr(now, "vulnerable"))
			continue;
		open = open ? arena_printf(d->arena, "%s, %s", open, names[i])
			    : arena_strdup(d->arena, names[i]);
		found++;
	}
	if (!found) {
		doctor_found(d, HEALTH_PASS, "none of %zu known flaws is open", n);
		return;
	}
	doctor_found(d, HEALTH_WARN, "guests may read what is not theirs: %s", open);
	doctor_cure(d, "what each needs: grep . " FLAWS "/*; microcode, or host: {cpu: {smt: "
		       "false}}");
}

static void look_iommu_firmware(struct doctor *d)
{
	enum iommu_firmware f = iommu_firmware(d->h);

	if (f != IOMMU_NONE) {
		doctor_found(
			d, HEALTH_PASS, "%s", f == IOMMU_DMAR ? "DMAR (VT-d)" : "IVRS (AMD-Vi)");
		return;
	}
	doctor_found(d, HEALTH_WARN, "the firmware has no DMAR or IVRS table");
	doctor_cure(d, "%s",
		is_guest(d) ? "this is a virtual machine: have its host give it an IOMMU"
			    : "turn VT-d (Intel) or IOMMU (AMD) on in the firmware's setup");
}

static void look_iommu(struct doctor *d)
{
	size_t n = iommu_groups(d->h);

	if (n) {
		doctor_found(d, HEALTH_PASS, "%zu groups", n);
		return;
	}
	doctor_found(d, HEALTH_WARN, "the kernel made no groups in /sys/kernel/iommu_groups");
	if (iommu_firmware(d->h) == IOMMU_NONE)
		doctor_cure(d, "see iommu-firmware");
	else
		doctor_cure(d, "host: {iommu: {enabled: true}}, then a reboot");
}

static void look_remapping(struct doctor *d)
{
	if (!iommu_groups(d->h)) {
		doctor_found(d, HEALTH_UNKNOWN, "there is no IOMMU at work");
	} else if (iommu_remaps_interrupts(d->h)) {
		doctor_found(d, HEALTH_PASS, "/proc/interrupts has IR- chips");
	} else {
		doctor_found(d, HEALTH_WARN, "no interrupt passes the IOMMU");
		doctor_cure(d, "turn interrupt remapping (x2APIC) on in the firmware's setup, or, "
			       "for guests that are trusted, host: {iommu: {unsafe_interrupts: "
			       "true}}");
	}
}

static bool is_on(struct doctor *d, const char *path)
{
	const char *now = doctor_line(d, path);

	return now && strchr("1Y", *now);
}

static void look_secure(struct doctor *d)
{
	if (is_on(d, "/sys/module/kvm_amd/parameters/sev"))
		doctor_found(d, HEALTH_PASS, "SEV");
	else if (is_on(d, "/sys/module/kvm_intel/parameters/tdx"))
		doctor_found(d, HEALTH_PASS, "TDX");
	else
		doctor_found(
			d, HEALTH_UNKNOWN, "neither SEV nor TDX is at work; kvmhost uses neither");
}

const struct check doctor_processor[] = {
	{ "cpu-virtualization", "The processor can run guests",
		"Without VT-x or SVM, and 64 bits, guests are emulated, a hundred times slower.",
		look_virtualization },
	{ "kvm-device", "KVM is at work",
		"/dev/kvm is there when the module for the processor is loaded and the firmware "
		"has "
		"not locked virtualization. Guests are emulated without it.",
		look_kvm_device },
	{ "kvm-access", "KVM makes guests", "Without it they are emulated.", look_kvm_access },
	{ "kvm-nested", "Guests as hosts",
		"Whether a guest can be a KVM host itself. Either is fine; guests that are need "
		"it.",
		look_nested },
	{ "constant-tsc", "The processor's clock is steady",
		"Where the time stamp counter changes its rate with frequency and C-state, time in "
		"guests drifts.",
		look_tsc },
	{ "clocksource", "The kernel's clock is quick",
		"A kernel that found the TSC unreliable reads time from a slow device, and so do "
		"its guests.",
		look_clocksource },
	{ "cpu-flaws", "Known flaws of the processor are closed",
		"Through open ones a guest can read memory of the host and of other guests.",
		look_flaws },
	{ "iommu-firmware", "The firmware announces an IOMMU",
		"Devices can be given to guests only through an IOMMU, which the firmware must "
		"turn on.",
		look_iommu_firmware },
	{ "iommu", "An IOMMU is at work",
		"The kernel puts devices into groups then; a group is what can be given to a "
		"guest.",
		look_iommu },
	{ "interrupt-remapping", "Interrupts of devices are checked",
		"Without it a guest with a device can send any interrupt to the host.",
		look_remapping },
	{ "secure-guests", "Guests' memory can be encrypted",
		"SEV or TDX keep a guest's memory from the host. Told for completeness.",
		look_secure },
};
const size_t n_doctor_processor = ARRAY_SIZE(doctor_processor);
