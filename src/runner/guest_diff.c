/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What differs, what follows from it, and what waits for somebody's consent. */
#include "config/obj.h"
#include "runner/guest_kind.h"
#include "runner/guest_live.h"

/* Both ways: a key that was taken out differs too. */
static bool same(const struct guest *a, const struct guest *b)
{
	return a == b || (!obj_differs(a, b) && !obj_differs(b, a));
}

struct decision guest_decide(const struct guest *want, const struct guest_seen *seen)
{
	_cleanup_arena_ struct arena *a = arena_new();
	bool up = seen && seen->running, down = want->state == GUEST_STOPPED;
	bool changed = up && seen->started && guest_differs(want, seen->started);
	const struct guest *live = changed ? guest_live(a, want, seen->started) : NULL;
	bool other = (live && guest_differs(want, live)) || (up && seen->lost_link);
	const char *lost =
		up && seen->started ? guest_lost_names(a, seen, live ? live : seen->started) : NULL;
	bool restart = other && !down && want->on_change == GUEST_RESTART;
	bool held = seen && (seen->held || (seen->powered_off && want->restart != RESTART_ALWAYS));

	return (struct decision){
		.write = !seen || !seen->applied || !same(want, seen->applied),
		.start = !up && !down && want->autostart && !held,
		.stays_down = !up && !down && want->autostart && held,
		.stop = up && down,
		.restart = restart,
		.live = !down && !restart &&
			(lost || (live && guest_live_differs(live, seen->started))),
		.pending = other && !down && want->on_change == GUEST_WAIT,
	};
}

static bool is_state(const struct change *c)
{
	return c->field && streq(c->field->name, "state");
}

/* The differences of a and b as changes from b to a. */
static void add_changes(
	struct host *h, struct step *s, const struct guest *a, const struct guest *b)
{
	struct change *v;
	size_t n = obj_diff_both(a, b, h->pass, &v);

	for (size_t i = 0; i < n; i++) {
		char key[64];

		if (is_state(&v[i]))
			continue;
		snprintf(key, sizeof(key), "%.*s", (int)strcspn(v[i].path, ".["), v[i].path);
		step_change(h, s, key, v[i].path, v[i].have, v[i].want);
	}
}

/* A list's own key, of a path into it: "disks" of "disks[1].size". */
static const char *whole(struct arena *a, const char *path)
{
	return arena_printf(a, "%.*s", (int)strcspn(path, "["), path);
}

/* The row that the path ends at: "memory.current". */
static const struct field *row_of(const struct table *t, const char *path)
{
	const struct field *f = NULL;

	while (t && *path) {
		size_t n = strcspn(path, ".");
		char key[64];

		snprintf(key, sizeof(key), "%.*s", (int)n, path);
		f = table_field(t, key);
		t = f && f->shape == SHAPE_OBJECT ? f->table : NULL;
		path += n + (path[n] == '.');
	}
	return f;
}

/* Of a guest that runs: what each change takes. */
static void say_when(struct host *h, struct step *s, const struct guest_seen *seen)
{
	const struct guest *want = s->want;
	const struct guest *live = guest_live(h->pass, want, seen->started);

	for (size_t i = 0; i < s->n_changes; i++) {
		struct change *c = &s->changes[i];
		const char *path = whole(h->pass, c->path);
		const struct field *f = row_of(&guest_table, path);

		if (!f || is_state(c))
			continue;
		c->when = f->on_change == CHANGE_LIVE || streq_null(obj_text(live, path, h->pass),
								 obj_text(want, path, h->pass))
				  ? "changes live"
			  : want->on_change == GUEST_RESTART ? "with a restart"
							     : "waits for a restart";
	}
}

static void add_state(struct host *h, struct step *s, const struct guest *want,
	const struct guest_seen *seen, struct decision d)
{
	const char *have = !seen          ? NULL
			   : seen->failed ? "failed"
					  : guest_state_names[seen->have.state];

	if (d.start || d.stays_down || d.stop || !seen)
		step_change(h, s, "state", "state", have, guest_state_names[want->state]);
}

static void add_lost(struct host *h, struct step *s, const struct guest_seen *seen)
{
	const struct guest *live = guest_live(h->pass, s->want, seen->started);
	const char *lost = guest_lost_names(h->pass, seen, live);

	if (lost)
		step_change(h, s, "devices", "devices", arena_printf(h->pass, "lost %s", lost),
			"in the guest");
}

void guest_diff(struct host *h, struct step *s)
{
	const struct guest_seen *seen = s->have;
	const struct guest *want = s->want;
	struct decision d = guest_decide(want, seen);

	add_state(h, s, want, seen, d);
	add_changes(h, s, want, seen ? &seen->have : NULL);
	if (!seen)
		return;
	if (seen->n_lost && seen->running && seen->started && want->state == GUEST_RUNNING)
		add_lost(h, s, seen);
	if (seen->lost_link && want->state == GUEST_RUNNING)
		step_change(h, s, "interfaces", seen->lost_link, "one that went",
			"the one that is there");
	/* A pending change that was taken back: what runs is as wanted, what was applied is not. */
	if (d.write && !s->n_changes && seen->applied)
		add_changes(h, s, want, seen->applied);
	if (s->n_changes && seen->running && seen->started && want->state == GUEST_RUNNING)
		say_when(h, s, seen);
	if (d.write && !s->n_changes)
		step_change(h, s, FILE_SPEC, FILE_SPEC, "missing or damaged", "as wanted");
}

static void explain(
	struct host *h, struct step *s, const struct guest_seen *seen, struct decision d)
{
	const char *name = s->r->name, *text = NULL;

	if (d.pending)
		text = arena_printf(h->pass,
			"a restart of the guest (on_change: wait); kvmhostctl guest restart %s",
			name);
	else if (d.stays_down)
		text = arena_printf(h->pass, "a start: it was %s; kvmhostctl guest start %s",
			seen->held ? "stopped by hand" : "powered off from inside", name);
	if (!d.write && !d.start && !d.stop && !d.restart && !d.live)
		s->wait = text;
	else if (text)
		s->reason = arena_printf(h->pass, "is only written down and waits for %s", text);
	else if (seen->failed && d.start)
		s->reason = arena_printf(
			h->pass, "it failed: %s", seen->why ? seen->why : "see the journal");
}

/*
 * Interfaces are known by their place. While the guest runs with others than the document has, a
 * tap that moved to another bridge would put the wrong one there.
 */
static void hold_taps(const struct step *s)
{
	for (size_t i = 0; i < s->r->n_after; i++) {
		struct step *tap = s->r->after[i]->step;

		if (!tap || !tap->have ||
			!(streq(tap->r->kind->name, "tap") || streq(tap->r->kind->name, "macvtap")))
			continue;
		tap->wait = "the guest to be restarted, whose interfaces are others now";
		tap->disruption = DISRUPT_GUEST;
		tap->state = STEP_WAITING;
	}
}

void guest_refine(struct host *h, struct step *s)
{
	const struct guest_seen *seen = s->have;
	const struct guest *live;
	struct decision d;

	if (s->want && guest_assigned(s->want))
		s->reason = "has devices of the host: it can be neither saved nor migrated";
	if (!seen)
		return;
	if (!s->want) {
		s->disruption = seen->running ? DISRUPT_GUEST : DISRUPT_NONE;
		return;
	}
	d = guest_decide(s->want, seen);
	/*
	 * It ran and ended: its `restart` was followed, or somebody stopped its unit. Or it did not
	 * let go of a part, and is asked again when somebody asks. What it lost and is there again,
	 * it is given at once.
	 */
	live = seen->running && seen->started ? guest_live(h->pass, s->want, seen->started) : NULL;
	s->by_hand = d.start || (d.live && guest_live_differs(live, seen->started));
	s->verb = d.restart ? STEP_RECREATE : STEP_UPDATE;
	s->disruption = d.restart || d.stop || d.pending ? DISRUPT_GUEST : DISRUPT_NONE;
	explain(h, s, seen, d);
	if (d.pending && live && interfaces_differ(s->want, live))
		hold_taps(s);
	s->lets_go = d.live && live &&
		     (live->interfaces.n < seen->started->interfaces.n ||
			     live->devices.n < seen->started->devices.n);
	/* Writing down what waits costs nothing yet. */
	if (d.pending && !s->wait && !d.restart && !d.stop)
		s->disruption = DISRUPT_NONE;
}
