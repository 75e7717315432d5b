/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/run_watch.h"
#include "base/log.h"
#include "runner/machine_type.h"
#include "runner/notify.h"
#include <sched.h>
#include <time.h>

#define CPUS_MAX 8192 /* of the host; the range of `pinning` */
#define ALIVE_PATIENCE (10 * USEC_PER_SEC)

/* Not in r->event, which keeps what was told before. */
static const char silent[] =
	"QEMU does not answer; if that lasts systemd ends it (WatchdogSec= of its unit)";

uint64_t runner_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * USEC_PER_SEC + (uint64_t)t.tv_nsec / 1000;
}

static int pin_thread(pid_t thread, int64_t cpu)
{
	cpu_set_t *set = CPU_ALLOC(CPUS_MAX);
	size_t size = CPU_ALLOC_SIZE(CPUS_MAX);
	int r;

	CPU_ZERO_S(size, set);
	CPU_SET_S((size_t)cpu, size, set);
	r = sched_setaffinity(thread, size, set) < 0 ? -errno : 0;
	CPU_FREE(set);
	return r;
}

/* Before the first instruction: `cont` is answered after this. */
static void on_cpus(void *arg, json_t *result, const char *error)
{
	struct runner *r = arg;
	const struct list *pinning = &r->spec.guest->cpu.pinning;
	json_t *cpu;
	size_t i;

	if (error)
		log_warning("QEMU does not name its CPUs, which are not pinned: %s", error);
	json_array_foreach (result, i, cpu) {
		json_int_t thread = json_integer_value(json_object_get(cpu, "thread-id"));
		json_int_t index = json_integer_value(json_object_get(cpu, "cpu-index"));
		int err =
			index >= 0 && (size_t)index < pinning->n
				? pin_thread((pid_t)thread, LIST_AT(pinning, const int64_t, index))
				: -ERANGE;

		if (err < 0) {
			snprintf(r->event, sizeof(r->event), "virtual CPU %lld is not pinned: %s",
				(long long)index, strerror(-err));
			r->state.event = r->event;
			said(&r->said, runner_clock(), LOG_WARNING, r->event);
		}
	}
}

void run_pin(struct runner *r)
{
	if (r->spec.guest->cpu.pinning.n)
		qmp_command(&r->qmp, "query-cpus-fast", NULL, on_cpus);
}

static void on_balloon(void *arg _unused_, _unused_ json_t *result, const char *error)
{
	if (error)
		log_warning("the guest's memory is not limited: %s", error);
}

void run_balloon(struct runner *r)
{
	uint64_t current = r->spec.guest->memory.current;

	if (current)
		qmp_command(&r->qmp, "balloon", json_pack("{s:I}", "value", (json_int_t)current),
			on_balloon);
}

static void on_type(void *arg, json_t *result, const char *error)
{
	struct runner *r = arg;
	int err = error ? -EIO : machine_type_note(r->type, result);

	if (err <= 0)
		log_warning("the machine's type is not noted, another QEMU may bring another one: "
			    "%s",
			error     ? error
			: err < 0 ? strerror(-err)
				  : "QEMU names none");
	close_p(&r->type);
	r->type = -1;
}

void run_type(struct runner *r)
{
	if (r->type >= 0)
		qmp_command(&r->qmp, "qom-get",
			json_pack("{s:s, s:s}", "path", "/machine", "property", "type"), on_type);
}

/* RunState in qapi/run-state.json: the others come with an event of their own. */
static void on_status(void *arg, json_t *result, _unused_ const char *error)
{
	struct runner *r = arg;

	if (!streq_null(json_string_value(json_object_get(result, "status")), "internal-error"))
		return;
	snprintf(r->event, sizeof(r->event),
		"QEMU or KVM cannot run the guest on (internal error), and it stands still; "
		"kvmhostctl guest restart %s",
		r->spec.name);
	r->state.event = r->event;
	r->event_still = true;
	said(&r->said, runner_clock(), LOG_ERR, r->event);
	runner_save(r);
}

void run_why_stopped(struct runner *r)
{
	qmp_command(&r->qmp, "query-status", NULL, on_status);
}

static void on_alive(void *arg, _unused_ json_t *result, _unused_ const char *error)
{
	struct runner *r = arg;

	r->alive_asked = false;
	r->alive_late = 0;
	notify_send(r->notify, "WATCHDOG=1");
	if (!streq_null(r->state.event, silent))
		return;
	r->state.event = *r->event ? r->event : NULL;
	said(&r->said, runner_clock(), LOG_NOTICE, "QEMU answers again");
	runner_save(r);
}

void run_alive_ask(struct runner *r)
{
	r->alive_next = runner_clock() + r->alive_every;
	if (r->alive_asked || qmp_command(&r->qmp, "query-status", NULL, on_alive) < 0)
		return;
	r->alive_asked = true;
	r->alive_late = runner_clock() + MIN_OF(ALIVE_PATIENCE, r->alive_every);
}

void run_alive_late(struct runner *r)
{
	r->alive_late = 0;
	r->state.event = silent;
	said(&r->said, runner_clock(), LOG_ERR, silent);
	runner_save(r);
}

void run_alive_begin(struct runner *r)
{
	const char *usec = getenv("WATCHDOG_USEC");
	long long every = usec ? atoll(usec) / 3 : 0;

	if (every > 0) {
		r->alive_every = (uint64_t)every;
		r->alive_next = runner_clock() + r->alive_every;
	}
}
