/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The number of a PF's VFs, which changes only through 0. */
#include "sriov/sriov_kind.h"

static int no_method(const struct pci_device *pf, struct error *e)
{
	error_set(e, -EOPNOTSUPP,
		"the driver %s of %s does not make VFs through sriov_numvfs in /sys", pf->driver,
		pf->address);
	return error_cure(e,
		"if its module has an option for it (modinfo %s), name it: {device: {driver: %s, "
		"port: 0}, module_option: max_vfs}",
		pf->driver, pf->driver);
}

static int refuse_number(const struct pci_device *pf, int64_t number, int code, struct error *e)
{
	if (code == -ENOENT)
		return no_method(pf, e);
	error_set(e, code == -EAGAIN ? -EIO : code, "%s (%s) does not make %lld VFs: %s",
		pf->address, pf->driver, (long long)number, strerror(-code));
	if (code == -ENOMEM)
		return error_cure(e,
			"the firmware left no room for them: see `dmesg | grep %s`; "
			"the kernel parameters pci=realloc and pci=assign-busses "
			"may help",
			pf->address);
	return error_cure(e, "see `dmesg | grep %s`", pf->address);
}

int vf_number_write(struct host *h, const struct pci_device *pf, int64_t number, struct error *e)
{
	char text[24];
	int r;

	snprintf(text, sizeof(text), "%lld", (long long)number);
	r = pci_write(h, pf, "sriov_numvfs", text);
	return r < 0 ? refuse_number(pf, number, r, e) : 0;
}

/* The write that takes VFs away does not return while somebody has one open. */
static int refuse_users(struct host *h, const struct pci_device *pf, struct error *e)
{
	const char *users;

	/* One may have let go in a step before this. */
	vfio_holders_forget(h);
	users = vf_users(h, pf, e);
	if (!users)
		return 0;
	error_set(e, -EBUSY, "the VFs of %s cannot go: in use by %s", pf->address, users);
	return error_cure(e, "stop it, or keep max_vfs");
}

int vf_number_set(
	struct host *h, const struct pci_device *pf, const struct sriov *want, struct error *e)
{
	int r;

	if (pf->num_vfs) {
		r = refuse_users(h, pf, e);
		if (r >= 0)
			r = vf_number_write(h, pf, 0, e);
		if (r < 0)
			return r;
	}
	return want->max_vfs ? vf_number_write(h, pf, want->max_vfs, e) : 0;
}
