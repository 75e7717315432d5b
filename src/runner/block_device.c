/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/block_device.h"
#include "base/arena.h"
#include "base/file.h"
#include <fcntl.h>
#include <scsi/sg.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

/* Is `number` ("254:1") the device, or one of its partitions? */
static bool is_part_of(int root, dev_t device, const char *number)
{
	_cleanup_free_ char *all = xprintf("/sys/dev/block/%u:%u", major(device), minor(device));
	_cleanup_free_ char **names = NULL, *own = NULL;
	size_t n = 0;

	own = xprintf("%u:%u", major(device), minor(device));
	if (streq(own, number))
		return true;
	file_list(root, all, &names, &n);
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *path = xprintf("%s/%s/dev", all, names[i]), *line = NULL;

		if (file_read_line(root, path, &line) >= 0 && streq(line, number))
			return true;
	}
	return false;
}

/* "25 1 254:1 / /home rw,...", as proc_pid_mountinfo(5) has it; the caller frees. */
static char *mounted_at(int root, dev_t device)
{
	_cleanup_free_ char *text = NULL;
	char number[32], at[1024], *save = NULL;

	if (file_read(root, "/proc/self/mountinfo", 16 << 20, &text, NULL) < 0)
		return NULL;
	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
		if (sscanf(l, "%*s %*s %31s %*s %1023s", number, at) == 2 &&
			is_part_of(root, device, number))
			return xstrdup(at);
	return NULL;
}

/* The device mapper's or md's that is made of it; the caller frees. */
static char *holder(int root, dev_t device)
{
	_cleanup_free_ char *dir =
		xprintf("/sys/dev/block/%u:%u/holders", major(device), minor(device));
	_cleanup_free_ char **names = NULL;
	size_t n = 0;

	return file_list(root, dir, &names, &n) >= 0 && n ? xstrdup(names[0]) : NULL;
}

/* Who uses a device as a whole has it exclusively, and with a partition of it all of it. */
int block_device_free(int root, const char *path, struct error *e)
{
	_cleanup_close_ int fd = file_open(root, path, O_RDONLY | O_EXCL | O_NONBLOCK, 0);
	_cleanup_free_ char *at = NULL, *above = NULL;
	struct stat st;

	if (fd != -EBUSY)
		return 0;
	if (file_stat(root, path, &st) < 0)
		return 0;
	at = mounted_at(root, st.st_rdev);
	above = at ? NULL : holder(root, st.st_rdev);
	if (at)
		error_set(e, -EBUSY, "the host itself uses %s: it carries the file system %s", path,
			at);
	else if (above)
		error_set(e, -EBUSY, "the host itself uses %s: it is part of %s", path, above);
	else
		error_set(e, -EBUSY, "the host itself uses %s, or a part of it", path);
	return error_cure(
		e, "take it out of use there (lsblk %s shows how), or name another", path);
}

int block_device_check(const struct guest_disk *d, int fd, struct error *e)
{
	int version, r = disk_is_readonly(d) ? 0 : block_device_free(AT_FDCWD, d->path, e);

	if (r < 0 || d->device != DEVICE_LUN || ioctl(fd, SG_GET_VERSION_NUM, &version) >= 0)
		return r;
	error_set(e, -EINVAL, "%s is no SCSI disk, so it cannot be a lun: %s", d->path,
		strerror(errno));
	return error_cure(e, "write `device: disk`");
}
