/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Modules through the whole engine, on a module tree made by depmod and a
 * /sys/module made of files. Loading and unloading need a kernel that has
 * modules; the lab's scenarios do them.
 */
#include "fixture.h"
#include "hostprep/module_files.h"

static struct machine *image(void **state)
{
	struct machine *m = *state;

	put_modules(m, "6.1.0-test");
	return m;
}

static struct machine *live(void **state)
{
	struct machine *m = image(state);

	m->host.live = true;
	put(m, "/sys/module/igb/initstate", "live\n");
	put(m, "/sys/module/igb/refcnt", "0\n");
	put(m, "/sys/module/igb/parameters/debug", "0\n");
	put(m, "/sys/module/kvm/parameters/halt_poll_ns", "200000\n");
	return m;
}

static const char *body(struct machine *m, const char *path)
{
	const char *text = get(m, path);

	while (text && *text == '#')
		text = strchr(text, '\n') + 1;
	return text ? text : "";
}

static void test_offline(void **state)
{
	struct machine *m = image(state);

	put(m, "/etc/modprobe.d/admin.conf", "options loop max_loop=9\n");
	want(m, "modules: {igb: {options: {max_vfs: 7, debug: 3}, state: loaded},\n"
		"          pcspkr: {state: blacklisted}}");
	settle(m);
	assert_string_equal(body(m, MODPROBE_PATH),
		"options igb debug=3 max_vfs=7\n"
		"blacklist pcspkr\ninstall pcspkr /bin/false\n");
	assert_string_equal(body(m, MODULES_LOAD_PATH), "igb\n");
	restart(m);
	assert_int_equal(plan(m)->n, 0);

	want(m, "modules: {igb: {options: {max_vfs: 6}}}");
	plan(m);
	assert_string_equal(change(m, "options.max_vfs (modprobe.d)"), "7 -> 6");
	assert_string_equal(change(m, "options.debug (modprobe.d)"), "3 -> -");
	settle(m);
	assert_string_equal(body(m, MODPROBE_PATH), "options igb max_vfs=6\n");
	assert_no_file(m, MODULES_LOAD_PATH);
	want(m, "{}");
	settle(m);
	assert_no_file(m, MODPROBE_PATH);
	assert_file(m, "/etc/modprobe.d/admin.conf", "options loop max_loop=9\n");
	assert_int_equal(plan(m)->n, 0);
}

static void test_unknown(void **state)
{
	struct machine *m = image(state);

	want(m, "modules: {ibg: {state: loaded}}");
	assert_non_null(strstr(apply_fails(m), "there is no module ibg for any kernel"));
	want(m, "modules: {igb: {options: {max_vf: 7}}}");
	assert_non_null(strstr(apply_fails(m), "did you mean `max_vfs`?"));
	assert_no_file(m, MODPROBE_PATH);
	want(m, "modules: {ibg: {state: blacklisted}}");
	settle(m);
	assert_int_equal(plan(m)->n, 0);
}

static void test_builtin(void **state)
{
	struct machine *m = live(state);

	want(m, "modules: {kvm: {state: blacklisted}}");
	assert_non_null(strstr(apply_fails(m), "built into this kernel and cannot be blacklisted"));
	want(m, "modules: {kvm: {options: {halt_poll_ns: 0}}}");
	assert_non_null(strstr(apply_fails(m), "kvm.halt_poll_ns=0 on the kernel command line"));
	want(m, "modules: {kvm: {options: {halt_poll_ns: 200000}}}");
	settle(m);
	assert_int_equal(plan(m)->n, 0);
}

#define CARD "/sys/module/igb/drivers/pci:igb/0000:0b:00.0"

/* Its driver is not taken away from a card that may carry traffic. */
static void test_needs_reload(void **state)
{
	struct machine *m = live(state);
	struct step *s;

	put(m, CARD "/vendor", "0x8086\n");
	want(m, "modules: {igb: {options: {debug: 3}}}");
	s = only_step(m);
	assert_int_equal(s->state, STEP_READY);
	assert_int_equal(s->n_changes, 2);
	settle(m);
	assert_string_equal(body(m, MODPROBE_PATH), "options igb debug=3\n");
	s = only_step(m);
	assert_int_equal(s->state, STEP_WAITING);
	assert_int_equal(s->n_changes, 1);
	assert_string_equal(change(m, "options.debug (running kernel)"), "0 -> 3");
	assert_non_null(strstr(s->wait, "it has debug=0, but it drives 0000:0b:00.0"));
	put(m, "/sys/module/igb/parameters/debug", "0x3\n");
	assert_int_equal(plan(m)->n, 0);
}

/* max_vfs is not shown by the kernel: the wait lasts until another load of the module is seen. */
static void test_hidden_parameter(void **state)
{
	struct machine *m = live(state);

	put(m, CARD "/vendor", "0x8086\n");
	want(m, "modules: {igb: {options: {max_vfs: 7}}}");
	settle(m);
	restart(m);
	assert_int_equal(only_step(m)->state, STEP_WAITING);
	assert_non_null(strstr(m->plan.steps[0]->wait, "max_vfs was written after it was loaded"));
	put(m, "/proc/sys/kernel/random/boot_id", "5a0d1e7e-0000-4000-8000-000000000002\n");
	assert_int_equal(plan(m)->n, 0);
}

/* Nobody uses the card: out and in again. Loading for real is for the lab. */
static void test_reload_planned(void **state)
{
	struct machine *m = live(state);

	put(m, CARD "/net/eth0/flags", "0x1002\n");
	put(m, "/sys/class/net/eth0/flags", "0x1002\n");
	want(m, "modules: {igb: {options: {debug: 3}}}");
	only_step(m);
	assert_int_equal(m->plan.steps[0]->state, STEP_READY);
	assert_string_equal(m->plan.steps[0]->reason, "module igb is loaded again for it");

	put(m, CARD "/sriov_numvfs", "2\n");
	assert_non_null(strstr(only_step(m)->reason, "it drives 0000:0b:00.0"));
	put(m, CARD "/sriov_numvfs", "0\n");
	put(m, "/sys/class/net/eth0/master/x", "");
	assert_non_null(strstr(only_step(m)->reason, "it drives 0000:0b:00.0"));
	assert_int_equal(
		system(arena_printf(m->arena, "rm -r %s/sys/class/net/eth0/master", m->dir)), 0);
	put(m, "/sys/class/net/eth0/flags", "0x1003\n");
	assert_non_null(strstr(only_step(m)->reason, "it drives 0000:0b:00.0"));
}

static void test_initramfs_planned(void **state)
{
	struct machine *m = live(state);

	put(m, "/usr/bin/lsinitramfs", "");
	put(m, "/usr/sbin/update-initramfs", "");
	put(m,
		arena_printf(m->arena, "/boot/initrd.img-%.*s",
			(int)strcspn(get(m, "/proc/sys/kernel/osrelease"), "\n"),
			get(m, "/proc/sys/kernel/osrelease")),
		"");
	want(m, "modules: {igb: {options: {max_vfs: 7}}}");
	only_step(m);
	assert_string_equal(change(m, "initramfs"), "as it was made -> anew, if it has the module");
	want(m, "modules: {igb: {state: loaded}}");
	only_step(m);
	assert_null(change(m, "initramfs"));
}

static void test_written_before_load(void **state)
{
	struct machine *m = live(state);

	assert_int_equal(file_remove(m->host.root, "/sys/module/igb/initstate"), 0);
	assert_int_equal(system(arena_printf(m->arena, "rm -r %s/sys/module/igb", m->dir)), 0);
	want(m, "modules: {igb: {options: {max_vfs: 7}}}");
	settle(m);
	put(m, "/sys/module/igb/initstate", "live\n");
	assert_int_equal(plan(m)->n, 0);
}

static void test_held(void **state)
{
	struct machine *m = live(state);
	struct step *s;

	put(m, "/sys/module/igb/drivers/pci:igb/0000:0b:00.0/vendor", "0x8086\n");
	want(m, "modules: {igb: {state: blacklisted}}");
	settle(m);
	assert_string_equal(body(m, MODPROBE_PATH), "blacklist igb\ninstall igb /bin/false\n");
	s = only_step(m);
	assert_int_equal(s->state, STEP_WAITING);
	assert_non_null(strstr(s->wait, "it drives 0000:0b:00.0"));
	put(m, "/sys/module/igb/holders/igbvf", "");
	assert_non_null(strstr(only_step(m)->wait, "module igbvf needs it"));
	assert_int_equal(system(arena_printf(m->arena, "rm -r %s/sys/module/igb", m->dir)), 0);
	assert_int_equal(plan(m)->n, 0);
}

/* A platform device does not hold its module: the plan is to unload it. */
static void test_unload_planned(void **state)
{
	struct machine *m = live(state);

	put(m, "/sys/module/igb/drivers/platform:igb/igb.0/uevent", "");
	want(m, "modules: {igb: {state: blacklisted}}");
	assert_int_equal(only_step(m)->state, STEP_READY);
	assert_string_equal(change(m, "state (running kernel)"), "loaded -> not loaded");
}

static void test_conflicts(void **state)
{
	struct machine *m = image(state);
	struct step *s;

	put(m, "/etc/modprobe.d/zz.conf", "\noptions igb max_vfs=2\n");
	put(m, "/etc/modprobe.d/blacklist.conf", "blacklist igb\n");
	want(m, "modules: {igb: {options: {max_vfs: 7}}}");
	settle(m);
	s = only_step(m);
	assert_int_equal(s->state, STEP_WAITING);
	assert_non_null(
		strstr(s->wait, "/etc/modprobe.d/zz.conf:2 to be removed: it sets max_vfs=2"));
	want(m, "modules: {igb: {state: loaded}}");
	settle(m);
	assert_non_null(strstr(only_step(m)->wait,
		"/etc/modprobe.d/blacklist.conf:1 to be removed: it blacklists igb"));
}

static void test_contradiction(void **state)
{
	struct machine *m = *state;

	assert_non_null(
		strstr(reject(m, "modules: {igb: {options: {max_vfs: 7}, state: blacklisted}}"),
			"it has no options"));
	assert_non_null(
		strstr(reject(m, "modules: {igb: {options: {x: 'a\"b'}}}"), "double quote"));
}

static void test_lost_record(void **state)
{
	struct machine *m = image(state);

	want(m, "modules: {igb: {options: {max_vfs: 7}}, pcspkr: {state: blacklisted}}");
	settle(m);
	assert_int_equal(file_remove(m->host.root, STATE_DIR "/record.json"), 0);
	restart(m);
	want(m, "{}");
	settle(m);
	assert_no_file(m, MODPROBE_PATH);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, machine_setup, machine_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_offline),
		TEST(test_unknown),
		TEST(test_builtin),
		TEST(test_needs_reload),
		TEST(test_hidden_parameter),
		TEST(test_reload_planned),
		TEST(test_initramfs_planned),
		TEST(test_written_before_load),
		TEST(test_held),
		TEST(test_unload_planned),
		TEST(test_conflicts),
		TEST(test_contradiction),
		TEST(test_lost_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
