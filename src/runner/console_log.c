/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/console_log.h"
#include "base/log.h"
#include "runner/guest_files.h"
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

static int open_log(const char *name, const char *suffix, int *fd, struct error *e)
{
	char path[GUEST_PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/%s.console.log%s", GUEST_LOG_DIR, name, suffix);
	*fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (*fd < 0)
		return error_set(
			e, -errno, "cannot open the console's log %s: %s", path, strerror(errno));
	return 0;
}

int console_log_open(struct console_log *l, const char *name, struct error *e)
{
	int r;

	*l = (struct console_log){ .now = -1, .before = -1 };
	if (mkdir(GUEST_LOG_DIR, 0755) < 0 && errno != EEXIST)
		return error_set(e, -errno, "cannot make %s: %s", GUEST_LOG_DIR, strerror(errno));
	r = open_log(name, "", &l->now, e);
	if (r >= 0)
		r = open_log(name, ".1", &l->before, e);
	return r;
}

void console_log_begin(struct console_log *l)
{
	struct stat st;

	l->size = l->now >= 0 && fstat(l->now, &st) == 0 ? (uint64_t)st.st_size : 0;
}

void console_log_close(struct console_log *l)
{
	close_p(&l->now);
	close_p(&l->before);
	l->now = l->before = -1;
}

static void complain(struct console_log *l)
{
	if (!l->failed)
		log_warning("the console's log cannot be written: %s; the console itself works",
			strerror(errno));
	l->failed = true;
}

static void rotate(struct console_log *l)
{
	off_t from = 0;

	if (ftruncate(l->before, 0) < 0 || fcntl(l->before, F_SETFL, 0) < 0 ||
		lseek(l->before, 0, SEEK_SET) < 0)
		complain(l);
	while (from < (off_t)l->size)
		if (sendfile(l->before, l->now, &from, l->size - (size_t)from) <= 0)
			break;
	if (ftruncate(l->now, 0) < 0)
		complain(l);
	l->size = 0;
}

void console_log_add(struct console_log *l, const char *data, size_t n)
{
	if (l->now < 0)
		return;
	if (l->size + n > CONSOLE_LOG_MAX)
		rotate(l);
	while (n) {
		ssize_t some = write(l->now, data, n);

		if (some < 0 && errno == EINTR)
			continue;
		if (some < 0) {
			complain(l);
			return;
		}
		data += some;
		n -= (size_t)some;
		l->size += (uint64_t)some;
	}
}
