/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/run_install.h"
#include "base/log.h"
#include "runner/run_stop.h"
#include "runner/run_watch.h"

#define ECHO_TIME (3 * USEC_PER_SEC)
#define STORAGE "/machine/peripheral/storage" /* qemu_disks.c */

static void on_done(void *arg, _unused_ json_t *result, const char *error)
{
	struct runner *r = arg;

	if (!error)
		return;
	runner_fail(r, "QEMU does not let the guest boot again: %s", error);
	run_kill(r);
}

static void set_reboot(struct runner *r, const char *action)
{
	qmp_command(&r->qmp, "set-action", json_pack("{s:s}", "reboot", action), on_done);
}

/* QEMU takes this for the end too, unless it is told otherwise. */
static void reset(struct runner *r)
{
	r->install.phase = INSTALL_RESET;
	set_reboot(r, "reset");
	qmp_command(&r->qmp, "system_reset", NULL, on_done);
}

/* SeaBIOS finds itself in memory as it was, copies itself from its ROM, and resets once more. */
static void boot_again(struct runner *r)
{
	r->install.echo = runner_clock() + ECHO_TIME;
	r->install.crashed = false;
	reset(r);
}

/* Not before: `cont` is refused until the machine is reset. */
static void was_reset(struct runner *r)
{
	r->install.phase = INSTALL_STARTS;
	set_reboot(r, "shutdown");
	qmp_command(&r->qmp, "cont", NULL, on_done);
}

static void end(struct runner *r, bool off)
{
	r->guest_off = off;
	run_quit(r);
}

static void done(struct runner *r)
{
	if (pwrite(r->install.note, "done\n", 5, 0) != 5 || fsync(r->install.note) < 0) {
		runner_fail(r, "cannot note that the installation is done: %s", strerror(errno));
	} else {
		r->install.done = true;
		r->state.install = NULL;
		log_info("the installation is done; the guest starts again, by its boot order");
	}
	end(r, true);
}

/* A medium that reboots at once would fill the journal. */
static bool worth_a_line(unsigned n)
{
	return (n & (n - 1)) == 0;
}

static void in_vain(struct runner *r)
{
	unsigned n = ++r->install.in_vain;

	snprintf(r->event, sizeof(r->event),
		r->install.off
			? "the guest powered off and had written to no disk: it is not installed"
			: "the guest rebooted and had written to no disk: it is not installed, and "
			  "boots its medium again (%u)",
		n);
	r->state.event = r->event;
	runner_save(r);
	if (r->install.off || worth_a_line(n))
		log_warning("%s", r->event);
	if (r->install.off)
		end(r, true);
	else
		boot_again(r);
}

/* Can QEMU count all that an installer might write? */
static bool all_is_counted(const struct guest *g)
{
	bool has_disk = false;

	for (size_t i = 0; i < g->disks.n; i++) {
		const struct guest_disk *d = &LIST_AT(&g->disks, const struct guest_disk, i);

		if (d->device == DEVICE_LUN)
			return false;
		has_disk |= d->device == DEVICE_DISK && !disk_is_readonly(d);
	}
	return has_disk && !g->devices.n;
}

static bool wrote(json_t *stats)
{
	json_t *one;
	size_t i;

	json_array_foreach (stats, i, one) {
		const char *of = json_string_value(json_object_get(one, "qdev"));
		json_t *n = json_object_get(json_object_get(one, "stats"), "wr_operations");

		if (of && startswith(of, STORAGE) && json_number_value(n) > 0)
			return true;
	}
	return false;
}

static void on_stats(void *arg, json_t *result, const char *error)
{
	struct runner *r = arg;

	if (r->told)
		return;
	if (error)
		log_warning("QEMU does not say what the installer wrote: %s", error);
	if (error || wrote(result))
		done(r);
	else
		in_vain(r);
}

static void decide(struct runner *r)
{
	if (!all_is_counted(r->spec.guest))
		done(r);
	else if (qmp_command(&r->qmp, "query-blockstats", NULL, on_stats) < 0)
		run_kill(r); /* a QEMU that answers nothing any more */
}

/* After a panic or its watchdog, as the document has it. */
static void crashed(struct runner *r)
{
	if (r->spec.guest->panic == PANIC_FAIL)
		runner_fail(r, "the guest's kernel panicked while the guest was installed");
	end(r, true);
}

static bool is_echo(struct runner *r)
{
	bool is = runner_clock() < r->install.echo;

	r->install.echo = 0;
	return is;
}

static void rebooted(struct runner *r)
{
	if (is_echo(r))
		reset(r);
	else if (r->install.crashed)
		boot_again(r);
	else
		decide(r);
}

static void shut_down(struct runner *r, const char *why)
{
	bool again = streq(why, "guest-reset");

	r->install.phase = INSTALL_ENDED;
	r->install.off = !again;
	if (r->told)
		run_quit(r);
	else if (streq(why, "guest-panic"))
		crashed(r);
	else if (streq(why, "host-qmp-system-reset"))
		boot_again(r);
	else if (again)
		rebooted(r);
	else
		decide(r);
}

/*
 * A machine that stands still may say that it ends once more: a BIOS asks for its reset in several
 * ways, or somebody resets it meanwhile. That is the same end.
 */
bool run_install_event(struct runner *r, const char *event, json_t *data)
{
	const char *why = json_string_value(json_object_get(data, "reason"));
	bool still = r->install.phase != INSTALL_RUNS;

	if (r->install.note < 0)
		return false;
	if (streq(event, "GUEST_PANICKED") || streq(event, "GUEST_CRASHLOADED") ||
		streq(event, "WATCHDOG"))
		r->install.crashed = true;
	if (streq(event, "SHUTDOWN") && why && !streq(why, "host-qmp-quit") &&
		!streq(why, "host-signal")) {
		if (!still)
			shut_down(r, why);
		return true;
	}
	if (streq(event, "RESET") && r->install.phase == INSTALL_RESET)
		was_reset(r);
	if (streq(event, "RESUME") && r->install.phase == INSTALL_STARTS)
		r->install.phase = INSTALL_RUNS;
	return still && (streq(event, "RESET") || streq(event, "STOP") || streq(event, "RESUME"));
}
