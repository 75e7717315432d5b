/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"

#define DISK "disks: [{path: /srv/a.qcow2}]\n"

static const char *spec_text(struct arena *a, const struct guest *g)
{
	_cleanup_strbuf_ struct strbuf b = { 0 };
	struct spec s;

	spec_resolve(a, g, "web1", HOST_ID, &s);
	spec_json(&s, &b);
	return arena_strdup(a, sb_str(&b));
}

static void test_there_and_back(void **state _unused_)
{
	_cleanup_arena_ struct arena *a = arena_new();
	_cleanup_error_ struct error e = { 0 };
	const struct guest *g = guest_from(a,
		"cpu: {count: 3}\nkernel: {image: /k, cmdline: 'a \"b\" c'}\n"
		"disks: [{path: /srv/a, format: raw}, {path: /srv/b}]\n"
		"interfaces: [{bridge: br0, mac: '52:54:00:00:00:01'}, {network: default}]\n"
		"shutdown: {timeout: 5s}\nrestart: always\nafter: [db1]\n");
	const char *text = spec_text(a, g);
	struct spec s;

	assert_int_equal(spec_parse(a, text, strlen(text), &s, &e), 0);
	assert_string_equal(spec_text(a, s.guest), text);
	assert_int_equal(s.uid, guest_uid("web1"));
	assert_int_equal(s.guest->cpu.count, 3);
	assert_string_equal(s.guest->kernel.cmdline, "a \"b\" c");
	assert_null(s.guest->kernel.initrd);
	assert_string_equal(s.interfaces[1].tap, "web1-tap1");
	assert_int_equal(s.interfaces[0].mac.b[5], 1);
	assert_false(guest_differs(g, s.guest));
}

static void test_a_damaged_one_is_refused(void **state _unused_)
{
	_cleanup_arena_ struct arena *a = arena_new();
	const char *good = spec_text(a, guest_from(a, DISK "interfaces: [{bridge: br0}]\n"));
	static const char *const cuts[][2] = {
		{ "\"format\": 1", "\"format\": 2" },
		{ "\"uid\": 1992526219", "\"uid\": 0" },
		{ "\"uid\": 1992526219", "\"uid\": -5" },
		{ "\"name\"", "\"nome\"" },
		{ "\"guest\": {", "\"guest\": {\"unheard_of\": 1," },
		{ "web1-tap0", "a-name-that-is-too-long" },
		{ "\"interfaces\": [{\"tap\"", "\"interfaces\": [{\"top\"" },
	};
	struct spec s;

	for (size_t i = 0; i < ARRAY_SIZE(cuts); i++) {
		_cleanup_error_ struct error e = { 0 };
		const char *at = strstr(good, cuts[i][0]);
		const char *bad;

		assert_non_null(at);
		bad = arena_printf(
			a, "%.*s%s%s", (int)(at - good), good, cuts[i][1], at + strlen(cuts[i][0]));
		assert_int_equal(spec_parse(a, bad, strlen(bad), &s, &e), -EBADMSG);
		assert_non_null(e.text);
	}
	/* Cut off anywhere it is damaged too, never a crash. */
	for (size_t n = 0; n + 2 < strlen(good); n++) {
		_cleanup_error_ struct error e = { 0 };

		assert_int_equal(spec_parse(a, good, n, &s, &e), -EBADMSG);
	}
}

/* An older kvmhost wrote it: what it did not know has its default. */
static void test_missing_keys_take_defaults(void **state _unused_)
{
	_cleanup_arena_ struct arena *a = arena_new();
	_cleanup_error_ struct error e = { 0 };
	static const char text[] =
		"{\"format\":1,\"name\":\"web1\",\"uid\":1992526219,"
		"\"uuid\":\"00000000-0000-8000-8000-000000000000\","
		"\"guest\":{\"disks\":[{\"path\":\"/srv/a.qcow2\"}]},\"interfaces\":[]}";
	struct spec s;

	assert_int_equal(spec_parse(a, text, strlen(text), &s, &e), 0);
	assert_false(guest_differs(s.guest, guest_from(a, DISK)));
}

/* What a guest was started with, beside what is wanted: parsed only where it says something else.
 */
static void test_like_what_is_wanted(void **state _unused_)
{
	_cleanup_arena_ struct arena *a = arena_new();
	_cleanup_error_ struct error e = { 0 };
	_cleanup_strbuf_ struct strbuf its = { 0 };
	const struct guest *g =
		guest_from(a, DISK "interfaces: [{bridge: br0}, {network: default}]\n");
	struct spec like, s, t;
	const char *text;

	spec_resolve(a, g, "web1", HOST_ID, &like);
	spec_json(&like, &its);
	assert_int_equal(spec_parse_like(a, its.s, its.len, &like, &its, &s, &e), 0);
	assert_ptr_equal(s.guest, g);
	assert_string_equal(s.interfaces[1].tap, "web1-tap1");

	text = spec_text(a, g);
	text = arena_printf(a, "%.*s, \"index\": 7}]}\n", (int)(strlen(text) - 4), text);
	assert_int_equal(spec_parse_like(a, text, strlen(text), &like, &its, &s, &e), 0);
	assert_ptr_equal(s.guest, g);
	assert_int_equal(s.interfaces[0].index, 0);
	assert_int_equal(s.interfaces[1].index, 7);
	assert_int_equal(spec_parse(a, text, strlen(text), &t, &e), 0);
	assert_int_equal(t.interfaces[1].index, 7);
	assert_false(guest_differs(s.guest, t.guest));
	for (size_t n = 0; n + 2 < strlen(text); n++) {
		_cleanup_error_ struct error cut = { 0 };

		assert_int_equal(spec_parse_like(a, text, n, &like, &its, &s, &cut), -EBADMSG);
	}

	text = spec_text(a,
		guest_from(a,
			DISK "cpu: {count: 9}\ninterfaces: [{bridge: br0}, {network: default}]\n"));
	assert_int_equal(spec_parse_like(a, text, strlen(text), &like, &its, &s, &e), 0);
	assert_int_equal(s.guest->cpu.count, 9);
	assert_true(guest_differs(s.guest, g));
}

static void test_what_needs_a_restart(void **state _unused_)
{
	static const struct {
		const char *yaml;
		bool differs;
	} cases[] = {
		{ DISK "interfaces: [{bridge: br0}]\n", false },
		{ DISK "interfaces: [{network: default}]\n", false }, /* the tap moves */
		{ DISK "interfaces: [{bridge: br0}]\nautostart: false\n", false },
		{ DISK "interfaces: [{bridge: br0}]\nrestart: always\nshutdown: {timeout: 1s}\n",
			false },
		{ DISK "interfaces: [{bridge: br0}]\nstate: stopped\non_change: restart\n", false },
		{ DISK "interfaces: [{bridge: br0}]\ncpu: {count: 1}\n", false }, /* the default */
		{ DISK "interfaces: [{bridge: br0}]\ncpu: {count: 2}\n", true },
		{ DISK "interfaces: [{bridge: br0}]\nmemory: {size: 2GiB}\n", true },
		{ DISK "interfaces: [{bridge: br0}]\nkernel: {image: /k}\n", true },
		{ DISK "interfaces: [{bridge: br0, mac: '52:54:00:00:00:01'}]\n", true },
		{ DISK "interfaces: [{bridge: br0}, {bridge: br0}]\n", true },
		{ DISK, true },
		{ "disks: [{path: /srv/b.qcow2}]\ninterfaces: [{bridge: br0}]\n", true },
	};
	_cleanup_arena_ struct arena *a = arena_new();
	const struct guest *was = guest_from(a, DISK "interfaces: [{bridge: br0}]\n");

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct guest *is = guest_from(a, cases[i].yaml);

		assert_int_equal(guest_differs(was, is), cases[i].differs);
		assert_int_equal(guest_differs(is, was), cases[i].differs);
	}
}

static void test_what_is_no_guest(void **state _unused_)
{
	static const char *const cases[][2] = {
		{ "cpu: {count: 1}\n", "a guest needs a disk, a kernel or a network to boot from" },
		{ DISK "interfaces: [{}]\n", "an interface needs a network" },
		{ DISK "interfaces: [{bridge: a, network: b}]\n",
			"on a network or on a bridge, not both" },
		{ DISK "firmware: efi\n", "firmware" },
		{ DISK "restart: sometimes\n", "restart" },
		{ DISK "cpu: {count: 0}\n", "count" },
	};
	_cleanup_arena_ struct arena *a = arena_new();

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (!strstr(guest_errors(a, cases[i][0]), cases[i][1]))
			fail_msg("`%s` said: %s", cases[i][0], guest_errors(a, cases[i][0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_a_damaged_one_is_refused),
		cmocka_unit_test(test_missing_keys_take_defaults),
		cmocka_unit_test(test_like_what_is_wanted),
		cmocka_unit_test(test_what_needs_a_restart),
		cmocka_unit_test(test_what_is_no_guest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
