/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loaders whose entries a tool makes from /etc/kernel/cmdline: systemd-boot by
 * kernel-install, Proxmox by proxmox-boot-tool, openSUSE by sdbootutil.
 */
#include "hostprep/kernel_cmdline.h"
#include "base/tool.h"
#include "reconcile/dropin.h"

#define PROXMOX "/usr/sbin/proxmox-boot-tool"
#define SDBOOTUTIL "/usr/bin/sdbootutil"

static int read_with_entries(struct host *h, struct boot *b, struct error *e)
{
	int r = kernel_cmdline_read(h, b, e);

	return r == 0 && h->live ? boot_entries_read(h, b, e) : r;
}

static int check_entries(struct host *h, struct boot *b, struct error *e)
{
	int r = boot_entries_read(h, b, e);

	return r < 0 ? r : boot_check(b, e);
}

/*
 * systemd-boot
 */

static bool systemd_boot_detect(struct host *h, const char *info)
{
	struct boot b = { .arena = h->pass };

	if (!file_exists(h->root, KERNEL_INSTALL))
		return false;
	if (info)
		return startswith(info, "systemd-boot") != NULL;
	/* It always tells EFI of itself. */
	if (h->live && file_exists(h->root, "/sys/firmware/efi"))
		return false;
	/* An image, or firmware that cannot be told: entries, and no menu of GRUB's. */
	return !file_exists(h->root, "/boot/grub/grub.cfg") &&
	       !file_exists(h->root, "/boot/grub2/grub.cfg") &&
	       boot_entries_read(h, &b, NULL) == 0 && b.n > 0;
}

/* The arguments are paths on the machine, as the tool's hooks copy what they name. */
static int add_kernel(struct host *h, const char *version, struct error *e)
{
	_cleanup_free_ char *tool = host_shown(h, KERNEL_INSTALL);
	_cleanup_free_ char *beside = xprintf("/lib/modules/%s/vmlinuz", version);
	_cleanup_free_ char *boot = xprintf("/boot/vmlinuz-%s", version);
	_cleanup_free_ char *initrd = xprintf("/boot/initrd.img-%s", version), *name = NULL;
	char *image = file_exists(h->root, beside) ? beside : boot;
	bool with = file_exists(h->root, initrd);

	if (!file_exists(h->root, image)) {
		error_set(e, -ENXIO, "there is an entry for kernel %s, and neither %s nor %s",
			version, beside, boot);
		return error_cure(e, "remove the entry: kernel-install remove %s", version);
	}
	name = xstrdup(version);
	return tool_run((char *const[]){ tool, "add", name, image, with ? initrd : NULL, NULL },
		h->lock, e);
}

int kernel_install_add(struct host *h, const struct boot *b, struct error *e)
{
	size_t i, k;
	int r = 0;

	for (i = 0; i < b->n && r == 0; i++) {
		const char *version = b->entries[i].version;

		for (k = 0; version && k < i; k++)
			if (streq_null(b->entries[k].version, version))
				version = NULL;
		if (version)
			r = add_kernel(h, version, e);
	}
	return r;
}

static int systemd_boot_install(struct host *h, struct boot *b, struct error *e)
{
	int r = boot_entries_read(h, b, e);

	if (r == 0)
		r = kernel_install_add(h, b, e);
	return r < 0 ? r : check_entries(h, b, e);
}

const struct boot_loader boot_systemd = {
	.name = "systemd-boot",
	.evidence = KERNEL_INSTALL ", loader/entries",
	.file = KERNEL_CMDLINE,
	.mark = KERNEL_CMDLINE_OWN,
	.short_file = "kernel/cmdline",
	.menu = "loader/entries",
	.short_menu = "loader/entries",
	.tool = "kernel-install",
	.detect = systemd_boot_detect,
	.read = read_with_entries,
	.write = kernel_cmdline_write,
	.install = systemd_boot_install,
};

/*
 * Proxmox: its boot partitions are mounted by the tool alone, so nothing is read back but the
 * command line of the kernel that was booted.
 */

static bool proxmox_detect(struct host *h, const char *info _unused_)
{
	return file_exists(h->root, "/etc/kernel/proxmox-boot-uuids") &&
	       file_exists(h->root, PROXMOX);
}

static int proxmox_install(struct host *h, struct boot *b _unused_, struct error *e)
{
	_cleanup_free_ char *tool = host_shown(h, PROXMOX);

	return tool_run((char *const[]){ tool, "refresh", NULL }, h->lock, e);
}

const struct boot_loader boot_proxmox = {
	.name = "proxmox-boot-tool",
	.evidence = "/etc/kernel/proxmox-boot-uuids, " PROXMOX,
	.file = KERNEL_CMDLINE,
	.mark = KERNEL_CMDLINE_OWN,
	.short_file = "kernel/cmdline",
	.tool = "proxmox-boot-tool",
	.detect = proxmox_detect,
	.read = kernel_cmdline_read,
	.write = kernel_cmdline_write,
	.install = proxmox_install,
};

/*
 * openSUSE with entries of the Boot Loader Specification
 */

static bool sdbootutil_detect(struct host *h, const char *info _unused_)
{
	return file_exists(h->root, SDBOOTUTIL);
}

static int sdbootutil_install(struct host *h, struct boot *b, struct error *e)
{
	_cleanup_free_ char *tool = host_shown(h, SDBOOTUTIL);
	int r = tool_run((char *const[]){ tool, "update-all-entries", NULL }, h->lock, e);

	return r < 0 ? r : check_entries(h, b, e);
}

const struct boot_loader boot_sdbootutil = {
	.name = "sdbootutil",
	.evidence = SDBOOTUTIL,
	.file = KERNEL_CMDLINE,
	.mark = KERNEL_CMDLINE_OWN,
	.short_file = "kernel/cmdline",
	.menu = "loader/entries",
	.short_menu = "loader/entries",
	.tool = "sdbootutil",
	.detect = sdbootutil_detect,
	.read = read_with_entries,
	.write = kernel_cmdline_write,
	.install = sdbootutil_install,
};
