/* SPDX-License-Identifier: GPL-2.0-or-later */
/* These values are in guests and on bridges: a test that fails here is a broken upgrade. */
#include "fixture.h"
#include "runner/identity.h"

static void test_users_stay(void **state _unused_)
{
	assert_int_equal(guest_uid("web1"), 1992526219);
	assert_int_not_equal(guest_uid("web1"), guest_uid("web2"));
	for (int i = 0; i < 20000; i++) {
		char name[32];

		snprintf(name, sizeof(name), "guest-%d", i);
		assert_true(guest_uid(name) >= GUEST_UID_MIN && guest_uid(name) <= GUEST_UID_MAX);
	}
}

static void test_taps_fit(void **state _unused_)
{
	static const struct {
		const char *guest;
		size_t i;
		const char *tap;
	} cases[] = {
		{ "web1", 0, "web1-tap0" },
		{ "a", 31, "a-tap31" },
		{ "ten-letter", 0, "ten-letter-tap0" },
		{ "nine-lett", 10, "nine-lett-tap10" },
	};
	char tap[IFNAMSIZ], other[IFNAMSIZ];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		guest_tap_name(cases[i].guest, cases[i].i, tap);
		assert_string_equal(tap, cases[i].tap);
	}
	guest_tap_name("database-primary", 0, tap);
	assert_int_equal(strlen(tap), IFNAMSIZ - 1);
	assert_memory_equal(tap, "dat-", 4);
	assert_string_equal(tap + 10, "-tap0");
	guest_tap_name("database-standby", 0, other);
	assert_string_not_equal(tap, other);
	guest_tap_name(
		"a-name-of-sixty-four-bytes-which-is-the-longest-that-there-may-be", 31, tap);
	assert_int_equal(strlen(tap), IFNAMSIZ - 1);
}

static void test_addresses_differ(void **state _unused_)
{
	struct mac a = guest_mac(HOST_ID, "web1", 0), b = guest_mac(HOST_ID, "web1", 1);
	struct mac c = guest_mac("another", "web1", 0), again = guest_mac(HOST_ID, "web1", 0);

	assert_memory_equal(a.b, "\x52\x54\x00", 3);
	assert_memory_equal(a.b, again.b, 6);
	assert_memory_not_equal(a.b, b.b, 6);
	assert_memory_not_equal(a.b, c.b, 6);
	/* Where one text ends counts. */
	b = guest_mac("ab", "c", 0);
	c = guest_mac("a", "bc", 0);
	assert_memory_not_equal(b.b, c.b, 6);
}

static void test_uuid_has_its_form(void **state _unused_)
{
	char uuid[UUID_TEXT], other[UUID_TEXT];

	guest_uuid(HOST_ID, "web1", uuid);
	assert_int_equal(strlen(uuid), 36);
	assert_int_equal(uuid[14], '8');
	assert_non_null(strchr("89ab", uuid[19]));
	for (int i = 0; i < 36; i++)
		assert_true(i == 8 || i == 13 || i == 18 || i == 23
				    ? uuid[i] == '-'
				    : strchr("0123456789abcdef", uuid[i]) != NULL);
	guest_uuid(HOST_ID, "web2", other);
	assert_string_not_equal(uuid, other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_users_stay),
		cmocka_unit_test(test_taps_fit),
		cmocka_unit_test(test_addresses_differ),
		cmocka_unit_test(test_uuid_has_its_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
