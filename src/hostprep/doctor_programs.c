/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The doctor's checks of programs and libraries that kvmhost runs or loads. */
#include "hostprep/doctor.h"

static const char *first_there(struct doctor *d, const char *const *paths)
{
	for (; *paths; paths++)
		if (file_exists(d->h->root, *paths))
			return *paths;
	return NULL;
}

static void look_program(struct doctor *d, enum health missing, const char *name,
	const char *const *paths, const char *const packages[FAMILY_OTHER])
{
	const char *found = first_there(d, paths);

	if (found) {
		doctor_found(d, HEALTH_PASS, "%s", found);
		return;
	}
	doctor_found(d, missing, "%s is not installed", name);
	doctor_install(d, packages);
}

static void look_qemu(struct doctor *d)
{
	look_program(d, HEALTH_FAIL, "QEMU",
		(const char *const[]){ "/usr/bin/qemu-system-x86_64", "/usr/libexec/qemu-kvm",
			"/usr/bin/qemu-kvm", NULL },
		(const char *const[]){ "qemu-system-x86", "qemu-kvm", "qemu-x86", "qemu-base" });
}

static void look_qemu_img(struct doctor *d)
{
	look_program(d, HEALTH_FAIL, "qemu-img", (const char *const[]){ "/usr/bin/qemu-img", NULL },
		(const char *const[]){ "qemu-utils", "qemu-img", "qemu-tools", "qemu-img" });
}

static void look_dnsmasq(struct doctor *d)
{
	look_program(d, HEALTH_WARN, "dnsmasq",
		(const char *const[]){
			"/usr/sbin/dnsmasq", "/usr/bin/dnsmasq", "/usr/local/sbin/dnsmasq", NULL },
		(const char *const[]){ "dnsmasq-base", "dnsmasq", "dnsmasq", "dnsmasq" });
}

static void look_libarchive(struct doctor *d)
{
	look_program(d, HEALTH_WARN, "libarchive",
		(const char *const[]){ "/usr/lib/x86_64-linux-gnu/libarchive.so.13",
			"/usr/lib64/libarchive.so.13", "/usr/lib/libarchive.so.13", NULL },
		(const char *const[]){
			"libarchive13", "libarchive", "libarchive13", "libarchive" });
}

static void look_curl(struct doctor *d)
{
	look_program(d, HEALTH_WARN, "curl", (const char *const[]){ "/usr/bin/curl", NULL },
		(const char *const[]){ "curl", "curl", "curl", "curl" });
}

static void look_ovmf(struct doctor *d)
{
	look_program(d, HEALTH_WARN, "UEFI firmware for guests (OVMF)",
		(const char *const[]){ "/usr/share/OVMF/OVMF_CODE_4M.fd",
			"/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/x64/OVMF_CODE.4m.fd",
			"/usr/share/qemu/ovmf-x86_64-code.bin", NULL },
		(const char *const[]){ "ovmf", "edk2-ovmf", "qemu-ovmf-x86_64", "edk2-ovmf" });
}

static void look_swtpm(struct doctor *d)
{
	look_program(d, HEALTH_WARN, "swtpm", (const char *const[]){ "/usr/bin/swtpm", NULL },
		(const char *const[]){ "swtpm", "swtpm", "swtpm", "swtpm" });
}

const struct check doctor_programs[] = {
	{ "qemu", "QEMU is installed", "It is what runs a guest.", look_qemu },
	{ "qemu-img", "qemu-img is installed", "It makes and grows disk images.", look_qemu_img },
	{ "dnsmasq", "dnsmasq is installed", "It serves addresses and names on networks.",
		look_dnsmasq },
	{ "libarchive", "libarchive is installed",
		"It makes the disc with a guest's data for cloud-init (`cloud_init`), and puts "
		"answers into an installer's initial RAM disk.",
		look_libarchive },
	{ "curl", "curl is installed",
		"It fetches what a guest is installed from (`install.location`).", look_curl },
	{ "ovmf", "UEFI firmware is installed", "Guests with `firmware: uefi` start by it.",
		look_ovmf },
	{ "swtpm", "swtpm is installed", "It is the TPM of guests with `tpm: true`.", look_swtpm },
};
const size_t n_doctor_programs = ARRAY_SIZE(doctor_programs);
