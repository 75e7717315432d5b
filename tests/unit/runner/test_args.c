/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"
#include "runner/complaint.h"

static struct machine machine(struct arena *a, const char *yaml)
{
	const struct guest *g = guest_from(a, yaml);
	struct spec *s = arena_alloc(a, sizeof(*s));
	struct machine m = { .spec = s,
		.qemu = "/usr/bin/qemu",
		.type = "pc-q35-7.2",
		.qmp = 3,
		.console = 4,
		.said = -1,
		.agent = -1,
		.medium = -1,
		.seed = -1,
		.arguments = -1,
		.install = -1,
		.vsock = -1,
		.tpm = -1,
		.display = -1,
		.secret = -1,
		.firmware = -1,
		.nvram = -1,
		.kernel = -1,
		.initrd = -1,
		.iommufd = -1 };

	spec_resolve(a, g, "web1", HOST_ID, s);
	memcpy(s->uuid, "01234567-89ab-8def-8123-456789abcdef", UUID_TEXT);
	m.disks = arena_alloc(a, (g->disks.n + 1) * sizeof(*m.disks));
	m.taps = arena_alloc(a, (g->interfaces.n + 1) * sizeof(*m.taps));
	m.vhosts = arena_alloc(a, (g->interfaces.n + 1) * sizeof(*m.vhosts));
	m.vfs = arena_alloc(a, (g->interfaces.n + 1) * sizeof(*m.vfs));
	m.devices = arena_alloc(a, (g->devices.n + 1) * sizeof(*m.devices));
	memset(m.devices, 0xff, (g->devices.n + 1) * sizeof(*m.devices));
	for (size_t i = 0; i < g->disks.n; i++) {
		m.disks[i].fd = 20 + (int)i;
		for (size_t k = 0; k < IMAGE_LAYERS; k++)
			m.disks[i].layers[k].fd = -1;
	}
	for (size_t i = 0; i < g->interfaces.n; i++) {
		m.taps[i] = 60 + (int)i;
		m.vhosts[i] = i % 2 ? 70 + (int)i : -1;
		m.vfs[i] = -1;
	}
	return m;
}

static const char *joined(struct arena *a, const struct machine *m)
{
	_cleanup_strbuf_ struct strbuf b = { 0 };
	char **v = qemu_args(a, m);

	for (size_t i = 0; v[i]; i++)
		sb_addf(&b, "%s%s", i ? (v[i][0] == '-' ? "\n" : " ") : "", v[i]);
	return arena_strdup(a, sb_str(&b));
}

#define DEFAULTS "cache.direct=off,cache.no-flush=off,discard=ignore,read-only=off"

static const char golden[] =
	"/usr/bin/qemu\n"
	"-name guest=web1,debug-threads=on\n"
	"-uuid 01234567-89ab-8def-8123-456789abcdef\n"
	"-machine pc-q35-7.2,accel=kvm,usb=off,vmport=off,dump-guest-core=off\n"
	"-cpu host\n"
	"-smp cpus=2\n"
	"-m size=2097152k\n"
	"-boot strict=on\n"
	"-nodefaults\n"
	"-no-user-config\n"
	"-display none\n"
	"-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny\n"
	"-msg timestamp=off\n"
	"-S\n"
	"-chardev socket,id=qmp,fd=3\n"
	"-mon chardev=qmp,mode=control\n"
	"-chardev socket,id=console,fd=4\n"
	"-device isa-serial,chardev=console,id=serial0\n"
	"-device pvpanic\n"
	"-action panic=none\n"
	"-object rng-builtin,id=random\n"
	"-device virtio-rng-pci,id=rng,rng=random,bus=pcie.0,addr=0x14\n"
	"-device virtio-balloon-pci,id=balloon,deflate-on-oom=on,free-page-reporting=on,"
	"bus=pcie.0,addr=0x15\n"
	"-kernel /proc/self/fd/5\n"
	"-initrd /proc/self/fd/6\n"
	"-append console=ttyS0 a=b,c\n"
	"-device pcie-root-port,id=port-net0,bus=pcie.0,addr=0x2.0x0,multifunction=on,chassis=16\n"
	"-device pcie-root-port,id=port-net1,bus=pcie.0,addr=0x2.0x1,chassis=17\n"
	"-device pcie-root-port,id=port-net2,bus=pcie.0,addr=0x2.0x2,chassis=18\n"
	"-device pcie-root-port,id=port-net3,bus=pcie.0,addr=0x2.0x3,chassis=19,bus-reserve=28\n"
	"-netdev tap,id=hostnet0,fd=60,vhost=off\n"
	"-device "
	"virtio-net-pci,id=net0,netdev=hostnet0,mac=52:54:00:1a:b3:4a,bus=port-net0,addr=0x0\n"
	"-device pcie-root-port,id=port-disk0,bus=pcie.0,addr=0x8.0x0,multifunction=on,chassis=64\n"
	"-device pcie-root-port,id=port-disk1,bus=pcie.0,addr=0x8.0x1,chassis=65\n"
	"-device pcie-root-port,id=port-disk2,bus=pcie.0,addr=0x8.0x2,chassis=66\n"
	"-device pcie-root-port,id=port-disk3,bus=pcie.0,addr=0x8.0x3,chassis=67,bus-reserve=92\n"
	"-add-fd fd=20,set=0\n"
	"-blockdev driver=file,node-name=file0,filename=/dev/fdset/0,locking=on," DEFAULTS "\n"
	"-blockdev driver=qcow2,node-name=disk0,file=file0," DEFAULTS "\n"
	"-device "
	"virtio-blk-pci,bus=port-disk0,addr=0x0,id=storage0,drive=disk0,write-cache=on,bootindex="
	"1\n"
	"-add-fd fd=21,set=1\n"
	"-blockdev driver=host_device,node-name=file1,filename=/dev/fdset/1,locking=on," DEFAULTS
	"\n"
	"-blockdev driver=raw,node-name=disk1,file=file1," DEFAULTS "\n"
	"-device "
	"virtio-blk-pci,bus=port-disk1,addr=0x0,id=storage1,drive=disk1,write-cache=on,bootindex=2";

static void test_vhost(void **state _unused_)
{
	_cleanup_arena_ struct arena *a = arena_new();
	struct machine m = machine(a, "memory: {size: 1GiB}\ndisks: [{path: /srv/a.qcow2}]\n"
				      "interfaces: [{bridge: br0}, {bridge: br0, vhost: true}]\n");
	const char *args = joined(a, &m);

	assert_non_null(strstr(args, "tap,id=hostnet0,fd=60,vhost=off\n"));
	assert_non_null(strstr(args, "tap,id=hostnet1,fd=61,vhost=on,vhostfd=71\n"));
}

/* What it gave back could be gone when it wants it again. */
static void test_hugepages_stay(void **state _unused_)
{
	_cleanup_arena_ struct arena *a = arena_new();
	struct machine m = machine(a, "memory: {size: 1GiB, hugepages: true}\n"
				      "disks: [{path: /srv/a.qcow2}]\n");
	const char *args = joined(a, &m);

	assert_non_null(strstr(args, "hugetlb=on,prealloc=on\n"));
	assert_non_null(strstr(args, "free-page-reporting=off,"));
}

static void test_nodes(void **state _unused_)
{
	_cleanup_arena_ struct arena *a = arena_new();
	struct machine m = machine(a, "cpu: {count: 4}\nmemory: {size: 1GiB}\n"
				      "numa: [{host_node: 1}, {}]\n"
				      "disks: [{path: /srv/a.qcow2}]\n");
	const char *args = joined(a, &m);

	assert_non_null(strstr(args,
		"-smp cpus=4,sockets=2\n-m size=1048576k\n"
		"-object memory-backend-ram,id=ram0,size=524288k,host-nodes=1,policy=bind\n"
		"-numa node,nodeid=0,cpus=0,cpus=1,memdev=ram0\n"
		"-object memory-backend-ram,id=ram1,size=524288k\n"
		"-numa node,nodeid=1,cpus=2,cpus=3,memdev=ram1\n"));
	m = machine(a, "cpu: {count: 3}\nmemory: {size: 1GiB, hugepages: true}\n"
		       "numa: [{cpus: '0,2', memory: 768MiB}, {cpus: '1', memory: 256MiB}]\n"
		       "disks: [{path: /srv/a.qcow2}]\n");
	args = joined(a, &m);
	assert_non_null(strstr(args,
		"-smp cpus=3\n-m size=1048576k\n"
		"-object memory-backend-memfd,id=ram0,size=786432k,hugetlb=on,prealloc=on\n"
		"-numa node,nodeid=0,cpus=0,cpus=2,memdev=ram0\n"));
	assert_null(strstr(args, "memory-backend=ram"));
}

static void test_whole_list(void **state _unused_)
{
	_cleanup_arena_ struct arena *a = arena_new();
	struct machine m =
		machine(a, "cpu: {count: 2}\nmemory: {size: 2GiB}\n"
			   "kernel: {image: /k, initrd: /i, cmdline: 'console=ttyS0 a=b,c'}\n"
			   "disks: [{path: /srv/a.qcow2}, {path: /dev/vg0/b, format: raw}]\n"
			   "interfaces: [{bridge: br0, mac: '52:54:00:1a:b3:4a'}]\n");

	m.kvm = true;
	m.kernel = 5;
	m.initrd = 6;
	m.disks[1].block = true;
	assert_string_equal(joined(a, &m), golden);
}

static void test_without_kvm(void **state _unused_)
{
	_cleanup_arena_ struct arena *a = arena_new();
	struct machine m = machine(a, "disks: [{path: /srv/a.qcow2}]\n");
	struct machine named =
		machine(a, "cpu: {model: Skylake-Server}\ndisks: [{path: /srv/a.qcow2}]\n");

	assert_non_null(strstr(joined(a, &m), "accel=tcg"));
	assert_non_null(strstr(joined(a, &m), "-cpu max\n"));
	assert_non_null(strstr(joined(a, &named), "-cpu Skylake-Server\n"));
}

/* The bus, the device and the cache of disk i, in the words of QEMU. */
static void test_buses(void **state _unused_)
{
	static const char *const parts[] = {
		"virtio-scsi-pci,id=scsi,bus=pcie.0,addr=0x10\n",
		"qemu-xhci,id=usb,bus=pcie.0,addr=0x11,p2=9,p3=9\n",
		"piix3-ide,id=pata,bus=pcie.0,addr=0x12\n",
		"isa-fdc,id=fdc\n",
		"virtio-blk-pci,bus=port-disk0,addr=0x0,id=storage0,drive=disk0,write-cache=on,"
		"serial=data-1,bootindex=1\n",
		"scsi-hd,bus=scsi.0,channel=0,scsi-id=1,lun=0,id=storage1,drive=disk1,write-cache="
		"off,bootindex=2\n",
		"ide-cd,bus=ide.0,unit=0,id=storage2,drive=disk2,bootindex=8\n",
		"ide-hd,bus=ide.1,unit=0,id=storage3,drive=disk3,write-cache=on,bootindex=3\n",
		"ide-hd,bus=pata.0,unit=0,id=storage4,drive=disk4,write-cache=on,bootindex=4\n",
		"ide-cd,bus=pata.0,unit=1,id=storage5,drive=disk5,bootindex=9\n",
		"ide-hd,bus=pata.1,unit=0,id=storage6,drive=disk6,write-cache=on,bootindex=5\n",
		"usb-storage,bus=usb.0,port=1,id=storage7,drive=disk7,write-cache=on,bootindex=6\n",
		"floppy,bus=fdc.0,unit=0,id=storage8,drive=disk8\n",
		"port-disk1,bus=pcie.0,addr=0x8.0x1,chassis=65\n",
		"node-name=disk0,file=file0,cache.direct=on,cache.no-flush=off,discard=unmap,read-"
		"only=off\n",
		"driver=qcow2,node-name=disk1,file=file1,cache.direct=on,cache.no-flush=off,"
		"discard=ignore,read-only=on\n",
		"driver=raw,node-name=disk2,file=file2,cache.direct=off,cache.no-flush=off,discard="
		"ignore,read-only=on\n",
		"driver=vmdk,node-name=disk3,file=file3,cache.direct=off,cache.no-flush=on,",
	};
	_cleanup_arena_ struct arena *a = arena_new();
	struct machine m = machine(a, "disks:\n"
				      "- {path: /a, cache: none, discard: unmap, serial: data-1}\n"
				      "- {path: /b, bus: scsi, cache: directsync, readonly: true}\n"
				      "- {path: /c.iso, device: cdrom}\n"
				      "- {path: /d, bus: sata, cache: unsafe, format: vmdk}\n"
				      "- {path: /e, bus: ide}\n"
				      "- {path: /f.iso, device: cdrom, bus: ide}\n"
				      "- {path: /g, bus: ide}\n"
				      "- {path: /h, bus: usb}\n"
				      "- {path: /i, device: floppy}\n"
				      "- {path: /j}\n");
	const char *all = joined(a, &m);

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (!strstr(all, parts[i]))
			fail_msg("not there: %s\n%s", parts[i], all);
}

/* The firmware takes the first that has an index: not one without a medium. */
static void test_empty_drives(void **state _unused_)
{
	static const char *const parts[] = {
		"ide-cd,bus=ide.0,unit=0,id=storage0,bootindex=3\n",
		"ide-cd,bus=ide.1,unit=0,id=storage1,drive=disk1,bootindex=2\n",
		"floppy,bus=fdc.0,unit=0,id=storage2\n",
	};
	_cleanup_arena_ struct arena *a = arena_new();
	struct machine m = machine(a, "disks: [{device: cdrom}, {device: cdrom, path: /a.iso}, "
				      "{device: floppy}, {path: /b}]\n");
	const char *all = joined(a, &m);

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (!strstr(all, parts[i]))
			fail_msg("not there: %s\n%s", parts[i], all);
	assert_null(strstr(all, "node-name=disk0"));
	assert_null(strstr(all, "node-name=disk2"));
}

static void test_boot_and_firmware(void **state _unused_)
{
	_cleanup_arena_ struct arena *a = arena_new();
	struct machine m = machine(a,
		"firmware: uefi-secure\n"
		"boot: {order: [network, cdrom, disk]}\n"
		"disks: [{path: /a}, {path: /c.iso, device: cdrom}, {path: /f, device: floppy}]\n"
		"interfaces: [{bridge: b}, {bridge: b}]\n");
	struct machine pxe = machine(
		a, "boot: {order: [network], reboot_timeout: 5s}\ninterfaces: [{bridge: b}]\n");
	struct machine floppies = machine(a,
		"boot: {order: [floppy, disk]}\n"
		"disks: [{path: /a}, {path: /f, device: floppy}, {path: /g, device: floppy}]\n");
	const char *all;

	m.firmware = 10;
	m.nvram = 11;
	all = joined(a, &m);
	assert_non_null(strstr(all, ",smm=on,pflash0=firmware,pflash1=nvram\n"));
	assert_non_null(
		strstr(all, "-add-fd fd=10,set=1000\n-blockdev driver=file,node-name=firmware,"
			    "filename=/dev/fdset/1000,read-only=on\n"));
	assert_non_null(strstr(all, "-add-fd fd=11,set=1001\n-blockdev driver=file,node-name=nvram,"
				    "filename=/dev/fdset/1001,locking=on\n"));
	assert_non_null(strstr(all, "cfi.pflash01,property=secure,value=on\n"));
	assert_non_null(strstr(all, "bus=port-net0,addr=0x0,bootindex=1\n"));
	assert_non_null(strstr(all, "bus=port-net1,addr=0x0,bootindex=2\n"));
	assert_non_null(strstr(all, "drive=disk1,bootindex=3\n"));
	assert_non_null(strstr(all, "drive=disk0,write-cache=on,bootindex=4\n"));
	assert_true(endswith(all, "drive=disk2"));
	assert_non_null(strstr(joined(a, &floppies), "isa-fdc,id=fdc,bootindexA=1,bootindexB=2\n"));
	assert_non_null(strstr(joined(a, &pxe), "-boot strict=on,reboot-timeout=5000\n"));
	assert_non_null(strstr(guest_errors(a, "interfaces: [{bridge: b}]\n"),
		"nothing that its boot order names"));
	assert_non_null(strstr(guest_errors(a, "disks: [{path: /a}]\nboot: {order: [cdrom]}\n"),
		"nothing that its boot order names"));
	assert_non_null(
		strstr(guest_errors(a, "disks: [{path: /a}]\nboot: {order: [disk, disk]}\n"),
			"stands twice"));
	assert_non_null(strstr(guest_errors(a, "memory: {size: 2GiB}\ndisks: [{path: "
					       "/a}]\nresources: {memory_max: 2GiB}\n"),
		"it would be killed"));
}

static void test_what_disks_cannot_be(void **state _unused_)
{
	static const char *const cases[][2] = {
		{ "{path: /a, bus: ide}, {path: /b, bus: ide}, {path: /c, bus: ide}, {path: /d, "
		  "bus: ide}, "
		  "{path: /e, bus: ide, device: cdrom}",
			"at most 4 IDE" },
		{ "{path: /a, device: cdrom, bus: usb}", "no cdrom on the bus usb" },
		{ "{path: /a, device: cdrom, bus: virtio}", "no cdrom on the bus virtio" },
		{ "{path: /a, device: cdrom, size: 1GiB}", "makes no medium" },
		{ "{path: /a, device: cdrom, format: qcow2}", "is `raw`" },
		{ "{path: /a, device: floppy, bus: ide}", "a bus of its own" },
		{ "{path: /a, device: floppy, serial: x}", "no serial" },
		{ "{path: /a, device: lun}", "is a file" },
		{ "{path: /dev/sdb, device: lun, bus: virtio}", "no lun on the bus virtio" },
		{ "{path: /dev/sdb, device: lun, serial: x}", "of its device" },
		{ "{path: /dev/sdb, device: lun, throttle: {iops: 5}}", "cannot limit a lun" },
		{ "{path: /a, aio: native}", "host's page cache" },
		{ "{path: /a, iothread: true, bus: scsi}", "no thread of its own" },
		{ "{path: /a, detect_zeroes: unmap}", "gives nothing back" },
		{ "{path: /a, rerror: enospc}", "no read fails" },
		{ "{path: /a, throttle: {iops: 5, iops_read: 5}}", "together" },
		{ "{path: /a, bus: sata, readonly: true}", "cannot be read only" },
		{ "{path: /dev/vg0/a, size: 1GiB}", "does not make" },
		{ "{path: /a, size: 1025KiB}", "multiple of 1MiB" },
		{ "{path: /a, preallocation: full}", "needs a `size`" },
		{ "{path: /a, size: 1GiB, format: vmdk, preallocation: full}", "not preallocated" },
		{ "{path: /a, size: 1GiB, format: raw, preallocation: metadata}", "no metadata" },
		{ "{path: /a, serial: 'a,b'}", "serial number" },
		{ "{path: /a, serial: abcdefghijklmnopqrstu}", "serial number" },
	};
	_cleanup_arena_ struct arena *a = arena_new();

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *said = guest_errors(a, arena_printf(a, "disks: [%s]\n", cases[i][0]));

		if (!strstr(said, cases[i][1]))
			fail_msg("%s: %s", cases[i][0], said);
	}
}

/* What is added last must move nothing that is there: the old list, cut by device, is in the new
 * one. */
static void test_added_devices_move_nothing(void **state _unused_)
{
	_cleanup_arena_ struct arena *a = arena_new();
	struct machine one = machine(
		a, "disks: [{path: /a}]\ninterfaces: [{bridge: b, mac: '52:54:00:00:00:01'}]\n");
	struct machine more = machine(a,
		"disks: [{path: /a}, {path: /b}]\ninterfaces: "
		"[{bridge: b, mac: '52:54:00:00:00:01'}, {bridge: b, mac: '52:54:00:00:00:02'}]\n");
	char **v = qemu_args(a, &one);
	const char *all = joined(a, &more);

	for (size_t i = 0; v[i]; i++)
		assert_non_null(strstr(all, v[i]));
}

static void test_full_house(void **state _unused_)
{
	_cleanup_arena_ struct arena *a = arena_new();
	_cleanup_strbuf_ struct strbuf yaml = { 0 };
	struct machine m;
	const char *all;

	sb_add(&yaml, "disks:\n");
	for (int i = 0; i < GUEST_DISKS_MAX; i++)
		sb_addf(&yaml, "- {path: /srv/%d}\n", i);
	sb_add(&yaml, "interfaces:\n");
	for (int i = 0; i < GUEST_INTERFACES_MAX; i++)
		sb_add(&yaml, "- {bridge: br0}\n");
	m = machine(a, sb_str(&yaml));
	all = joined(a, &m);
	assert_non_null(strstr(all, "id=port-net31,bus=pcie.0,addr=0x5.0x7,chassis=47"));
	assert_non_null(strstr(all, "id=port-disk63,bus=pcie.0,addr=0xf.0x7,chassis=127"));
	sb_add(&yaml, "- {bridge: br0}\n");
	assert_non_null(strstr(guest_errors(a, sb_str(&yaml)), "at most 32 interfaces"));
}

static void test_assigned_devices(void **state _unused_)
{
	_cleanup_arena_ struct arena *a = arena_new();
	struct machine m =
		machine(a, "kernel: {image: /k}\nboot: {order: [network]}\n"
			   "interfaces: [{bridge: br0}, {vf: uplink}]\ndevices: [gpu, nic2]\n");
	struct spec *s = (struct spec *)m.spec;
	_cleanup_strbuf_ struct strbuf text = { 0 };
	_cleanup_error_ struct error e = { 0 };
	struct spec again;
	const char *all;

	assignment_init(a, s->guest, &s->assigned);
	s->assigned.interfaces[1] =
		(struct assigned){ "uplink/3", "0000:01:10.6", "8086:10ca", 14 };
	s->assigned.devices[0] = (struct assigned){ "gpu", "0000:41:00.0", "10de:1eb8", 3 };
	s->assigned.devices[1] = (struct assigned){ "nic2", "10000:e1:00.1", "8086:10c9", 4 };
	all = joined(a, &m);
	assert_non_null(strstr(all,
		"-device vfio-pci,id=net1,host=0000:01:10.6,bus=port-net1,addr=0x0,bootindex=2\n"));
	assert_null(strstr(all, "id=hostnet1"));
	assert_non_null(strstr(all,
		"-device pcie-root-port,id=port-device0,bus=pcie.0,addr=0x18.0x0,multifunction=on,"
		"chassis=192\n"));
	assert_non_null(strstr(
		all, "-device vfio-pci,id=device0,host=0000:41:00.0,bus=port-device0,addr=0x0\n"));
	/* Spare ports are only where something may be plugged in. */
	assert_non_null(strstr(all, "id=port-device3,"));
	assert_non_null(strstr(all, "-device "
				    "vfio-pci,id=device1,sysfsdev=/sys/bus/pci/devices/"
				    "10000:e1:00.1,bus=port-device1,addr=0x0"));
	/* The runner learns it from started.json. */
	spec_json(s, &text);
	assert_int_equal(spec_parse(a, sb_str(&text), text.len, &again, &e), 0);
	assert_string_equal(again.assigned.interfaces[1].address, "0000:01:10.6");
	assert_null(again.assigned.interfaces[0].what);
	assert_string_equal(again.assigned.devices[1].what, "nic2");
	assert_int_equal(again.assigned.devices[1].group, 4);
}

static void test_by_iommufd(void **state _unused_)
{
	_cleanup_arena_ struct arena *a = arena_new();
	struct machine m =
		machine(a, "kernel: {image: /k}\ninterfaces: [{vf: uplink}]\ndevices: [gpu]\n");
	struct spec *s = (struct spec *)m.spec;
	const char *all, *object;
	char **plugged;

	assignment_init(a, s->guest, &s->assigned);
	s->assigned.interfaces[0] =
		(struct assigned){ "uplink/3", "0000:01:10.6", "8086:10ca", 14 };
	s->assigned.devices[0] = (struct assigned){ "gpu", "0000:41:00.0", "10de:1eb8", 3 };
	m.iommufd = 80;
	m.vfs[0] = 81;
	m.devices[0] = 82;
	all = joined(a, &m);
	object = strstr(all, "-object iommufd,id=host-iommu,fd=80\n");
	assert_non_null(object);
	assert_null(strstr(object + 1, "-object iommufd"));
	assert_non_null(strstr(object, "-device vfio-pci,id=net0,host=0000:01:10.6,"
				       "iommufd=host-iommu,fd=81,bus=port-net0,addr=0x0"));
	assert_non_null(strstr(object, "-device vfio-pci,id=device0,host=0000:41:00.0,"
				       "iommufd=host-iommu,fd=82,bus=port-device0,addr=0x0"));
	/* Into a machine that runs, the object goes before it. */
	plugged = qemu_args_device(a, &m, 0);
	assert_string_equal(plugged[1], "iommufd,id=host-iommu,fd=80");
	assert_non_null(strstr(plugged[3], "fd=82"));
	m.iommufd = m.devices[0] = -1;
	assert_string_equal(qemu_args_device(a, &m, 0)[0], "-device");
}

/* Where one may come while the guest runs, there is a place for it. */
static void test_place_for_devices(void **state _unused_)
{
	_cleanup_arena_ struct arena *a = arena_new();
	struct machine m = machine(a, "kernel: {image: /k}\n");

	assert_null(strstr(joined(a, &m), "port-device"));
	m.iommu = true;
	assert_non_null(
		strstr(joined(a, &m), "id=port-device3,bus=pcie.0,addr=0x18.0x3,chassis=195"));
	assert_null(strstr(joined(a, &m), "vfio-pci"));
}

static void test_complaints(void **state _unused_)
{
	static const char *const cases[][2] = {
		{ "qemu-system-x86_64: -blockdev driver=qcow2,node-name=disk1,file=file1: Image is "
		  "not in qcow2 format",
			"disk /srv/b: Image is not in qcow2 format; see what it is, and write that "
			"as "
			"its `format`: qemu-img info /srv/b" },
		{ "-blockdev driver=qcow2,node-name=base1-0,file=basefile1-0,read-only=on: Image "
		  "is not in qcow2 format",
			"base image /srv/c: Image is not in qcow2 format; see what it is, and "
			"write that as `base_format`: qemu-img info /srv/c" },
		{ "-blockdev driver=qcow2,node-name=base1-1,file=x: y", NULL },
		{ "-blockdev driver=qcow2,node-name=base0-0,file=x: y", NULL },
		{ "-blockdev driver=qcow2,node-name=base9-0,file=x: y", NULL },
		{ "-blockdev driver=qcow2,node-name=base: y", NULL },
		{ "Is another process using the image [/dev/fdset/0]?",
			"Is another process using the image [/srv/a]?" },
		{ "qemu: could not load kernel '/proc/self/fd/5': x",
			"qemu: could not load kernel '/k': x" },
		{ "qemu-system-x86_64: -cpu foo: no such model", "-cpu foo: no such model" },
		{ "qemu-system-x86_64: unable to find CPU model 'Foo'",
			"unable to find CPU model 'Foo'; `/usr/bin/qemu -cpu help` lists all" },
		/* What stands for nothing stays as it is. */
		{ "/dev/fdset/2 /dev/fdset/ /dev/fdset/99999999999 /proc/self/fd/7", NULL },
		{ "-blockdev node-name=disk7: x", NULL },
		{ "-blockdev ", NULL },
		{ "qemu- : x", NULL },
		{ "", NULL },
	};
	_cleanup_arena_ struct arena *a = arena_new();
	struct machine m = machine(
		a, "kernel: {image: /k}\ndisks: [{path: /srv/a}, {path: /srv/b, base: /srv/c}]\n");

	m.kernel_number = 5;
	m.initrd_number = -1;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_strbuf_ struct strbuf b = { 0 };

		complaint(&m, cases[i][0], &b);
		assert_string_equal(sb_str(&b), cases[i][1] ? cases[i][1] : cases[i][0]);
	}
}

static void test_idle_complaints(void **state _unused_)
{
	assert_true(complaint_idle("qemu-system-x86_64: warning: IOMMU_IOAS_MAP failed: Bad "
				   "address, PCI BAR?"));
	assert_false(complaint_idle(
		"qemu-system-x86_64: warning: IOMMU_IOAS_MAP failed: Cannot allocate memory"));
}

static void test_missing_flags(void **state _unused_)
{
	size_t len = 0;
	const char *flag = complaint_flag(
		"qemu-system-x86_64: warning: host doesn't support requested feature: "
		"CPUID.07H:EBX.avx512f [bit 16]",
		&len);

	assert_non_null(flag);
	assert_int_equal(len, strlen("avx512f"));
	assert_memory_equal(flag, "avx512f", len);
	assert_null(complaint_flag(
		"qemu-system-x86_64: Host doesn't support requested features", &len));
	assert_null(complaint_flag("doesn't support requested feature: CPUID.", &len));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hugepages_stay),
		cmocka_unit_test(test_nodes),
		cmocka_unit_test(test_whole_list),
		cmocka_unit_test(test_vhost),
		cmocka_unit_test(test_without_kvm),
		cmocka_unit_test(test_buses),
		cmocka_unit_test(test_empty_drives),
		cmocka_unit_test(test_boot_and_firmware),
		cmocka_unit_test(test_what_disks_cannot_be),
		cmocka_unit_test(test_added_devices_move_nothing),
		cmocka_unit_test(test_full_house),
		cmocka_unit_test(test_assigned_devices),
		cmocka_unit_test(test_by_iommufd),
		cmocka_unit_test(test_place_for_devices),
		cmocka_unit_test(test_complaints),
		cmocka_unit_test(test_idle_complaints),
		cmocka_unit_test(test_missing_flags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
