/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"
#include "base/stop.h"
#include "reconcile/host.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <time.h>

/* Of the lock in a second. */
enum { TRIES = 20 };

/* The holder writes its pid into the file, so that who waits can name it. */
static int holder(int fd)
{
	char text[32] = "";

	if (pread(fd, text, sizeof(text) - 1, 0) <= 0)
		return 0;
	return atoi(text);
}

static void tell_wait(int pid, const char *shown, unsigned seconds)
{
	_cleanup_free_ char *path = xprintf("/proc/%d/comm", pid), *command = NULL;

	if (pid > 0 && file_read_line(AT_FDCWD, path, &command) == 0)
		log_notice("waits up to %u s for %s (pid %d), which is changing this host", seconds,
			command, pid);
	else
		log_notice("waits up to %u s for who has the lock %s", seconds, shown);
}

static int take(int fd, unsigned seconds, const char *shown)
{
	const struct timespec pause = { .tv_nsec = 1000 * 1000 * 1000 / TRIES };
	uint64_t n = 0;

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (n++ == (uint64_t)seconds * TRIES)
			return -EBUSY;
		if (stop_asked())
			return -EINTR;
		if (n == TRIES)
			tell_wait(holder(fd), shown, seconds);
		nanosleep(&pause, NULL);
	}
	return 0;
}

/* What a killed one was running keeps the lock: two of grub-mkconfig would write one file. */
static int refuse(int pid, const char *path, unsigned seconds, struct error *e)
{
	if (pid <= 0 || kill(pid, 0) == 0 || errno != ESRCH) {
		error_set(e, -EBUSY,
			"another kvmhost (pid %d) is changing this host and did not "
			"finish within %u s",
			pid, seconds);
		error_cure(e, "try again when it has ended; what it is: ps -fp %d", pid);
		return -EBUSY;
	}
	error_set(e, -EBUSY,
		"kvmhost (pid %d) was killed while it changed this host, and what it ran did not "
		"end within %u s",
		pid, seconds);
	error_cure(e, "wait for it, or see what it is: fuser -v %s", path);
	return -EBUSY;
}

int host_lock(struct host *h, unsigned seconds, struct error *e)
{
	const char *dir = h->live ? RUN_DIR : STATE_DIR;
	const char *path = h->live ? RUN_DIR "/lock" : STATE_DIR "/lock";
	_cleanup_free_ char *shown = NULL;
	_cleanup_close_ int fd = -1;
	char text[32];
	int r;

	if (h->lock >= 0)
		return 0;
	shown = host_shown(h, path);
	r = file_mkdirs(h->root, dir, 0755);
	if (r >= 0)
		r = fd = file_open(h->root, path, O_RDWR | O_CREAT, 0600);
	if (r < 0)
		return file_failure(e, r, "open the lock", shown);
	r = take(fd, seconds, shown);
	if (r == -EBUSY)
		return refuse(holder(fd), shown, seconds, e);
	if (r == -EINTR)
		return error_set(e, r, "ended by %s while it waited for pid %d to end",
			stop_name(stop_asked()), holder(fd));
	if (r < 0)
		return error_set(e, r, "cannot lock %s: %s", shown, strerror(-r));
	snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, strlen(text), 0) < 0)
		return file_failure(e, -errno, "write", shown);
	h->lock = TAKE_FD(fd);
	return 0;
}

void host_unlock(struct host *h)
{
	if (h->lock < 0)
		return;
	/* For those that inherited it too: what a program leaves behind holds nobody up. */
	flock(h->lock, LOCK_UN);
	close(TAKE_FD(h->lock));
}
