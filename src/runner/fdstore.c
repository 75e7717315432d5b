/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/fdstore.h"
#include "base/arena.h"
#include "runner/notify.h"
#include <fcntl.h>
#include <sys/socket.h>

enum { FIRST = 3 }; /* SD_LISTEN_FDS_START */

/* FDPOLL=0: systemd drops no descriptor because a tap or a socket has nobody at its other end yet.
 */
int fdstore_put(int notify, const char *name, int fd)
{
	char text[FDSTORE_NAME + 48];
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec data = { text, 0 };
	struct msghdr msg = { .msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	notify_send(notify, "FDSTOREREMOVE=1\nFDNAME=%s", name);
	data.iov_len = (size_t)snprintf(
		text, sizeof(text), "FDSTORE=1\nFDNAME=%.*s\nFDPOLL=0", FDSTORE_NAME - 1, name);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	return sendmsg(notify, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static size_t count(void)
{
	const char *pid = getenv("LISTEN_PID"), *n = getenv("LISTEN_FDS");

	return pid && n && atol(pid) == getpid() && atol(n) > 0 ? (size_t)atol(n) : 0;
}

void fdstore_open(struct fdstore *s)
{
	const char *names = getenv("LISTEN_FDNAMES");
	size_t n = names ? count() : 0;
	char *rest;

	*s = (struct fdstore){ 0 };
	if (!n)
		return;
	rest = s->names = xstrdup(names);
	s->v = xmalloc(n * sizeof(*s->v));
	for (char *name; s->n < n && (name = strsep(&rest, ":")); s->n++) {
		s->v[s->n].name = name;
		s->v[s->n].fd = FIRST + (int)s->n;
		fcntl(s->v[s->n].fd, F_SETFD, FD_CLOEXEC);
	}
}

int fdstore_take(struct fdstore *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].fd >= 0 && streq(s->v[i].name, name))
			return TAKE_FD(s->v[i].fd);
	return -1;
}

void fdstore_close(struct fdstore *s, int notify)
{
	for (size_t i = 0; i < s->n; i++) {
		notify_send(notify, "FDSTOREREMOVE=1\nFDNAME=%s", s->v[i].name);
		close_p(&s->v[i].fd);
	}
	free(s->v);
	free(s->names);
	*s = (struct fdstore){ 0 };
}
