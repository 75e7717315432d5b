/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/supervise.h"
#include "base/log.h"
#include "runner/complaint.h"
#include "runner/notify.h"
#include "runner/run_events.h"
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>

enum { POLL_SIGNALS, POLL_QMP, POLL_OUTPUT, POLL_CONSOLE, POLLS = POLL_CONSOLE + CONSOLE_POLLS };

#define START_TIMEOUT (120 * USEC_PER_SEC) /* QEMU may have much memory to set up */
#define PRESS_EVERY (2 * USEC_PER_SEC) /* a guest that is still booting misses the first */
#define QUIT_TIMEOUT (10 * USEC_PER_SEC)
#define STOP_SLACK (20 * USEC_PER_SEC) /* for `quit` and SIGKILL, on top of the guest's own */

static uint64_t now_usec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * USEC_PER_SEC + (uint64_t)t.tv_nsec / 1000;
}

void runner_fail(struct runner *r, const char *fmt, ...)
{
	char text[sizeof(r->error)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!r->state.error)
		plain_text(r->error, sizeof(r->error), text, strlen(text));
	r->state.error = r->error;
	log_error("%s", text);
}

static void write_state(struct runner *r)
{
	int err = r->record < 0 ? 0 : state_write(r->record, &r->state, &r->tail);

	if (err < 0)
		log_warning("cannot write state.json: %s", strerror(-err));
}

void runner_phase(struct runner *r, enum run_phase phase)
{
	r->state.phase = phase;
	r->state.since = time(NULL);
	write_state(r);
}

static int exit_status(const struct runner *r, enum run_end end)
{
	int restart = live_load(r->dir).restart;

	if (r->told)
		return RUN_EXIT_DONE;
	if (end != END_FAILED)
		return restart == RESTART_ALWAYS ? RUN_EXIT_AGAIN : RUN_EXIT_DONE;
	if (restart == RESTART_NO || (!r->ran && restart != RESTART_ALWAYS))
		return RUN_EXIT_STAY_DOWN;
	return RUN_EXIT_FAILED;
}

int runner_end(struct runner *r, enum run_end end)
{
	r->state.end = end;
	r->state.pid = 0;
	runner_phase(r, RUN_ENDED);
	if (r->state.error)
		notify_send(r->notify, "STATUS=%s", r->state.error);
	return exit_status(r, end);
}

static void kill_qemu(struct runner *r)
{
	kill(r->qemu, SIGKILL);
	r->deadline = 0;
}

/* --- QMP ------------------------------------------------------------------------------------- */

static void on_running(void *arg, _unused_ json_t *result, const char *error)
{
	struct runner *r = arg;

	if (error) {
		runner_fail(r, "QEMU does not run the guest: %s", error);
		kill_qemu(r);
		return;
	}
	r->ran = true;
	if (r->told)
		return;
	r->deadline = 0;
	runner_phase(r, RUN_RUNNING);
	log_info("the guest runs (%s%s%s)", r->state.kvm ? "KVM" : "emulated",
		r->state.accel_reason ? ": " : "",
		r->state.accel_reason ? r->state.accel_reason : "");
	notify_send(r->notify, "READY=1\nSTATUS=Running%s", r->state.kvm ? "" : " (emulated)");
}

static void on_event(void *arg, const char *event, json_t *data)
{
	struct runner *r = arg;
	struct run_event ev = run_event(event, data);

	if (ev.text)
		log_at(ev.level, "%s", ev.text);
	if (ev.powered_off)
		r->guest_off = true;
	if (r->state.phase == RUN_RUNNING && ev.paused)
		runner_phase(r, RUN_PAUSED);
	else if (r->state.phase == RUN_PAUSED && ev.resumed)
		runner_phase(r, RUN_RUNNING);
}

static void process_qmp(struct runner *r)
{
	int err = qmp_process(&r->qmp);

	/* QEMU closes it at its end; SIGCHLD follows. */
	if (err >= 0 || err == -ECONNRESET)
		return;
	runner_fail(r, "QEMU's control socket: %s",
		err == -EBADMSG ? "what it says is no QMP" : strerror(-err));
	kill_qemu(r);
}

/* --- stopping --------------------------------------------------------------------------------- */

static void press_button(struct runner *r)
{
	uint64_t now = now_usec();

	qmp_command(&r->qmp, "system_powerdown", NULL, NULL);
	r->next = PRESS_BUTTON;
	r->deadline = MIN_OF(now + PRESS_EVERY, r->give_up);
}

static void quit(struct runner *r)
{
	qmp_command(&r->qmp, "quit", NULL, NULL);
	r->next = KILL;
	r->deadline = now_usec() + QUIT_TIMEOUT;
}

static void stop(struct runner *r)
{
	unsigned long long timeout = live_load(r->dir).shutdown_timeout;

	if (r->told || !r->ran || !timeout) {
		r->told = true;
		quit(r);
		return;
	}
	r->told = true;
	r->give_up = now_usec() + timeout;
	runner_phase(r, RUN_STOPPING);
	notify_send(r->notify,
		"STOPPING=1\nSTATUS=Shutting the guest down\nEXTEND_TIMEOUT_USEC=%llu",
		timeout + STOP_SLACK);
	log_info("shutting the guest down; it has %llu s", timeout / USEC_PER_SEC);
	press_button(r);
}

static void overdue(struct runner *r)
{
	unsigned long long seconds = START_TIMEOUT / USEC_PER_SEC;

	if (r->next == KILL) {
		if (r->told)
			runner_fail(r, "QEMU did not quit and was killed");
		else
			runner_fail(r, "QEMU did not answer within %llu s and was killed", seconds);
		kill_qemu(r);
	} else if (now_usec() < r->give_up) {
		press_button(r);
	} else {
		seconds = live_load(r->dir).shutdown_timeout / USEC_PER_SEC;
		runner_fail(r, "the guest did not power off within %llu s and was switched off",
			seconds);
		quit(r);
	}
}

/* --- QEMU's output and end -------------------------------------------------------------------- */

static void end_line(struct runner *r)
{
	char text[TAIL_WIDTH + 1];

	if (!r->output.len)
		return;
	tail_add(&r->tail, r->output.text, r->output.len);
	plain_text(text, sizeof(text), r->output.text, r->output.len);
	log_warning("qemu: %s", text);
	r->output.len = 0;
}

static void read_output(struct runner *r)
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

/* What QEMU said before it ended is still in the pipes. */
static void drain(struct runner *r)
{
	for (int i = 0; i < 64 && r->output.fd >= 0; i++) {
		struct pollfd p = { r->output.fd, POLLIN, 0 };

		if (poll(&p, 1, 0) <= 0)
			break;
		read_output(r);
	}
	end_line(r);
	for (int i = 0; i < 64 && r->qmp.fd >= 0; i++)
		if (qmp_process(&r->qmp) < 0)
			break;
	console_drain(&r->console);
}

/* QEMU's last words: the end of the lines that it wrote together. */
static void last_words(struct runner *r, struct strbuf *out)
{
	enum { LINES = 3 };
	size_t n = MIN_OF(r->tail.n, (size_t)TAIL_LINES);

	for (size_t i = n > LINES ? n - LINES : 0; i < n; i++) {
		if (out->len)
			sb_add(out, endswith(sb_str(out), ".") ? " " : "; ");
		complaint(&r->machine, tail_line(&r->tail, i), out);
	}
}

static void fail_with_words(struct runner *r, int status)
{
	_cleanup_strbuf_ struct strbuf words = { 0 };

	last_words(r, &words);
	if (!words.len)
		sb_addf(&words, "exit status %d, without a word", WEXITSTATUS(status));
	runner_fail(r, "QEMU %s: %s", r->ran ? "ended" : "did not start", sb_str(&words));
}

static int ended(struct runner *r, int status)
{
	bool well = WIFEXITED(status) && WEXITSTATUS(status) == 0 && r->ran;

	drain(r);
	r->qemu = 0;
	if (r->told) {
		log_info("the guest is down");
		return runner_end(r, r->state.error ? END_FORCED : END_STOPPED);
	}
	if (well && r->guest_off && !r->state.error) {
		log_info("the guest powered itself off");
		return runner_end(r, END_GUEST);
	}
	if (WIFSIGNALED(status))
		runner_fail(r, "QEMU was killed by signal %d (%s)", WTERMSIG(status),
			strsignal(WTERMSIG(status)));
	else if (well)
		runner_fail(r, "QEMU was told to end by somebody else");
	else
		fail_with_words(r, status);
	return runner_end(r, END_FAILED);
}

/* --- the loop --------------------------------------------------------------------------------- */

/* True when QEMU has ended; its wait status then. */
static bool take_signals(struct runner *r, int *status)
{
	struct signalfd_siginfo s;

	while (read(r->signals, &s, sizeof(s)) == (ssize_t)sizeof(s))
		if (s.ssi_signo == SIGTERM || s.ssi_signo == SIGINT)
			stop(r);
	return waitpid(r->qemu, status, WNOHANG) == r->qemu;
}

static int timeout_ms(const struct runner *r)
{
	uint64_t now = now_usec();

	if (!r->deadline)
		return -1;
	return r->deadline <= now ? 0 : (int)((r->deadline - now) / 1000) + 1;
}

static void wait_for_something(const struct runner *r, struct pollfd v[static POLLS])
{
	v[POLL_SIGNALS] = (struct pollfd){ r->signals, POLLIN, 0 };
	v[POLL_QMP] = (struct pollfd){ r->qmp.fd, qmp_events(&r->qmp), 0 };
	v[POLL_OUTPUT] = (struct pollfd){ r->output.fd, POLLIN, 0 };
	console_poll(&r->console, v + POLL_CONSOLE);
	if (poll(v, POLLS, timeout_ms(r)) < 0)
		for (int i = 0; i < POLLS; i++)
			v[i].revents = 0;
}

int runner_loop(struct runner *r)
{
	struct pollfd v[POLLS];
	int status;

	r->next = KILL;
	r->deadline = now_usec() + START_TIMEOUT;
	qmp_init(&r->qmp, r->qmp.fd, on_event, r);
	qmp_command(&r->qmp, "cont", NULL, on_running);
	qmp_process(&r->qmp);
	for (;;) {
		wait_for_something(r, v);
		if (v[POLL_OUTPUT].revents)
			read_output(r);
		if (v[POLL_QMP].revents)
			process_qmp(r);
		console_process(&r->console, v + POLL_CONSOLE);
		if (v[POLL_SIGNALS].revents && take_signals(r, &status))
			return ended(r, status);
		if (r->deadline && now_usec() >= r->deadline)
			overdue(r);
	}
}
