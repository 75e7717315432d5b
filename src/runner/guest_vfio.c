/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/guest_vfio.h"
#include "base/log.h"
#include "reconcile/units.h"
#include "runner/control_group.h"
#include "runner/guest_files.h"
#include "runner/state.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/pidfd.h>
#include <sys/resource.h>

/* A process that stays the same while it is open: its number may be another's once it is gone. */
struct qemu {
	pid_t pid;
	int fd; /* of pidfd_open(2) */
};

#define _cleanup_qemu_ __attribute__((cleanup(qemu_close)))

static void qemu_close(struct qemu *q)
{
	close_p(&q->fd);
}

/* A signal would need CAP_KILL, which kvmhostd's unit has not. */
static bool is_there(const struct qemu *q)
{
	struct pollfd p = { q->fd, POLLIN, 0 };

	return poll(&p, 1, 0) == 0;
}

static pid_t pid_in_record(struct host *h, const char *name)
{
	json_t *record = NULL;
	pid_t pid = 0;

	if (state_read(h->root, name, &record) >= 0)
		pid = (pid_t)json_integer_value(json_object_get(record, "pid"));
	json_decref(record);
	return pid;
}

/* state.json is the guest's user's word: what is not where systemd has the runner is not QEMU. */
static bool find_qemu(struct host *h, const char *name, struct qemu *q)
{
	struct unit_end unit;

	*q = (struct qemu){ .pid = pid_in_record(h, name), .fd = -1 };
	if (q->pid <= 0)
		return false;
	q->fd = pidfd_open(q->pid, 0);
	return q->fd >= 0 && units_end(h, guest_unit(name).s, &unit, NULL) >= 0 && unit.main_pid &&
	       control_group_same(h->root, q->pid, (pid_t)unit.main_pid) && is_there(q);
}

/* prlimit(2) knows numbers alone: who was not meant has its own back. */
static int set_locked(const struct qemu *q, uint64_t size)
{
	struct rlimit to = { size, size }, before;

	if (prlimit(q->pid, RLIMIT_MEMLOCK, &to, &before) < 0)
		return -errno;
	if (is_there(q))
		return 0;
	prlimit(q->pid, RLIMIT_MEMLOCK, &before, NULL);
	return -ESRCH;
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
	_cleanup_qemu_ struct qemu qemu;
	int r = find_qemu(h, name, &qemu) ? check_directory(qemu.pid, name, e)
					  : error_set(e, -ESRCH, "its QEMU is not to be found");

	if (r < 0)
		return r;
	r = units_allow_devices(h, guest_unit(name).s, "char-vfio", "rw", e);
	if (r < 0)
		return r;
	r = set_locked(&qemu, guest_locked(g));
	if (r >= 0)
		return 0;
	error_set(e, r, "cannot let its QEMU lock %llu MiB of memory: %s",
		(unsigned long long)(guest_locked(g) / MIB), strerror(-r));
	return error_cure(e, "kvmhostctl guest restart %s", name);
}

void guest_vfio_lower(struct host *h, const char *name, const struct guest *g)
{
	_cleanup_qemu_ struct qemu qemu;
	int r = find_qemu(h, name, &qemu) ? set_locked(&qemu, guest_locked(g)) : 0;

	if (r < 0)
		log_warning("the guest %s may still lock memory: %s", name, strerror(-r));
}
