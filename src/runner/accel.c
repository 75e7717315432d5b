/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/accel.h"
#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

static void no_kvm(struct accel *out, const char *path, const char *what, const char *cure)
{
	snprintf(out->reason, sizeof(out->reason), "%s: %s%s%s", path, what, cure ? "; " : "",
		cure ? cure : "");
}

static const char *open_cure(void)
{
	if (errno == ENOENT)
		return "load kvm_intel or kvm_amd, and enable virtualization in the firmware";
	return NULL;
}

/* API version 12 is the only one there ever was since Linux 2.6.22. */
static bool try_vm(int fd, const char *path, struct accel *out)
{
	_cleanup_close_ int vm = -1;

	if (ioctl(fd, KVM_GET_API_VERSION, 0) != 12) {
		no_kvm(out, path, "it does not speak version 12 of the KVM interface", NULL);
		return false;
	}
	vm = ioctl(fd, KVM_CREATE_VM, 0);
	if (vm < 0) {
		no_kvm(out, path, strerror(errno), "this machine cannot run virtual machines");
		return false;
	}
	return true;
}

/* QEMU opens the device itself, as the guest's user. */
static bool reachable(int fd, const char *path, struct accel *out)
{
	struct stat st;

	if (fstat(fd, &st) < 0) {
		no_kvm(out, path, strerror(errno), NULL);
		return false;
	}
	if ((st.st_mode & 0006) == 0006)
		return true;
	if ((st.st_mode & 0060) == 0060 && st.st_gid != 0) {
		out->group = st.st_gid;
		return true;
	}
	no_kvm(out, path, "only root may use it", "chgrp kvm and chmod 660 it (udev's rules do)");
	return false;
}

void accel_probe(const char *path, struct accel *out)
{
	_cleanup_close_ int fd = open(path, O_RDWR | O_CLOEXEC);

	*out = (struct accel){ 0 };
	if (fd < 0)
		no_kvm(out, path, strerror(errno), open_cure());
	else
		out->kvm = try_vm(fd, path, out) && reachable(fd, path, out);
}
