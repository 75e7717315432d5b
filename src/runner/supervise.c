/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/supervise.h"
#include "base/log.h"
#include "config/obj.h"
#include "runner/notify.h"
#include "runner/run_end.h"
#include "runner/run_events.h"
#include "runner/run_install.h"
#include "runner/run_lost.h"
#include "runner/run_output.h"
#include "runner/run_stop.h"
#include "runner/run_watch.h"
#include <poll.h>
#include <stdarg.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

enum {
	POLL_SIGNALS,
	POLL_QMP,
	POLL_OUTPUT,
	POLL_AGENT,
	POLL_DISPLAY,
	POLL_FIRMWARE,
	POLL_CONTROL,
	POLL_CONSOLE = POLL_CONTROL + CONTROL_POLLS,
	POLLS = POLL_CONSOLE + CONSOLE_POLLS
};

#define TPM_SLACK (2 * USEC_PER_SEC)

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

void runner_save(struct runner *r)
{
	int err = r->record < 0 ? 0 : state_write(r->record, &r->state, &r->tail);

	if (err < 0)
		log_warning("cannot write state.json: %s", strerror(-err));
}

void runner_phase(struct runner *r, enum run_phase phase)
{
	r->state.phase = phase;
	r->state.since = time(NULL);
	runner_save(r);
}

/* --- QMP ------------------------------------------------------------------------------------- */

static void on_running(void *arg, _unused_ json_t *result, const char *error)
{
	struct runner *r = arg;

	if (error) {
		runner_fail(r, "QEMU does not run the guest: %s", error);
		run_kill(r);
		return;
	}
	r->ran = true;
	if (r->told)
		return;
	r->deadline = 0;
	if (*r->missing) {
		snprintf(r->event, sizeof(r->event), "the emulated processor lacks %s", r->missing);
		r->state.event = r->event;
	}
	runner_phase(r, RUN_RUNNING);
	log_info("the guest runs (%s%s%s)", r->state.kvm ? "KVM" : "emulated",
		r->state.accel_reason ? ": " : "",
		r->state.accel_reason ? r->state.accel_reason : "");
	notify_send(r->notify, "READY=1\nSTATUS=Running%s", r->state.kvm ? "" : " (emulated)");
}

static void note_event(struct runner *r, const struct run_event *ev)
{
	/* Each of the requests that were on their way fails. */
	if (!ev->text || (ev->level <= LOG_ERR && streq_null(ev->text, r->state.event)))
		return;
	said(&r->said, runner_clock(), ev->level, ev->text);
	if (ev->level > LOG_ERR)
		return;
	snprintf(r->event, sizeof(r->event), "%s", ev->text);
	r->state.event = r->event;
	r->event_still = ev->still;
	r->event_fatal = ev->fatal;
	runner_save(r);
}

static void on_event(void *arg, const char *event, json_t *msg)
{
	struct runner *r = arg;
	struct run_event ev = run_event(r->spec.guest, event, json_object_get(msg, "data"));

	control_event(&r->control, msg);
	if (run_install_event(r, event, json_object_get(msg, "data")))
		return;
	note_event(r, &ev);
	if (ev.deleted && run_lost(r, ev.deleted))
		runner_save(r);
	if (ev.agent)
		r->agent.open = ev.agent_open;
	if (ev.powered_off)
		r->guest_off = true;
	if (r->state.phase == RUN_RUNNING && ev.paused) {
		runner_phase(r, RUN_PAUSED);
		run_why_stopped(r);
	} else if (r->state.phase == RUN_PAUSED && ev.resumed) {
		if (r->event_still) {
			*r->event = '\0';
			r->state.event = NULL;
			r->event_still = false;
		}
		runner_phase(r, RUN_RUNNING);
	}
}

static void process_qmp(struct runner *r)
{
	int err = qmp_process(&r->qmp);

	/* QEMU closes it at its end; SIGCHLD follows. */
	if (err >= 0 || err == -ECONNRESET)
		return;
	runner_fail(r, "QEMU's control socket: %s",
		err == -EBADMSG ? "what it says is no QMP" : strerror(-err));
	run_kill(r);
}

/* --- nothing to boot -------------------------------------------------------------------------- */

static void on_console(void *arg, const char *data, size_t len)
{
	struct runner *r = arg;

	boot_retry_hear(&r->retry, runner_clock(), data, len);
}

static void begin_retries(struct runner *r)
{
	const struct guest *g = r->spec.guest;

	r->retry.on = (g->firmware != FIRMWARE_BIOS || r->firmware >= 0) &&
		      obj_has(&g->boot, "reboot_timeout");
	r->retry.wait = g->boot.reboot_timeout;
	r->console.heard = on_console;
	r->console.arg = r;
}

static void hear_firmware(struct runner *r)
{
	char chunk[4096];
	ssize_t n = recv(r->firmware, chunk, sizeof(chunk), MSG_DONTWAIT);

	if (n > 0) {
		boot_retry_hear(&r->retry, runner_clock(), chunk, (size_t)n);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		close_p(&r->firmware);
		r->firmware = -1;
	}
}

static void boot_again(struct runner *r)
{
	r->retry.at = 0;
	if (r->told)
		return;
	log_notice("the firmware found nothing to boot, and tries again");
	qmp_command(&r->qmp, "system_reset", NULL, NULL);
}

/* --- the loop --------------------------------------------------------------------------------- */

/* True when QEMU has ended; its wait status then. */
static bool take_signals(struct runner *r, int *status)
{
	struct signalfd_siginfo s;

	while (read(r->signals, &s, sizeof(s)) == (ssize_t)sizeof(s))
		if (s.ssi_signo == SIGTERM || s.ssi_signo == SIGINT)
			run_stop(r);
	if (waitpid(r->qemu, status, WNOHANG) == r->qemu)
		return true;
	if (r->tpm && waitpid(r->tpm, NULL, WNOHANG) == r->tpm) {
		r->tpm = 0;
		r->tpm_missed = runner_clock() + TPM_SLACK;
	}
	return false;
}

/* It ends with QEMU, of which is heard a moment later. */
static void tell_of_tpm(struct runner *r)
{
	static const struct run_event ev = {
		.text = "the guest's TPM (swtpm) has ended; it has none until it is restarted",
		.level = LOG_ERR
	};

	r->tpm_missed = 0;
	note_event(r, &ev);
}

static int timeout_ms(const struct runner *r)
{
	const uint64_t times[] = { r->deadline, r->agent.deadline, r->alive_next, r->alive_late,
		r->tpm_missed, r->retry.at };
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
	if (r->tpm_missed && now >= r->tpm_missed)
		tell_of_tpm(r);
	if (r->retry.at && now >= r->retry.at)
		boot_again(r);
	if (r->alive_next && now >= r->alive_next)
		run_alive_ask(r);
	if (r->alive_late && now >= r->alive_late)
		run_alive_late(r);
	if (r->deadline && now >= r->deadline)
		run_overdue(r);
}

static void wait_for_something(const struct runner *r, struct pollfd v[static POLLS])
{
	v[POLL_SIGNALS] = (struct pollfd){ r->signals, POLLIN, 0 };
	v[POLL_QMP] = (struct pollfd){ r->qmp.fd, qmp_events(&r->qmp), 0 };
	v[POLL_OUTPUT] = (struct pollfd){ r->output.fd, POLLIN, 0 };
	v[POLL_AGENT] = (struct pollfd){ r->agent.fd, agent_events(&r->agent), 0 };
	v[POLL_DISPLAY] = (struct pollfd){ display_fd(&r->display), POLLIN, 0 };
	v[POLL_FIRMWARE] = (struct pollfd){ r->firmware, POLLIN, 0 };
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
	r->deadline = runner_clock() + RUN_START_TIMEOUT;
	qmp_init(&r->qmp, r->qmp.fd, on_event, r);
	run_alive_begin(r);
	begin_retries(r);
	if (r->display.listen >= 0) {
		display_begin(&r->display, &r->spec.guest->graphics, r->display.listen, r->secret,
			&r->control);
		r->state.display = r->display.address;
	}
	r->state.install = r->install.note >= 0 ? "running" : NULL;
	run_pin(r);
	run_balloon(r);
	run_type(r);
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
		if (v[POLL_FIRMWARE].revents)
			hear_firmware(r);
		control_process(&r->control, v + POLL_CONTROL);
		console_process(&r->console, v + POLL_CONSOLE);
		if (v[POLL_SIGNALS].revents && take_signals(r, &status))
			return run_ended(r, status);
		look_at_clock(r);
	}
}
