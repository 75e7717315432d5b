/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is read of PCI functions, and that no more is read than was asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../pci/tree.h"
#include "config/scalar.h"
#include "iommu/pci.h"

struct machine {
	char dir[64];
	struct host host;
};

static int setup(void **state)
{
	struct machine *m = xmalloc(sizeof(*m));

	tree_make(m->dir);
	assert_int_equal(host_open(&m->host, m->dir, NULL), 0);
	*state = m;
	return 0;
}

static int teardown(void **state)
{
	struct machine *m = *state;

	host_close(&m->host);
	tree_remove(m->dir);
	free(m);
	return 0;
}

static struct pci *get(struct machine *m)
{
	struct pci *p = NULL;

	assert_int_equal(pci_get(&m->host, &p, NULL), 0);
	return p;
}

#define PF "pci0000:00/0000:00:1c.0/0000:01:00.0"

static void put_igb(struct machine *m)
{
	tree_put(m->dir, &(struct tree_device){ .path = "pci0000:00/0000:00:1c.0",
				 .id = "1B36:000C",
				 .class = "60400",
				 .driver = "pcieport",
				 .group = 3,
				 .numa_node = -1 });
	tree_put(m->dir, &(struct tree_device){ .path = PF,
				 .id = "8086:10C9",
				 .class = "20000",
				 .driver = "igb",
				 .group = 14,
				 .numa_node = 1,
				 .total_vfs = 7,
				 .num_vfs = 2,
				 .net = "ens1f0" });
	for (int i = 0; i < 2; i++) {
		char path[128];

		snprintf(path, sizeof(path), "pci0000:00/0000:00:1c.0/0000:01:10.%d", i * 2);
		tree_put(m->dir, &(struct tree_device){ .path = path,
					 .id = "8086:10CA",
					 .class = "20000",
					 .physfn = "0000:01:00.0",
					 .vf = i,
					 .group = 20 + i,
					 .numa_node = 1 });
	}
}

static void test_without_pci(void **state)
{
	size_t n;

	pci_all(get(*state), &n);
	assert_int_equal(n, 0);
	assert_null(pci_find(get(*state), "0000:01:00.0"));
	assert_null(pci_of_net(get(*state), "ens1f0"));
}

static void test_pf(void **state)
{
	struct machine *m = *state;
	const struct pci_device *d;

	put_igb(m);
	d = pci_find(get(m), "0000:01:00.0");
	assert_non_null(d);
	assert_string_equal(d->path, PF);
	assert_string_equal(d->driver, "igb");
	assert_string_equal(d->modalias, "pci:v00008086d000010C9");
	assert_null(d->physfn);
	assert_int_equal(d->vendor, 0x8086);
	assert_int_equal(d->device, 0x10c9);
	assert_int_equal(d->subsystem_device, 0xa03c);
	assert_int_equal(d->class, 0x020000);
	assert_int_equal(PCI_CLASS_BASE(d), PCI_BASE_NETWORK);
	assert_int_equal(d->group, 14);
	assert_int_equal(d->numa_node, 1);
	assert_int_equal(d->total_vfs, 7);
	assert_int_equal(d->num_vfs, 2);
	assert_true(d->drivers_autoprobe);
	assert_int_equal(d->n_nets, 1);
	assert_string_equal(d->nets[0], "ens1f0");
	assert_ptr_equal(pci_of_net(get(m), "ens1f0"), d);
}

static void test_vfs(void **state)
{
	struct machine *m = *state;
	const struct pci_device *pf, *vf;
	const char *const *vfs;
	size_t n;

	put_igb(m);
	pf = pci_find(get(m), "0000:01:00.0");
	vfs = pci_vfs(get(m), pf, &n);
	assert_int_equal(n, 2);
	assert_string_equal(vfs[1], "0000:01:10.2");
	vf = pci_find(get(m), vfs[1]);
	assert_string_equal(vf->physfn, "0000:01:00.0");
	assert_null(vf->driver);
	assert_int_equal(vf->total_vfs, 0);
	assert_int_equal(pci_vf_index(get(m), vf), 1);
	assert_int_equal(pci_vf_index(get(m), pf), -1);
}

/* The bridge on its way is not the interface's. */
static void test_net_of_virtio(void **state)
{
	struct machine *m = *state;

	put_igb(m);
	tree_put(m->dir, &(struct tree_device){ .path = "pci0000:00/0000:00:03.0",
				 .id = "1AF4:1041",
				 .class = "20000",
				 .driver = "virtio-pci",
				 .numa_node = -1,
				 .net = "virtio0/net/ens3" });
	tree_link(m->dir, "sys/class/net/lo", "../../devices/virtual/net/lo");
	assert_string_equal(pci_of_net(get(m), "ens3")->address, "0000:00:03.0");
	assert_null(pci_of_net(get(m), "lo"));
	assert_int_equal(pci_find(get(m), "0000:00:1c.0")->n_nets, 0);
	assert_int_equal(pci_find(get(m), "0000:00:03.0")->numa_node, -1);
	assert_int_equal(pci_find(get(m), "0000:00:03.0")->group, -1);
}

static void test_of_driver(void **state)
{
	struct machine *m = *state;
	const struct pci_device *const *v;
	size_t n;

	put_igb(m);
	tree_file(m->dir, "sys/bus/pci/drivers/igb/bind", "");
	v = pci_of_driver(get(m), "igb", &n);
	assert_int_equal(n, 1);
	assert_string_equal(v[0]->address, "0000:01:00.0");
	pci_of_driver(get(m), "ixgbe", &n);
	assert_int_equal(n, 0);
}

static void test_forget(void **state)
{
	struct machine *m = *state;
	const struct pci_device *old;

	put_igb(m);
	old = pci_find(get(m), "0000:01:00.0");
	assert_int_equal(pci_write(&m->host, old, "sriov_numvfs", "0"), 0);
	assert_int_equal(pci_find(get(m), "0000:01:00.0")->num_vfs, 2);
	pci_forget(&m->host);
	assert_int_equal(pci_find(get(m), "0000:01:00.0")->num_vfs, 0);
	assert_int_equal(old->num_vfs, 2);
	assert_string_equal(pci_attribute(&m->host, old, "sriov_totalvfs"), "7");
	assert_null(pci_attribute(&m->host, old, "no_such_file"));
}

static void test_all(void **state)
{
	struct machine *m = *state;
	const struct pci_device *const *v;
	size_t n;

	put_igb(m);
	tree_file(m->dir, "sys/devices/" PF "/driver_override", "vfio-pci\n");
	tree_file(m->dir, "sys/devices/pci0000:00/0000:00:1c.0/driver_override", "(null)\n");
	v = pci_all(get(m), &n);
	assert_int_equal(n, 4);
	assert_string_equal(v[0]->address, "0000:00:1c.0");
	assert_null(v[0]->driver_override);
	assert_string_equal(v[1]->driver_override, "vfio-pci");
	assert_string_equal(v[3]->address, "0000:01:10.2");
}

static const char *address(const char *text)
{
	static struct arena *a;
	struct scalar s = { .text = text, .quoted = true };
	const char *v = NULL;

	arena_free(a);
	s.arena = a = arena_new();
	return type_pci_address.parse(NULL, &s, &v) ? v : NULL;
}

static void test_addresses(void **state _unused_)
{
	assert_string_equal(address("0000:0b:00.0"), "0000:0b:00.0");
	assert_string_equal(address("0B:1f.7"), "0000:0b:1f.7");
	assert_string_equal(address("10ef:00:01.0"), "10ef:00:01.0");
	assert_string_equal(address("10000:E1:00.0"), "10000:e1:00.0");
	assert_string_equal(address("fffffff:01:00.0"), "fffffff:01:00.0");
	assert_null(address("00000:0b:00.0"));
	assert_null(address("10000000:0b:00.0"));
	assert_null(address("0b:20.0"));
	assert_null(address("0b:00.8"));
	assert_null(address("0b:00"));
	assert_null(address("0000-0b:00.0"));
	assert_null(address("0000:0b:00.00"));
	assert_null(address("000:0b:00.0"));
	assert_null(address(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_without_pci, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pf, setup, teardown),
		cmocka_unit_test_setup_teardown(test_vfs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_net_of_virtio, setup, teardown),
		cmocka_unit_test_setup_teardown(test_of_driver, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forget, setup, teardown),
		cmocka_unit_test_setup_teardown(test_all, setup, teardown),
		cmocka_unit_test(test_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
