/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/guest_vfio.h"
#include "base/log.h"
#include "reconcile/units.h"
#include "runner/guest_files.h"
#include "runner/state.h"
#include <fcntl.h>
#include <sys/resource.h>

/* state.json is the guest's user's word: what is not in its unit's control group is not QEMU. */
static pid_t find_qemu(struct host *h, const char *name)
{
	_cleanup_free_ char *path = NULL, *text = NULL, *unit = NULL;
	json_t *record = NULL;
	pid_t pid;

	if (state_read(h->root, name, &record) < 0)
		return 0;
	pid = (pid_t)json_integer_value(json_object_get(record, "pid"));
	json_decref(record);
	path = xprintf("/proc/%d/cgroup", (int)pid);
	unit = xprintf("/%s", guest_unit(name).s);
	if (pid <= 0 || file_read(h->root, path, 1 << 16, &text, NULL) < 0)
		return 0;
	return strstr(text, unit) ? pid : 0;
}

static int set_locked(pid_t qemu, uint64_t size)
{
	struct rlimit to = { size, size };

	return prlimit(qemu, RLIMIT_MEMLOCK, &to, NULL) < 0 ? -errno : 0;
}

/* The unit binds the directory at its start, where there is one: see kvmhost-guest@.service. */
static int check_directory(pid_t qemu, const char *name, struct error *e)
{
	_cleanup_free_ char *path = xprintf("/proc/%d/root/dev/vfio/vfio", (int)qemu);

	if (access(path, F_OK) == 0 || errno != ENOENT)
		return 0;
	error_set(e, -ENOENT, "the guest was started before this host had /dev/vfio");
	return error_cure(e, "kvmhostctl guest restart %s", name);
}

int guest_vfio_prepare(struct host *h, const char *name, const struct guest *g, struct error *e)
{
	pid_t qemu = find_qemu(h, name);
	int r = qemu ? check_directory(qemu, name, e)
		     : error_set(e, -ESRCH, "its QEMU is not to be found");

	if (r < 0)
		return r;
	r = units_allow_devices(h, guest_unit(name).s, "char-vfio", "rw", e);
	if (r < 0)
		return r;
	r = set_locked(qemu, guest_locked(g));
	if (r >= 0)
		return 0;
	error_set(e, r, "cannot let its QEMU lock %llu MiB of memory: %s",
		(unsigned long long)(guest_locked(g) / MIB), strerror(-r));
	return error_cure(e, "kvmhostctl guest restart %s", name);
}

void guest_vfio_lower(struct host *h, const char *name, const struct guest *g)
{
	pid_t qemu = find_qemu(h, name);
	int r = qemu ? set_locked(qemu, guest_locked(g)) : 0;

	if (r < 0)
		log_warning("the guest %s may still lock memory: %s", name, strerror(-r));
}
