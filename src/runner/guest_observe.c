/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/obj.h"
#include "runner/cpu_models.h"
#include "runner/guest_ahead.h"
#include "runner/guest_kind.h"

/* A missing or damaged file is NULL: it is written anew. Other errors count. */
static int load(struct host *h, const char *name, const char *file, const struct guest **out,
	struct spec *spec, struct error *e)
{
	int r = spec_load(h->root, name, file, h->pass, spec, e);

	*out = r < 0 ? NULL : spec->guest;
	if (r == -EBADMSG || r == -ENOENT) {
		error_clear(e);
		return 0;
	}
	return r;
}

/* want, text: the specification of what is wanted; empty where nothing is. */
static int load_applied(struct host *h, const struct resource *r, struct guest_seen *seen,
	struct spec *want, struct strbuf *text, struct error *e)
{
	struct spec spec;

	if (!r->want || !guest_is_written(h, r->name, r->want, want, text))
		return load(h, r->name, FILE_SPEC, &seen->applied, &spec, e);
	seen->applied = want->guest;
	return 0;
}

/* Most guests were started with what is wanted. */
static int load_started(struct host *h, const char *name, const struct spec *want,
	const struct strbuf *its, struct guest_seen *seen, struct spec *out, struct error *e)
{
	const struct guest_ahead *ahead = guest_seen_ahead(h, name);
	const char *text = ahead ? ahead->started : NULL;
	size_t len = text ? ahead->started_len : 0;
	_cleanup_free_ char *read = NULL;

	if (its->len && !text &&
		file_read(h->root, guest_path(name, FILE_STARTED).s, SPEC_MAX, &read, &len) >= 0)
		text = read;
	if (!its->len || !text || spec_parse_like(h->pass, text, len, want, its, out, NULL) < 0 ||
		!streq(out->name, name))
		return load(h, name, FILE_STARTED, &seen->started, out, e);
	seen->started = out->guest;
	return 0;
}

static void read_record(
	struct host *h, const char *name, const struct spec *started, struct guest_seen *seen)
{
	_cleanup_free_ char *why = NULL;
	json_t *record = NULL;

	if (state_read(h->root, name, &record) < 0)
		return;
	why = state_why(record);
	seen->powered_off = !seen->running && state_end(record) == END_GUEST;
	if (seen->started)
		guest_lost_read(h, record, started, seen);
	seen->why = why ? arena_strdup(h->pass, why) : NULL;
	json_decref(record);
}

/* Which fields are given: as it runs where only a restart changes them. */
static uint64_t given(const struct guest *applied, const struct guest *started)
{
	uint64_t set = 0;

	for (size_t i = 0; i < guest_table.n_fields; i++) {
		bool restarts = guest_table.fields[i].on_change != CHANGE_LIVE;

		set |= (restarts ? started : applied)->obj.set & UINT64_C(1) << i;
	}
	return set;
}

/* What only a restart changes is as it runs; what it is connected to was changed under it. */
void guest_compose(struct guest_seen *seen)
{
	const struct guest *applied = seen->applied, *started = seen->started;
	struct guest *have = &seen->have;

	if (!applied && !started) {
		have->obj.table = &guest_table;
	} else if (!applied || !started) {
		*have = applied ? *applied : *started;
	} else {
		*have = *applied;
		have->cpu = started->cpu;
		have->memory = started->memory;
		have->kernel = started->kernel;
		have->boot = started->boot;
		have->numa = started->numa;
		have->machine = started->machine;
		have->tpm = started->tpm;
		have->vsock = started->vsock;
		have->firmware = started->firmware;
		have->console = started->console;
		have->panic = started->panic;
		have->watchdog = started->watchdog;
		have->agent = started->agent;
		have->os = started->os;
		have->graphics = started->graphics;
		have->install = started->install;
		have->devices = started->devices;
		if (obj_has(applied, "cloud_init") != obj_has(started, "cloud_init"))
			have->cloud_init = started->cloud_init;
		have->obj.set = given(applied, started);
		if (interfaces_differ(applied, started))
			have->interfaces = started->interfaces;
		if (disks_differ(applied, started))
			have->disks = started->disks;
	}
	have->state = seen->running ? GUEST_RUNNING : GUEST_STOPPED;
	obj_mark_set(have, "state");
}

/* QEMU has the old one, through which nothing passes any more. */
static const char *find_lost_link(struct host *h, const struct spec *started)
{
	for (size_t i = 0; i < started->guest->interfaces.n; i++) {
		const struct spec_interface *nic = &started->interfaces[i];

		if (nic->index && if_nametoindex(nic->tap) != nic->index)
			return arena_strdup(h->pass, nic->tap);
	}
	return NULL;
}

/* Nothing is asked where nothing changes. */
static int check_cpu(
	struct host *h, const struct guest *want, const struct guest_seen *seen, struct error *e)
{
	const struct guest *started = seen ? seen->started : NULL;
	struct decision d;

	if (!want)
		return 0;
	d = guest_decide(want, seen);
	if (!d.start && !d.restart &&
		(!d.write || (started && streq(started->cpu.model, want->cpu.model))))
		return 0;
	return cpu_model_check(h, want->cpu.model, e);
}

int guest_observe(struct host *h, const struct resource *r, void **have, struct error *e)
{
	struct guest_seen *seen = arena_alloc(h->pass, sizeof(*seen));
	const struct guest_ahead *ahead = guest_seen_ahead(h, r->name);
	_cleanup_strbuf_ struct strbuf text = { 0 };
	struct spec want = { 0 }, spec = { 0 };
	struct unit unit;
	int err = units_state(h, guest_unit(r->name).s, &unit, e);

	if (err >= 0)
		err = load_applied(h, r, seen, &want, &text, e);
	if (err < 0)
		return err;
	seen->running = unit.state != UNIT_INACTIVE && unit.state != UNIT_FAILED;
	seen->failed = unit.state == UNIT_FAILED;
	if (!seen->running && !seen->applied && !file_exists(h->root, guest_path(r->name, "").s))
		return check_cpu(h, r->want, NULL, e);
	if (seen->running)
		err = load_started(h, r->name, &want, &text, seen, &spec, e);
	if (err < 0)
		return err;
	if (seen->started && spec.guest)
		seen->lost_link = find_lost_link(h, &spec);
	seen->held = ahead ? ahead->held : guest_held(h->root, r->name);
	if (!ahead || ahead->recorded)
		read_record(h, r->name, &spec, seen);
	guest_compose(seen);
	err = check_cpu(h, r->want, seen, e);
	if (err >= 0)
		*have = &seen->have;
	return err;
}

struct found {
	void (*fn)(const char *name, void *arg);
	void *arg;
};

static void found_unit(const struct unit *u, void *arg)
{
	struct found *f = arg;
	_cleanup_free_ char *name = guest_of_unit(u->name);

	/* A failed unit is a memory of systemd's, not a guest. */
	if (name && u->state != UNIT_INACTIVE && u->state != UNIT_FAILED)
		f->fn(name, f->arg);
}

/*
 * Without its files no runner starts, and they go after it: where there are none there is nothing
 * to ask systemd for, and a host without guests needs no connection to it.
 */
int guest_owned(struct host *h, const struct kind *k _unused_,
	void (*found)(const char *name, void *arg), void *arg, struct error *e)
{
	struct found f = { found, arg };
	_cleanup_free_ char **names = NULL;
	size_t n = 0;
	int r = file_list(h->root, GUESTS_DIR, &names, &n);

	if (r < 0 && r != -ENOENT)
		return error_set(e, r, "cannot list %s: %s", GUESTS_DIR, strerror(-r));
	if (!n)
		return 0;
	for (size_t i = 0; i < n; i++)
		found(names[i], arg);
	return units_each(h, GUEST_UNIT_PREFIX, found_unit, &f, e);
}
