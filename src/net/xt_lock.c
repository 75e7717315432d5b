/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/xt_lock.h"
#include <fcntl.h>
#include <sys/file.h>
#include <sys/sysmacros.h>
#include <time.h>

#define PAUSE_NSEC (10 * 1000 * 1000)

/*
 * "1: FLOCK  ADVISORY  WRITE 1234 00:19:567 0 EOF" in /proc/locks; the PID is
 * 0 where the holder is in another PID namespace.
 */
static long holder(struct host *h, const struct stat *st)
{
	_cleanup_free_ char *locks = NULL;
	char *line, *rest;

	if (file_read(h->root, "/proc/locks", 1 << 20, &locks, NULL) < 0)
		return 0;
	rest = locks;
	while ((line = strsep(&rest, "\n"))) {
		unsigned major, minor;
		unsigned long inode;
		long pid;

		if (sscanf(line, "%*d: FLOCK %*s WRITE %ld %x:%x:%lu", &pid, &major, &minor,
			    &inode) == 4 &&
			inode == st->st_ino && major == major(st->st_dev) &&
			minor == minor(st->st_dev))
			return pid;
	}
	return 0;
}

static int busy(struct host *h, int fd, unsigned seconds, struct error *e)
{
	_cleanup_free_ char *path = NULL, *name = NULL;
	struct stat st;
	long pid = fstat(fd, &st) == 0 ? holder(h, &st) : 0;

	if (pid > 0) {
		path = xprintf("/proc/%ld/comm", pid);
		file_read_line(h->root, path, &name);
		error_set(e, -EBUSY, "%s (PID %ld) has held the iptables lock %s for %u s",
			name ? name : "a process", pid, XT_LOCK_PATH, seconds);
	} else {
		error_set(e, -EBUSY, "another process has held the iptables lock %s for %u s",
			XT_LOCK_PATH, seconds);
	}
	return error_cure(e, "wait for it or end it, then apply again");
}

int xt_lock(struct host *h, unsigned seconds, struct error *e)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NSEC };
	int fd = file_open(h->root, XT_LOCK_PATH, O_RDONLY | O_CREAT, 0600), r;
	struct timespec now, end;

	if (fd < 0)
		return error_set(
			e, fd, "cannot open the iptables lock %s: %s", XT_LOCK_PATH, strerror(-fd));
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += seconds;
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		r = errno;
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (r == EWOULDBLOCK &&
			(now.tv_sec < end.tv_sec ||
				(now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec))) {
			nanosleep(&pause, NULL);
			continue;
		}
		r = r == EWOULDBLOCK
			    ? busy(h, fd, seconds, e)
			    : error_set(e, -r, "cannot lock %s: %s", XT_LOCK_PATH, strerror(r));
		close(fd);
		return r;
	}
	return fd;
}
