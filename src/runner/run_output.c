/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/run_output.h"
#include "base/log.h"
#include "runner/complaint.h"
#include "runner/run_watch.h"
#include <poll.h>

static void note_missing(struct runner *r, const char *line)
{
	size_t used = strlen(r->missing), len = 0;
	const char *flag = complaint_flag(line, &len);

	if (flag)
		snprintf(r->missing + used, sizeof(r->missing) - used, "%s%.*s", used ? ", " : "",
			(int)len, flag);
}

static void end_line(struct runner *r)
{
	char text[TAIL_WIDTH + 1], line[sizeof(text) + 8];

	if (!r->output.len)
		return;
	plain_text(text, sizeof(text), r->output.text, r->output.len);
	if (!complaint_idle(text)) {
		tail_add(&r->tail, r->output.text, r->output.len);
		note_missing(r, text);
		snprintf(line, sizeof(line), "qemu: %s", text);
		said(&r->said, runner_clock(), LOG_WARNING, line);
	}
	r->output.len = 0;
}

void output_read(struct runner *r)
{
	char chunk[1024];
	ssize_t n = read(r->output.fd, chunk, sizeof(chunk));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		end_line(r);
		close_p(&r->output.fd);
		r->output.fd = -1;
		return;
	}
	for (ssize_t i = 0; i < n; i++) {
		if (chunk[i] != '\n')
			r->output.text[r->output.len++] = chunk[i];
		if (chunk[i] == '\n' || r->output.len == sizeof(r->output.text))
			end_line(r);
	}
}

void output_drain(struct runner *r)
{
	for (int i = 0; i < 64 && r->output.fd >= 0; i++) {
		struct pollfd p = { r->output.fd, POLLIN, 0 };

		if (poll(&p, 1, 0) <= 0)
			break;
		output_read(r);
	}
	end_line(r);
	for (int i = 0; i < 64 && r->qmp.fd >= 0; i++)
		if (qmp_process(&r->qmp) < 0)
			break;
	console_drain(&r->console);
	said_rest(&r->said);
}

void output_last_words(struct runner *r, struct strbuf *out)
{
	enum { LINES = 3 };
	size_t n = MIN_OF(r->tail.n, (size_t)TAIL_LINES);

	for (size_t i = n > LINES ? n - LINES : 0; i < n; i++) {
		if (out->len)
			sb_add(out, endswith(sb_str(out), ".") ? " " : "; ");
		complaint(&r->machine, tail_line(&r->tail, i), out);
	}
}
