/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/control.h"
#include <fcntl.h>
#include <sys/socket.h>

enum { POLL_LISTEN, POLL_CLIENTS, LINE_MAX_ = 256 * 1024, OUT_MAX = 2 * QMP_LINE_MAX };

static const char greeting[] =
	"{\"QMP\": {\"version\": {\"package\": \"kvmhost\"}, \"capabilities\": []}}\n";

void control_init(struct control *c, int listen, struct qmp *qmp, struct agent *agent)
{
	*c = (struct control){ .listen = listen, .qmp = qmp, .agent = agent };
	for (int i = 0; i < CONTROL_CLIENTS; i++)
		c->clients[i] = (struct control_client){ .fd = -1, .passed = -1, .control = c };
}

static void drop(struct control_client *k)
{
	close_p(&k->fd);
	close_p(&k->passed);
	k->fd = k->passed = -1;
	sb_free(&k->in);
	sb_free(&k->out);
	json_decref(k->id);
	k->id = NULL;
}

static void see(struct control_client *k, enum control_progress at)
{
	if (k->control->seen && k->command)
		k->control->seen(k->control->arg, k->command, at);
	if (at == CONTROL_SENT)
		return;
	json_decref(k->command);
	k->command = NULL;
}

void control_close(struct control *c)
{
	for (int i = 0; i < CONTROL_CLIENTS; i++) {
		drop(&c->clients[i]);
		json_decref(c->clients[i].command);
		c->clients[i].command = NULL;
	}
	close_p(&c->listen);
	c->listen = -1;
}

void control_poll(const struct control *c, struct pollfd v[static CONTROL_POLLS])
{
	v[POLL_LISTEN] = (struct pollfd){ c->listen, POLLIN, 0 };
	for (int i = 0; i < CONTROL_CLIENTS; i++) {
		const struct control_client *k = &c->clients[i];

		v[POLL_CLIENTS + i] = (struct pollfd){ k->fd,
			(short)((k->busy || k->hurried ? 0 : POLLIN) | (k->out.len ? POLLOUT : 0)),
			0 };
	}
}

/* In ASCII: `kvmhostctl guest monitor` shows it on a terminal. */
static void say(struct control_client *k, json_t *msg)
{
	_cleanup_free_ char *text = json_dumps(msg, JSON_COMPACT | JSON_ENSURE_ASCII);

	if (k->fd < 0 || !text)
		return;
	sb_addf(&k->out, "%s\n", text);
	/* It reads nothing. */
	if (k->out.len > OUT_MAX)
		drop(k);
}

static void answer(struct control_client *k, json_t *msg)
{
	k->busy = false;
	if (k->id)
		json_object_set(msg, "id", k->id);
	else
		json_object_del(msg, "id");
	json_decref(k->id);
	k->id = NULL;
	say(k, msg);
}

static void refuse(struct control_client *k, const char *why)
{
	json_t *msg = json_pack("{s:{s:s, s:s}}", "error", "class", "GenericError", "desc", why);

	answer(k, msg);
	json_decref(msg);
}

static void on_answer(void *arg, json_t *msg)
{
	struct control_client *k = arg;

	if (k->control->passing == k)
		k->control->passing = NULL;
	see(k, json_object_get(msg, "error") ? CONTROL_REFUSED : CONTROL_DONE);
	answer(k, msg);
}

static void on_agent(void *arg, json_t *result, const char *error)
{
	struct control_client *k = arg;
	json_t *msg;

	if (error) {
		refuse(k, error);
		return;
	}
	msg = json_pack("{s:O}", "return", result);
	answer(k, msg);
	json_decref(msg);
}

static void pass_to_agent(struct control_client *k, json_t *command)
{
	const char *why = agent_ask(k->control->agent, command, on_agent, k);

	if (why)
		refuse(k, why);
}

static void pass_to_qemu(struct control_client *k, json_t *command)
{
	struct control *c = k->control;
	int fd = TAKE_FD(k->passed);

	if (fd >= 0 && c->passing) {
		close(fd);
		refuse(k, "another descriptor is on its way to QEMU; try again");
		return;
	}
	if (fd >= 0)
		c->passing = k;
	k->command = json_incref(command);
	see(k, CONTROL_SENT);
	if (qmp_pass(c->qmp, command, fd, on_answer, k) < 0) {
		c->passing = fd >= 0 ? NULL : c->passing;
		see(k, CONTROL_REFUSED);
		refuse(k, "QEMU does not take commands now");
	}
}

static void take_command(struct control_client *k, const char *line, size_t len)
{
	json_t *command = json_loadb(line, len, 0, NULL);
	const char *name = json_string_value(json_object_get(command, "execute"));

	k->busy = true;
	k->id = json_incref(json_object_get(command, "id"));
	if (!name) {
		refuse(k, "a command is one line, such as {\"execute\": \"query-status\"}");
	} else if (streq(name, "qmp_capabilities")) {
		json_t *msg = json_pack("{s:{}}", "return");

		answer(k, msg);
		json_decref(msg);
	} else if (streq(name, "x-agent")) {
		pass_to_agent(k, json_object_get(command, "arguments"));
	} else {
		pass_to_qemu(k, command);
	}
	json_decref(command);
}

/* One line at a time: the next one when this is answered. */
static void take_lines(struct control_client *k)
{
	char *end;

	while (k->fd >= 0 && !k->busy && k->in.len && (end = memchr(k->in.s, '\n', k->in.len))) {
		size_t len = (size_t)(end - k->in.s);

		*end = '\0';
		if (strspn(k->in.s, " \t\r") < len)
			take_command(k, k->in.s, len);
		if (k->fd < 0)
			return;
		memmove(k->in.s, end + 1, k->in.len - len - 1);
		k->in.len -= len + 1;
	}
	if (k->in.len > LINE_MAX_)
		drop(k);
}

/* With the descriptor that came along. */
static ssize_t receive(struct control_client *k, char *chunk, size_t room)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec data = { chunk, room };
	struct msghdr msg = { .msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(k->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;

	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
		close_p(&k->passed);
		memcpy(&k->passed, CMSG_DATA(c), sizeof(int));
	}
	return n;
}

static void read_client(struct control_client *k)
{
	char chunk[4096];
	ssize_t n = receive(k, chunk, sizeof(chunk));

	if (n > 0) {
		sb_addn(&k->in, chunk, (size_t)n);
		take_lines(k);
	} else if (n == 0) {
		k->hurried = true;
	} else if (errno != EAGAIN && errno != EINTR) {
		drop(k);
	}
}

static void write_client(struct control_client *k)
{
	while (k->fd >= 0 && k->out.len) {
		ssize_t n = send(k->fd, k->out.s, k->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno != EAGAIN && errno != EINTR)
			drop(k);
		if (n <= 0)
			return;
		memmove(k->out.s, k->out.s + n, k->out.len - (size_t)n);
		k->out.len -= (size_t)n;
	}
}

static void accept_client(struct control *c)
{
	/* cppcheck-suppress nullPointer; the kernel need not tell who it is */
	int fd = accept4(c->listen, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	for (int i = 0; fd >= 0 && i < CONTROL_CLIENTS; i++) {
		struct control_client *k = &c->clients[i];

		if (k->fd >= 0 || k->busy)
			continue;
		*k = (struct control_client){ .fd = fd, .passed = -1, .control = c };
		sb_add(&k->out, greeting);
		return;
	}
	/* No room: the client sees the end at once. */
	close_p(&fd);
}

void control_process(struct control *c, const struct pollfd v[static CONTROL_POLLS])
{
	for (int i = 0; i < CONTROL_CLIENTS; i++) {
		struct control_client *k = &c->clients[i];
		short got = v[POLL_CLIENTS + i].revents;

		if (k->fd >= 0 && got & POLLIN)
			read_client(k);
		/* What waited while it was busy. */
		if (k->fd >= 0 && !k->busy)
			take_lines(k);
		write_client(k);
		if (k->fd >= 0 && ((got & (POLLHUP | POLLERR) && !(got & POLLIN)) ||
					  (k->hurried && !k->busy && !k->out.len)))
			drop(k);
	}
	if (v[POLL_LISTEN].revents & POLLIN)
		accept_client(c);
}

void control_event(struct control *c, json_t *msg)
{
	for (int i = 0; i < CONTROL_CLIENTS; i++)
		say(&c->clients[i], msg);
}
