/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the opener makes of the daemon's word, on a machine that may have changed since. */
#include "fixture.h"
#include "runner/assignment.h"
#include "../scratch.h"
#include <fcntl.h>

#define GUEST \
	"kernel: {image: /k}\ninterfaces: [{bridge: br0}, {vf: uplink}, {vf: uplink/3}]\n" \
	"devices: [nic2]\n"

struct machine_dir {
	char path[32];
	int root;
	struct arena *arena;
};

static void put(struct machine_dir *m, const char *path, const char *text)
{
	assert_int_equal(file_write_atomic(m->root, path, text, strlen(text), 0644), 0);
}

static void add(struct machine_dir *m, const char *address, const char *device, bool bound)
{
	put(m, arena_printf(m->arena, "/sys/bus/pci/devices/%s/vendor", address), "0x8086\n");
	put(m, arena_printf(m->arena, "/sys/bus/pci/devices/%s/device", address), device);
	if (bound)
		put(m, arena_printf(m->arena, "/sys/bus/pci/drivers/vfio-pci/%s", address), "");
}

static int setup(void **state)
{
	struct machine_dir *m = xmalloc(sizeof(*m));

	*m = (struct machine_dir){ .path = "/tmp/kvmhost-test-XXXXXX", .arena = arena_new() };
	assert_non_null(mkdtemp(m->path));
	m->root = open(m->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	add(m, "0000:01:10.0", "0x10ca\n", true);
	add(m, "0000:01:10.6", "0x10ca\n", true);
	add(m, "0000:02:00.0", "0x10c9\n", true);
	*state = m;
	return 0;
}

static int teardown(void **state)
{
	struct machine_dir *m = *state;

	close(m->root);
	scratch_remove(m->path);
	arena_free(m->arena);
	free(m);
	return 0;
}

#define VF(N, NUMBER, ADDRESS) \
	"\"" N "\":{\"what\":\"uplink/" NUMBER "\",\"address\":\"" ADDRESS \
	"\",\"id\":\"8086:10ca\",\"group\":1}"
#define NIC(NAME) \
	"\"0\":{\"what\":\"" NAME \
	"\",\"address\":\"0000:02:00.0\",\"id\":\"8086:10c9\",\"group\":2}"
#define FILE_OF(INTERFACES, DEVICES) \
	"{\"format\":1,\"interfaces\":{" INTERFACES "},\"devices\":{" DEVICES "}}"
#define ALL FILE_OF(VF("1", "0", "0000:01:10.0") "," VF("2", "3", "0000:01:10.6"), NIC("nic2"))

/* The error with which the guest does not start; "" when it does. */
static const char *start(struct machine_dir *m, const char *file)
{
	const struct guest *g = guest_from(m->arena, GUEST);
	_cleanup_error_ struct error e = { 0 };
	struct assignment x;
	int r;

	assignment_init(m->arena, g, &x);
	if (file)
		put(m, ASSIGNED_DIR "/web1.json", file);
	r = assignment_load(m->root, "web1", m->arena, g, &x, &e);
	if (r >= 0 || r == -ENOENT)
		r = assignment_check(m->root, g, &x, &e);
	return r < 0 ? arena_strdup(m->arena, e.text) : "";
}

static void test_as_assigned(void **state)
{
	assert_string_equal(start(*state, ALL), "");
}

/* A document is applied in parts: the file may be of another one than the guest's specification. */
static void test_of_another_document(void **state)
{
	assert_string_equal(start(*state, NULL), "the device uplink is not ready for the guest");
	assert_string_equal(
		start(*state, FILE_OF(VF("1", "0", "0000:01:10.0") "," VF("2", "0", "0000:01:10.6"),
				      NIC("nic2"))),
		"the device uplink/3 is not ready for the guest");
	assert_string_equal(
		start(*state, FILE_OF(VF("1", "0", "0000:01:10.0") "," VF("2", "3", "0000:01:10.6"),
				      NIC("gpu"))),
		"the device nic2 is not ready for the guest");
	/* A place that this guest does not have. */
	assert_string_equal(
		start(*state, FILE_OF(VF("1", "0", "0000:01:10.0") "," VF("2", "3",
					      "0000:01:10.6") "," VF("3", "4", "0000:01:11.0"),
				      NIC("nic2"))),
		"");
}

static void test_changed_since(void **state)
{
	struct machine_dir *m = *state;

	assert_int_equal(unlinkat(m->root, "sys/bus/pci/drivers/vfio-pci/0000:02:00.0", 0), 0);
	assert_string_equal(
		start(m, ALL), "the device nic2 (0000:02:00.0) is not bound to vfio-pci any more");
	add(m, "0000:02:00.0", "0x1521\n", true);
	assert_string_equal(start(m, ALL),
		"the device nic2 (0000:02:00.0) is another one than it was when it was assigned");
	assert_int_equal(system(arena_printf(
				 m->arena, "rm -r %s/sys/bus/pci/devices/0000:01:10.6", m->path)),
		0);
	assert_string_equal(start(m, ALL), "the device uplink/3 (0000:01:10.6) is gone");
}

/* As qemu_args() names them; what is in no list, or nothing of the host's, is nobody's. */
static void test_by_id(void **state)
{
	struct machine_dir *m = *state;
	const struct guest *g = guest_from(m->arena, GUEST);
	struct assignment x;

	assignment_init(m->arena, g, &x);
	x.interfaces[1].what = "uplink/0";
	x.devices[0].what = "nic2";
	assert_ptr_equal(assignment_by_id(g, &x, "device0"), &x.devices[0]);
	assert_ptr_equal(assignment_by_id(g, &x, "net1"), &x.interfaces[1]);
	assert_null(assignment_by_id(g, &x, "net0"));
	assert_null(assignment_by_id(g, &x, "device1"));
	assert_null(assignment_by_id(g, &x, "device"));
	assert_null(assignment_by_id(g, &x, "disk0"));
}

static void test_damaged(void **state)
{
	static const char *const files[] = { "", "{}", "[]", "{\"format\":2}",
		FILE_OF(VF("1", "0", "../../etc"), ""),
		FILE_OF(VF("1", "0", "0000:01:10.0,x=y"), "") };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		assert_string_equal(
			start(*state, files[i]), "/run/kvmhost/assigned/web1.json is damaged");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_as_assigned, setup, teardown),
		cmocka_unit_test_setup_teardown(test_of_another_document, setup, teardown),
		cmocka_unit_test_setup_teardown(test_changed_since, setup, teardown),
		cmocka_unit_test_setup_teardown(test_by_id, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
