/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/qmp.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

void qmp_init(struct qmp *q, int fd, qmp_event_fn *event, void *arg)
{
	*q = (struct qmp){ .fd = fd, .event = event, .arg = arg, .next_id = 1 };
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	qmp_command(q, "qmp_capabilities", NULL, NULL);
}

void qmp_close(struct qmp *q)
{
	if (q->fd >= 0)
		close(q->fd);
	q->fd = -1;
	sb_free(&q->in);
	sb_free(&q->out);
}

int qmp_command(struct qmp *q, const char *command, json_t *arguments, qmp_answer_fn *fn)
{
	_cleanup_free_ char *text = NULL;
	json_t *msg;
	size_t slot = 0;

	while (slot < QMP_PENDING_MAX && q->pending[slot].id)
		slot++;
	if (q->fd < 0 || slot == QMP_PENDING_MAX) {
		json_decref(arguments);
		return q->fd < 0 ? -ENOTCONN : -EBUSY;
	}
	q->pending[slot].id = q->next_id++;
	q->pending[slot].fn = fn;
	msg = json_pack("{s:s, s:i}", "execute", command, "id", (int)q->pending[slot].id);
	if (arguments)
		json_object_set_new(msg, "arguments", arguments);
	text = json_dumps(msg, JSON_COMPACT);
	sb_addf(&q->out, "%s\n", text);
	json_decref(msg);
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

static int send_some(struct qmp *q)
{
	while (q->out.len) {
		ssize_t n = send(q->fd, q->out.s, q->out.len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : errno == EPIPE ? -ECONNRESET : -errno;
		consume(&q->out, (size_t)n);
	}
	return 0;
}

static void answer(struct qmp *q, json_t *msg)
{
	json_int_t id = json_integer_value(json_object_get(msg, "id"));
	json_t *error = json_object_get(msg, "error");
	const char *text = json_string_value(json_object_get(error, "desc"));
	qmp_answer_fn *fn;

	for (size_t i = 0; i < QMP_PENDING_MAX; i++) {
		if (!q->pending[i].id || q->pending[i].id != id)
			continue;
		fn = q->pending[i].fn;
		q->pending[i].id = 0;
		if (fn)
			fn(q->arg, error ? NULL : json_object_get(msg, "return"),
				error ? (text ? text : "unknown error") : NULL);
		return;
	}
}

static int dispatch(struct qmp *q, const char *line, size_t len)
{
	json_t *msg = json_loadb(line, len, 0, NULL);
	const char *event = json_string_value(json_object_get(msg, "event"));

	if (!json_is_object(msg)) {
		json_decref(msg);
		return -EBADMSG;
	}
	if (event && q->event)
		q->event(q->arg, event, json_object_get(msg, "data"));
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
