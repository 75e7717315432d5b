/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/opener.h"
#include "base/log.h"
#include "runner/console.h"
#include "runner/handover.h"
#include "runner/jail.h"
#include "runner/notify.h"
#include "runner/spec.h"
#include "runner/state.h"
#include <fcntl.h>
#include <sched.h>
#include <sys/pidfd.h>
#include <time.h>

struct opener {
	const char *name;
	struct arena *arena;
	int store, root, dir, record;
	struct spec spec;
	struct machine machine;
};

/* systemd puts the unit's network and bind mounts around this process as well. */
static int leave_sandbox(struct error *e)
{
	_cleanup_close_ int init = pidfd_open(1, 0);

	if (init < 0 || setns(init, CLONE_NEWNET | CLONE_NEWNS) < 0)
		return error_set(
			e, -errno, "cannot enter the host's namespaces: %s", strerror(errno));
	return 0;
}

static int put(struct opener *o, const char *name, int fd, struct error *e)
{
	int r = fdstore_put(o->store, name, fd);

	return r < 0 ? error_set(e, r, "cannot pass %s on: %s", name, strerror(-r)) : 0;
}

static int open_directory(struct opener *o, struct error *e)
{
	struct guest_path p = guest_path(o->name, "");

	o->dir = open(p.s, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (o->dir < 0) {
		error_set(e, -errno, "there is no guest %s: cannot open %s: %s", o->name, p.s,
			strerror(errno));
		return error_cure(e, "add it to `guests:` in /etc/kvmhost/host.yaml, then: "
				     "kvmhostctl apply");
	}
	return put(o, "dir", o->dir, e);
}

static int open_record(struct opener *o, struct error *e)
{
	o->record = openat(o->dir, FILE_STATE, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (o->record < 0)
		return error_set(e, -errno, "cannot open %s: %s", guest_path(o->name, FILE_STATE).s,
			strerror(errno));
	return put(o, "record", o->record, e);
}

static void write_state(const struct opener *o, enum run_phase phase, const char *error)
{
	static const struct tail nothing;
	struct run_state s = { .phase = phase,
		.since = time(NULL),
		.end = phase == RUN_ENDED ? END_FAILED : END_NONE,
		.error = error };

	if (o->record >= 0)
		state_write(o->record, &s, &nothing);
}

/*
 * The runner before this one was killed, and systemd starts another: its own
 * Restart= knows nothing of the guest's `restart: no`. Who starts a guest on
 * purpose removes state.json first.
 */
static bool unwanted_restart(const struct opener *o)
{
	json_t *last = NULL;
	bool cut_off;

	if (live_load(o->dir).restart != RESTART_NO || state_read(o->root, o->name, &last) < 0)
		return false;
	cut_off = state_phase(last) != RUN_ENDED;
	json_decref(last);
	return cut_off;
}

static int load_spec(struct opener *o, struct error *e)
{
	int r = spec_load(o->root, o->name, FILE_SPEC, o->arena, &o->spec, e);

	if (r == -ENOENT)
		error_set(e, r, "there is no guest %s: it has no %s", o->name, FILE_SPEC);
	return r;
}

static int open_socket(struct opener *o, const char *file, const char *as, struct error *e)
{
	struct guest_path p = guest_path(o->name, file);
	int sock = console_listen(p.s), r;

	if (sock < 0)
		return error_set(e, sock, "cannot listen on %s: %s", p.s, strerror(-sock));
	r = put(o, as, sock, e);
	close(sock);
	return r;
}

/* The functions of devices that the daemon has bound for it, which must still be what they were. */
static int take_assigned(struct opener *o, struct error *e)
{
	struct spec *s = &o->spec;
	int r;

	if (!guest_assigned(s->guest))
		return 0;
	assignment_init(o->arena, s->guest, &s->assigned);
	r = assignment_load(o->root, o->name, o->arena, s->guest, &s->assigned, e);
	if (r < 0 && r != -ENOENT)
		return r;
	return assignment_check(o->root, s->guest, &s->assigned, e);
}

static int open_console(struct opener *o, struct error *e)
{
	struct console_log log;
	int r = console_log_open(&log, o->name, e);

	if (r >= 0)
		r = put(o, "log", log.now, e);
	if (r >= 0)
		r = put(o, "log.1", log.before, e);
	console_log_close(&log);
	if (r >= 0)
		r = open_socket(o, FILE_CONSOLE, "console", e);
	if (r >= 0)
		console_share(guest_path(o->name, FILE_CONSOLE).s);
	return r < 0 ? r : open_socket(o, FILE_CONTROL, "control", e);
}

/*
 * From where the runner, who sees no control groups, learns that QEMU was killed for want of
 * memory. A host without cgroup v2 does not tell.
 */
static int put_memory_events(struct opener *o, struct error *e)
{
	_cleanup_free_ char *group = NULL;
	_cleanup_close_ int fd = -1;
	char path[512];

	if (file_read_line(o->root, "/proc/self/cgroup", &group) < 0 || !startswith(group, "0::/"))
		return 0;
	snprintf(path, sizeof(path), "/sys/fs/cgroup%s/memory.events", group + strlen("0::"));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? 0 : put(o, "memory", fd, e);
}

/* What it is started with; the last to be passed: without it the runner gives up. */
static int put_spec(struct opener *o, struct error *e)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };
	_cleanup_close_ int fd = -1;
	struct guest_path p = guest_path(o->name, FILE_STARTED);
	int r;

	spec_json(&o->spec, &text);
	r = file_write_atomic(o->root, p.s, sb_str(&text), text.len, 0600);
	if (r >= 0)
		r = fd = file_open(o->root, p.s, O_RDONLY, 0);
	if (r < 0)
		return error_set(e, r, "cannot write %s: %s", p.s, strerror(-r));
	return put(o, "spec", fd, e);
}

static int open_all(struct opener *o, struct error *e)
{
	bool again = unwanted_restart(o);
	int r = open_record(o, e);

	if (r < 0)
		return r;
	if (again)
		return error_set(
			e, -ECANCELED, "kvmhost-run was killed, and the guest has `restart: no`");
	write_state(o, RUN_STARTING, NULL);
	r = load_spec(o, e);
	if (r >= 0)
		r = take_assigned(o, e);
	if (r < 0)
		return r;
	o->machine = (struct machine){
		.spec = &o->spec, .qmp = -1, .console = -1, .agent = -1, .tpm = -1
	};
	r = handover_open(o->arena, &o->machine, e);
	if (r >= 0) {
		r = handover_put(o->arena, &o->machine, o->store);
		if (r < 0)
			error_set(e, r, "cannot pass descriptors on: %s", strerror(-r));
	}
	handover_close(o->arena, &o->machine);
	if (r >= 0)
		r = open_console(o, e);
	if (r >= 0)
		r = put_memory_events(o, e);
	if (r >= 0)
		r = jail_make(e);
	return r < 0 ? r : put_spec(o, e);
}

int opener(const char *name)
{
	_cleanup_error_ struct error e = { 0 };
	_cleanup_arena_ struct arena *arena = arena_new();
	_cleanup_close_ int notify = notify_open(), store = -1, root = -1;
	struct opener o = { .name = name, .arena = arena, .store = -1, .dir = -1, .record = -1 };
	int r;

	store = o.store = notify < 0 ? -ENOTCONN : fdstore_begin(notify);
	r = store < 0
		    ? error_set(&e, store, "cannot pass anything to systemd: %s", strerror(-store))
		    : leave_sandbox(&e);
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	o.root = root;
	if (r >= 0)
		r = open_directory(&o, &e);
	if (r >= 0)
		r = open_all(&o, &e);
	if (r < 0) {
		_cleanup_free_ char *line = error_line(&e);

		log_error("%s", line);
		write_state(&o, RUN_ENDED, line);
		/* A failed ExecStartPre= would be tried again by Restart=; the runner decides. */
		jail_make(NULL);
	}
	close_p(&o.dir);
	close_p(&o.record);
	return 0;
}
