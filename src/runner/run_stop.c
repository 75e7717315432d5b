/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/run_stop.h"
#include "base/log.h"
#include "runner/notify.h"
#include "runner/run_watch.h"
#include <signal.h>

#define AGENT_FIRST (10 * USEC_PER_SEC) /* then the power button */
#define PRESS_EVERY (2 * USEC_PER_SEC) /* a guest that is still booting misses the first */
#define QUIT_TIMEOUT (10 * USEC_PER_SEC)
#define STOP_SLACK (20 * USEC_PER_SEC) /* for `quit` and SIGKILL, on top of the guest's own */

void run_kill(struct runner *r)
{
	kill(r->qemu, SIGKILL);
	r->deadline = 0;
}

static void press_button(struct runner *r)
{
	uint64_t now = runner_clock();

	qmp_command(&r->qmp, "system_powerdown", NULL, NULL);
	r->next = PRESS_BUTTON;
	r->deadline = MIN_OF(now + PRESS_EVERY, r->give_up);
}

void run_quit(struct runner *r)
{
	qmp_command(&r->qmp, "quit", NULL, NULL);
	r->next = KILL;
	r->deadline = runner_clock() + QUIT_TIMEOUT;
}

void run_stop(struct runner *r)
{
	unsigned long long timeout = live_load(r->dir).shutdown_timeout;
	bool paused = r->state.phase == RUN_PAUSED;

	/* An installer that has ended has nothing left to shut down. */
	if (r->told || !r->ran || !timeout || r->install.phase != INSTALL_RUNS) {
		r->told = true;
		run_quit(r);
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

void run_overdue(struct runner *r)
{
	unsigned long long seconds = RUN_START_TIMEOUT / USEC_PER_SEC;

	if (r->next == KILL) {
		if (r->told)
			runner_fail(r, "QEMU did not quit and was killed");
		else
			runner_fail(r, "QEMU did not answer within %llu s and was killed", seconds);
		run_kill(r);
	} else if (runner_clock() < r->give_up) {
		press_button(r);
	} else {
		seconds = live_load(r->dir).shutdown_timeout / USEC_PER_SEC;
		runner_fail(r, "the guest did not power off within %llu s and was switched off",
			seconds);
		run_quit(r);
	}
}
