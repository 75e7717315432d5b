/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/qmp.h"
#include "runner/state.h"
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>

void qmp_init(struct qmp *q, int fd, qmp_event_fn *event, void *arg)
{
	*q = (struct qmp){ .fd = fd, .attached = -1, .event = event, .arg = arg, .next_id = 1 };
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	qmp_command(q, "qmp_capabilities", NULL, NULL);
}

void qmp_close(struct qmp *q)
{
	if (q->fd >= 0)
		close(q->fd);
	close_p(&q->attached);
	q->fd = q->attached = -1;
	sb_free(&q->in);
	sb_free(&q->out);
}

/* A free slot with a new id; -EBUSY. */
static int take_slot(struct qmp *q)
{
	for (int i = 0; i < QMP_PENDING_MAX; i++)
		if (!q->pending[i].id) {
			memset(&q->pending[i], 0, sizeof(q->pending[i]));
			q->pending[i].id = q->next_id++;
			return i;
		}
	return -EBUSY;
}

static void queue(struct qmp *q, json_t *msg, int slot)
{
	_cleanup_free_ char *text = NULL;

	json_object_set_new(msg, "id", json_integer(q->pending[slot].id));
	text = json_dumps(msg, JSON_COMPACT);
	sb_addf(&q->out, "%s\n", text);
}

int qmp_command(struct qmp *q, const char *command, json_t *arguments, qmp_answer_fn *fn)
{
	json_t *msg = json_pack("{s:s}", "execute", command);
	int slot = q->fd < 0 ? -ENOTCONN : take_slot(q);

	if (arguments)
		json_object_set_new(msg, "arguments", arguments);
	if (slot >= 0) {
		q->pending[slot].fn = fn;
		queue(q, msg, slot);
	}
	json_decref(msg);
	return slot < 0 ? slot : 0;
}

int qmp_pass(struct qmp *q, json_t *command, int fd, qmp_passed_fn *fn, void *arg)
{
	int slot = q->fd < 0 ? -ENOTCONN : take_slot(q);

	if (slot < 0) {
		close_p(&fd);
		return slot;
	}
	q->pending[slot].passed = fn;
	q->pending[slot].passed_arg = arg;
	queue(q, command, slot);
	if (fd >= 0) {
		close_p(&q->attached);
		q->attached = fd;
	}
	return 0;
}

short qmp_events(const struct qmp *q)
{
	if (q->fd < 0)
		return 0;
	return q->out.len ? POLLIN | POLLOUT : POLLIN;
}

static void consume(struct strbuf *b, size_t n)
{
	memmove(b->s, b->s + n, b->len - n);
	b->len -= n;
	b->s[b->len] = '\0';
}

/* send(2), with the attached descriptor. */
static ssize_t send_out(struct qmp *q)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec data = { q->out.s, q->out.len };
	struct msghdr msg = { .msg_iov = &data, .msg_iovlen = 1 };
	struct cmsghdr *c = &control.align;

	if (q->attached >= 0) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &q->attached, sizeof(int));
	}
	return sendmsg(q->fd, &msg, MSG_NOSIGNAL);
}

static int send_some(struct qmp *q)
{
	while (q->out.len) {
		ssize_t n = send_out(q);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : errno == EPIPE ? -ECONNRESET : -errno;
		close_p(&q->attached);
		q->attached = -1;
		consume(&q->out, (size_t)n);
	}
	return 0;
}

static void answer(struct qmp *q, json_t *msg)
{
	double number = json_number_value(json_object_get(msg, "id"));
	unsigned id = number >= 1 && number <= UINT_MAX ? (unsigned)number : 0;
	json_t *error = json_object_get(msg, "error");
	const char *desc = json_string_value(json_object_get(error, "desc"));
	char text[QMP_WORDS_MAX] = "unknown error";
	qmp_answer_fn *fn;

	if (desc)
		plain_text(text, sizeof(text), desc, strlen(desc));

	for (size_t i = 0; i < QMP_PENDING_MAX; i++) {
		if (!q->pending[i].id || q->pending[i].id != id)
			continue;
		fn = q->pending[i].fn;
		q->pending[i].id = 0;
		if (q->pending[i].passed)
			q->pending[i].passed(q->pending[i].passed_arg, msg);
		else if (fn)
			fn(q->arg, error ? NULL : json_object_get(msg, "return"),
				error ? text : NULL);
		return;
	}
}

/*
 * QEMU's numbers reach to 2^64 - 1, which stands for "unknown" in a balloon's statistics; jansson's
 * whole ones to 2^63 - 1. A message with a larger one has real numbers alone.
 */
static json_t *parse(const char *line, size_t len)
{
	json_error_t why;
	json_t *msg = json_loadb(line, len, 0, &why);

	return msg || json_error_code(&why) != json_error_numeric_overflow
		       ? msg
		       : json_loadb(line, len, JSON_DECODE_INT_AS_REAL, NULL);
}

static int dispatch(struct qmp *q, const char *line, size_t len)
{
	json_t *msg = parse(line, len);
	const char *event = json_string_value(json_object_get(msg, "event"));

	if (!json_is_object(msg)) {
		json_decref(msg);
		return -EBADMSG;
	}
	if (event && q->event)
		q->event(q->arg, event, msg);
	else if (json_object_get(msg, "return") || json_object_get(msg, "error"))
		answer(q, msg);
	else if (json_object_get(msg, "QMP"))
		q->greeted = true;
	json_decref(msg);
	return 0;
}

static bool blank(const char *line, size_t len)
{
	return strspn(line, " \t\r") >= len;
}

/* A callback may close the connection. */
static int take_lines(struct qmp *q)
{
	size_t start = 0;
	char *end;
	int r;

	while (q->fd >= 0 && (end = memchr(q->in.s + start, '\n', q->in.len - start))) {
		size_t len = (size_t)(end - (q->in.s + start));

		*end = '\0';
		r = blank(q->in.s + start, len) ? 0 : dispatch(q, q->in.s + start, len);
		if (r < 0)
			return r;
		start += len + 1;
	}
	if (q->fd < 0)
		return 0;
	consume(&q->in, start);
	return q->in.len >= QMP_LINE_MAX ? -EBADMSG : 0;
}

static int receive_some(struct qmp *q)
{
	char chunk[4096];
	ssize_t n;
	int r = 0;

	/* Bounded, so that a flood leaves time for everything else. */
	for (int i = 0; i < 16 && r == 0 && q->fd >= 0; i++) {
		n = recv(q->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (n == 0)
			return -ECONNRESET;
		sb_addn(&q->in, chunk, (size_t)n);
		r = take_lines(q);
	}
	return r;
}

int qmp_process(struct qmp *q)
{
	int r;

	if (q->fd < 0)
		return -ENOTCONN;
	r = send_some(q);
	if (r == 0 || r == -ECONNRESET) {
		/* What QEMU said last is read even when it takes no more. */
		int received = receive_some(q);

		r = received < 0 ? received : r;
	}
	/* What the callbacks queued. */
	if (r == 0 && q->fd >= 0)
		r = send_some(q);
	if (r < 0)
		qmp_close(q);
	return r;
}
