/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which PF is meant, and what the number of VFs may become, on machines made
 * of files. What VFs are like comes from the kernel: tests/lab.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../pci/tree.h"
#include "config/document.h"
#include "reconcile/apply.h"
#include "reconcile/record.h"
#include "sriov/vf_set.h"

const struct kind *const kinds[] = { &sriov_kind };
const size_t n_kinds = ARRAY_SIZE(kinds);

struct root {
	struct obj obj;
	struct list sriov;
};
static const struct field root_fields[] = {
	FIELD_MAP(struct root, sriov, sriov_table, .kind = "sriov", .doc = "PFs."),
};
const struct table document_table = TABLE(struct root, root_fields, .doc = "A document.");

struct machine {
	char dir[64];
	struct host host;
	struct arena *arena;
	struct wants wants;
	struct plan plan;
};

#define SLOT "pci0000:00/0000:00:1c.0/"
#define BOOT "/proc/sys/kernel/random/boot_id"

/* Two igb PFs with 7 VFs each, a driver between them in the alphabet, a card without SR-IOV. */
static int setup(void **state)
{
	struct machine *m = xmalloc(sizeof(*m));

	*m = (struct machine){ .arena = arena_new() };
	tree_make(m->dir);
	tree_file(m->dir, BOOT, "boot-1\n");
	tree_file(m->dir, "etc/machine-id", "0123456789abcdef0123456789abcdef\n");
	for (int i = 0; i < 2; i++) {
		char path[64], net[16];

		snprintf(path, sizeof(path), SLOT "0000:0%d:00.0", i + 1);
		snprintf(net, sizeof(net), "kvmt%d", i);
		tree_put(m->dir, &(struct tree_device){ .path = path,
					 .id = "8086:10C9",
					 .class = "20000",
					 .driver = "igb",
					 .group = 14 + i,
					 .numa_node = -1,
					 .total_vfs = 7,
					 .net = net });
	}
	tree_put(m->dir, &(struct tree_device){ .path = SLOT "0000:03:00.0",
				 .id = "1B36:0010",
				 .class = "10802",
				 .driver = "nvme",
				 .numa_node = -1,
				 .total_vfs = 4 });
	tree_put(m->dir, &(struct tree_device){ .path = SLOT "0000:04:00.0",
				 .id = "8086:10D3",
				 .class = "20000",
				 .driver = "e1000e",
				 .numa_node = -1,
				 .net = "kvmt9" });
	assert_int_equal(host_open(&m->host, m->dir, NULL), 0);
	m->host.live = true;
	*state = m;
	return 0;
}

static int teardown(void **state)
{
	struct machine *m = *state;

	wants_free(&m->wants);
	host_close(&m->host);
	arena_free(m->arena);
	tree_remove(m->dir);
	free(m);
	return 0;
}

static void want(struct machine *m, const char *entries)
{
	struct diags d = { .arena = m->arena };
	struct document doc = { 0 };
	const char *text = arena_printf(m->arena, "sriov: %s", entries);

	wants_free(&m->wants);
	document_load_text(&doc, "test.yaml", text, strlen(text), &d);
	if (d.errors || !wants_build(&m->wants, doc.root, &d)) {
		diags_print(&d, stderr, false);
		fail_msg("the document is not valid");
	}
}

static struct plan *plan(struct machine *m)
{
	struct error e = { 0 };

	if (plan_make(&m->host, &m->wants, &m->plan, &e) < 0)
		fail_msg("%s", e.text);
	return &m->plan;
}

static struct step *only_step(struct machine *m)
{
	assert_int_equal(plan(m)->n, 1);
	return m->plan.steps[0];
}

/* "" or the first failure with its cure. */
static const char *apply_now(struct machine *m)
{
	struct apply_options o = { .allow_mass_removal = true };
	const char *text = "";
	struct outcome out;
	struct error e = { 0 };

	(void)apply(&m->host, &m->wants, &o, &out, &e);
	for (size_t i = 0; i < out.n && !*text; i++)
		if (out.steps[i]->error.code) {
			_cleanup_free_ char *line = error_line(&out.steps[i]->error);

			text = arena_strdup(m->arena, line);
		}
	error_clear(&e);
	outcome_free(&out);
	return text;
}

static const char *file(struct machine *m, const char *address, const char *name)
{
	_cleanup_free_ char *path = xprintf("/sys/bus/pci/devices/%s/%s", address, name);
	_cleanup_free_ char *text = NULL;

	assert_int_equal(file_read_line(m->host.root, path, &text), 0);
	return arena_strdup(m->arena, text);
}

/* As the kernel would after such a write. */
static void make_vfs(struct machine *m, int n, const char *driver)
{
	for (int i = 0; i < n; i++) {
		char path[64];

		snprintf(path, sizeof(path), SLOT "0000:01:10.%d", i);
		tree_put(m->dir, &(struct tree_device){ .path = path,
					 .id = "8086:10CA",
					 .class = "20000",
					 .driver = driver,
					 .physfn = "0000:01:00.0",
					 .vf = i,
					 .group = 20 + i,
					 .numa_node = -1 });
	}
}

static void has(const char *text, const char *words)
{
	if (!strstr(text ? text : "", words))
		fail_msg("no `%s` in: %s", words, text ? text : "(nothing)");
}

static void test_made_and_given_back(void **state)
{
	struct machine *m = *state;
	struct step *s;

	want(m, "{uplink: {device: {address: \"01:00.0\"}, max_vfs: 7}}");
	s = only_step(m);
	assert_int_equal(s->verb, STEP_CREATE);
	assert_int_equal(s->n_changes, 2);
	assert_string_equal(s->changes[0].path, "max_vfs");
	assert_string_equal(s->changes[1].path, "drivers_autoprobe");
	assert_string_equal(apply_now(m), "");
	assert_string_equal(file(m, "0000:01:00.0", "sriov_numvfs"), "7");
	assert_string_equal(file(m, "0000:01:00.0", "sriov_drivers_autoprobe"), "0");
	assert_int_equal(plan(m)->n, 0);

	want(m, "{}");
	make_vfs(m, 7, NULL);
	s = only_step(m);
	assert_int_equal(s->verb, STEP_RESTORE);
	assert_string_equal(apply_now(m), "");
	assert_string_equal(file(m, "0000:01:00.0", "sriov_numvfs"), "0");
	assert_string_equal(file(m, "0000:01:00.0", "sriov_drivers_autoprobe"), "1");
	assert_int_equal(plan(m)->n, 0);
}

/* Each way of naming it leads to the same device; the test's machine has none of these links. */
static void test_selectors(void **state)
{
	const struct pci_device *pf;
	struct machine *m = *state;

	want(m, "{a: {device: {interface: kvmt1}, max_vfs: 1}}");
	for (int i = 0; i < 2; i++) {
		const struct sriov *s = m->wants.v[0]->want;

		assert_int_equal(sriov_find_pf(&m->host, &s->device, &pf, NULL), 0);
		assert_non_null(pf);
		assert_string_equal(pf->address, "0000:02:00.0");
		want(m, "{a: {device: {driver: igb, port: 1}, max_vfs: 1}}");
	}
	want(m, "{a: {device: {driver: igb, port: 2}, max_vfs: 1}}");
	assert_string_equal(only_step(m)->wait, "device 2 of the driver igb to appear");
	want(m, "{a: {device: {address: \"07:00.0\"}, max_vfs: 1}}");
	assert_string_equal(only_step(m)->wait, "the device 0000:07:00.0 to appear");
	want(m, "{a: {device: {interface: ens9}, max_vfs: 1}}");
	assert_string_equal(only_step(m)->wait, "the interface ens9 to appear");
	want(m, "{a: {device: {mac: \"52:54:00:00:00:01\"}, max_vfs: 1}}");
	assert_string_equal(
		only_step(m)->wait, "a card with the MAC address 52:54:00:00:00:01 to appear");
}

static void test_by_mac_offline(void **state)
{
	struct machine *m = *state;

	m->host.live = false;
	tree_file(m->dir, "sys/devices/" SLOT "0000:02:00.0/net/kvmt1/address",
		"00:1b:21:aa:bb:cc\n");
	want(m, "{a: {device: {mac: \"00:1b:21:aa:bb:cc\"}, max_vfs: 3}}");
	assert_string_equal(only_step(m)->wait, "the machine that boots from this tree");
	assert_string_equal(m->plan.steps[0]->changes[0].have, "0");
}

static void test_refused(void **state)
{
	struct machine *m = *state;

	want(m, "{a: {device: {address: \"01:00.0\"}, max_vfs: 8}}");
	has(apply_now(m), "max_vfs: 0000:01:00.0 (igb) can have at most 7 VFs, not 8; write "
			  "`max_vfs: 7` or less");
	want(m, "{a: {device: {address: \"04:00.0\"}, max_vfs: 1}}");
	has(apply_now(m), "0000:04:00.0 (e1000e) has no SR-IOV");
	want(m, "{a: {device: {address: \"03:00.0\"}, max_vfs: 2, vfs: {0: {vlan: 4}}}}");
	has(apply_now(m), "vfs: 0000:03:00.0 (nvme) is no network card");
	want(m, "{a: {device: {address: \"01:00.0\"}, max_vfs: 1},"
		" b: {device: {interface: kvmt0}, max_vfs: 2}}");
	has(apply_now(m), "0000:01:00.0 is the device of sriov/a too");
	make_vfs(m, 1, NULL);
	want(m, "{c: {device: {address: \"01:10.0\"}, max_vfs: 1}}");
	has(apply_now(m), "0000:01:10.0 is a VF itself, of 0000:01:00.0");
}

static void test_without_driver(void **state)
{
	struct machine *m = *state;
	struct tree_device d = { .path = SLOT "0000:05:00.0",
		.id = "8086:10C9",
		.class = "20000",
		.numa_node = -1,
		.total_vfs = 7 };

	tree_put(m->dir, &d);
	want(m, "{a: {device: {address: \"05:00.0\"}, max_vfs: 1}}");
	assert_string_equal(only_step(m)->wait, "a driver for 0000:05:00.0: none is bound");
	d.driver = "vfio-pci";
	tree_put(m->dir, &d);
	assert_string_equal(
		only_step(m)->wait, "a driver for 0000:05:00.0: it is bound to vfio-pci");
}

static void test_nvme(void **state)
{
	struct machine *m = *state;

	want(m, "{disks: {device: {address: \"03:00.0\"}, max_vfs: 4}}");
	assert_string_equal(apply_now(m), "");
	assert_string_equal(file(m, "0000:03:00.0", "sriov_numvfs"), "4");
	assert_int_equal(plan(m)->n, 0);
}

/* Somebody's VFs are taken over, and given back in their number. */
static void test_adopted(void **state)
{
	struct machine *m = *state;

	tree_file(m->dir, "sys/devices/" SLOT "0000:01:00.0/sriov_numvfs", "3\n");
	make_vfs(m, 3, "igbvf");
	want(m, "{a: {device: {address: \"01:00.0\"}, max_vfs: 3, drivers_autoprobe: true}}");
	assert_int_equal(only_step(m)->verb, STEP_ADOPT);
	assert_string_equal(apply_now(m), "");
	want(m, "{a: {device: {address: \"01:00.0\"}, max_vfs: 5, drivers_autoprobe: true}}");
	assert_int_equal(only_step(m)->verb, STEP_RECREATE);
	has(only_step(m)->reason, "only through 0");
	assert_string_equal(apply_now(m), "");
	assert_string_equal(file(m, "0000:01:00.0", "sriov_numvfs"), "5");
	want(m, "{}");
	assert_string_equal(apply_now(m), "");
	assert_string_equal(file(m, "0000:01:00.0", "sriov_numvfs"), "3");
}

/* The digits that the driver refuses; NULL: it takes all. */
static const char *number_refused;
int __real_pci_write(
	struct host *h, const struct pci_device *d, const char *file, const char *text);
int __wrap_pci_write(
	struct host *h, const struct pci_device *d, const char *file, const char *text);

int __wrap_pci_write(struct host *h, const struct pci_device *d, const char *file, const char *text)
{
	if (number_refused && streq(file, "sriov_numvfs") && strchr(number_refused, *text))
		return -ENOMEM;
	return __real_pci_write(h, d, file, text);
}

static void test_refused_number(void **state)
{
	struct machine *m = *state;

	tree_file(m->dir, "sys/devices/" SLOT "0000:01:00.0/sriov_numvfs", "3\n");
	make_vfs(m, 3, "igbvf");
	want(m, "{a: {device: {address: \"01:00.0\"}, max_vfs: 3, drivers_autoprobe: true}}");
	assert_string_equal(apply_now(m), "");
	want(m, "{a: {device: {address: \"01:00.0\"}, max_vfs: 5}}");
	assert_false(only_step(m)->by_hand);
	number_refused = "5";
	has(apply_now(m), "does not make 5 VFs: Cannot allocate memory; the 3 that it had are "
			  "there again; the firmware left no room");
	assert_string_equal(file(m, "0000:01:00.0", "sriov_numvfs"), "3");
	assert_string_equal(file(m, "0000:01:00.0", "sriov_drivers_autoprobe"), "1");
	/* No event takes them away for that again; a person may, and after a reboot all is open. */
	assert_true(only_step(m)->by_hand);
	want(m, "{a: {device: {address: \"01:00.0\"}, max_vfs: 4}}");
	assert_false(only_step(m)->by_hand);
	want(m, "{a: {device: {address: \"01:00.0\"}, max_vfs: 5}}");
	tree_file(m->dir, BOOT, "boot-2\n");
	assert_false(only_step(m)->by_hand);
	tree_file(m->dir, BOOT, "boot-1\n");
	number_refused = NULL;
	assert_string_equal(apply_now(m), "");
	assert_string_equal(file(m, "0000:01:00.0", "sriov_numvfs"), "5");
	number_refused = "3";
	want(m, "{}");
	has(apply_now(m), "does not make 3 VFs");
	assert_string_equal(file(m, "0000:01:00.0", "sriov_numvfs"), "5");
	number_refused = NULL;
	assert_string_equal(apply_now(m), "");
	assert_string_equal(file(m, "0000:01:00.0", "sriov_numvfs"), "3");
	number_refused = "35";
	want(m, "{a: {device: {address: \"01:00.0\"}, max_vfs: 5}}");
	has(apply_now(m),
		"does not make 5 VFs: Cannot allocate memory; the 3 that it had are gone too: "
		"0000:01:00.0 (igb) does not make 3 VFs: Cannot allocate memory; ");
	number_refused = NULL;
}

/* A process has the VF's group open: its VFs are not taken away under it. */
static void test_in_use(void **state)
{
	struct machine *m = *state;
	struct step *s;

	tree_file(m->dir, "sys/devices/" SLOT "0000:01:00.0/sriov_numvfs", "3\n");
	make_vfs(m, 3, "vfio-pci");
	tree_link(m->dir, "proc/4711/fd/17", "/dev/vfio/21");
	tree_link(m->dir, "proc/4711/fd/3", "/dev/vfio/vfio");
	tree_file(m->dir, "proc/4711/comm", "qemu-system-x86\n");
	tree_file(m->dir, "proc/4711/cgroup",
		"0::/kvmhost.slice/kvmhost-guests.slice/kvmhost-guest@web1.service\n");
	want(m, "{a: {device: {address: \"01:00.0\"}, max_vfs: 2}}");
	s = only_step(m);
	has(s->wait, "guest web1 (VF 1, 0000:01:10.1) to be stopped");
	assert_int_equal(s->disruption, DISRUPT_GUEST);
	assert_string_equal(apply_now(m), "");
	assert_string_equal(file(m, "0000:01:00.0", "sriov_numvfs"), "3");

	tree_file(m->dir, "proc/4711/cgroup", "0::/user.slice\n");
	has(only_step(m)->wait, "qemu-system-x86 (process 4711) (VF 1");
	tree_run(m->dir, "rm -r proc/4711");
	assert_null(only_step(m)->wait);
	assert_string_equal(apply_now(m), "");
	assert_string_equal(file(m, "0000:01:00.0", "sriov_numvfs"), "2");
}

/* No VF outlives a reboot, and the address may be another device's then. */
static void test_released_after_reboot(void **state)
{
	struct machine *m = *state;

	want(m, "{a: {device: {address: \"01:00.0\"}, max_vfs: 2}}");
	assert_string_equal(apply_now(m), "");
	tree_file(m->dir, BOOT, "boot-2\n");
	tree_file(m->dir, "sys/devices/" SLOT "0000:01:00.0/sriov_numvfs", "5\n");
	want(m, "{}");
	assert_int_equal(only_step(m)->verb, STEP_FORGET);
	assert_string_equal(apply_now(m), "");
	assert_string_equal(file(m, "0000:01:00.0", "sriov_numvfs"), "5");
}

static void test_another_name_or_device(void **state)
{
	struct machine *m = *state;

	want(m, "{a: {device: {address: \"01:00.0\"}, max_vfs: 2}}");
	assert_string_equal(apply_now(m), "");
	want(m, "{b: {device: {address: \"01:00.0\"}, max_vfs: 3}}");
	plan(m);
	assert_string_equal(m->plan.steps[1]->wait, "sriov/a to give 0000:01:00.0 back");
	assert_string_equal(apply_now(m), "");
	assert_string_equal(file(m, "0000:01:00.0", "sriov_numvfs"), "3");
	assert_int_equal(plan(m)->n, 0);
	want(m, "{a: {device: {address: \"01:00.0\"}, max_vfs: 2}}");
	assert_string_equal(apply_now(m), "");
	assert_string_equal(file(m, "0000:01:00.0", "sriov_numvfs"), "2");
	want(m, "{a: {device: {address: \"02:00.0\"}, max_vfs: 2}}");
	has(apply_now(m), "sriov/a still manages 0000:01:00.0, and now means 0000:02:00.0");
	assert_string_equal(file(m, "0000:02:00.0", "sriov_numvfs"), "0");
	/* After a reboot the same card may be in another slot. */
	tree_file(m->dir, BOOT, "boot-2\n");
	assert_string_equal(apply_now(m), "");
	assert_string_equal(file(m, "0000:02:00.0", "sriov_numvfs"), "2");
	tree_file(m->dir, "sys/devices/" SLOT "0000:01:00.0/sriov_numvfs", "1\n");
	want(m, "{}");
	assert_string_equal(apply_now(m), "");
	assert_string_equal(file(m, "0000:02:00.0", "sriov_numvfs"), "0");
	assert_string_equal(file(m, "0000:01:00.0", "sriov_numvfs"), "1");
}

/* The card broke and another one has its place in the document. */
static void test_replaced(void **state)
{
	struct machine *m = *state;

	want(m, "{a: {device: {address: \"01:00.0\"}, max_vfs: 2}}");
	assert_string_equal(apply_now(m), "");
	tree_run(m->dir, "rm sys/bus/pci/devices/0000:01:00.0");
	assert_string_equal(only_step(m)->wait, "the device 0000:01:00.0 to appear");
	want(m, "{a: {device: {address: \"02:00.0\"}, max_vfs: 3}}");
	assert_string_equal(apply_now(m), "");
	assert_string_equal(file(m, "0000:02:00.0", "sriov_numvfs"), "3");
	want(m, "{}");
	assert_string_equal(apply_now(m), "");
	assert_string_equal(file(m, "0000:02:00.0", "sriov_numvfs"), "0");
}

static void test_macs(void **state)
{
	struct machine *m = *state;
	struct mac a = sriov_vf_mac(&m->host, "uplink", 0);
	struct mac again = sriov_vf_mac(&m->host, "uplink", 0);
	struct mac b = sriov_vf_mac(&m->host, "uplink", 1);
	struct mac c = sriov_vf_mac(&m->host, "other", 0);

	assert_memory_equal(&a, &again, sizeof(a));
	assert_memory_equal(&a, "\x52\x54\x00", 3);
	assert_memory_not_equal(&a, &b, sizeof(a));
	assert_memory_not_equal(&a, &c, sizeof(a));
	tree_file(m->dir, "etc/machine-id", "f123456789abcdef0123456789abcdef\n");
	host_forget(&m->host);
	b = sriov_vf_mac(&m->host, "uplink", 0);
	assert_memory_not_equal(&a, &b, sizeof(a));
}

/* Many drivers tell all zeros of a VF that was just made: its former address is given back all the
 * same. */
static void test_former_mac(void **state)
{
	struct machine *m = *state;
	struct vf had = { .mac = { { 2, 0, 0, 0, 0, 7 } }, .vlan = 42, .trust = true },
		  made = { 0 }, v;
	struct sriov before = { .max_vfs = 1, .vfs = { &had, 1 } };
	struct pci_device pf = { .address = "0000:01:00.0" };

	obj_init(&had, &vf_table, "0");
	obj_init(&made, &vf_table, "0");
	had.obj.set = VF_BIT(VF_MAC) | VF_BIT(VF_VLAN) | VF_BIT(VF_TRUST);
	made.obj.set = VF_BIT(VF_VLAN);
	v = vf_wanted(&m->host, "uplink", &before, true, &pf, 0, &made);
	assert_int_equal(v.obj.set, VF_BIT(VF_MAC) | VF_BIT(VF_VLAN));
	assert_memory_equal(&v.mac, &had.mac, sizeof(v.mac));
}

static void test_vf_addresses(void **state)
{
	const struct pci_device *vf;
	struct machine *m = *state;
	struct error e = { 0 };

	want(m, "{a: {device: {address: \"01:00.0\"}, max_vfs: 2}}");
	assert_int_equal(sriov_vf_address(&m->host, m->wants.v[0]->want, 0, &vf, &e), -ENOENT);
	has(e.text, "0000:01:00.0 has no VF 0: it has 0");
	error_clear(&e);
	assert_string_equal(apply_now(m), "");
	make_vfs(m, 2, NULL);
	host_forget(&m->host);
	assert_int_equal(sriov_vf_address(&m->host, m->wants.v[0]->want, 1, &vf, &e), 0);
	assert_string_equal(vf->address, "0000:01:10.1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_made_and_given_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_selectors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_by_mac_offline, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_without_driver, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nvme, setup, teardown),
		cmocka_unit_test_setup_teardown(test_adopted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused_number, setup, teardown),
		cmocka_unit_test_setup_teardown(test_in_use, setup, teardown),
		cmocka_unit_test_setup_teardown(test_released_after_reboot, setup, teardown),
		cmocka_unit_test_setup_teardown(test_another_name_or_device, setup, teardown),
		cmocka_unit_test_setup_teardown(test_replaced, setup, teardown),
		cmocka_unit_test_setup_teardown(test_macs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_former_mac, setup, teardown),
		cmocka_unit_test_setup_teardown(test_vf_addresses, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
