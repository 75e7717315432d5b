/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is read from and written to the files of sysctl.d and modprobe.d. */
#include "fixture.h"
#include "reconcile/dropin.h"
#include "hostprep/module_files.h"
#include "hostprep/sysctl_files.h"
#include "hostprep/value.h"

static void test_names(void **state _unused_)
{
	static const char *const pairs[][2] = {
		{ "vm.swappiness", "vm/swappiness" },
		{ "net.ipv4.conf.eth0/42.mtu", "net/ipv4/conf/eth0.42/mtu" },
		{ "net/ipv4/conf/eth0.42/mtu", "net/ipv4/conf/eth0.42/mtu" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		_cleanup_free_ char *path = sysctl_name_to_path(pairs[i][0]);

		assert_string_equal(path, pairs[i][1]);
	}
}

static void test_values(void **state _unused_)
{
	assert_true(value_same("4096\t87380\t6291456", "4096 87380  6291456\n"));
	assert_true(value_same("0x10", "16"));
	assert_true(value_same("", "  "));
	assert_false(value_same("1 2", "1 2 3"));
	assert_false(value_same("1-3", "1,2,3"));
	assert_false(value_same("bbr", "cubic"));
	assert_true(value_same_param("Y", "1"));
	assert_true(value_same_param("off", "N"));
	assert_false(value_same_param("Y", "0"));
	assert_false(value_same_param("2", "1"));
	assert_false(value_same_param("", "N"));
}

static struct sysctl_lines later(struct machine *m)
{
	struct sysctl_lines l = { .arena = m->arena };

	sysctl_read_later(&m->host, &l);
	return l;
}

static void test_sysctl_order(void **state)
{
	struct machine *m = *state;
	struct sysctl_lines l;

	put(m, "/etc/sysctl.d/10-before.conf", "vm.swappiness = 1\n");
	put(m, "/etc/sysctl.d/99-mine.conf",
		"# c\n; c\n\n-net.core.somaxconn=7\nbad line\n"
		"net.ipv4.conf.*.rp_filter = 2\n");
	put(m, "/usr/lib/sysctl.d/99-mine.conf", "net.core.somaxconn = 8\n");
	put(m, "/run/sysctl.d/95-x.conf", "net.core.somaxconn = 9\nvm.swappiness=2");
	put(m, "/etc/sysctl.d/zz.txt", "vm.swappiness = 3\n");
	l = later(m);
	assert_int_equal(l.n, 3);
	assert_string_equal(sysctl_line(&l, "net/core/somaxconn")->value, "7");
	assert_int_equal(sysctl_line(&l, "net/core/somaxconn")->line, 4);
	assert_string_equal(sysctl_line(&l, "vm/swappiness")->value, "2");
	put(m, "/etc/sysctl.conf", "vm.swappiness = 4\n");
	l = later(m);
	assert_string_equal(sysctl_line(&l, "vm/swappiness")->value, "4");
	assert_true(endswith(sysctl_line(&l, "vm/swappiness")->file, "/etc/sysctl.conf"));
	assert_null(sysctl_line(&l, "net/ipv4/conf/*/rp_filter"));
}

static void test_foreign_dropin(void **state)
{
	struct machine *m = *state;
	_cleanup_error_ struct error e = { 0 };
	_cleanup_free_ char *text = NULL;

	put(m, SYSCTL_PATH, "vm.swappiness = 1\n");
	assert_int_equal(dropin_read(&m->host, SYSCTL_PATH, &text, &e), -EPERM);
	assert_int_equal(dropin_write(&m->host, SYSCTL_PATH, "x\n", &e), -EPERM);
	assert_non_null(e.cure);
	assert_file(m, SYSCTL_PATH, "vm.swappiness = 1\n");
}

static void test_modprobe(void **state)
{
	struct machine *m = *state;
	struct module_lines l = { .arena = m->arena };
	const struct module_line *line;

	put(m, "/etc/modprobe.d/a.conf",
		"options snd-hda-intel model=\"a b\" power_save=1 \\\n  enable\n"
		"# blacklist x\nblacklist pcspkr\n");
	put(m, "/etc/modprobe.d/zzz.conf", "options igb max_vfs=2\n");
	put(m, "/lib/modprobe.d/zzz.conf", "options igb max_vfs=3\n");
	module_read_foreign(&m->host, &l);
	line = module_line(&l, "snd_hda_intel", MODULE_OPTION, "model");
	assert_string_equal(line->value, "a b");
	assert_false(line->later);
	assert_string_equal(module_line(&l, "snd_hda_intel", MODULE_OPTION, "enable")->value, "1");
	line = module_line(&l, "pcspkr", MODULE_BLACKLIST, NULL);
	assert_int_equal(line->line, 4);
	assert_null(module_line(&l, "x", MODULE_BLACKLIST, NULL));
	line = module_line(&l, "igb", MODULE_OPTION, "max_vfs");
	assert_string_equal(line->value, "2");
	assert_true(line->later);
}

static void test_own_round_trip(void **state)
{
	struct machine *m = *state;
	struct module_lines l = { .arena = m->arena }, again = { .arena = m->arena };

	module_add(&l, "pcspkr", MODULE_BLACKLIST, NULL, NULL);
	module_add(&l, "igb", MODULE_OPTION, "max_vfs", "7");
	module_add(&l, "igb", MODULE_LOAD, NULL, NULL);
	module_add(&l, "igb", MODULE_OPTION, "debug", "a b");
	assert_int_equal(module_write_own(&m->host, &l, NULL), 0);
	assert_non_null(strstr(get(m, MODPROBE_PATH), "options igb debug=\"a b\" max_vfs=7\n"
						      "blacklist pcspkr\n"));
	assert_int_equal(module_read_own(&m->host, &again, NULL), 0);
	assert_int_equal(again.n, 4);
	assert_string_equal(module_line(&again, "igb", MODULE_OPTION, "debug")->value, "a b");
	module_drop(&again, "igb");
	module_drop(&again, "pcspkr");
	assert_int_equal(module_write_own(&m->host, &again, NULL), 0);
	assert_no_file(m, MODPROBE_PATH);
	assert_no_file(m, MODULES_LOAD_PATH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_values),
		cmocka_unit_test_setup_teardown(test_sysctl_order, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(
			test_foreign_dropin, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(test_modprobe, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(
			test_own_round_trip, machine_setup, machine_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
