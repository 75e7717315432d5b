/* SPDX-License-Identifier: GPL-2.0-or-later */
/* host.memory on a machine of files: here every number that is asked for is taken. */
#include "fixture.h"
#include "reconcile/record.h"

#define POOL(kib) "/sys/kernel/mm/hugepages/hugepages-" kib "kB/nr_hugepages"
#define NODE_POOL "/sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages"
#define NODE_GIANT(node) \
	"/sys/devices/system/node/node" node "/hugepages/hugepages-1048576kB/nr_hugepages"
#define KSM "/sys/kernel/mm/ksm/run"

static struct machine *machine(void **state)
{
	struct machine *m = *state;

	m->host.live = true;
	put(m, POOL("2048"), "0\n");
	put(m, POOL("1048576"), "0\n");
	put(m, NODE_POOL, "0\n");
	put(m, "/sys/devices/system/node/online", "0-1\n");
	put(m, KSM, "1\n");
	put(m, "/proc/meminfo", "MemTotal:       16000000 kB\n");
	put(m, "/proc/cmdline", "quiet\n");
	put(m, "/usr/sbin/grub-mkconfig", "for x in /etc/default/grub.d/*.cfg\n");
	put(m, "/boot/grub/grub.cfg", "");
	return m;
}

static void test_converge_and_release(void **state)
{
	struct machine *m = machine(state);

	want(m, "memory: {hugepages: {2MiB: 512}, ksm: false}");
	only_step(m);
	assert_string_equal(change(m, "2MiB pages"), "0 -> 512");
	assert_string_equal(change(m, "ksm/run"), "1 -> 2");
	settle(m);
	assert_file(m, POOL("2048"), "512");
	restart(m);
	assert_int_equal(plan(m)->n, 0);
	want(m, "memory: {ksm: false}");
	assert_int_equal(only_step(m)->n_changes, 1);
	settle(m);
	assert_file(m, POOL("2048"), "0");
	want(m, "{}");
	settle(m);
	assert_file(m, KSM, "1");
	assert_int_equal(plan(m)->n, 0);
}

static void test_nodes(void **state)
{
	struct machine *m = machine(state);

	want(m, "memory: {hugepages: {2MiB: {nodes: {1: 8}}}}");
	only_step(m);
	assert_string_equal(change(m, "2MiB pages (node1)"), "0 -> 8");
	settle(m);
	assert_file(m, NODE_POOL, "8");
	assert_file(m, POOL("2048"), "0\n");
	want(m, "memory: {hugepages: {2MiB: {nodes: {4: 8}}}}");
	assert_string_equal(apply_fails(m),
		"hugepages of 2MiB: there is no NUMA node 4; this machine has: 0-1");
}

/* The size and its number are one parameter, which keeps them side by side. */
static void test_gigantic(void **state)
{
	struct machine *m = machine(state);

	want(m, "memory: {hugepages: {1GiB: 4}}");
	plan(m);
	assert_int_equal(m->plan.n, 2);
	assert_string_equal(change(m, "1GiB pages"), "0 -> 4");
	assert_string_equal(
		change(m, "boot loader (90-kvmhost.cfg)"), "- -> hugepagesz=1G hugepages=4");
	assert_null(change(m, "running kernel"));
}

static void test_gigantic_offline(void **state)
{
	struct machine *m = machine(state);

	m->host.live = false;
	want(m, "cmdline: [hugepagesz=2M, hugepages=64]\nmemory: {hugepages: {1GiB: {nodes: {0: 1, "
		"1: 3}}}}");
	settle(m);
	assert_non_null(strstr(get(m, "/etc/default/grub.d/90-kvmhost.cfg"),
		"GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX hugepagesz=1G hugepages=0:1,1:3\"\n"));
	restart(m);
	assert_int_equal(plan(m)->n, 1); /* memory/host: the machine that boots from this tree */
	want(m, "cmdline: [hugepagesz=2M, hugepages=64]");
	settle(m);
	assert_null(strstr(get(m, "/etc/default/grub.d/90-kvmhost.cfg"), "1G"));
	assert_non_null(strstr(get(m, "/etc/default/grub.d/90-kvmhost.cfg"), "hugepages=64"));
}

/* Asking takes all that is free, in vain: what there is no room for is not asked for. */
static void test_no_room(void **state)
{
	struct machine *m = machine(state);

	put(m, "/proc/meminfo",
		"MemTotal: 16000000 kB\nMemAvailable: 102400 kB\nSwapFree: 2048 kB\n");
	want(m, "memory: {hugepages: {2MiB: 52}}");
	assert_non_null(
		strstr(apply_fails(m), "there is memory for 51 of 52: 2MiB pages; there are "
				       "0, as before; stop guests or programs"));
	assert_file(m, POOL("2048"), "0");
	want(m, "memory: {hugepages: {2MiB: 51}}");
	settle(m);
	assert_file(m, POOL("2048"), "51");
}

/* One that does not fit is no reason to leave out the other. */
static void test_room_for_one(void **state)
{
	struct machine *m = machine(state);

	put(m, POOL("32768"), "0\n");
	put(m, "/proc/meminfo", "MemTotal: 16000000 kB\nMemAvailable: 102400 kB\n");
	want(m, "memory: {hugepages: {32MiB: 10, 2MiB: 25}}");
	assert_non_null(strstr(apply_fails(m), "there is memory for 3 of 10: 32MiB pages"));
	assert_file(m, POOL("2048"), "25");
	assert_file(m, POOL("32768"), "0");
	want(m, "memory: {hugepages: {32MiB: 3, 2MiB: 2}}");
	settle(m);
	assert_file(m, POOL("32768"), "3");
}

/* Which reservation waits for a reboot: the one that differs still, with its own numbers. */
static void test_one_of_two_waits(void **state)
{
	struct machine *m = machine(state);
	const struct step *s = NULL;

	put(m, NODE_GIANT("0"), "0\n");
	put(m, NODE_GIANT("1"), "0\n");
	put(m, "/proc/sys/kernel/random/boot_id", "this-boot\n");
	want(m, "memory: {ksm: false}");
	settle(m);
	/* what an apply in this boot has found */
	json_object_set_new(record_kept(&m->host, "memory/host"), "short",
		json_pack("{s:{s:s, s:s, s:i}, s:{s:s, s:s, s:i}}", NODE_GIANT("0"), "boot",
			"this-boot", "wanted", "1", "found", 0, NODE_GIANT("1"), "boot",
			"this-boot", "wanted", "3", "found", 2));
	want(m, "memory: {ksm: false, hugepages: {1GiB: {nodes: {0: 1, 1: 3}}}}");
	for (int node0 = 0; node0 < 2; node0++) {
		put(m, NODE_GIANT("0"), node0 ? "1\n" : "0\n");
		plan(m);
		for (size_t i = 0; i < m->plan.n; i++)
			if (streq(m->plan.steps[i]->r->id, "memory/host"))
				s = m->plan.steps[i];
		assert_non_null(s);
		assert_string_equal(s->wait,
			node0 ? "a reboot: the running kernel found memory for 2 of 3: 1GiB pages "
				"(node1)"
			      : "a reboot: the running kernel found memory for 0 of 1: 1GiB pages "
				"(node0), for 2 of 3: 1GiB pages (node1)");
	}
}

#define UNIT "/etc/systemd/system/dev-huge\\x2dpages.mount"

/* In an image: the unit, and what starts it at boot. The capsule mounts one. */
static void test_mount(void **state)
{
	struct machine *m = machine(state);

	m->host.live = false;
	want(m, "memory: {hugepages: {2MiB: {pages: 8, mount: /dev/huge-pages}}}");
	settle(m);
	assert_non_null(strstr(get(m, UNIT), "\nWhere=/dev/huge-pages\nType=hugetlbfs\n"
					     "Options=pagesize=2048K\n"));
	assert_string_equal(
		get(m, "/etc/systemd/system/sysinit.target.wants/dev-huge\\x2dpages.mount"),
		get(m, UNIT));
	restart(m);
	assert_int_equal(plan(m)->n, 1); /* memory/host: the machine that boots from this tree */
	want(m, "memory: {hugepages: {1GiB: {pages: 1, mount: /dev/huge-pages}}}");
	settle(m);
	assert_non_null(strstr(get(m, UNIT), "pagesize=1048576K\n"));
	want(m, "{}");
	settle(m);
	assert_no_file(m, UNIT);
	assert_no_file(m, "/etc/systemd/system/sysinit.target.wants/dev-huge\\x2dpages.mount");
}

static void test_mount_of_others(void **state)
{
	static const struct {
		const char *line, *said;
	} cases[] = {
		{ "40 25 0:35 / /dev/hp rw - tmpfs tmpfs rw",
			"/dev/hp is mounted already, and is no "
			"hugetlbfs; choose another place" },
		{ "40 25 0:35 / /dev/hp rw - hugetlbfs hugetlbfs rw,pagesize=1024M",
			"with pages of 1048576 KiB, and kvmhost did not do that" },
	};
	struct machine *m = machine(state);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		put(m, "/proc/self/mountinfo", cases[i].line);
		want(m, "memory: {hugepages: {2MiB: {pages: 0, mount: /dev/hp}}}");
		assert_non_null(strstr(apply_fails(m), cases[i].said));
	}
	put(m, "/proc/self/mountinfo",
		"40 25 0:35 / /dev/hp rw - hugetlbfs hugetlbfs rw,pagesize=2M\n");
	assert_int_equal(plan(m)->n, 1); /* memory/host, not yet recorded */
	assert_non_null(strstr(reject(m, "memory: {hugepages: {2MiB: {pages: 1, mount: /a}, 1GiB: "
					 "{pages: 1, mount: /a}}}"),
		"/a"));
}

/* Others' words are for the boot, ours for now: of one size there is one number. */
static void test_others_on_the_command_line(void **state)
{
	static const struct {
		const char *words, *said;
	} cases[] = {
		{ "hugepages=64",
			"/etc/default/grub:2 sets hugepages=64, and the document wants 32 "
			"of 2MiB; remove it there, or write `2MiB: 64`" },
		{ "hugepagesz=1G hugepages=8", "sets hugepagesz=1G hugepages=8, and the document "
					       "wants 2 of 1GiB" },
		{ "hugepages=32 hugepagesz=1024M hugepages=0:1,1:2", "or write `1GiB: 3`" },
		{ "hugepages=32", NULL },
		{ "hugepagesz=1G hugepages=0:1,1:1", NULL },
		{ "hugepagesz=16G hugepages=1", NULL },
	};
	struct machine *m = machine(state);

	put(m, "/proc/meminfo", "MemTotal:       16000000 kB\nHugepagesize:       2048 kB\n");
	want(m, "memory: {hugepages: {2MiB: 32, 1GiB: 2}}");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error e = { 0 };
		int r;

		put(m, "/etc/default/grub",
			arena_printf(
				m->arena, "# theirs\nGRUB_CMDLINE_LINUX=\"%s\"\n", cases[i].words));
		restart(m);
		r = plan_make(&m->host, &m->wants, &m->plan, &e);
		assert_int_equal(r, 0);
		for (size_t k = 0; k < m->plan.n; k++)
			if (streq(m->plan.steps[k]->r->id, "memory/host")) {
				_cleanup_free_ char *line = error_line(&m->plan.steps[k]->error);

				if (!cases[i].said)
					assert_int_equal(m->plan.steps[k]->error.code, 0);
				else if (!strstr(line, cases[i].said))
					fail_msg("%s: %s", cases[i].words, line);
			}
	}
}

static void test_what_cannot_be(void **state)
{
	struct machine *m = machine(state);

	want(m, "memory: {hugepages: {4MiB: 1}}");
	assert_string_equal(
		apply_fails(m), "hugepages: this machine has none of 4MiB; it has: 1GiB, 2MiB");
	want(m, "memory: {hugepages: {2MiB: 8000}}");
	assert_string_equal(apply_fails(m),
		"hugepages: 16000 MiB in all, and this machine has 15625 MiB of memory; reserve "
		"fewer, and leave memory to the host");
	assert_non_null(strstr(reject(m, "memory: {hugepages: {2MiB: {pages: 3, nodes: {0: 3}}}}"),
		"take one of"));
	assert_non_null(strstr(reject(m, "memory: {hugepages: {2MiB: {}}}"), "neither `pages`"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_converge_and_release, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(test_nodes, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(test_gigantic, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(
			test_gigantic_offline, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(test_no_room, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(
			test_one_of_two_waits, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(test_room_for_one, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(test_mount, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(
			test_mount_of_others, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(
			test_others_on_the_command_line, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(
			test_what_cannot_be, machine_setup, machine_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
