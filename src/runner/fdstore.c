/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/fdstore.h"
#include "base/arena.h"
#include "runner/notify.h"
#include <fcntl.h>
#include <sys/socket.h>

#define STORED "handover" /* the name that systemd knows */
enum { FIRST = 3 }; /* SD_LISTEN_FDS_START */
enum { QUEUE = 2 << 20 }; /* room for FDSTORE_MAX messages, as the kernel counts */

static int send_with(int to, const char *text, size_t len, int fd)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec data = { (void *)(uintptr_t)text, len };
	struct msghdr msg = { .msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	return sendmsg(to, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

/* FDPOLL=0: systemd drops it not when this process has closed its end. */
int fdstore_begin(int notify)
{
	static const char store[] = "FDSTORE=1\nFDNAME=" STORED "\nFDPOLL=0";
	int v[2], r, size = QUEUE;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, v) < 0)
		return -errno;
	/* Where the limit may not be exceeded, what it is has room for some 250. */
	(void)setsockopt(v[0], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	notify_send(notify, "FDSTOREREMOVE=1\nFDNAME=" STORED);
	r = send_with(notify, store, strlen(store), v[1]);
	close(v[1]);
	if (r >= 0)
		return v[0];
	close(v[0]);
	return r;
}

int fdstore_put(int to, const char *name, int fd)
{
	return send_with(to, name, strnlen(name, FDSTORE_NAME - 1), fd);
}

/* systemd's end of what was begun; -1: there is none. */
static int stored(void)
{
	const char *pid = getenv("LISTEN_PID"), *names = getenv("LISTEN_FDNAMES");

	/* The unit has no sockets of its own. */
	if (!pid || atol(pid) != getpid() || !names || !streq(names, STORED))
		return -1;
	fcntl(FIRST, F_SETFD, FD_CLOEXEC);
	return FIRST;
}

static bool receive(int from, char name[static FDSTORE_NAME], int *fd)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec data = { name, FDSTORE_NAME - 1 };
	struct msghdr msg = { .msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(from, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;

	if (!c || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof(*fd)))
		return false;
	name[n] = '\0';
	memcpy(fd, CMSG_DATA(c), sizeof(*fd));
	return true;
}

void fdstore_open(struct fdstore *s)
{
	_cleanup_close_ int from = stored();

	*s = (struct fdstore){ .kept = from >= 0 };
	if (from < 0)
		return;
	s->v = xcalloc(FDSTORE_MAX, sizeof(*s->v));
	while (s->n < FDSTORE_MAX && receive(from, s->v[s->n].name, &s->v[s->n].fd))
		s->n++;
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
	if (s->kept)
		notify_send(notify, "FDSTOREREMOVE=1\nFDNAME=" STORED);
	for (size_t i = 0; i < s->n; i++)
		close_p(&s->v[i].fd);
	free(s->v);
	*s = (struct fdstore){ 0 };
}
