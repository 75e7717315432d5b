/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kernel settings through the whole engine: plan, apply, drift, release. */
#include "fixture.h"
#include "hostprep/sysctl_files.h"

#define SWAPPINESS "/proc/sys/vm/swappiness"

static struct machine *live(void **state)
{
	struct machine *m = *state;

	m->host.live = true;
	put(m, SWAPPINESS, "60\n");
	put(m, "/proc/sys/net/ipv4/tcp_rmem", "4096\t131072\t6291456\n");
	put(m, "/etc/sysctl.d/99-admin.conf", "kernel.panic = 10\n");
	return m;
}

static const char *body(struct machine *m)
{
	const char *text = get(m, SYSCTL_PATH);

	while (text && *text == '#')
		text = strchr(text, '\n') + 1;
	return text;
}

static void test_converge_and_release(void **state)
{
	struct machine *m = live(state);

	want(m, "sysctl: {vm.swappiness: 10, net.ipv4.tcp_rmem: 4096 131072 6291456}");
	plan(m);
	assert_int_equal(m->plan.n, 2);
	assert_string_equal(change(m, "value (running kernel)"), "60 -> 10");
	settle(m);
	assert_file(m, SWAPPINESS, "10\n");
	assert_string_equal(
		body(m), "net.ipv4.tcp_rmem = 4096 131072 6291456\nvm.swappiness = 10\n");
	restart(m);
	assert_int_equal(plan(m)->n, 0);

	want(m, "sysctl: {net.ipv4.tcp_rmem: 4096 131072 6291456}");
	assert_int_equal(only_step(m)->verb, STEP_RESTORE);
	settle(m);
	assert_file(m, SWAPPINESS, "60\n");
	assert_string_equal(body(m), "net.ipv4.tcp_rmem = 4096 131072 6291456\n");
	want(m, "{}");
	settle(m);
	assert_no_file(m, SYSCTL_PATH);
	assert_file(m, "/etc/sysctl.d/99-admin.conf", "kernel.panic = 10\n");
	assert_int_equal(plan(m)->n, 0);
}

/* The kernel puts tabs between numbers, which a document cannot: they still come back. */
static void test_restores_several_numbers(void **state)
{
	struct machine *m = live(state);

	want(m, "sysctl: {net.ipv4.tcp_rmem: 4096 131072 8388608}");
	plan(m);
	assert_string_equal(
		change(m, "value (running kernel)"), "4096 131072 6291456 -> 4096 131072 8388608");
	settle(m);
	want(m, "{}");
	settle(m);
	assert_file(m, "/proc/sys/net/ipv4/tcp_rmem", "4096 131072 6291456\n");
}

/* Either half alone is a change, told apart. */
static void test_drift(void **state)
{
	struct machine *m = live(state);

	want(m, "sysctl: {vm.swappiness: 10}");
	settle(m);
	put(m, SWAPPINESS, "61\n");
	assert_int_equal(only_step(m)->n_changes, 1);
	assert_string_equal(change(m, "value (running kernel)"), "61 -> 10");
	settle(m);
	assert_file(m, SWAPPINESS, "10\n");

	assert_int_equal(file_remove(m->host.root, SYSCTL_PATH), 0);
	assert_int_equal(only_step(m)->n_changes, 1);
	assert_string_equal(change(m, "value (" SYSCTL_FILE ")"), "- -> 10");
	settle(m);
	assert_string_equal(body(m), "vm.swappiness = 10\n");
	want(m, "{}");
	settle(m);
	assert_file(m, SWAPPINESS, "60\n");
}

static void test_later_file(void **state)
{
	struct machine *m = live(state);
	struct step *s;

	put(m, "/etc/sysctl.conf", "# mine\nvm.swappiness=30\n");
	want(m, "sysctl: {vm.swappiness: 10}");
	settle(m);
	assert_file(m, SWAPPINESS, "10\n");
	s = only_step(m);
	assert_int_equal(s->state, STEP_WAITING);
	assert_non_null(strstr(s->wait, "/etc/sysctl.conf:2 to be removed: it sets 30"));
	put(m, "/etc/sysctl.conf", "vm.swappiness=0xA\n");
	assert_int_equal(plan(m)->n, 0);
}

static void test_missing(void **state)
{
	struct machine *m = live(state);

	want(m, "sysctl: {vm.swapiness: 10}");
	assert_non_null(strstr(only_step(m)->reason, "did you mean `vm.swappiness`?"));
	assert_non_null(strstr(apply_fails(m), "did you mean `vm.swappiness`?"));
	assert_no_file(m, SYSCTL_PATH);
	want(m, "sysctl: {net.bridge.bridge-nf-call-iptables: 0}");
	assert_non_null(strstr(apply_fails(m), "br_netfilter: {state: loaded}"));
}

/* What the kernel does not keep must not stand in the file, or every plan would show a change. */
static void test_partial_failure(void **state)
{
	struct machine *m = live(state);

	want(m, "sysctl: {vm.swappiness: 10, vm.nosuchthing: 1}");
	apply_fails(m);
	assert_string_equal(body(m), "vm.swappiness = 10\n");
}

static void test_offline(void **state)
{
	struct machine *m = *state;

	put(m, SWAPPINESS, "60\n");
	want(m, "sysctl: {vm.swappiness: 10}");
	assert_int_equal(only_step(m)->verb, STEP_CREATE);
	settle(m);
	assert_file(m, SWAPPINESS, "60\n");
	assert_string_equal(body(m), "vm.swappiness = 10\n");
	restart(m);
	assert_int_equal(plan(m)->n, 0);
	want(m, "{}");
	settle(m);
	assert_no_file(m, SYSCTL_PATH);
}

/* Killed after any write: the next run ends where an undisturbed one does. */
static void test_crash(void **state)
{
	struct machine *m = live(state);

	want(m, "sysctl: {vm.swappiness: 10}");
	plan(m);
	record_take(&m->host, m->wants.v[0], m->plan.steps[0]->have);
	assert_int_equal(record_save(&m->host, NULL), 0);
	put(m, SWAPPINESS, "10\n");
	restart(m);
	settle(m);
	assert_string_equal(body(m), "vm.swappiness = 10\n");
	want(m, "{}");
	settle(m);
	assert_file(m, SWAPPINESS, "60\n");
	assert_no_file(m, SYSCTL_PATH);
}

/* The record is lost: our line still says that the setting is ours to let go. */
static void test_lost_record(void **state)
{
	struct machine *m = live(state);

	want(m, "sysctl: {vm.swappiness: 10}");
	settle(m);
	assert_int_equal(file_remove(m->host.root, STATE_DIR "/record.json"), 0);
	restart(m);
	want(m, "{}");
	assert_int_equal(only_step(m)->verb, STEP_REMOVE);
	settle(m);
	assert_no_file(m, SYSCTL_PATH);
	assert_file(m, SWAPPINESS, "10\n");
}

static void test_foreign_file(void **state)
{
	struct machine *m = live(state);

	put(m, SYSCTL_PATH, "vm.dirty_ratio = 5\n");
	want(m, "sysctl: {vm.swappiness: 10}");
	assert_non_null(strstr(apply_fails(m), "kvmhost did not write it; move its lines"));
	assert_file(m, SYSCTL_PATH, "vm.dirty_ratio = 5\n");
	assert_file(m, SWAPPINESS, "60\n");
}

static void test_bad_values(void **state)
{
	struct machine *m = *state;

	assert_non_null(strstr(reject(m, "sysctl: {net.ipv4.ip_forward: true}"), "write 1"));
}

/* Reads, and only reads, this machine. */
static void test_real_kernel(void **state)
{
	struct machine *m = *state;
	struct error e = { 0 };

	host_close(&m->host);
	assert_int_equal(host_open(&m->host, "/", &e), 0);
	want(m, "sysctl: {kernel.ostype: Linux, vm.compact_memory: 1, net.ipv4: 1}");
	for (size_t i = 0; i < m->wants.n; i++) {
		struct resource *r = m->wants.v[i];
		_cleanup_error_ struct error why = { 0 };
		int code = r->kind->observe(&m->host, r, &r->have, &why);

		if (streq(r->name, "kernel.ostype"))
			assert_string_equal(obj_text(r->have, "value", m->arena), "Linux");
		else
			assert_true(code < 0 && why.cure);
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, machine_setup, machine_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_converge_and_release),
		TEST(test_restores_several_numbers),
		TEST(test_drift),
		TEST(test_later_file),
		TEST(test_missing),
		TEST(test_partial_failure),
		TEST(test_offline),
		TEST(test_crash),
		TEST(test_lost_record),
		TEST(test_foreign_file),
		TEST(test_bad_values),
		TEST(test_real_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
