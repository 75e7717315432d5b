/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"
#include "document.h"

static bool comes_after(const struct resource *r, const struct resource *needed)
{
	for (size_t i = 0; i < r->n_after; i++)
		if (r->after[i] == needed)
			return true;
	return false;
}

static void test_taps(void **state _unused_)
{
	_cleanup_arena_ struct arena *a = arena_new();
	_cleanup_wants_ struct wants w = { 0 };
	const struct resource *guest, *first, *second;
	struct diags d;

	assert_true(document_wants(a,
		"bridges: {br0: {}}\n"
		"networks: {default: {bridge: virbr0}}\n"
		"guests:\n"
		"  web1:\n"
		"    disks: [{path: /srv/a.qcow2}]\n"
		"    interfaces: [{network: default}, {bridge: br0}]\n",
		&w, &d));
	guest = wants_find(&w, "guest", "web1");
	first = wants_find(&w, "tap", "web1-tap0");
	second = wants_find(&w, "tap", "web1-tap1");
	assert_string_equal(obj_text(first->want, "bridge", a), "virbr0");
	assert_string_equal(obj_text(first->want, "owner", a), "1992526219");
	assert_string_equal(obj_text(second->want, "bridge", a), "br0");
	assert_ptr_equal(second->origin, guest);
	assert_true(comes_after(guest, first) && comes_after(guest, second));
	assert_true(comes_after(first, wants_find(&w, "network", "default")));
	assert_true(comes_after(second, wants_find(&w, "bridge", "br0")));
}

static void test_disks(void **state _unused_)
{
	_cleanup_arena_ struct arena *a = arena_new();
	_cleanup_wants_ struct wants w = { 0 };
	const struct resource *disk;
	struct diags d;

	assert_true(document_wants(a,
		"guests:\n"
		"  web1:\n"
		"    disks:\n"
		"    - {path: /srv/a.img, size: 2GiB, format: raw, preallocation: full}\n"
		"    - {path: /srv/b.qcow2}\n"
		"    - {path: /srv/c.iso, device: cdrom}\n"
		"  web2:\n"
		"    disks: [{path: /srv/d}, {path: /srv/c.iso, device: cdrom}]\n",
		&w, &d));
	disk = wants_find(&w, "disk", "srv/a.img");
	assert_non_null(disk);
	assert_string_equal(disk->id, "disk/srv/a.img");
	assert_string_equal(obj_text(disk->want, "size", a), "2GiB");
	assert_string_equal(obj_text(disk->want, "format", a), "raw");
	assert_string_equal(obj_text(disk->want, "preallocation", a), "full");
	assert_true(comes_after(wants_find(&w, "guest", "web1"), disk));
	assert_null(wants_find(&w, "disk", "srv/b.qcow2"));
}

static void expect_errors(const char *yaml, const char *text)
{
	_cleanup_arena_ struct arena *a = arena_new();
	_cleanup_wants_ struct wants w = { 0 };
	struct diags d;

	assert_false(document_wants(a, yaml, &w, &d));
	for (size_t i = 0; i < d.n; i++)
		if (strstr(d.v[i].text, text))
			return;
	diags_print(&d, stderr, false);
	fail_msg("nothing said `%s`", text);
}

static void test_what_contradicts_itself(void **state _unused_)
{
	expect_errors("guests: {a: {disks: [{path: /d}], interfaces: [{bridge: br0}]}}\n",
		"there is no bridge `br0`");
	expect_errors("guests: {a: {disks: [{path: /d}], after: [b]}}\n", "there is no guest `b`");
	expect_errors(
		"guests: {a: {disks: [{path: /d}]}, b: {disks: [{path: /d}]}}\n", "is claimed by");
	expect_errors(
		"guests: {a: {disks: [{path: /d}]}, b: {disks: [{path: /d, device: cdrom}]}}\n",
		"is claimed by");
	expect_errors("guests: {a: {disks: [{path: /d}, {path: /d}]}}\n", "stands twice");
	expect_errors("bridges: {br0: {}}\n"
		      "guests:\n"
		      "  a: {disks: [{path: /a}], interfaces: [{bridge: br0, mac: "
		      "'52:54:00:00:00:01'}]}\n"
		      "  b: {disks: [{path: /b}], interfaces: [{bridge: br0, mac: "
		      "'52:54:00:00:00:01'}]}\n",
		"is claimed by");
	expect_errors("guests: {a: {disks: [{path: /a}], after: [b]}, b: {disks: [{path: /b}], "
		      "after: [a]}}\n",
		"wait for each other");
	expect_errors("guests: {'123': {disks: [{path: /a}]}}\n", "digits alone");
}

/* Two names that the hash brings together: found by search, as a birthday pair in the range. */
static void test_one_user_for_two(void **state _unused_)
{
	enum { NAMES = 200000 };
	uid_t *uids = xmalloc(NAMES * sizeof(*uids));
	struct slot {
		uid_t uid;
		int i;
	} *slots = calloc(1 << 20, sizeof(*slots));
	int a = -1, b = -1;
	char yaml[200];

	for (int i = 0; i < NAMES && a < 0; i++) {
		char name[32];
		size_t at;

		snprintf(name, sizeof(name), "g%d", i);
		uids[i] = guest_uid(name);
		for (at = uids[i] & 0xfffff; slots[at].uid && slots[at].uid != uids[i];)
			at = (at + 1) & 0xfffff;
		if (slots[at].uid) {
			a = slots[at].i;
			b = i;
		}
		slots[at].uid = uids[i];
		slots[at].i = i;
	}
	free(slots);
	free(uids);
	assert_true(a >= 0);
	snprintf(yaml, sizeof(yaml),
		"guests: {g%d: {disks: [{path: /a}]}, x: {disks: [{path: /x}]}, g%d: {disks: "
		"[{path: /b}]}}\n",
		a, b);
	expect_errors(yaml, "lead to the same user");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taps),
		cmocka_unit_test(test_disks),
		cmocka_unit_test(test_what_contradicts_itself),
		cmocka_unit_test(test_one_user_for_two),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
