/* SPDX-License-Identifier: GPL-2.0-or-later */
/* devices: which function is meant, and what cannot be given away. What binding does is the lab's
 * to show. */
#include "fixture.h"
#include <fcntl.h>
#include "iommu/device.h"
#include "iommu/vfio.h"
#include "reconcile/record.h"

#define RECORD "/var/lib/kvmhost/record.json"
#define NIC "devices: {nic: {address: \"0000:02:00.0\"}}\niommu: {}\n"

static const char *text(struct machine *m, const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = arena_vprintf(m->arena, fmt, ap);
	va_end(ap);
	return s;
}

static void link_to(struct machine *m, const char *target, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *in = text(m, "%s%.*s", m->dir, (int)(slash - path), path);

	assert_int_equal(
		system(text(m, "mkdir -p %s && ln -sfn %s %s%s", in, target, m->dir, path)), 0);
}

struct function {
	const char *address, *above; /* the bridges' part of its path, or "" */
	const char *id, *driver, *net, *mac;
	unsigned class;
	int group;
};

static const char *file_in(struct machine *m, const char *address, const char *file)
{
	return text(m, "/sys/bus/pci/devices/%s/%s", address, file);
}

static void add(struct machine *m, struct function f)
{
	const char *path = text(m, "pci0000:00/%s%s", f.above ? f.above : "", f.address);
	const char *dir = text(m, "/sys/devices/%s", path);

	put(m, text(m, "%s/uevent", dir),
		text(m, "%s%s%sPCI_CLASS=%X\nPCI_ID=%s\n", f.driver ? "DRIVER=" : "",
			f.driver ? f.driver : "", f.driver ? "\n" : "", f.class ? f.class : 0x20000,
			f.id ? f.id : "8086:10C9"));
	put(m, text(m, "%s/driver_override", dir), "(null)\n");
	link_to(m, text(m, "../../../devices/%s", path),
		text(m, "/sys/bus/pci/devices/%s", f.address));
	if (f.group >= 0) {
		put(m, text(m, "/sys/kernel/iommu_groups/%d/type", f.group), "DMA\n");
		link_to(m, text(m, "../../../kernel/iommu_groups/%d", f.group),
			text(m, "%s/iommu_group", dir));
	}
	if (!f.net)
		return;
	put(m, text(m, "%s/net/%s/address", dir, f.net), text(m, "%s\n", f.mac));
	link_to(m, text(m, "../../devices/%s/net/%s", path, f.net),
		text(m, "/sys/class/net/%s", f.net));
}

#define IGB(ADDRESS, NET, MAC, GROUP) \
	((struct function){ .address = (ADDRESS), \
		.driver = "igb", \
		.net = (NET), \
		.mac = (MAC), \
		.group = (GROUP) })

static struct machine *machine(void **state)
{
	struct machine *m = *state;

	put(m, "/usr/sbin/grub-mkconfig", "default/grub.d/");
	put(m, "/etc/default/grub", "GRUB_CMDLINE_LINUX=intel_iommu=on\n");
	put(m, "/boot/grub/grub.cfg",
		"### BEGIN /etc/grub.d/10_linux ###\nlinux /vmlinuz intel_iommu=on\n"
		"### END /etc/grub.d/10_linux ###\n");
	put(m, "/proc/cmdline", "ro intel_iommu=on\n");
	put(m, "/proc/interrupts", "  0:  2  IR-IO-APIC  2-edge  timer\n");
	put(m, "/proc/sys/kernel/random/boot_id", "5a0d1e7e-0000-4000-8000-000000000001\n");
	put(m, "/proc/sys/kernel/osrelease", "6.1.0\n");
	put(m, "/sys/firmware/acpi/tables/DMAR", "x");
	put(m, "/sys/module/vfio_pci/initstate", "live\n");
	add(m, IGB("0000:02:00.0", "eth1", "52:54:00:00:00:02", 9));
	m->host.live = true;
	return m;
}

static struct step *step(struct machine *m, const char *id)
{
	plan(m);
	for (size_t i = 0; i < m->plan.n; i++)
		if (streq(m->plan.steps[i]->r->id, id))
			return m->plan.steps[i];
	fail_msg("no step for %s", id);
	return NULL;
}

/* Why device/nic cannot be had, with the cure. */
static const char *refused(struct machine *m)
{
	struct step *s = step(m, "device/nic");
	_cleanup_free_ char *line = error_line(&s->error);

	assert_true(s->unreadable);
	return arena_strdup(m->arena, line);
}

static void assert_says(const char *all, const char *part)
{
	if (!strstr(all, part))
		fail_msg("`%s` is not in: %s", part, all);
}

static void test_bound(void **state)
{
	struct machine *m = machine(state);
	struct step *s;

	want(m, NIC);
	s = step(m, "device/nic");
	assert_int_equal(s->verb, STEP_CREATE);
	assert_int_equal(s->disruption, DISRUPT_LINK);
	assert_string_equal(change(m, "driver of 0000:02:00.0"), "igb -> vfio-pci");
}

static void test_what_the_host_needs(void **state)
{
	static const struct {
		const char *path, *content, *why;
	} cases[] = {
		{ "/proc/net/route", "Iface\neth1\t00000000\t0102A8C0\t0003\t0\t0\t0\t00000000\n",
			"the host needs it: eth1 carries the default route" },
		{ "/proc/net/route", "Iface\neth1\t0002A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\n",
			"the host needs it: eth1 has addresses of this machine" },
		{ "/proc/net/ipv6_route",
			"20010db8000000000000000000000000 40 "
			"00000000000000000000000000000000 00 "
			"00000000000000000000000000000000 00000100 00000001 00000000 00000001 "
			"    eth1\n",
			"the host needs it: eth1 has addresses" },
		{ "/sys/class/net/eth1/upper_br0/x", "", "eth1 is part of br0, which is in use" },
		{ "/sys/bus/pci/devices/0000:02:00.0/sriov_numvfs", "4\n",
			"it has 4 virtual functions" },
	};
	struct machine *m = machine(state);

	want(m, NIC);
	put(m, file_in(m, "0000:02:00.0", "sriov_totalvfs"), "7\n");
	put(m, "/proc/net/ipv6_route",
		"fe800000000000000000000000000000 40 00000000000000000000000000000000 00 "
		"00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth1\n");
	assert_false(step(m, "device/nic")->unreadable);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		put(m, cases[i].path, cases[i].content);
		assert_says(refused(m), cases[i].why);
		assert_int_equal(
			system(text(m, "rm -rf %s%.*s", m->dir,
				(int)(strstr(cases[i].path, "/x") ? strlen(cases[i].path) - 2
								  : strlen(cases[i].path)),
				cases[i].path)),
			0);
	}
}

static void test_root_file_system(void **state)
{
	struct machine *m = machine(state);
	const char *disk = "/sys/devices/pci0000:00/0000:05:00.0/nvme/nvme0/nvme0n1";

	add(m, (struct function){
		       .address = "0000:05:00.0", .driver = "nvme", .class = 0x10802, .group = 5 });
	want(m, "devices: {nic: {address: \"05:00.0\"}}\niommu: {}\n");
	assert_false(step(m, "device/nic")->unreadable);
	put(m, text(m, "%s/nvme0n1p1/partition", disk), "1\n");
	link_to(m, "../../devices/pci0000:00/0000:05:00.0/nvme/nvme0/nvme0n1/nvme0n1p1",
		"/sys/dev/block/259:1");
	put(m, "/proc/self/mountinfo", "25 1 259:1 / / rw - ext4 /dev/nvme0n1p1 rw\n");
	assert_says(refused(m), "it carries the root file system");
	/* Through device mapper. */
	put(m, "/sys/devices/virtual/block/dm-0/dev", "254:0\n");
	link_to(m, "../../devices/virtual/block/dm-0", "/sys/dev/block/254:0");
	link_to(m, "../../devices/pci0000:00/0000:05:00.0/nvme/nvme0/nvme0n1/nvme0n1p1",
		"/sys/class/block/nvme0n1p1");
	put(m, "/sys/devices/virtual/block/dm-0/slaves/nvme0n1p1", "");
	put(m, "/proc/self/mountinfo", "25 1 254:0 / /srv rw - ext4 /dev/mapper/v rw\n");
	assert_says(refused(m), "it carries the file system /srv");
	/* btrfs has no device's number. */
	put(m, "/dev/nvme0n1p1", "");
	link_to(m, "../../devices/pci0000:00/0000:05:00.0/nvme/nvme0/nvme0n1/nvme0n1p1",
		"/sys/class/block/nvme0n1p1");
	put(m, "/proc/self/mountinfo", "25 1 0:30 /a /home rw - btrfs /dev/nvme0n1p1 rw\n");
	assert_says(refused(m), "it carries the file system /home");
}

static void test_screen_and_bridge(void **state)
{
	struct machine *m = machine(state);

	add(m, (struct function){ .address = "0000:03:00.0", .class = 0x30000, .group = 3 });
	put(m, file_in(m, "0000:03:00.0", "boot_vga"), "1\n");
	want(m, "devices: {nic: {address: \"0000:03:00.0\"}}\niommu: {}\n");
	assert_says(refused(m), "it is the screen that the machine boots with");
	add(m, (struct function){ .address = "0000:00:1c.0",
		       .class = 0x60400,
		       .driver = "pcieport",
		       .group = 4 });
	want(m, "devices: {nic: {address: \"0000:00:1c.0\"}}\niommu: {}\n");
	assert_says(refused(m), "it is a bridge");
}

static void test_group(void **state)
{
	struct machine *m = machine(state);

	want(m, NIC);
	/* What the kernel does not mind. */
	add(m, (struct function){ .address = "0000:00:1c.0",
		       .class = 0x60400,
		       .driver = "pcieport",
		       .group = 9 });
	add(m, (struct function){ .address = "0000:02:00.2", .group = 9 });
	assert_false(step(m, "device/nic")->unreadable);
	add(m, IGB("0000:02:00.1", "eth2", "52:54:00:00:00:03", 9));
	assert_says(refused(m),
		"0000:02:00.0 (igb, in use as eth1) cannot be given to a guest: group 9 also holds "
		"0000:02:00.1 (igb, in use as eth2): they are functions of one device, which does "
		"not say that it keeps them apart (ACS)");
	/* All of the group go. */
	want(m, "devices: {nic: {address: \"0000:02:00.0\"}, two: {address: \"02:00.1\"}}\n"
		"iommu: {}\n");
	assert_false(step(m, "device/nic")->unreadable);
}

static void test_behind_a_legacy_bridge(void **state)
{
	struct machine *m = machine(state);
	static const char none[4096] = "x";
	_cleanup_close_ int fd = -1;

	add(m, (struct function){ .address = "0000:00:1e.0", .class = 0x60400, .group = 9 });
	put(m, file_in(m, "0000:00:1e.0", "config"), "");
	fd = file_open(m->host.root, file_in(m, "0000:00:1e.0", "config"), O_WRONLY, 0);
	assert_int_equal(write(fd, none, sizeof(none)), sizeof(none));
	add(m, (struct function){ .address = "0000:06:01.0",
		       .above = "0000:00:1e.0/",
		       .driver = "e1000",
		       .group = 9 });
	want(m, NIC);
	assert_says(refused(m), "they are behind the PCI bridge 0000:00:1e.0");
}

static void test_no_iommu(void **state)
{
	struct machine *m = machine(state);

	assert_int_equal(system(text(m, "rm -rf %s/sys/kernel/iommu_groups", m->dir)), 0);
	assert_int_equal(
		system(text(m, "rm %s%s", m->dir, file_in(m, "0000:02:00.0", "iommu_group"))), 0);
	put(m, "/proc/cmdline", "ro\n");
	want(m, NIC);
	assert_string_equal(step(m, "device/nic")->wait,
		"iommu/host, which waits for a reboot: the running kernel was started without "
		"intel_iommu=on");
	want(m, "devices: {nic: {address: \"0000:02:00.0\"}}\n");
	assert_says(refused(m), "no IOMMU works yet; it needs a reboot: the running kernel was "
				"started without intel_iommu=on; write `host: {iommu");
	assert_int_equal(remove(text(m, "%s/sys/firmware/acpi/tables/DMAR", m->dir)), 0);
	assert_says(refused(m), "the firmware announces no IOMMU");
}

static void test_interrupts(void **state)
{
	struct machine *m = machine(state);

	put(m, "/proc/interrupts", "  0:  2  IO-APIC  2-edge  timer\n");
	want(m, NIC);
	assert_says(refused(m), "this machine does not remap interrupts");
	assert_says(refused(m), "unsafe_interrupts: true");
	want(m, "devices: {nic: {address: \"0000:02:00.0\"}}\niommu: {unsafe_interrupts: true}\n");
	assert_false(step(m, "device/nic")->unreadable);
}

static void test_found(void **state)
{
	struct machine *m = machine(state);

	add(m, IGB("0000:03:00.0", "eth2", "52:54:00:00:00:03", 10));
	want(m, "devices: {nic: {id: \"8086:10C9\", mac: \"52:54:00:00:00:03\"}}\niommu: {}\n");
	step(m, "device/nic");
	assert_non_null(change(m, "driver of 0000:03:00.0"));
	want(m, "devices: {nic: {driver: igb, port: 1}}\niommu: {}\n");
	step(m, "device/nic");
	assert_non_null(change(m, "driver of 0000:03:00.0"));
	want(m, "devices: {nic: {id: \"8086:10c9\"}}\niommu: {}\n");
	assert_says(refused(m), "there are several PCI devices 8086:10c9: 0000:02:00.0 and "
				"0000:03:00.0; add `mac`");
	want(m, "devices: {nic: {driver: igb, port: 2}}\niommu: {}\n");
	assert_string_equal(step(m, "device/nic")->wait,
		"its device: there is no PCI device of the driver igb, port 2 on this machine");
	want(m, "devices: {nic: {address: \"0000:07:00.0\"}}\niommu: {}\n");
	assert_string_equal(step(m, "device/nic")->wait,
		"its device: there is no PCI device at 0000:07:00.0 on this machine");
	want(m, "devices: {nic: {address: \"0000:03:00.0\", id: \"8086:1521\"}}\niommu: {}\n");
	assert_says(refused(m), "at 0000:03:00.0 is 8086:10c9, not the device 8086:1521");
}

#define KEPT(OBJECT) \
	"{\"format\":1,\"resources\":{\"device/nic\":{\"before\":null,\"after\":[],\"kept\":{" \
	"\"adopted\":false,\"override\":false,\"address\":\"0000:02:00.0\",\"object\":\"" OBJECT \
	"\",\"id\":\"8086:10c9\",\"mac\":\"52:54:00:00:00:07\",\"former\":\"igb\"}}}}"

/* udev gives an interface its name while the card is being taken. */
static void test_renamed_meanwhile(void **state)
{
	struct machine *m = machine(state);
	struct step *s;

	want(m, "devices: {nic: {id: \"8086:10c9\", mac: \"52:54:00:00:00:02\"}}\niommu: {}\n");
	s = step(m, "device/nic");
	assert_int_equal(system(text(m, "cd %s/sys/class/net && mv eth1 enp2s0", m->dir)), 0);
	assert_int_equal(record_load(&m->host, NULL), 0);
	record_take(&m->host, s->r, NULL);
	device_keep(&m->host, s->r, ((const struct device *)s->r->want)->found);
	assert_string_equal(
		device_kept_text(device_kept(&m->host, "device/nic"), "mac"), "52:54:00:00:00:02");
}

static void test_driver_named_by_an_override(void **state)
{
	struct machine *m = machine(state);
	const struct pci_device *d;
	struct vfio_before before;
	struct step *s;

	put(m, file_in(m, "0000:02:00.0", "driver_override"), "pci-stub\n");
	want(m, NIC);
	s = step(m, "device/nic");
	d = ((const struct device *)s->r->want)->found;
	assert_int_equal(record_load(&m->host, NULL), 0);
	record_take(&m->host, s->r, NULL);
	for (int i = 0; i < 2; i++) {
		struct pci_device half = *d;

		/* Half taken, it shows ours. */
		half.driver_override = i ? VFIO_DRIVER : d->driver_override;
		device_keep(&m->host, s->r, &half);
		before = device_before(device_kept(&m->host, "device/nic"));
		assert_string_equal(before.override, "pci-stub");
		assert_string_equal(before.driver, "igb");
	}
}

static void test_renumbered(void **state)
{
	struct machine *m = machine(state);

	put(m, RECORD, KEPT("another boot"));
	want(m, NIC);
	assert_says(refused(m),
		"the device was renumbered or exchanged: 0000:02:00.0 was 8086:10c9 "
		"52:54:00:00:00:07 when this entry was first applied, and is another one now, "
		"8086:10c9 52:54:00:00:00:02; kvmhostctl devices lists");
	add(m, IGB("0000:03:00.0", "eth2", "52:54:00:00:00:07", 10));
	assert_says(refused(m), "what it was is at 0000:03:00.0 now: write that address");
	/* Named by what it is, it is found where it is. */
	want(m, "devices: {nic: {id: \"8086:10c9\", mac: \"52:54:00:00:00:07\"}}\niommu: {}\n");
	step(m, "device/nic");
	assert_non_null(change(m, "driver of 0000:03:00.0"));
	/* Gone for good: the record lets go of it, nothing is written. */
	want(m, "iommu: {}\n");
	assert_int_equal(step(m, "device/nic")->verb, STEP_FORGET);
}

static struct step *cut_off(struct machine *m, const char *driver, const char *override)
{
	struct stat st;

	add(m, (struct function){ .address = "0000:02:00.0", .driver = driver, .group = 9 });
	put(m, file_in(m, "0000:02:00.0", "driver_override"), override);
	assert_int_equal(system(text(m, "rm -rf %s/sys/class/net", m->dir)), 0);
	assert_int_equal(file_stat(m->host.root, "/sys/bus/pci/devices/0000:02:00.0", &st), 0);
	put(m, RECORD,
		text(m, KEPT("5a0d1e7e-0000-4000-8000-000000000001:%llu"),
			(unsigned long long)st.st_ino));
	restart(m);
	return step(m, "device/nic");
}

/* Wherever a binding or its end was cut off, the next run knows what is left to do. */
static void test_cut_off(void **state)
{
	struct machine *m = machine(state);

	want(m, "devices: {nic: {id: \"8086:10c9\", mac: \"52:54:00:00:00:07\"}}\niommu: {}\n");
	cut_off(m, "igb", "vfio-pci\n");
	assert_string_equal(change(m, "driver of 0000:02:00.0"), "igb -> vfio-pci");
	/* No driver, no MAC address: it is the one that was being taken. */
	cut_off(m, NULL, "vfio-pci\n");
	assert_string_equal(change(m, "driver of 0000:02:00.0"), "none -> vfio-pci");
	cut_off(m, "vfio-pci", "(null)\n");
	assert_string_equal(change(m, "driver_override of 0000:02:00.0"), "none -> vfio-pci");
	want(m, "iommu: {}\n");
	assert_int_equal(cut_off(m, "igb", "vfio-pci\n")->verb, STEP_REMOVE);
	assert_int_equal(cut_off(m, NULL, "vfio-pci\n")->verb, STEP_REMOVE);
	assert_int_equal(cut_off(m, "vfio-pci", "vfio-pci\n")->verb, STEP_REMOVE);
	assert_string_equal(cut_off(m, "vfio-pci", "(null)\n")->reason,
		"no longer in the document: 0000:02:00.0 goes back to igb");
	assert_int_equal(cut_off(m, NULL, "(null)\n")->verb, STEP_REMOVE);
	assert_int_equal(cut_off(m, "igb", "(null)\n")->verb, STEP_FORGET);
}

#define REFUSES "the driver vfio-pci does not take 0000:02:00.0"

/* The files take what is written, and no driver comes of it. */
static const char *bind_fails(struct machine *m, const struct vfio_before *before)
{
	_cleanup_error_ struct error e = { 0 };

	assert_int_equal(vfio_bind(&m->host, "0000:02:00.0", before, &e), -EIO);
	assert_string_equal(e.cure, "see what the kernel says: dmesg | grep 0000:02:00.0");
	return arena_strdup(m->arena, e.text);
}

static void test_refused_by_vfio(void **state)
{
	struct machine *m = machine(state);
	const char *override = file_in(m, "0000:02:00.0", "driver_override");

	want(m, NIC);
	step(m, "device/nic");
	assert_string_equal(bind_fails(m, &(struct vfio_before){ 0 }),
		REFUSES ", which now has igb; igb has it again");
	assert_file(m, override, "\n");
	put(m, override, "uio_pci_generic\n");
	bind_fails(m, &(struct vfio_before){ 0 });
	assert_file(m, override, "uio_pci_generic\n");
	/* Half taken by a run that was cut off. */
	cut_off(m, NULL, "vfio-pci\n");
	assert_string_equal(bind_fails(m, &(struct vfio_before){ "igb", "igb" }),
		REFUSES ", and is not put back: the driver igb does not take 0000:02:00.0");
	assert_file(m, override, "igb\n");
}

static void test_refused_by_vfio_is_left_to_people(void **state)
{
	struct machine *m = machine(state);

	want(m, "devices: {nic: {id: \"8086:10c9\", mac: \"52:54:00:00:00:07\"}}\niommu: {}\n");
	assert_false(cut_off(m, "igb", "(null)\n")->by_hand);
	json_object_set_new(record_kept(&m->host, "device/nic"), "refused", json_true());
	assert_true(step(m, "device/nic")->by_hand);
	/* Another card at its place, or the next boot: it is tried. */
	json_object_set_new(record_kept(&m->host, "device/nic"), "object", json_string("other"));
	put(m, file_in(m, "0000:02:00.0", "net/eth1/address"), "52:54:00:00:00:07\n");
	link_to(m, "../../devices/pci0000:00/0000:02:00.0/net/eth1", "/sys/class/net/eth1");
	assert_false(step(m, "device/nic")->by_hand);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_bound, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(
			test_what_the_host_needs, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(
			test_root_file_system, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(
			test_screen_and_bridge, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(test_group, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(
			test_behind_a_legacy_bridge, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(test_no_iommu, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(test_interrupts, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(test_found, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(
			test_renamed_meanwhile, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(
			test_driver_named_by_an_override, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(test_renumbered, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(test_cut_off, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(
			test_refused_by_vfio, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(
			test_refused_by_vfio_is_left_to_people, machine_setup, machine_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
