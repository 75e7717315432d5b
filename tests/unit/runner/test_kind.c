/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Wanted, applied, running: what is done, what waits, and what a second plan shows. */
#include "fixture.h"
#include "runner/guest_kind.h"

#define DISK "disks: [{path: /srv/a.qcow2}]\n"

extern const struct kind guest_kind;

struct table_row {
	const char *about;
	const char *want, *applied, *started; /* NULL: DISK alone; "": there is none */
	bool running, failed, held, off;
	const char *does; /* w rite, s tart, S top, r estart */
	const char *wait; /* part of the text; NULL: it does not wait */
	int changes;
};

static const struct table_row rows[] = {
	{ "as wanted", NULL, NULL, NULL, .running = true, .does = "", .changes = 0 },
	{ "first time", NULL, "", "", .does = "ws", .changes = 1 },
	{ "down", NULL, NULL, "", .does = "s", .changes = 1 },
	{ "failed", NULL, NULL, "", .failed = true, .does = "s", .changes = 1 },
	{ "held", NULL, NULL, "", .held = true, .does = "", .wait = "stopped by hand", .changes = 1 },
	{ "off", NULL, NULL, "", .off = true, .does = "", .wait = "powered off from inside", .changes = 1 },
	{ "off, always", DISK "restart: always\n", DISK "restart: always\n", "", .off = true, .does = "s", .changes = 1 },
	{ "held, changed", DISK "cpu: {count: 2}\n", NULL, "", .held = true, .does = "w", .changes = 2 },
	{ "not by itself", DISK "autostart: false\n", DISK "autostart: false\n", "", .does = "", .changes = 0 },
	{ "not by itself, runs", DISK "autostart: false\n", DISK "autostart: false\n", DISK "autostart: false\n",
		.running = true, .does = "", .changes = 0 },
	{ "to be stopped", DISK "state: stopped\n", NULL, NULL, .running = true, .does = "wS", .changes = 1 },
	{ "is stopped", DISK "state: stopped\n", DISK "state: stopped\n", "", .does = "", .changes = 0 },
	{ "live change", DISK "shutdown: {timeout: 1s}\n", NULL, NULL, .running = true, .does = "w", .changes = 1 },
	{ "live change, done", DISK "shutdown: {timeout: 1s}\n", DISK "shutdown: {timeout: 1s}\n", NULL,
		.running = true, .does = "", .changes = 0 },
	{ "change", DISK "cpu: {count: 2}\n", NULL, NULL, .running = true, .does = "w", .changes = 1 },
	{ "change, written", DISK "cpu: {count: 2}\n", DISK "cpu: {count: 2}\n", NULL, .running = true,
		.does = "", .wait = "guest restart web1", .changes = 1 },
	{ "change, at once", DISK "cpu: {count: 2}\non_change: restart\n", NULL, NULL, .running = true,
		.does = "wr", .changes = 2 },
	{ "change, at once, written", DISK "cpu: {count: 2}\non_change: restart\n",
		DISK "cpu: {count: 2}\non_change: restart\n", NULL, .running = true, .does = "r", .changes = 1 },
	{ "change, taken back", NULL, DISK "cpu: {count: 2}\n", NULL, .running = true, .does = "w", .changes = 1 },
	{ "key gone", NULL, DISK "kernel: {image: /k}\n", DISK "kernel: {image: /k}\n", .running = true,
		.does = "w", .changes = 1 },
	{ "key gone, written", NULL, NULL, DISK "kernel: {image: /k}\n", .running = true, .does = "",
		.wait = "guest restart", .changes = 1 },
	{ "moved", DISK "interfaces: [{bridge: b}]\n", DISK "interfaces: [{network: n}]\n",
		DISK "interfaces: [{network: n}]\n", .running = true, .does = "w", .changes = 1 },
	{ "moved, written", DISK "interfaces: [{bridge: b}]\n", DISK "interfaces: [{bridge: b}]\n",
		DISK "interfaces: [{network: n}]\n", .running = true, .does = "", .changes = 0 },
	{ "damaged spec", NULL, "", NULL, .running = true, .does = "w", .changes = 1 },
};

static const struct guest *value(struct arena *a, const char *yaml)
{
	return yaml && !*yaml ? NULL : guest_from(a, yaml ? yaml : DISK);
}

static struct guest_seen *seen_of(struct arena *a, const struct table_row *t)
{
	struct guest_seen *seen = arena_alloc(a, sizeof(*seen));

	seen->applied = value(a, t->applied);
	seen->started = value(a, t->started);
	seen->running = t->running;
	seen->failed = t->failed;
	seen->held = t->held;
	seen->powered_off = t->off;
	if (!seen->applied && !seen->running)
		return NULL;
	guest_compose(seen);
	return seen;
}

static void check_row(const struct table_row *t)
{
	_cleanup_arena_ struct arena *a = arena_new();
	struct host h = { .pass = a };
	struct resource r = { .kind = &guest_kind, .name = "web1", .id = "guest/web1" };
	const struct guest *want = value(a, t->want);
	struct guest_seen *seen = seen_of(a, t);
	struct decision d = guest_decide(want, seen);
	struct step s = { .r = &r, .want = want, .have = seen };
	char does[8];

	snprintf(does, sizeof(does), "%s%s%s%s", d.write ? "w" : "", d.start ? "s" : "",
		d.stop ? "S" : "", d.restart ? "r" : "");
	if (!streq(does, t->does))
		fail_msg("%s: does `%s`, not `%s`", t->about, does, t->does);
	guest_diff(&h, &s);
	if (seen && (int)s.n_changes != t->changes)
		fail_msg("%s: %zu changes, not %d", t->about, s.n_changes, t->changes);
	guest_refine(&h, &s);
	if (!!s.wait != !!t->wait || (t->wait && !strstr(s.wait, t->wait)))
		fail_msg("%s: waits for %s", t->about, s.wait ? s.wait : "nothing");
	if (s.disruption != (d.restart || d.stop || (t->wait && d.pending) ? DISRUPT_GUEST : DISRUPT_NONE))
		fail_msg("%s: disrupts %d", t->about, s.disruption);
	/* Whatever is to be done must show, or it is never done. */
	if (*t->does && seen && !s.n_changes)
		fail_msg("%s: nothing shows", t->about);
}

static void test_decisions(void **state _unused_)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_row(&rows[i]);
}

static void test_what_runs_is_what_is_seen(void **state _unused_)
{
	_cleanup_arena_ struct arena *a = arena_new();
	const struct table_row t = { "", NULL, DISK "cpu: {count: 2}\nautostart: false\n",
		DISK "cpu: {count: 3}\nautostart: true\n", .running = true };
	struct guest_seen *seen = seen_of(a, &t);

	assert_int_equal(seen->have.cpu.count, 3);
	assert_false(seen->have.autostart);
	assert_int_equal(seen->have.state, GUEST_RUNNING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decisions),
		cmocka_unit_test(test_what_runs_is_what_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
