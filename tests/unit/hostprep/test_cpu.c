/* SPDX-License-Identifier: GPL-2.0-or-later */
/* host.cpu on captured machines: two sockets with acpi-cpufreq, one with intel_pstate. */
#include "fixture.h"

#define CPU "/sys/devices/system/cpu"
#define STATE(cpu, n, file) CPU "/cpu" cpu "/cpuidle/state" n "/" file
#define POLICY(n, file) CPU "/cpufreq/policy" n "/" file

static void put_states(struct machine *m, const char *cpu)
{
	static const char *const names[] = { "POLL", "C1", "C2", "C3" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *dir = arena_printf(m->arena, CPU "/%s/cpuidle/state%zu", cpu, i);

		put(m, arena_printf(m->arena, "%s/name", dir),
			arena_printf(m->arena, "%s\n", names[i]));
		put(m, arena_printf(m->arena, "%s/disable", dir), "0\n");
	}
}

static void put_policy(struct machine *m, const char *n)
{
	static const char *const files[][2] = { { "scaling_driver", "acpi-cpufreq" },
		{ "scaling_governor", "ondemand" },
		{ "scaling_available_governors", "ondemand performance schedutil" },
		{ "scaling_available_frequencies", "2400000 1800000 1200000" },
		{ "cpuinfo_min_freq", "1200000" }, { "cpuinfo_max_freq", "2400000" },
		{ "scaling_min_freq", "1200000" }, { "scaling_max_freq", "2400000" } };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		put(m, arena_printf(m->arena, CPU "/cpufreq/policy%s/%s", n, files[i][0]),
			arena_printf(m->arena, "%s\n", files[i][1]));
}

static struct machine *machine(void **state, const char *vendor, const char *flags)
{
	struct machine *m = *state;

	m->host.live = true;
	put(m, "/proc/cpuinfo",
		arena_printf(m->arena, "processor\t: 0\nvendor_id\t: %s\nflags\t\t: fpu %s\n",
			vendor, flags));
	put_states(m, "cpu0");
	put_states(m, "cpu1");
	put_policy(m, "0");
	put_policy(m, "1");
	put(m, CPU "/smt/control", "on\n");
	put(m, "/usr/sbin/grub-mkconfig", "for x in /etc/default/grub.d/*.cfg\n");
	put(m, "/boot/grub/grub.cfg", "");
	return m;
}

static void test_governor_and_frequencies(void **state)
{
	struct machine *m = machine(state, "AuthenticAMD", "constant_tsc");

	want(m, "cpu: {governor: performance, min_frequency: 2.4GHz}");
	only_step(m);
	assert_string_equal(
		change(m, "scaling_governor (policy0 and 1 more)"), "ondemand -> performance");
	assert_string_equal(
		change(m, "scaling_min_freq (policy0 and 1 more)"), "1200000 -> 2400000");
	settle(m);
	assert_file(m, POLICY("1", "scaling_governor"), "performance");
	restart(m);
	assert_int_equal(plan(m)->n, 0);

	/* what leaves the document goes back alone */
	want(m, "cpu: {min_frequency: 2400MHz}");
	only_step(m);
	assert_string_equal(
		change(m, "scaling_governor (policy0 and 1 more)"), "performance -> ondemand");
	assert_int_equal(m->plan.steps[0]->n_changes, 1);
	settle(m);
	assert_file(m, POLICY("0", "scaling_governor"), "ondemand");
	want(m, "{}");
	settle(m);
	assert_file(m, POLICY("0", "scaling_min_freq"), "1200000");
	assert_int_equal(plan(m)->n, 0);
}

static void test_drift_of_one(void **state)
{
	struct machine *m = machine(state, "AuthenticAMD", "constant_tsc");

	want(m, "cpu: {governor: performance}");
	settle(m);
	put(m, POLICY("1", "scaling_governor"), "schedutil\n");
	only_step(m);
	assert_string_equal(change(m, "scaling_governor (policy1)"), "schedutil -> performance");
	settle(m);
	want(m, "{}");
	settle(m);
	assert_file(m, POLICY("1", "scaling_governor"), "ondemand");
}

static void test_what_the_driver_has_not(void **state)
{
	struct machine *m = machine(state, "GenuineIntel", "constant_tsc");

	want(m, "cpu: {governor: powersave}");
	assert_string_equal(apply_fails(m),
		"governor: acpi-cpufreq, the frequency driver of policy0, has no `powersave`; it "
		"has: ondemand performance schedutil");
	want(m, "cpu: {max_frequency: 3GHz}");
	assert_string_equal(apply_fails(m),
		"max_frequency: 3000 MHz is not what acpi-cpufreq, the frequency driver of "
		"policy0, offers; choose from 1200MHz to 2400MHz");
	assert_file(m, POLICY("0", "scaling_max_freq"), "2400000\n");
}

/* It offers a range and two governors of its own, which bear the names of others. */
static void test_intel_pstate(void **state)
{
	struct machine *m = machine(state, "GenuineIntel", "constant_tsc");

	for (const char *n = "0"; n; n = *n == '0' ? "1" : NULL) {
		const char *dir = arena_printf(m->arena, CPU "/cpufreq/policy%s", n);

		put(m, arena_printf(m->arena, "%s/scaling_driver", dir), "intel_pstate\n");
		put(m, arena_printf(m->arena, "%s/scaling_governor", dir), "powersave\n");
		put(m, arena_printf(m->arena, "%s/scaling_available_governors", dir),
			"performance powersave\n");
		file_remove(m->host.root,
			arena_printf(m->arena, "%s/scaling_available_frequencies", dir));
	}
	want(m, "cpu: {governor: schedutil}");
	assert_string_equal(apply_fails(m),
		"governor: intel_pstate, the frequency driver of policy0, has no `schedutil`; it "
		"has: performance powersave");
	want(m, "cpu: {governor: performance, min_frequency: 2.1GHz, max_frequency: 2.1GHz}");
	settle(m);
	assert_file(m, POLICY("1", "scaling_governor"), "performance");
	assert_file(m, POLICY("0", "scaling_min_freq"), "2100000");
	assert_file(m, POLICY("0", "scaling_max_freq"), "2100000");
	assert_int_equal(plan(m)->n, 0);
	want(m, "{}");
	settle(m);
	assert_file(m, POLICY("1", "scaling_governor"), "powersave");
	assert_file(m, POLICY("0", "scaling_max_freq"), "2400000");
}

static void test_no_driver(void **state)
{
	struct machine *m = *state;

	m->host.live = true;
	put(m, "/proc/cpuinfo", "flags\t: fpu hypervisor\n");
	want(m, "cpu: {governor: performance}");
	assert_string_equal(apply_fails(m),
		"governor: no frequency driver works here: /sys/devices/system/cpu/cpufreq has no "
		"policy; take it out: this is a virtual machine, its hypervisor chooses");
}

/* The states beyond the limit are off; the parameters are for the next boot and wait for none. */
static void test_max_cstate(void **state)
{
	struct machine *m = machine(state, "GenuineIntel", "constant_tsc");
	struct step *s = NULL;

	want(m, "cpu: {max_cstate: 1}");
	plan(m);
	assert_int_equal(m->plan.n, 3);
	assert_string_equal(change(m, "C2 disabled (cpu0 and 1 more)"), "0 -> 1");
	assert_string_equal(change(m, "C3 disabled (cpu0 and 1 more)"), "0 -> 1");
	assert_string_equal(
		change(m, "boot loader (90-kvmhost.cfg)"), "- -> processor.max_cstate=1");
	assert_null(change(m, "running kernel"));
	for (size_t i = 0; i < m->plan.n; i++)
		if (streq(m->plan.steps[i]->r->id, "cmdline/intel_idle.max_cstate=1"))
			s = m->plan.steps[i];
	assert_non_null(s);
}

static void test_no_intel_parameter_for_amd(void **state)
{
	struct machine *m = machine(state, "AuthenticAMD", "constant_tsc");

	want(m, "cpu: {max_cstate: 2}");
	plan(m);
	assert_int_equal(m->plan.n, 2);
	assert_null(change(m, "C2 disabled (cpu0 and 1 more)"));
	assert_string_equal(change(m, "C3 disabled (cpu0 and 1 more)"), "0 -> 1");
}

static void test_auto_where_the_counter_is_constant(void **state)
{
	struct machine *m = machine(state, "GenuineIntel", "constant_tsc nonstop_tsc");

	want(m, "cpu: {max_cstate: auto}");
	plan(m);
	assert_null(change(m, "C2 disabled (cpu0 and 1 more)"));
	assert_null(change(m, "boot loader (90-kvmhost.cfg)"));
	assert_null(change(m, "scaling_min_freq (policy0 and 1 more)"));
}

static void test_auto_where_it_is_not(void **state)
{
	struct machine *m = machine(state, "AuthenticAMD", "tsc");

	want(m, "cpu: {max_cstate: auto}");
	plan(m);
	assert_string_equal(change(m, "C2 disabled (cpu0 and 1 more)"), "0 -> 1");
	assert_string_equal(
		change(m, "boot loader (90-kvmhost.cfg)"), "- -> processor.max_cstate=1");
	assert_string_equal(
		change(m, "scaling_min_freq (policy0 and 1 more)"), "1200000 -> 2400000");
}

static void test_smt(void **state)
{
	struct machine *m = machine(state, "GenuineIntel", "constant_tsc");

	want(m, "cpu: {smt: false}");
	only_step(m);
	assert_string_equal(change(m, "smt/control"), "on -> off");
	settle(m);
	want(m, "{}");
	settle(m);
	assert_file(m, CPU "/smt/control", "on");
	put(m, CPU "/smt/control", "notsupported\n");
	want(m, "cpu: {smt: true}");
	assert_non_null(strstr(apply_fails(m), "one thread in each core"));
	want(m, "cpu: {smt: false}");
	settle(m);
	assert_file(m, CPU "/smt/control", "notsupported\n");
}

static void test_isolated(void **state)
{
	struct machine *m = machine(state, "GenuineIntel", "constant_tsc");

	put(m, CPU "/online", "0-3\n");
	want(m, "cpu: {isolated: 2-3}");
	assert_non_null(strstr(apply_fails(m), "no unified cgroup hierarchy"));
	put(m, "/sys/fs/cgroup/cgroup.controllers", "cpuset\n");
	only_step(m);
	assert_string_equal(change(m, "AllowedCPUs of system.slice"), "all -> 0-1");
	want(m, "cpu: {isolated: 0-3}");
	assert_non_null(strstr(apply_fails(m), "leaves no CPU for the host, which has 0-3 online"));
}

static void test_nested(void **state)
{
	struct machine *m = *state;

	want(m, "cpu: {nested: true}");
	settle(m);
	assert_non_null(
		strstr(get(m, "/etc/modprobe.d/zz-kvmhost.conf"), "options kvm_amd nested=1"));
	assert_non_null(
		strstr(get(m, "/etc/modprobe.d/zz-kvmhost.conf"), "options kvm_intel nested=1"));
}

/* A machine that runs is of one maker. */
static void test_nested_here(void **state)
{
	static const char *const cpus[][3] = {
		/* maker, flags, module */
		{ "AuthenticAMD", "svm", "kvm_amd" },
		{ "AuthenticAMD", "", "kvm_amd" },
		{ "GenuineIntel", "", "kvm_intel" },
		{ "CentaurHauls", "vmx", "kvm_intel" },
	};
	struct machine *m = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(cpus); i++) {
		size_t modules = 0;

		m = machine(state, cpus[i][0], cpus[i][1]);
		put_modules(m, "6.1");
		restart(m);
		want(m, "cpu: {nested: true}");
		plan(m);
		for (size_t k = 0; k < m->plan.n; k++) {
			if (!streq(m->plan.steps[k]->r->kind->name, "module"))
				continue;
			assert_string_equal(m->plan.steps[k]->r->name, cpus[i][2]);
			modules++;
		}
		assert_int_equal(modules, 1);
	}
}

static void test_rejects(void **state)
{
	assert_non_null(strstr(reject(*state, "cpu: {max_cstate: 0}"), "must be 1 to 9, or auto"));
	assert_non_null(strstr(reject(*state, "cpu: {min_frequency: 2GHz, max_frequency: 1GHz}"),
		"is above max_frequency"));
	assert_non_null(strstr(reject(*state, "cpu: {isolated: 3-1}"), "must be CPUs"));
	assert_non_null(strstr(reject(*state, "cpu: {min_frequency: 2400}"), "needs a unit"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_governor_and_frequencies, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(test_drift_of_one, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(
			test_what_the_driver_has_not, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(test_intel_pstate, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(test_no_driver, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(test_max_cstate, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(
			test_no_intel_parameter_for_amd, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(
			test_auto_where_the_counter_is_constant, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(
			test_auto_where_it_is_not, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(test_smt, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(test_isolated, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(test_nested, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(test_nested_here, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(test_rejects, machine_setup, machine_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
