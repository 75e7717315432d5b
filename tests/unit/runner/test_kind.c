/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Wanted, applied, running: what is done, what waits, and what a second plan shows. */
#include "fixture.h"
#include "runner/guest_kind.h"
#include "runner/guest_macs.h"
#include "../scratch.h"
#include <fcntl.h>

#define DISKS(more) "disks: [{path: /srv/a.qcow2}" more "]\n"
#define DISK DISKS("")
#define TWO DISKS(", {path: /srv/b.qcow2}")
#define NIC DISK "devices: [nic2]\n"

extern const struct kind guest_kind;

struct table_row {
	const char *about;
	const char *want, *applied, *started; /* NULL: DISK alone; "": there is none */
	bool running, failed, held, off;
	const char *lost; /* an id */
	const char *does; /* w rite, s tart, S top, r estart, change l ive */
	const char *wait; /* part of the text; NULL: it does not wait */
	int changes;
};

static const struct table_row rows[] = {
	{ "as wanted", NULL, NULL, NULL, .running = true, .does = "", .changes = 0 },
	{ "first time", NULL, "", "", .does = "ws", .changes = 1 },
	{ "down", NULL, NULL, "", .does = "s", .changes = 1 },
	{ "failed", NULL, NULL, "", .failed = true, .does = "s", .changes = 1 },
	{ "held", NULL, NULL, "", .held = true, .does = "", .wait = "stopped by hand",
		.changes = 1 },
	{ "off", NULL, NULL, "", .off = true, .does = "", .wait = "powered off from inside",
		.changes = 1 },
	{ "off, always", DISK "restart: always\n", DISK "restart: always\n", "", .off = true,
		.does = "s", .changes = 1 },
	{ "held, changed", DISK "cpu: {count: 2}\n", NULL, "", .held = true, .does = "w",
		.changes = 2 },
	{ "not by itself", DISK "autostart: false\n", DISK "autostart: false\n", "", .does = "",
		.changes = 0 },
	{ "not by itself, runs", DISK "autostart: false\n", DISK "autostart: false\n",
		DISK "autostart: false\n", .running = true, .does = "", .changes = 0 },
	{ "to be stopped", DISK "state: stopped\n", NULL, NULL, .running = true, .does = "wS",
		.changes = 1 },
	{ "is stopped", DISK "state: stopped\n", DISK "state: stopped\n", "", .does = "",
		.changes = 0 },
	{ "live change", DISK "shutdown: {timeout: 1s}\n", NULL, NULL, .running = true, .does = "w",
		.changes = 1 },
	{ "live change, done", DISK "shutdown: {timeout: 1s}\n", DISK "shutdown: {timeout: 1s}\n",
		NULL, .running = true, .does = "", .changes = 0 },
	{ "change", DISK "cpu: {count: 2}\n", NULL, NULL, .running = true, .does = "w",
		.changes = 1 },
	{ "change, written", DISK "cpu: {count: 2}\n", DISK "cpu: {count: 2}\n", NULL,
		.running = true, .does = "", .wait = "guest restart web1", .changes = 1 },
	{ "change, at once", DISK "cpu: {count: 2}\non_change: restart\n", NULL, NULL,
		.running = true, .does = "wr", .changes = 2 },
	{ "change, at once, written", DISK "cpu: {count: 2}\non_change: restart\n",
		DISK "cpu: {count: 2}\non_change: restart\n", NULL, .running = true, .does = "r",
		.changes = 1 },
	{ "change, taken back", NULL, DISK "cpu: {count: 2}\n", NULL, .running = true, .does = "w",
		.changes = 1 },
	{ "key gone", NULL, DISK "kernel: {image: /k}\n", DISK "kernel: {image: /k}\n",
		.running = true, .does = "w", .changes = 1 },
	{ "key gone, written", NULL, NULL, DISK "kernel: {image: /k}\n", .running = true,
		.does = "", .wait = "guest restart", .changes = 1 },
	{ "moved", DISK "interfaces: [{bridge: b}]\n", DISK "interfaces: [{network: n}]\n",
		DISK "interfaces: [{network: n}]\n", .running = true, .does = "w", .changes = 2 },
	{ "moved, written", DISK "interfaces: [{bridge: b}]\n", DISK "interfaces: [{bridge: b}]\n",
		DISK "interfaces: [{network: n}]\n", .running = true, .does = "", .changes = 0 },
	/* How large an image is does not concern its guest: kind disk. */
	{ "larger disk", "disks: [{path: /srv/a.qcow2, size: 2GiB}]\n", NULL, NULL, .running = true,
		.does = "w", .changes = 1 },
	{ "larger disk, written", "disks: [{path: /srv/a.qcow2, size: 2GiB}]\n",
		"disks: [{path: /srv/a.qcow2, size: 2GiB}]\n", NULL, .running = true, .does = "",
		.changes = 0 },
	{ "other bus, written", "disks: [{path: /srv/a.qcow2, bus: scsi}]\n",
		"disks: [{path: /srv/a.qcow2, bus: scsi}]\n", NULL, .running = true, .does = "",
		.wait = "guest restart web1", .changes = 1 },
	{ "resources", DISK "resources: {cpu_weight: 200}\n", NULL, NULL, .running = true,
		.does = "w", .changes = 1 },
	{ "resources, written", DISK "resources: {cpu_weight: 200}\n",
		DISK "resources: {cpu_weight: 200}\n", NULL, .running = true, .does = "",
		.changes = 0 },
	{ "resources gone", NULL, DISK "resources: {cpu_weight: 200}\n",
		DISK "resources: {cpu_weight: 200}\n", .running = true, .does = "w", .changes = 1 },
	{ "resources gone, written", NULL, NULL, DISK "resources: {cpu_weight: 200}\n",
		.running = true, .does = "", .changes = 0 },
	{ "lost a device", NIC, NIC, NIC, .running = true, .lost = "device0", .does = "l",
		.changes = 1 },
	{ "lost a device, not restarted for it", NIC "on_change: restart\n",
		NIC "on_change: restart\n", NIC, .running = true, .lost = "device0", .does = "l",
		.changes = 1 },
	{ "lost a device, to be stopped", NIC "state: stopped\n", NIC, NIC, .running = true,
		.lost = "device0", .does = "wS", .changes = 1 },
	{ "lost a device that goes", NULL, NULL, NIC, .running = true, .lost = "device0",
		.does = "l", .changes = 1 },
	{ "device at the end, written", NIC, NIC, NULL, .running = true, .does = "l",
		.changes = 1 },
	{ "device at the end, done", NIC, NIC, NIC, .running = true, .does = "", .changes = 0 },
	{ "device before another", DISK "devices: [gpu, nic2]\n", DISK "devices: [gpu, nic2]\n",
		NIC, .running = true, .does = "", .wait = "guest restart", .changes = 1 },
	{ "more than there are ports", DISK "devices: [a, b, c, d, e, f, g, h, i]\n",
		DISK "devices: [a, b, c, d, e, f, g, h, i]\n", DISK "devices: [a]\n",
		.running = true, .does = "", .wait = "guest restart", .changes = 1 },
	{ "disk at the end", TWO, NULL, NULL, .running = true, .does = "wl", .changes = 1 },
	{ "disk at the end, written", TWO, TWO, NULL, .running = true, .does = "l", .changes = 1 },
	{ "disk at the end, done", TWO, TWO, TWO, .running = true, .does = "", .changes = 0 },
	{ "disk taken from the end", NULL, NULL, TWO, .running = true, .does = "l", .changes = 1 },
	{ "disk before another", "disks: [{path: /srv/b.qcow2}, {path: /srv/a.qcow2}]\n", NULL,
		NULL, .running = true, .does = "w", .changes = 1 },
	{ "disk where it cannot be plugged in", DISKS(", {path: /srv/b, bus: sata}"),
		DISKS(", {path: /srv/b, bus: sata}"), NULL, .running = true, .does = "",
		.wait = "guest restart", .changes = 1 },
	{ "SCSI without a controller", DISKS(", {path: /srv/b, bus: scsi}"),
		DISKS(", {path: /srv/b, bus: scsi}"), NULL, .running = true, .does = "",
		.wait = "guest restart", .changes = 1 },
	{ "SCSI beside another", DISKS(", {path: /b, bus: scsi}, {path: /c, bus: scsi}"),
		DISKS(", {path: /b, bus: scsi}, {path: /c, bus: scsi}"),
		DISKS(", {path: /b, bus: scsi}"), .running = true, .does = "l", .changes = 1 },
	{ "another disc", DISKS(", {device: cdrom, path: /b.iso}"),
		DISKS(", {device: cdrom, path: /b.iso}"), DISKS(", {device: cdrom, path: /a.iso}"),
		.running = true, .does = "l", .changes = 1 },
	{ "another disc at once", DISKS(", {device: cdrom, path: /b.iso}") "on_change: restart\n",
		DISKS(", {device: cdrom, path: /b.iso}") "on_change: restart\n",
		DISKS(", {device: cdrom, path: /a.iso}"), .running = true, .does = "l",
		.changes = 1 },
	{ "interface at the end", DISK "interfaces: [{bridge: b}]\n",
		DISK "interfaces: [{bridge: b}]\n", NULL, .running = true, .does = "l",
		.changes = 1 },
	{ "a function at the end", DISK "interfaces: [{vf: u}]\n", DISK "interfaces: [{vf: u}]\n",
		NULL, .running = true, .does = "l", .changes = 1 },
	{ "another address", DISK "interfaces: [{bridge: b, mac: '52:54:00:00:00:01'}]\n",
		DISK "interfaces: [{bridge: b, mac: '52:54:00:00:00:01'}]\n",
		DISK "interfaces: [{bridge: b}]\n", .running = true, .does = "",
		.wait = "guest restart", .changes = 1 },
	{ "balloon", DISK "memory: {current: 512MiB}\n", NULL, NULL, .running = true, .does = "wl",
		.changes = 1 },
	{ "balloon, done", DISK "memory: {current: 512MiB}\n", DISK "memory: {current: 512MiB}\n",
		DISK "memory: {current: 512MiB}\n", .running = true, .does = "", .changes = 0 },
	{ "balloon beyond what it was started with", DISK "memory: {size: 4GiB, current: 2GiB}\n",
		DISK "memory: {size: 4GiB, current: 2GiB}\n", NULL, .running = true, .does = "",
		.wait = "guest restart", .changes = 2 },
	{ "balloon beside what waits", DISK "memory: {size: 4GiB, current: 512MiB}\n",
		DISK "memory: {size: 4GiB, current: 512MiB}\n", NULL, .running = true, .does = "l",
		.changes = 2 },
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
	if (t->lost) {
		struct guest_lost *lost = arena_alloc(a, sizeof(*lost));

		*lost = (struct guest_lost){ t->lost, "nic2 (0000:02:00.0)" };
		seen->lost = lost;
		seen->n_lost = 1;
	}
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

	snprintf(does, sizeof(does), "%s%s%s%s%s", d.write ? "w" : "", d.start ? "s" : "",
		d.stop ? "S" : "", d.restart ? "r" : "", d.live ? "l" : "");
	if (!streq(does, t->does))
		fail_msg("%s: does `%s`, not `%s`", t->about, does, t->does);
	guest_diff(&h, &s);
	if (seen && (int)s.n_changes != t->changes)
		fail_msg("%s: %zu changes, not %d", t->about, s.n_changes, t->changes);
	guest_refine(&h, &s);
	if (!!s.wait != !!t->wait || (t->wait && !strstr(s.wait, t->wait)))
		fail_msg("%s: waits for %s", t->about, s.wait ? s.wait : "nothing");
	if (s.disruption !=
		(d.restart || d.stop || (s.wait && d.pending) ? DISRUPT_GUEST : DISRUPT_NONE))
		fail_msg("%s: disrupts %d", t->about, s.disruption);
	for (size_t i = 0; d.live && !d.pending && i < s.n_changes; i++)
		if (!streq_null(s.changes[i].when, "changes live"))
			fail_msg("%s: %s %s", t->about, s.changes[i].path,
				s.changes[i].when ? s.changes[i].when : "says nothing");
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

static struct spec applied(struct host *h, const char *name, const char *yaml)
{
	_cleanup_strbuf_ struct strbuf b = { 0 };
	struct spec s;

	spec_resolve(h->pass, guest_from(h->pass, yaml), name, HOST_ID, &s);
	spec_json(&s, &b);
	assert_int_equal(
		file_write_atomic(h->root, guest_path(name, FILE_SPEC).s, sb_str(&b), b.len, 0600),
		0);
	return s;
}

/* A generated address that another guest has; which one was generated does not matter. */
static void test_addresses_that_meet(void **state _unused_)
{
	static const char *const generated = DISK "interfaces: [{bridge: b}]\n";
	_cleanup_arena_ struct arena *a = arena_new();
	_cleanup_error_ struct error e = { 0 };
	struct guest_macs m = { 0 };
	char dir[] = "/tmp/kvmhost-test-XXXXXX";
	struct host h = { .pass = a };
	struct spec first, again, taken, other;
	_cleanup_strbuf_ struct strbuf yaml = { 0 };

	assert_non_null(mkdtemp(dir));
	h.root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	first = applied(&h, "web1", generated);
	sb_add(&yaml, DISK "interfaces: [{bridge: b, mac: '");
	mac_format(&first.interfaces[0].mac, &yaml);
	sb_add(&yaml, "'}]\n");
	spec_resolve(a, guest_from(a, sb_str(&yaml)), "taker", HOST_ID, &taken);
	spec_resolve(a, guest_from(a, generated), "web1", HOST_ID, &again);
	spec_resolve(a, guest_from(a, generated), "web2", HOST_ID, &other);
	assert_int_equal(guest_macs_take(&h, &m, &again, &e), 0);
	assert_int_equal(guest_macs_take(&h, &m, &other, &e), 0);
	assert_int_equal(guest_macs_take(&h, &m, &taken, &e), -EADDRINUSE);
	assert_non_null(strstr(e.text, "guest web1 has"));
	/* Two declared ones are the engine's to judge: they may be changing places. */
	guest_macs_free(&m);
	applied(&h, "web1", sb_str(&yaml));
	assert_int_equal(guest_macs_take(&h, &m, &taken, &e), 0);
	guest_macs_free(&m);
	close(h.root);
	scratch_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decisions),
		cmocka_unit_test(test_what_runs_is_what_is_seen),
		cmocka_unit_test(test_addresses_that_meet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
