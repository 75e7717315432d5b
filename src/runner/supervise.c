/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/supervise.h"
#include "base/log.h"
#include "runner/notify.h"
#include "runner/run_events.h"
#include "runner/run_lost.h"
#include "runner/run_output.h"
#include "runner/run_watch.h"
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>

enum {
	POLL_SIGNALS,
	POLL_QMP,
	POLL_OUTPUT,
	POLL_AGENT,
	POLL_DISPLAY,
	POLL_CONTROL,
	POLL_CONSOLE = POLL_CONTROL + CONTROL_POLLS,
	POLLS = POLL_CONSOLE + CONSOLE_POLLS
};

#define START_TIMEOUT (120 * USEC_PER_SEC) /* QEMU may have much memory to set up */
#define AGENT_FIRST (10 * USEC_PER_SEC) /* then the power button */
#define PRESS_EVERY (2 * USEC_PER_SEC) /* a guest that is still booting misses the first */
#define QUIT_TIMEOUT (10 * USEC_PER_SEC)
#define STOP_SLACK (20 * USEC_PER_SEC) /* for `quit` and SIGKILL, on top of the guest's own */

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

static void note_event(struct runner *r, const struct run_event *ev)
{
	if (!ev->text)
		return;
	log_at(ev->level, "%s", ev->text);
	if (ev->level > LOG_ERR)
		return;
	snprintf(r->event, sizeof(r->event), "%s", ev->text);
	r->state.event = r->event;
	write_state(r);
}

static void on_event(void *arg, const char *event, json_t *msg)
{
	struct runner *r = arg;
	struct run_event ev = run_event(event, json_object_get(msg, "data"));

	control_event(&r->control, msg);
	note_event(r, &ev);
	if (ev.deleted && run_lost(r, ev.deleted))
		write_state(r);
	if (ev.agent)
		r->agent.open = ev.agent_open;
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
	uint64_t now = runner_clock();

	qmp_command(&r->qmp, "system_powerdown", NULL, NULL);
	r->next = PRESS_BUTTON;
	r->deadline = MIN_OF(now + PRESS_EVERY, r->give_up);
}

static void quit(struct runner *r)
{
	qmp_command(&r->qmp, "quit", NULL, NULL);
	r->next = KILL;
	r->deadline = runner_clock() + QUIT_TIMEOUT;
}

static void stop(struct runner *r)
{
	unsigned long long timeout = live_load(r->dir).shutdown_timeout;
	bool paused = r->state.phase == RUN_PAUSED;

	if (r->told || !r->ran || !timeout) {
		r->told = true;
		quit(r);
		return;
	}
	r->told = true;
	r->give_up = runner_clock() + timeout;
	runner_phase(r, RUN_STOPPING);
	notify_send(r->notify,
		"STOPPING=1\nSTATUS=Shutting the guest down\nEXTEND_TIMEOUT_USEC=%llu",
		timeout + STOP_SLACK);
	log_info("shutting the guest down; it has %llu s", timeout / USEC_PER_SEC);
	/* One that stands still hears nothing. */
	if (paused)
		qmp_command(&r->qmp, "cont", NULL, NULL);
	if (!agent_power_off(&r->agent)) {
		press_button(r);
		return;
	}
	log_info("asked the guest's agent");
	r->next = PRESS_BUTTON;
	r->deadline = MIN_OF(runner_clock() + AGENT_FIRST, r->give_up);
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
	} else if (runner_clock() < r->give_up) {
		press_button(r);
	} else {
		seconds = live_load(r->dir).shutdown_timeout / USEC_PER_SEC;
		runner_fail(r, "the guest did not power off within %llu s and was switched off",
			seconds);
		quit(r);
	}
}

/* --- QEMU's end ---------------------------------------------------------------------------------
 */

static void fail_with_words(struct runner *r, int status)
{
	_cleanup_strbuf_ struct strbuf words = { 0 };

	output_last_words(r, &words);
	if (!words.len)
		sb_addf(&words, "exit status %d, without a word", WEXITSTATUS(status));
	runner_fail(r, "QEMU %s: %s", r->ran ? "ended" : "did not start", sb_str(&words));
}

/* It rebooted, or powered off: from now on it boots by its boot order. */
static int installed(struct runner *r)
{
	if (pwrite(r->install, "done\n", 5, 0) != 5 || fsync(r->install) < 0) {
		runner_fail(r, "cannot note that the installation is done: %s", strerror(errno));
		return runner_end(r, END_FAILED);
	}
	log_info("the installation is done; the guest starts again, by its boot order");
	r->state.install = NULL;
	runner_end(r, END_NONE);
	return RUN_EXIT_AGAIN;
}

static int ended(struct runner *r, int status)
{
	bool well = WIFEXITED(status) && WEXITSTATUS(status) == 0 && r->ran;

	output_drain(r);
	r->qemu = 0;
	if (r->told) {
		log_info("the guest is down");
		return runner_end(r, r->state.error ? END_FORCED : END_STOPPED);
	}
	if (well && r->guest_off && !r->state.error && r->install >= 0)
		return installed(r);
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
	const uint64_t times[] = { r->deadline, r->agent.deadline, r->alive_next };
	uint64_t now = runner_clock(), first = 0;

	for (size_t i = 0; i < ARRAY_SIZE(times); i++)
		if (times[i] && (!first || times[i] < first))
			first = times[i];
	if (!first)
		return -1;
	return first <= now ? 0 : (int)((first - now) / 1000) + 1;
}

static void look_at_clock(struct runner *r)
{
	uint64_t now = runner_clock();

	if (r->agent.deadline && now >= r->agent.deadline)
		agent_overdue(&r->agent);
	if (r->alive_next && now >= r->alive_next)
		run_alive_ask(r);
	if (r->deadline && now >= r->deadline)
		overdue(r);
}

static void wait_for_something(const struct runner *r, struct pollfd v[static POLLS])
{
	v[POLL_SIGNALS] = (struct pollfd){ r->signals, POLLIN, 0 };
	v[POLL_QMP] = (struct pollfd){ r->qmp.fd, qmp_events(&r->qmp), 0 };
	v[POLL_OUTPUT] = (struct pollfd){ r->output.fd, POLLIN, 0 };
	v[POLL_AGENT] = (struct pollfd){ r->agent.fd, agent_events(&r->agent), 0 };
	v[POLL_DISPLAY] = (struct pollfd){ display_fd(&r->display), POLLIN, 0 };
	control_poll(&r->control, v + POLL_CONTROL);
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
	r->deadline = runner_clock() + START_TIMEOUT;
	qmp_init(&r->qmp, r->qmp.fd, on_event, r);
	run_alive_begin(r);
	if (r->display.listen >= 0) {
		display_begin(&r->display, &r->spec.guest->graphics, r->display.listen, r->secret,
			&r->control);
		r->state.display = r->display.address;
	}
	r->state.install = r->install >= 0 ? "running" : NULL;
	run_pin(r);
	qmp_command(&r->qmp, "cont", NULL, on_running);
	qmp_process(&r->qmp);
	for (;;) {
		wait_for_something(r, v);
		if (v[POLL_OUTPUT].revents)
			output_read(r);
		if (v[POLL_QMP].revents)
			process_qmp(r);
		if (v[POLL_AGENT].revents)
			agent_process(&r->agent);
		if (v[POLL_DISPLAY].revents)
			display_process(&r->display);
		control_process(&r->control, v + POLL_CONTROL);
		console_process(&r->console, v + POLL_CONSOLE);
		if (v[POLL_SIGNALS].revents && take_signals(r, &status))
			return ended(r, status);
		look_at_clock(r);
	}
}
