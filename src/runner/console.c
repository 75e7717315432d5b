/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/console.h"
#include <fcntl.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

enum { POLL_GUEST, POLL_LISTEN, POLL_CLIENTS };

int console_listen(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = -1;
	mode_t mask;
	int r;

	if (strlen(path) >= sizeof(at.sun_path))
		return -ENAMETOOLONG;
	memcpy(at.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (unlink(path) < 0 && errno != ENOENT)
		return -errno;
	mask = umask(0177);
	r = bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, CONSOLE_CLIENTS) < 0
		    ? -errno
		    : 0;
	umask(mask);
	return r < 0 ? r : TAKE_FD(fd);
}

void console_share(const char *path)
{
	/* cppcheck-suppress getgrnamCalled; there is one thread */
	const struct group *g = getgrnam(CONSOLE_GROUP);

	/* The directory is root's: nobody can have put another file there. */
	if (g && lchown(path, 0, g->gr_gid) == 0)
		chmod(path, 0660);
}

void console_init(struct console *c, int guest, int listen)
{
	c->guest = guest;
	c->listen = listen;
	c->n_typed = 0;
	for (int i = 0; i < CONSOLE_CLIENTS; i++)
		c->clients[i].fd = -1;
	fcntl(guest, F_SETFL, fcntl(guest, F_GETFL) | O_NONBLOCK);
}

static void drop_client(struct console *c, int i)
{
	close_p(&c->clients[i].fd);
	c->clients[i].fd = -1;
}

void console_close(struct console *c)
{
	for (int i = 0; i < CONSOLE_CLIENTS; i++)
		drop_client(c, i);
	close_p(&c->guest);
	close_p(&c->listen);
	c->guest = c->listen = -1;
	console_log_close(&c->log);
}

void console_poll(const struct console *c, struct pollfd v[static CONSOLE_POLLS])
{
	v[POLL_GUEST] = (struct pollfd){ c->guest, POLLIN | (c->n_typed ? POLLOUT : 0), 0 };
	v[POLL_LISTEN] = (struct pollfd){ c->listen, POLLIN, 0 };
	for (int i = 0; i < CONSOLE_CLIENTS; i++) {
		struct pollfd *p = &v[POLL_CLIENTS + i];

		*p = (struct pollfd){ .fd = c->clients[i].fd };
		/* While the guest takes nothing, clients wait. */
		if (!c->clients[i].finished && !c->n_typed)
			p->events |= POLLIN;
		if (c->clients[i].pos < c->history.end)
			p->events |= POLLOUT;
	}
}

/* What the guest says, up to 64 KiB at a time, so that nothing else starves. */
static void read_guest(struct console *c)
{
	char chunk[4096];
	ssize_t n = 0;

	for (int i = 0; i < 16 && c->guest >= 0; i++) {
		n = recv(c->guest, chunk, sizeof(chunk), MSG_DONTWAIT);
		if (n <= 0)
			break;
		history_add(&c->history, chunk, (size_t)n);
		console_log_add(&c->log, chunk, (size_t)n);
		if (c->heard)
			c->heard(c->arg, chunk, (size_t)n);
	}
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		close_p(&c->guest);
		c->guest = -1;
	}
}

static void type_to_guest(struct console *c)
{
	ssize_t n = c->guest < 0
			    ? (ssize_t)c->n_typed
			    : send(c->guest, c->typed, c->n_typed, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n <= 0)
		return;
	memmove(c->typed, c->typed + n, c->n_typed - (size_t)n);
	c->n_typed -= (size_t)n;
}

static void accept_client(struct console *c)
{
	/* cppcheck-suppress nullPointer; the kernel need not tell who it is */
	int fd = accept4(c->listen, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	for (int i = 0; fd >= 0 && i < CONSOLE_CLIENTS; i++) {
		if (c->clients[i].fd >= 0)
			continue;
		c->clients[i].fd = fd;
		c->clients[i].pos = history_start(&c->history);
		c->clients[i].finished = false;
		return;
	}
	/* No room: the client sees the end at once. */
	if (fd >= 0)
		close(fd);
}

static void read_client(struct console *c, int i)
{
	ssize_t n;

	if (c->n_typed)
		return;
	n = recv(c->clients[i].fd, c->typed, sizeof(c->typed), MSG_DONTWAIT);
	if (n > 0) {
		c->n_typed = (size_t)n;
		type_to_guest(c);
	} else if (n == 0) {
		c->clients[i].finished = true;
	} else if (errno != EAGAIN && errno != EINTR) {
		drop_client(c, i);
	}
}

static void write_client(struct console *c, int i)
{
	const char *data;
	size_t len;
	ssize_t n;

	while (c->clients[i].fd >= 0 &&
		(len = history_at(&c->history, &c->clients[i].pos, &data))) {
		n = send(c->clients[i].fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			drop_client(c, i);
		if (n <= 0)
			return;
		c->clients[i].pos += (uint64_t)n;
	}
}

void console_process(struct console *c, const struct pollfd v[static CONSOLE_POLLS])
{
	if (v[POLL_GUEST].revents & (POLLIN | POLLHUP | POLLERR))
		read_guest(c);
	if (c->n_typed)
		type_to_guest(c);
	for (int i = 0; i < CONSOLE_CLIENTS; i++) {
		short got = v[POLL_CLIENTS + i].revents;

		if (c->clients[i].fd < 0)
			continue;
		if (got & POLLIN)
			read_client(c, i);
		write_client(c, i);
		if (got & (POLLHUP | POLLERR) && !(got & POLLIN))
			drop_client(c, i);
	}
	if (v[POLL_LISTEN].revents & POLLIN)
		accept_client(c);
}

void console_drain(struct console *c)
{
	for (int i = 0; i < 64 && c->guest >= 0; i++)
		read_guest(c);
	for (int i = 0; i < CONSOLE_CLIENTS; i++)
		if (c->clients[i].fd >= 0)
			write_client(c, i);
}
