/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"
#include "document.h"
#include "reconcile/record.h"
#include "runner/assign_vf.h"
#include "sriov/sriov.h"

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

#define PF "sriov: {uplink: {device: {address: \"01:00.0\"}, max_vfs: 4}}\n"
#define BOOT "    kernel: {image: /k}\n"

static int number(struct host *h, struct wants *w, const char *guest, size_t i)
{
	return assign_vf_number(h, wants_find(w, "assignment", guest), i);
}

/* Named ones first, then those that had one, then whoever wants any. */
static void test_pool_numbers(void **state _unused_)
{
	_cleanup_arena_ struct arena *a = arena_new();
	_cleanup_wants_ struct wants w = { 0 };
	static const char record[] =
		"{\"format\":1,\"resources\":{\"assignment/had\":{\"before\":null,\"kept\":{"
		"\"numbers\":{\"1\":{\"pool\":\"uplink\",\"number\":0}}}},"
		"\"assignment/lost\":{\"before\":null,\"kept\":{"
		"\"numbers\":{\"0\":{\"pool\":\"uplink\",\"number\":2}}}}}}";
	struct host h = { .root = -1, .lock = -1, .pass = a };
	struct diags d;

	assert_int_equal(record_read(&h, xstrdup(record), strlen(record), NULL), 0);
	assert_true(document_wants(a,
		PF "bridges: {br0: {}}\n"
		   "guests:\n"
		   "  any:\n" BOOT "    interfaces: [{vf: uplink}]\n"
		   "  lost:\n" BOOT "    interfaces: [{vf: uplink}]\n"
		   "  had:\n" BOOT "    interfaces: [{bridge: br0}, {vf: uplink}]\n"
		   "  named:\n" BOOT "    interfaces: [{vf: uplink/2}]\n",
		&w, &d));
	assert_int_equal(number(&h, &w, "named", 0), 2);
	assert_int_equal(number(&h, &w, "had", 1), 0);
	assert_int_equal(number(&h, &w, "any", 0), 1);
	assert_int_equal(number(&h, &w, "lost", 0), 3);
	assert_true(
		comes_after(wants_find(&w, "guest", "any"), wants_find(&w, "assignment", "any")));
	assert_true(comes_after(
		wants_find(&w, "assignment", "any"), wants_find(&w, "sriov", "uplink")));
	assert_null(wants_find(&w, "tap", "had-tap1"));
	for (size_t i = 0; i < HOST_HANDLES_MAX; i++)
		if (h.handles[i].type)
			h.handles[i].type->close(h.handles[i].data);
	record_free(h.record);
}

/* A function's MAC address is the card's to give, so the guest's word for it goes there. */
static void test_mac_of_a_function(void **state _unused_)
{
	_cleanup_arena_ struct arena *a = arena_new();
	_cleanup_wants_ struct wants w = { 0 };
	const struct sriov *s;
	struct diags d;

	assert_true(document_wants(a,
		PF "guests:\n  web1:\n" BOOT
		   "    interfaces: [{vf: uplink/3, mac: \"52:54:00:00:00:03\"}]\n",
		&w, &d));
	s = wants_find(&w, "sriov", "uplink")->want;
	assert_int_equal(s->vfs.n, 1);
	assert_string_equal(LIST_AT(&s->vfs, const struct vf, 0).obj.name, "3");
	assert_string_equal(
		obj_text(&LIST_AT(&s->vfs, const struct vf, 0), "mac", a), "52:54:00:00:00:03");
	wants_free(&w);
	assert_false(document_wants(a,
		"sriov: {uplink: {device: {address: \"01:00.0\"}, max_vfs: 4, "
		"vfs: {3: {mac: \"52:54:00:00:00:04\"}}}}\n"
		"guests:\n  web1:\n" BOOT
		"    interfaces: [{vf: uplink/3, mac: \"52:54:00:00:00:03\"}]\n",
		&w, &d));
	assert_string_equal(d.v[0].text, "the virtual function uplink/3 has another MAC address");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taps),
		cmocka_unit_test(test_disks),
		cmocka_unit_test(test_what_contradicts_itself),
		cmocka_unit_test(test_one_user_for_two),
		cmocka_unit_test(test_pool_numbers),
		cmocka_unit_test(test_mac_of_a_function),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
