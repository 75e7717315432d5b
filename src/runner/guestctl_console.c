/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kvmhostctl console: a terminal, or a pipe, joined with a guest's serial console. */
#include "runner/console.h"
#include "runner/guestctl.h"
#include "runner/guestctl_names.h"
#include "runner/guest_files.h"
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>

enum { DETACH = 0x1d /* Ctrl-] */, QUIET_MS = 1000 };

struct session {
	int sock;
	bool tty;
	bool input; /* stdin is open */
	bool detached;
};

static int join(struct host *h, const char *name, int *fd, struct error *e)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct guest_path p = guest_path(name, FILE_CONSOLE);

	memcpy(to.sun_path, p.s, strlen(p.s));
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return error_set(e, -errno, "cannot make a socket: %s", strerror(errno));
	if (connect(*fd, (struct sockaddr *)&to, sizeof(to)) == 0)
		return 0;
	if (errno == EACCES || errno == EPERM) {
		error_set(e, -errno,
			"the console of %s is for root and members of the group " CONSOLE_GROUP,
			name);
		return error_cure(e,
			"sudo kvmhostctl console %s; or join: sudo adduser $USER " CONSOLE_GROUP
			", and log in again",
			name);
	}
	error_set(e, -errno, "the guest %s does not run: its console %s: %s", name, p.s,
		strerror(errno));
	if (guestctl_is_up(h, name))
		return error_cure(e, "it is starting; try again");
	return error_cure(e, "kvmhostctl guest start %s", name);
}

static int write_all(int fd, const char *data, size_t n)
{
	while (n) {
		ssize_t some = write(fd, data, n);

		if (some < 0 && errno == EINTR)
			continue;
		if (some < 0)
			return -errno;
		data += some;
		n -= (size_t)some;
	}
	return 0;
}

/* 1: goes on; 0: left or stdin ended on a terminal. */
static int from_user(struct session *s)
{
	char chunk[1024], *detach;
	ssize_t n = read(STDIN_FILENO, chunk, sizeof(chunk));

	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 1 : -errno;
	if (n == 0) {
		s->input = false;
		shutdown(s->sock, SHUT_WR);
		return !s->tty;
	}
	detach = s->tty ? memchr(chunk, DETACH, (size_t)n) : NULL;
	if (detach) {
		s->detached = true;
		n = detach - chunk;
	}
	/* A guest that ended meanwhile is seen when reading. */
	for (ssize_t at = 0, some; at < n; at += some) {
		some = send(s->sock, chunk + at, (size_t)(n - at), MSG_NOSIGNAL);
		if (some < 0)
			break;
	}
	return !detach;
}

/* 1: goes on; 0: the guest ended. */
static int from_guest(struct session *s)
{
	char chunk[4096];
	ssize_t n = recv(s->sock, chunk, sizeof(chunk), 0);
	int r;

	if (n < 0)
		return errno == EINTR ? 1 : errno == ECONNRESET ? 0 : -errno;
	if (n == 0)
		return 0;
	r = write_all(STDOUT_FILENO, chunk, (size_t)n);
	/* The reader of our output has had enough. */
	return r == -EPIPE ? 0 : r < 0 ? r : 1;
}

static int talk(struct session *s)
{
	int r = 1;

	while (r > 0) {
		struct pollfd v[2] = {
			{ s->input ? STDIN_FILENO : -1, POLLIN, 0 },
			{ s->sock, POLLIN, 0 },
		};
		int n = poll(v, 2, s->input ? -1 : QUIET_MS);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n < 0)
			continue;
		if (n == 0)
			return 0;
		if (v[1].revents)
			r = from_guest(s);
		if (r > 0 && v[0].revents)
			r = from_user(s);
	}
	return r;
}

static int talk_raw(struct session *s, const char *name)
{
	struct termios before, raw;
	int r;

	if (tcgetattr(STDIN_FILENO, &before) < 0)
		return -errno;
	fprintf(stderr, "Connected to %s. Leave with Ctrl-].\r\n", name);
	raw = before;
	cfmakeraw(&raw);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw);
	r = talk(s);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	fprintf(stderr,
		s->detached ? "\nLeft the console of %s; it runs on.\n"
			    : "\nThe console of %s is closed.\n",
		name);
	return r;
}

int guestctl_console(struct host *h, const char *name, struct error *e)
{
	_cleanup_close_ int fd = -1;
	struct session s;
	int r = guestctl_known(h, name, e);

	if (r >= 0)
		r = join(h, name, &fd, e);
	if (r < 0)
		return r;
	s = (struct session){ .sock = fd, .tty = isatty(STDIN_FILENO), .input = true };
	r = s.tty ? talk_raw(&s, name) : talk(&s);
	return r < 0 ? error_set(e, r, "the console of %s: %s", name, strerror(-r)) : 0;
}
