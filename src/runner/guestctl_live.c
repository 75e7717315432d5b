/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kvmhostctl guest pause, resume, reset, screenshot and monitor: what is asked of a running guest.
 */
#include "runner/guestctl.h"
#include "runner/guestctl_qmp.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>

enum { FDSET_SCREEN = 2000, QUIET_MS = 1000, PICTURE_MAX = 256 << 20 };

static int each(
	struct host *h, const char *const *names, size_t n, const char *command, struct error *e)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_guest_qmp_ struct guest_qmp q = { .fd = -1 };
		int r = guest_qmp_open(h, names[i], &q, e);

		if (r >= 0)
			r = guest_qmp_command(&q, command, NULL, -1, NULL, e);
		if (r < 0)
			return r;
	}
	return 0;
}

int guestctl_pause(struct host *h, const char *const *names, size_t n, struct error *e)
{
	return each(h, names, n, "stop", e);
}

int guestctl_resume(struct host *h, const char *const *names, size_t n, struct error *e)
{
	return each(h, names, n, "cont", e);
}

int guestctl_reset(struct host *h, const char *const *names, size_t n, struct error *e)
{
	return each(h, names, n, "system_reset", e);
}

/* QEMU sees no file of the host's: it writes into a descriptor of ours, which it might keep. */
static int take_picture(struct guest_qmp *q, int fd, struct error *e)
{
	int r = guest_qmp_command(
		q, "add-fd", json_pack("{s:i}", "fdset-id", FDSET_SCREEN), fd, NULL, e);

	if (r < 0)
		return r;
	r = guest_qmp_command(q, "screendump",
		json_pack("{s:s, s:s}", "filename", "/dev/fdset/2000", "format", "png"), -1, NULL,
		e);
	guest_qmp_command(
		q, "remove-fd", json_pack("{s:i}", "fdset-id", FDSET_SCREEN), -1, NULL, NULL);
	return r;
}

/* A picture in memory, and an end of it for QEMU, which can only write. */
static int open_memory(int *ours, int *theirs, struct error *e)
{
	char link[32];

	*ours = memfd_create("kvmhost-screen", MFD_CLOEXEC);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", *ours);
	if (*ours >= 0)
		*theirs = open(link, O_WRONLY | O_CLOEXEC);
	return *theirs >= 0 ? 0
			    : error_set(e, -errno, "cannot keep a picture in memory: %s",
				      strerror(errno));
}

static int save_picture(int from, const char *path, struct error *e)
{
	_cleanup_close_ int to = -1;
	struct stat st;
	off_t at = 0;

	if (fstat(from, &st) < 0 || st.st_size > PICTURE_MAX)
		return error_set(e, -EFBIG, "QEMU has made a picture of more than %d MiB",
			PICTURE_MAX >> 20);
	to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (to < 0)
		return error_set(e, -errno, "cannot write %s: %s", path, strerror(errno));
	while (at < st.st_size)
		if (sendfile(to, from, &at, (size_t)(st.st_size - at)) <= 0)
			return error_set(e, -EIO, "cannot write %s: %s", path, strerror(errno));
	return 0;
}

int guestctl_screenshot(struct host *h, const char *name, const char *path, struct error *e)
{
	_cleanup_guest_qmp_ struct guest_qmp q = { .fd = -1 };
	_cleanup_close_ int ours = -1, theirs = -1;
	int r = guest_qmp_open(h, name, &q, e);

	if (r >= 0)
		r = open_memory(&ours, &theirs, e);
	if (r >= 0)
		r = take_picture(&q, theirs, e);
	if (r == -EIO && e && e->text && strstr(e->text, "no console"))
		error_cure(e, "the guest has no screen; write `graphics: {type: vnc}`");
	return r < 0 ? r : save_picture(ours, path, e);
}

/* Both ways, until one side ends; at the end of stdin, until QEMU is quiet. */
static int talk(int fd)
{
	bool input = true;
	char chunk[4096];

	for (;;) {
		struct pollfd v[2] = { { input ? STDIN_FILENO : -1, POLLIN, 0 },
			{ fd, POLLIN, 0 } };
		int n = poll(v, 2, input ? -1 : QUIET_MS);
		ssize_t some;

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return 0;
		if (n > 0 && v[1].revents) {
			some = recv(fd, chunk, sizeof(chunk), 0);
			if (some <= 0 || write(STDOUT_FILENO, chunk, (size_t)some) != some)
				return 0;
		}
		if (n > 0 && v[0].revents) {
			some = read(STDIN_FILENO, chunk, sizeof(chunk));
			input = some > 0;
			if (some > 0 && send(fd, chunk, (size_t)some, MSG_NOSIGNAL) != some)
				return 0;
		}
	}
}

int guestctl_monitor(struct host *h, const char *name, struct error *e)
{
	_cleanup_guest_qmp_ struct guest_qmp q = { .fd = -1 };
	int r = guest_qmp_open(h, name, &q, e);

	if (r < 0)
		return r;
	r = talk(q.fd);
	return r < 0 ? error_set(e, r, "cannot read: %s", strerror(-r)) : 0;
}
