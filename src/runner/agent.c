/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/agent.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

static uint64_t now_usec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

void agent_init(struct agent *a, int fd)
{
	*a = (struct agent){ .fd = fd };
	if (fd >= 0)
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static void finish(struct agent *a, json_t *result, const char *error)
{
	agent_answer_fn *fn = a->fn;

	a->fn = NULL;
	a->deadline = 0;
	if (fn)
		fn(a->arg, result, error);
}

void agent_close(struct agent *a)
{
	finish(a, NULL, "the guest has ended");
	close_p(&a->fd);
	a->fd = -1;
	sb_free(&a->in);
	sb_free(&a->out);
}

short agent_events(const struct agent *a)
{
	if (a->fd < 0)
		return 0;
	return a->out.len ? POLLIN | POLLOUT : POLLIN;
}

/* The byte 0xff makes the guest's parser forget what was cut off before. */
static void add_sync(struct agent *a)
{
	a->number = (int64_t)(now_usec() & 0x7fffffff);
	a->synced = false;
	sb_addf(&a->out,
		"\xff{\"execute\": \"guest-sync-delimited\", \"arguments\": {\"id\": %lld}}\n",
		(long long)a->number);
}

const char *agent_ask(struct agent *a, json_t *command, agent_answer_fn *fn, void *arg)
{
	_cleanup_free_ char *text = NULL;

	if (a->fd < 0)
		return "the guest has no channel for an agent; write `agent: true`";
	if (!a->open)
		return "no agent runs in the guest (qemu-guest-agent)";
	if (a->deadline)
		return "the agent is busy with another question";
	if (a->out.len > AGENT_LINE_MAX)
		return "the guest takes no questions from its channel";
	text = json_is_object(command) ? json_dumps(command, JSON_COMPACT) : NULL;
	if (!text)
		return "a question to the agent is {\"execute\": \"guest-info\"}";
	a->fn = fn;
	a->arg = arg;
	a->deadline = now_usec() + AGENT_TIMEOUT;
	add_sync(a);
	sb_addf(&a->out, "%s\n", text);
	agent_process(a);
	return NULL;
}

bool agent_power_off(struct agent *a)
{
	if (a->fd < 0 || !a->open)
		return false;
	finish(a, NULL, "the guest shuts down");
	add_sync(a);
	sb_add(&a->out, "{\"execute\": \"guest-shutdown\", \"arguments\": {\"mode\": "
			"\"powerdown\"}}\n");
	agent_process(a);
	return true;
}

void agent_overdue(struct agent *a)
{
	finish(a, NULL, "the agent did not answer in time");
}

static void take_line(struct agent *a, const char *line, size_t len)
{
	json_t *msg, *result, *error;
	const char *why;

	while (len && (unsigned char)*line == 0xff) {
		line++;
		len--;
	}
	msg = json_loadb(line, len, JSON_DECODE_ANY, NULL);
	result = json_object_get(msg, "return");
	error = json_object_get(msg, "error");
	why = json_string_value(json_object_get(error, "desc"));
	if (!a->synced)
		a->synced = json_is_integer(result) && json_integer_value(result) == a->number;
	else if (result || error)
		finish(a, result, result ? NULL : why ? why : "the agent refused");
	json_decref(msg);
}

static void take_lines(struct agent *a)
{
	size_t start = 0;
	char *end;

	while (start < a->in.len && (end = memchr(a->in.s + start, '\n', a->in.len - start))) {
		size_t len = (size_t)(end - (a->in.s + start));

		if (a->deadline)
			take_line(a, a->in.s + start, len);
		start += len + 1;
	}
	if (start)
		memmove(a->in.s, a->in.s + start, a->in.len - start);
	a->in.len -= start;
	/* A flood without a line's end. */
	if (a->in.len > AGENT_LINE_MAX)
		a->in.len = 0;
}

void agent_process(struct agent *a)
{
	char chunk[4096];
	ssize_t n = 0;

	if (a->fd < 0)
		return;
	if (a->out.len)
		n = send(a->fd, a->out.s, a->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n > 0) {
		memmove(a->out.s, a->out.s + n, a->out.len - (size_t)n);
		a->out.len -= (size_t)n;
	}
	for (int i = 0; i < 16; i++) {
		n = recv(a->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
		if (n <= 0)
			break;
		sb_addn(&a->in, chunk, (size_t)n);
	}
	take_lines(a);
	if (n == 0) {
		close_p(&a->fd);
		a->fd = -1;
		finish(a, NULL, "the guest has ended");
	}
}
