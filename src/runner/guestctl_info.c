/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kvmhostctl guest info: what a guest uses, from the kernel, from QEMU and from the guest's agent.
 */
#include "runner/guestctl.h"
#include "runner/guestctl_qmp.h"
#include "runner/spec.h"
#include "runner/state.h"
#include "base/file.h"
#include "config/obj.h"
#include <fcntl.h>
#include <time.h>

#define BALLOON "/machine/peripheral/balloon"
enum {
	STATS_TRIES = 20,
	STATS_EVERY_USEC = 20 * 1000,
	PATIENCE_MS = 2000 /* of somebody who looks; the runner waits longer */
};
#define CGROUP "/sys/fs/cgroup/kvmhost.slice/kvmhost-guests.slice"

/* What it says goes to a terminal. */
static json_t *ask(struct guest_qmp *q, const char *command, json_t *arguments)
{
	json_t *result = NULL;

	guest_qmp_command(q, command, arguments, -1, &result, NULL);
	return plain_json(result);
}

static json_t *ask_agent(struct guest_qmp *q, const char *command)
{
	return ask(q, "x-agent", json_pack("{s:s}", "execute", command));
}

/* The number after `key ` in a file of the unit's control group; -1: none. */
static int64_t cgroup_number(struct host *h, const char *name, const char *file, const char *key)
{
	_cleanup_free_ char *text = NULL;
	char path[512];
	const char *at;

	snprintf(path, sizeof(path), CGROUP "/%s/%s", guest_unit(name).s, file);
	if (file_read(h->root, path, 64 * 1024, &text, NULL) < 0)
		return -1;
	at = *key ? strstr(text, key) : text;
	return at ? strtoll(at + strlen(key), NULL, 10) : -1;
}

static void set_number(json_t *o, const char *key, int64_t n)
{
	if (n >= 0)
		json_object_set_new(o, key, json_integer(n));
}

/* Nanoseconds that a thread could have run and did not: the guest sees them as steal time. */
static int64_t waited(struct host *h, json_int_t pid, json_int_t thread)
{
	_cleanup_free_ char *text = NULL;
	unsigned long long ran, wait;
	char path[96];

	snprintf(path, sizeof(path), "/proc/%lld/task/%lld/schedstat", (long long)pid,
		(long long)thread);
	if (file_read_line(h->root, path, &text) < 0 || sscanf(text, "%llu %llu", &ran, &wait) != 2)
		return -1;
	return (int64_t)wait;
}

static void add_cpu(struct host *h, const char *name, struct guest_qmp *q, json_t *out)
{
	json_t *cpus = ask(q, "query-cpus-fast", NULL), *cpu, *o = json_object();
	json_int_t pid = json_integer_value(json_object_get(out, "pid"));
	int64_t steal = 0;
	size_t i;

	json_array_foreach (cpus, i, cpu)
		steal += MAX_OF(
			waited(h, pid, json_integer_value(json_object_get(cpu, "thread-id"))),
			(int64_t)0);
	if (json_array_size(cpus)) {
		set_number(o, "count", (int64_t)json_array_size(cpus));
		set_number(o, "steal_usec", steal / 1000);
	}
	set_number(o, "used_usec", cgroup_number(h, name, "cpu.stat", "usage_usec "));
	json_object_set_new(out, "cpu", o);
	json_decref(cpus);
}

/* "pc-q35-7.2" of "pc-q35-7.2-machine". */
static void add_machine(struct guest_qmp *q, json_t *out)
{
	json_t *type =
		ask(q, "qom-get", json_pack("{s:s, s:s}", "path", "/machine", "property", "type"));
	const char *s = json_string_value(type), *end = s ? strstr(s, "-machine") : NULL;

	if (end)
		json_object_set_new(out, "machine", json_stringn(s, (size_t)(end - s)));
	json_decref(type);
}

static void poll_balloon(struct guest_qmp *q, int seconds)
{
	json_decref(ask(q, "qom-set",
		json_pack("{s:s, s:s, s:i}", "path", BALLOON, "property",
			"guest-stats-polling-interval", "value", seconds)));
}

/* What the guest's kernel says of its memory; it is asked when polling begins, and answers soon. */
static json_t *ask_balloon(struct guest_qmp *q)
{
	json_t *all = NULL, *stats;

	poll_balloon(q, 60);
	for (int i = 0; i < STATS_TRIES; i++) {
		json_decref(all);
		all = ask(q, "qom-get",
			json_pack("{s:s, s:s}", "path", BALLOON, "property", "guest-stats"));
		if (!all || json_number_value(json_object_get(all, "last-update")) > 0)
			break;
		usleep(STATS_EVERY_USEC);
	}
	poll_balloon(q, 0);
	stats = json_number_value(json_object_get(all, "last-update")) > 0
			? json_incref(json_object_get(all, "stats"))
			: NULL;
	json_decref(all);
	return stats;
}

/* Members that the guest does not know are 2^64 - 1; that makes real numbers of all, see qmp.c. */
static void add_balloon(struct guest_qmp *q, json_t *o)
{
	static const char *const members[][2] = { { "stat-total-memory", "guest_total" },
		{ "stat-free-memory", "guest_free" },
		{ "stat-available-memory", "guest_available" },
		{ "stat-disk-caches", "guest_caches" }, { "stat-swap-out", "guest_swapped_out" } };
	json_t *stats = ask_balloon(q);

	for (size_t i = 0; stats && i < ARRAY_SIZE(members); i++) {
		double n = json_number_value(json_object_get(stats, members[i][0]));

		if (json_object_get(stats, members[i][0]) && n < (double)INT64_MAX)
			set_number(o, members[i][1], (int64_t)n);
	}
	json_decref(stats);
}

static void add_memory(
	struct host *h, const char *name, const struct spec *s, struct guest_qmp *q, json_t *out)
{
	json_t *balloon = ask(q, "query-balloon", NULL), *o = json_object();

	set_number(o, "size", (int64_t)s->guest->memory.size);
	set_number(o, "host_used", cgroup_number(h, name, "memory.current", ""));
	if (json_object_get(balloon, "actual"))
		json_object_set(o, "balloon", json_object_get(balloon, "actual"));
	add_balloon(q, o);
	json_object_set_new(out, "memory", o);
	json_decref(balloon);
}

static void add_disks(struct host *h, const struct spec *s, json_t *out)
{
	json_t *v = json_array();

	for (size_t i = 0; i < s->guest->disks.n; i++) {
		const struct guest_disk *d = &LIST_AT(&s->guest->disks, const struct guest_disk, i);
		const char *path = d->path;
		json_t *o = json_pack(
			"{s:s, s:s*}", "device", disk_device_names[d->device], "path", path);
		struct stat st;

		if (path && file_stat(h->root, path, &st) >= 0 && S_ISREG(st.st_mode))
			set_number(o, "host_used", (int64_t)st.st_blocks * 512);
		json_array_append_new(v, o);
	}
	json_object_set_new(out, "disks", v);
}

static void add_agent(struct guest_qmp *q, json_t *out)
{
	json_t *net = ask_agent(q, "guest-network-get-interfaces"), *os, *files;

	json_object_set_new(out, "agent", json_boolean(net != NULL));
	if (!net)
		return;
	json_object_set_new(out, "guest_interfaces", net);
	os = ask_agent(q, "guest-get-osinfo");
	if (os)
		json_object_set_new(out, "guest_os", os);
	files = ask_agent(q, "guest-get-fsinfo");
	if (files)
		json_object_set_new(out, "guest_filesystems", files);
}

/* Who does not answer once is hung up on (guest_qmp_command()), and what the kernel says is left.
 */
static void add_use(struct host *h, const struct spec *s, struct guest_qmp *q, json_t *out)
{
	add_machine(q, out);
	add_cpu(h, s->name, q, out);
	add_memory(h, s->name, s, q, out);
	add_disks(h, s, out);
	if (s->guest->agent && q->fd >= 0)
		add_agent(q, out);
	json_object_set_new(out, "qemu_answers", json_boolean(q->fd >= 0));
}

int guestctl_info(struct host *h, const char *name, json_t **out, struct error *e)
{
	_cleanup_guest_qmp_ struct guest_qmp q = { .fd = -1 };
	_cleanup_arena_ struct arena *a = arena_new();
	struct spec s;
	int r = guestctl_status(h, name, out, e), open;

	if (r < 0)
		return r;
	open = guest_qmp_open(h, name, &q, NULL);
	if ((open < 0 && open != -EAGAIN) ||
		spec_load(h->root, name, FILE_STARTED, a, &s, NULL) < 0)
		return 0;
	q.patience_ms = PATIENCE_MS;
	add_use(h, &s, &q, *out);
	return 0;
}
