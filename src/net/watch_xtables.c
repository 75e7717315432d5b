/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/watch.h"
#include "net/xt_lock.h"
#include <fcntl.h>
#include <sys/inotify.h>
#include <unistd.h>

/* Readers of the tables take the lock too, and so do we: a look too many, and no harm. */
static enum event xtables_read(int fd, void *state _unused_, char what[static WATCH_WHAT_MAX])
{
	char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	enum event any = EVENT_NONE;

	while (read(fd, buffer, sizeof(buffer)) > 0)
		any = EVENT_CHANGED;
	snprintf(what, WATCH_WHAT_MAX, "somebody had the iptables lock " XT_LOCK_PATH);
	return any;
}

static void xtables_close(int fd, void *state _unused_)
{
	close(fd);
}

static int xtables_open(void **state _unused_, struct error *e)
{
	/* As iptables makes it (iptables/xshared.c), which may come after us. */
	int lock = open(XT_LOCK_PATH, O_RDONLY | O_CREAT | O_CLOEXEC, 0600), fd, r;

	if (lock >= 0)
		close(lock);
	fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (fd >= 0 && inotify_add_watch(fd, XT_LOCK_PATH, IN_CLOSE) >= 0)
		return fd;
	r = -errno;
	if (fd >= 0)
		close(fd);
	error_set(e, r, "cannot hear of changes of iptables tables: %s", strerror(-r));
	if (r == -EMFILE)
		error_cure(e, "this user has all its inotify instances in use: "
			      "sysctl fs.inotify.max_user_instances=1024");
	return r;
}

const struct watch watch_xtables = {
	.name = "iptables",
	.open = xtables_open,
	.read = xtables_read,
	.close = xtables_close,
};
