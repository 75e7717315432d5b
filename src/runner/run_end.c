/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/run_end.h"
#include "base/log.h"
#include "runner/machine_type.h"
#include "runner/notify.h"
#include "runner/run_output.h"
#include <signal.h>
#include <sys/wait.h>

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

/* memory.events (Documentation/admin-guide/cgroup-v2.rst); zeros where there is none. */
static struct memory_events read_memory(int fd)
{
	struct memory_events m = { 0 };
	char text[400], *at;
	ssize_t n = fd < 0 ? -1 : pread(fd, text, sizeof(text) - 1, 0);

	text[MAX_OF(n, (ssize_t)0)] = '\0';
	at = strstr(text, "\noom ");
	m.limit = at ? strtoull(at + 5, NULL, 10) : 0;
	at = strstr(text, "\noom_kill ");
	m.kills = at ? strtoull(at + 10, NULL, 10) : 0;
	return m;
}

void run_memory_begin(struct runner *r)
{
	r->memory_before = read_memory(r->memory);
}

/* Why the kernel killed; NULL: not for want of memory. */
static const char *memory_gone(const struct runner *r)
{
	struct memory_events now = read_memory(r->memory);

	if (now.kills == r->memory_before.kills)
		return NULL;
	return now.limit == r->memory_before.limit
		       ? "the host ran out of memory"
		       : "guest and QEMU took more than `resources.memory_max`";
}

static void fail_without_machine(struct runner *r)
{
	if (r->spec.guest->machine)
		runner_fail(r,
			"this QEMU has no machine `%s`, which the guest's `machine` names; `%s "
			"-machine help` lists all",
			r->machine.type, r->machine.qemu);
	else
		runner_fail(r,
			"this QEMU has no machine `%s`, which the guest was first started with "
			"(" MACHINE_DIR "/%s); to give it today's, whose devices may look "
			"otherwise to it: `machine: q35`",
			r->machine.type, r->spec.name);
}

static void fail_with_words(struct runner *r, int status)
{
	_cleanup_strbuf_ struct strbuf words = { 0 };

	if (*r->missing && !r->ran) {
		runner_fail(r,
			"this host cannot run the processor `%s`: it lacks %s; use `cpu: {model: "
			"host}` or an older model",
			r->state.cpu_model, r->missing);
		return;
	}
	output_last_words(r, &words);
	if (!r->ran && strstr(sb_str(&words), "unsupported machine type")) {
		fail_without_machine(r);
		return;
	}
	if (r->event_fatal && !words.len) {
		runner_fail(r, "%s", r->event);
		return;
	}
	if (!words.len)
		sb_addf(&words, "exit status %d, without a word", WEXITSTATUS(status));
	runner_fail(r, "QEMU %s: %s", r->ran ? "ended" : "did not start", sb_str(&words));
}

int run_ended(struct runner *r, int status)
{
	const char *why;
	bool well = WIFEXITED(status) && WEXITSTATUS(status) == 0 && r->ran;

	output_drain(r);
	r->qemu = 0;
	if (r->told) {
		log_info("the guest is down");
		return runner_end(r, r->state.error ? END_FORCED : END_STOPPED);
	}
	if (well && r->install.done) {
		runner_end(r, END_NONE);
		return RUN_EXIT_AGAIN;
	}
	if (well && r->guest_off && !r->state.error) {
		log_info("the guest powered itself off");
		return runner_end(r, END_GUEST);
	}
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && (why = memory_gone(r)))
		runner_fail(r, "QEMU was killed: %s", why);
	else if (WIFSIGNALED(status))
		runner_fail(r, "QEMU was killed by signal %d (%s)", WTERMSIG(status),
			strsignal(WTERMSIG(status)));
	else if (well)
		runner_fail(r, "QEMU was told to end by somebody else");
	else
		fail_with_words(r, status);
	return runner_end(r, END_FAILED);
}
