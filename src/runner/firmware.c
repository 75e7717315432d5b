/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/firmware.h"
#include "base/file.h"
#include <fcntl.h>

enum { TEMPLATE_MAX = 4 << 20 };

struct ovmf {
	const char *code, *variables;
};

/* Debian and Ubuntu; Fedora, RHEL and their kin; Arch; SUSE. */
static const struct ovmf plain[] = {
	{ "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd" },
	{ "/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd" },
	{ "/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd" },
	{ "/usr/share/qemu/ovmf-x86_64-code.bin", "/usr/share/qemu/ovmf-x86_64-vars.bin" },
	{ NULL, NULL },
};

/* With keys enrolled in the variables. Arch has none. */
static const struct ovmf secure[] = {
	{ "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd", "/usr/share/OVMF/OVMF_VARS_4M.ms.fd" },
	{ "/usr/share/edk2/ovmf/OVMF_CODE.secboot.fd",
		"/usr/share/edk2/ovmf/OVMF_VARS.secboot.fd" },
	{ "/usr/share/qemu/ovmf-x86_64-smm-ms-code.bin",
		"/usr/share/qemu/ovmf-x86_64-smm-ms-vars.bin" },
	{ NULL, NULL },
};

static const struct ovmf *find(int root, enum guest_firmware firmware)
{
	for (const struct ovmf *o = firmware == FIRMWARE_UEFI ? plain : secure; o->code; o++)
		if (file_exists(root, o->code) && file_exists(root, o->variables))
			return o;
	return NULL;
}

static int not_installed(enum guest_firmware firmware, struct error *e)
{
	error_set(e, -ENOPKG,
		"the firmware `%s`, OVMF, is not installed: looked for %s and in other "
		"distributions' places",
		guest_firmware_names[firmware],
		(firmware == FIRMWARE_UEFI ? plain : secure)[0].code);
	return error_cure(e, "apt install ovmf, or dnf install edk2-ovmf");
}

static int copy_template(int root, const char *from, const char *to, struct error *e)
{
	_cleanup_free_ char *data = NULL;
	size_t len;
	int r = file_read(root, from, TEMPLATE_MAX, &data, &len);

	if (r < 0)
		return error_set(e, r, "cannot read %s: %s", from, strerror(-r));
	r = file_write_atomic(root, to, data, len, 0600);
	return r < 0 ? error_set(
			       e, r, "cannot write the guest's variables %s: %s", to, strerror(-r))
		     : 0;
}

static int open_nvram(int root, const char *path, const struct ovmf *o, int *fd, struct error *e)
{
	int r = 0;

	*fd = file_open(root, path, O_RDWR | O_NOFOLLOW, 0);
	if (*fd == -ENOENT) {
		r = copy_template(root, o->variables, path, e);
		if (r < 0)
			return r;
		*fd = file_open(root, path, O_RDWR | O_NOFOLLOW, 0);
	}
	if (*fd >= 0)
		return 0;
	r = *fd;
	*fd = -1;
	return error_set(e, r, "cannot open the guest's variables %s: %s", path, strerror(-r));
}

int firmware_open(int root, const char *guest, enum guest_firmware firmware, int *code, int *nvram,
	struct error *e)
{
	const struct ovmf *o;
	char path[160];

	if (firmware == FIRMWARE_BIOS)
		return 0;
	o = find(root, firmware);
	if (!o)
		return not_installed(firmware, e);
	snprintf(path, sizeof(path), "%s/%s%s.fd", NVRAM_DIR,
		firmware == FIRMWARE_UEFI_SECURE ? "uefi-secure/" : "", guest);
	*code = file_open(root, o->code, O_RDONLY, 0);
	if (*code < 0) {
		int r = *code;

		*code = -1;
		return error_set(e, r, "cannot open the firmware %s: %s", o->code, strerror(-r));
	}
	return open_nvram(root, path, o, nvram, e);
}
