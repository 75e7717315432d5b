/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/guestctl_qmp.h"
#include "runner/guestctl.h"
#include "runner/guestctl_names.h"
#include "runner/guest_files.h"
#include "runner/state.h"
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

enum {
	ACCEPT_MS = 10 * 1000,
	ANSWER_MS = 30 * 1000,
	ANSWER_MAX = 4 << 20,
	EVENTS_MAX = 64,
	WORDS_MAX = 600
};

static int64_t clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int not_connected(struct host *h, const char *name, const char *path, int r, struct error *e)
{
	if (r == -EACCES || r == -EPERM) {
		error_set(e, r, "the guest %s obeys root alone", name);
		return error_cure(e, "run it as root: sudo kvmhostctl ...");
	}
	if (r == -EAGAIN)
		return error_set(
			e, r, "the guest %s does not answer: nobody accepts %s", name, path);
	error_set(e, -ENOTCONN, "the guest %s does not run: its socket %s: %s", name, path,
		strerror(-r));
	if (guestctl_is_up(h, name))
		return error_cure(e, "it is starting; try again");
	return error_cure(e, "kvmhostctl guest start %s", name);
}

/* Once connected, what is sent waits no longer either. */
int guest_socket_join(const char *path, int ms)
{
	struct timeval patience = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(to.sun_path))
		return -ENAMETOOLONG;
	memcpy(to.sun_path, path, strlen(path));
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
		connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int guest_qmp_open(struct host *h, const char *name, struct guest_qmp *q, struct error *e)
{
	struct guest_path p = guest_path(name, FILE_CONTROL);
	int r = guestctl_known(h, name, e);

	if (r < 0)
		return r;
	r = guest_socket_join(p.s, ACCEPT_MS);
	if (r < 0)
		return not_connected(h, name, p.s, r, e);
	*q = (struct guest_qmp){ .name = name, .fd = r, .patience_ms = ANSWER_MS };
	return 0;
}

void guest_qmp_close(struct guest_qmp *q)
{
	close_p(&q->fd);
	q->fd = -1;
	sb_free(&q->in);
	json_decref(q->events);
	q->events = NULL;
}

static int send_text(int fd, const char *text, size_t n, int attached)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec data = { (char *)text, n };
	struct msghdr msg = { .msg_iov = &data, .msg_iovlen = 1 };

	if (attached >= 0) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.align), &attached, sizeof(int));
	}
	return sendmsg(fd, &msg, MSG_NOSIGNAL) == (ssize_t)n ? 0 : errno ? -errno : -EIO;
}

/* Until then, also where something is there to be read: who floods us has no more time. */
static int wait_for_more(struct guest_qmp *q, int64_t end)
{
	struct pollfd p = { q->fd, POLLIN, 0 };
	char chunk[4096];
	int64_t left = end - clock_ms();
	ssize_t n;
	int r = left > 0 && q->fd >= 0 ? poll(&p, 1, (int)left) : 0;

	if (q->fd < 0)
		return -ENOTCONN;
	if (r <= 0)
		return r == 0 ? -ETIMEDOUT : errno == EINTR ? 0 : -errno;
	n = recv(q->fd, chunk, sizeof(chunk), 0);
	if (n <= 0)
		return n == 0 || errno == ECONNRESET ? -ECONNRESET : -errno;
	sb_addn(&q->in, chunk, (size_t)n);
	return q->in.len > ANSWER_MAX ? -EBADMSG : 0;
}

/* The next line as JSON, the caller's; NULL: none is whole yet. */
static json_t *next_line(struct guest_qmp *q)
{
	char *end = q->in.len ? memchr(q->in.s, '\n', q->in.len) : NULL;
	size_t len;
	json_t *msg;

	if (!end)
		return NULL;
	len = (size_t)(end - q->in.s);
	msg = json_loadb(q->in.s, len, 0, NULL);
	memmove(q->in.s, end + 1, q->in.len - len - 1);
	q->in.len -= len + 1;
	return msg ? msg : json_object();
}

/* Old ones go where nobody waits for them. */
static void keep_event(struct guest_qmp *q, json_t *msg)
{
	if (!json_object_get(msg, "event"))
		return;
	if (!q->events)
		q->events = json_array();
	if (json_array_size(q->events) == EVENTS_MAX)
		json_array_remove(q->events, 0);
	json_array_append(q->events, msg);
}

/* Skips the greeting. */
static int wait_for_answer(struct guest_qmp *q, json_t **answer)
{
	int64_t end = clock_ms() + q->patience_ms;
	int r = 0;

	while (r >= 0) {
		json_t *msg = next_line(q);

		if (msg && (json_object_get(msg, "return") || json_object_get(msg, "error"))) {
			*answer = msg;
			return 0;
		}
		keep_event(q, msg);
		json_decref(msg);
		if (!msg)
			r = wait_for_more(q, end);
	}
	return r;
}

/* An answer that comes too late must not be taken for the next one's, which is not waited for. */
static void hang_up(struct guest_qmp *q)
{
	close_p(&q->fd);
	q->fd = -1;
}

int guest_qmp_command(struct guest_qmp *q, const char *command, json_t *arguments, int fd,
	json_t **result, struct error *e)
{
	json_t *msg = json_pack("{s:s}", "execute", command), *answer = NULL, *error;
	_cleanup_free_ char *text = NULL;
	_cleanup_strbuf_ struct strbuf line = { 0 };
	int r;

	if (arguments)
		json_object_set_new(msg, "arguments", arguments);
	text = json_dumps(msg, JSON_COMPACT);
	json_decref(msg);
	sb_addf(&line, "%s\n", text);
	r = q->fd < 0 ? -ENOTCONN : send_text(q->fd, line.s, line.len, fd);
	if (r >= 0)
		r = wait_for_answer(q, &answer);
	if (r < 0)
		hang_up(q);
	if (r < 0)
		return error_set(e, r, "the guest %s does not answer `%s`: %s", q->name, command,
			strerror(-r));
	error = json_object_get(answer, "error");
	if (error) {
		const char *why = json_string_value(json_object_get(error, "desc"));
		char words[WORDS_MAX];

		why = why ? why : "unknown error";
		plain_text(words, sizeof(words), why, strlen(why));
		r = error_set(e, -EIO, "%s: %s", q->name, words);
	} else if (result) {
		*result = json_incref(json_object_get(answer, "return"));
	}
	json_decref(answer);
	return r;
}

static int kept_event(const struct guest_qmp *q, const char *id, const char *const *events)
{
	json_t *msg;
	size_t i;

	json_array_foreach (q->events, i, msg) {
		const char *name = json_string_value(json_object_get(msg, "event"));
		json_t *data = json_object_get(msg, "data");

		if (!streq_null(json_string_value(json_object_get(data, "device")), id) &&
			!streq_null(json_string_value(json_object_get(data, "id")), id))
			continue;
		for (int k = 0; name && events[k]; k++)
			if (streq(events[k], name))
				return k;
	}
	return -ENOENT;
}

int guest_qmp_event(struct guest_qmp *q, const char *id, const char *const *events, int ms)
{
	int r = kept_event(q, id, events), waited = 0;
	int64_t end = clock_ms() + ms;

	while (r == -ENOENT) {
		json_t *msg = next_line(q);

		keep_event(q, msg);
		if (!msg)
			waited = wait_for_more(q, end);
		json_decref(msg);
		r = waited < 0 ? waited : kept_event(q, id, events);
	}
	return r;
}
