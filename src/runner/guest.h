/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest as the document has it. The rows are in guest_table.c. */
#ifndef KVMHOST_GUEST_H
#define KVMHOST_GUEST_H

#include "config/type.h"

enum guest_state { GUEST_RUNNING, GUEST_STOPPED };
enum guest_on_change { GUEST_WAIT, GUEST_RESTART };
enum guest_restart { RESTART_NO, RESTART_ON_FAILURE, RESTART_ALWAYS };
enum disk_format { DISK_RAW, DISK_QCOW2, DISK_VMDK, DISK_VPC, DISK_VHDX, DISK_QED };
enum disk_preallocation {
	PREALLOCATION_OFF,
	PREALLOCATION_METADATA,
	PREALLOCATION_FALLOC,
	PREALLOCATION_FULL
};
enum disk_device { DEVICE_DISK, DEVICE_CDROM, DEVICE_FLOPPY, DEVICE_LUN };
enum disk_bus { BUS_VIRTIO, BUS_SCSI, BUS_SATA, BUS_IDE, BUS_USB, BUS_FLOPPY };
enum disk_cache { CACHE_WRITEBACK, CACHE_NONE, CACHE_WRITETHROUGH, CACHE_DIRECTSYNC, CACHE_UNSAFE };
enum disk_discard { DISCARD_IGNORE, DISCARD_UNMAP };
enum disk_aio { AIO_THREADS, AIO_NATIVE, AIO_IO_URING };
enum disk_detect_zeroes { ZEROES_OFF, ZEROES_ON, ZEROES_UNMAP };
enum disk_on_error { ON_ERROR_REPORT, ON_ERROR_IGNORE, ON_ERROR_STOP, ON_ERROR_ENOSPC };
enum boot_device { BOOT_DISK, BOOT_CDROM, BOOT_NETWORK, BOOT_FLOPPY, BOOT_DEVICES };
enum guest_firmware { FIRMWARE_BIOS, FIRMWARE_UEFI, FIRMWARE_UEFI_SECURE };
enum guest_console { CONSOLE_SERIAL };
enum guest_panic { PANIC_IGNORE, PANIC_PAUSE, PANIC_POWEROFF, PANIC_FAIL };
enum guest_graphics_type { GRAPHICS_VNC, GRAPHICS_SPICE };
enum guest_os { OS_OTHER, OS_LINUX, OS_WINDOWS };
enum guest_watchdog { WATCHDOG_OFF, WATCHDOG_RESET, WATCHDOG_POWEROFF, WATCHDOG_PAUSE };

enum macvtap_mode { MACVTAP_BRIDGE, MACVTAP_VEPA, MACVTAP_PRIVATE, MACVTAP_PASSTHRU };

/* The words for them in the document, by index. */
extern const char *const guest_state_names[], *const guest_restart_names[];
extern const char *const guest_firmware_names[], *const guest_watchdog_names[];
extern const char *const guest_panic_names[];
extern const char *const guest_graphics_names[], *const macvtap_mode_names[];
extern const char *const disk_format_names[], *const disk_preallocation_names[];
extern const char *const disk_device_names[], *const disk_bus_names[];
extern const char *const disk_aio_names[], *const disk_detect_zeroes_names[];
extern const char *const disk_on_error_names[];

/* Limits of the machine's layout, see qemu_args.h. */
enum { GUEST_DISKS_MAX = 64, GUEST_INTERFACES_MAX = 32, GUEST_CPUS_MAX = 255 };
enum { GUEST_NUMA_MAX = 64 };
enum { GUEST_DEVICES_MAX = 32, GUEST_ASSIGNED_MANY = 8 };
enum { GUEST_SATA_MAX = 6, GUEST_IDE_MAX = 4, GUEST_USB_MAX = 8, GUEST_FLOPPIES_MAX = 2 };
/* Places for SATA that kvmhost's own discs take, where there are such. */
enum { GUEST_SATA_SEED = 4, GUEST_SATA_MEDIUM = 5 };

struct guest_cpu {
	struct obj obj;
	int64_t count;
	int64_t sockets, dies, cores, threads; /* each where obj_has() */
	const char *model; /* as QEMU names it; "host" is the host's own */
	struct list pinning; /* int64_t: a CPU of the host for each; or empty */
};

struct guest_memory {
	struct obj obj;
	uint64_t size; /* bytes */
	uint64_t current; /* bytes that the balloon leaves; where obj_has(.., "current"), else size
			   */
	bool hugepages;
};

/* Each where obj_has(); see guest_numa.h. */
struct guest_numa {
	struct obj obj;
	const char *cpus; /* of the guest: "0-1,4" */
	uint64_t memory; /* bytes */
	int64_t host_node;
};

struct guest_kernel {
	struct obj obj;
	const char *image, *initrd, *cmdline; /* initrd, cmdline: NULL when not given */
};

/* In a second; each where obj_has(). */
struct disk_throttle {
	struct obj obj;
	int64_t iops, iops_read, iops_write;
	uint64_t bps, bps_read, bps_write; /* bytes */
};

struct guest_disk {
	struct obj obj;
	const char *path; /* NULL: a drive without a medium */
	uint64_t size; /* bytes; where obj_has(.., "size"), else the image is somebody else's to
			  make */
	int preallocation; /* enum disk_preallocation */
	const char *base; /* the image that this one is made on; NULL: none */
	const char *copy_of; /* the image whose data this one is made of; NULL: none */
	int base_format; /* enum disk_format, of either */
	int device; /* enum disk_device */
	int format, bus; /* where given; see disk_format() and disk_bus() */
	int cache; /* enum disk_cache */
	int discard; /* enum disk_discard */
	bool readonly;
	const char *serial; /* NULL: none */
	int aio; /* enum disk_aio */
	int detect_zeroes; /* enum disk_detect_zeroes */
	int werror, rerror; /* enum disk_on_error */
	bool iothread;
	struct disk_throttle throttle; /* where obj_has(d, "throttle") */
};

/* What is meant where it is left open. */
enum disk_format disk_format(const struct guest_disk *d);
enum disk_bus disk_bus(const struct guest_disk *d);
/* How it is read and written is another: aio, iothread, what is done on errors, limits. */
bool disk_options_differ(const struct guest_disk *a, const struct guest_disk *b);
bool disk_limits_differ(const struct guest_disk *a, const struct guest_disk *b);
/* A cdrom always is. */
bool disk_is_readonly(const struct guest_disk *d);
/* Its medium is changed while the guest runs, and may be missing. */
bool disk_is_drive(const struct guest_disk *d);
/* It is read and written past the host's page cache (O_DIRECT). */
bool disk_is_direct(const struct guest_disk *d);
/* As what it is booted from. */
enum boot_device disk_boot(const struct guest_disk *d);
/* How many disks before this one are on the same bus. */
size_t disk_number_on_bus(const struct list *disks, size_t i);
/* Checks between the disks of one guest, of which g is the object. */
void disks_check(const void *g, const struct list *disks, struct diags *d);
/* The table's check: inside one disk. */
void disk_check(const void *obj, struct diags *d);
extern const struct table disk_table, disk_throttle_table;

struct guest_interface {
	struct obj obj;
	const char *network, *bridge, *vf, *macvtap; /* one of them, the others NULL */
	int mode; /* enum macvtap_mode, where obj_has(.., "mode") */
	struct mac mac; /* where obj_has(.., "mac"), else generated */
	bool vhost; /* where obj_has(.., "vhost"), else where the machine has it */
	int64_t queues, mtu, rx_queue_size; /* where obj_has() says so */
	int64_t pvid; /* where obj_has(.., "pvid") */
	struct list vlans; /* struct vlan_range, where obj_has(.., "vlans") */
};

/* What `vf` names: a pool of `sriov:`, and one of its virtual functions; index -1: any. */
struct vf_name {
	char pool[65];
	int index;
};
bool vf_name_parse(const char *text, struct vf_name *out);
/* The interface's; false where it has none. */
bool interface_vf(const struct guest_interface *nic, struct vf_name *out);
struct guest_boot {
	struct obj obj;
	struct list order; /* int, enum boot_device */
	uint64_t reboot_timeout; /* microseconds; where obj_has(.., "reboot_timeout") */
};

struct guest_resources {
	struct obj obj;
	/* Each where obj_has(). */
	int64_t cpu_weight, io_weight;
	int64_t cpu_quota; /* percent of one CPU */
	uint64_t memory_max; /* bytes */
};

struct guest_install {
	struct obj obj;
	const char *iso, *location; /* one of them, or neither: by PXE */
	bool pxe;
	/* Of `location`; each NULL where not given. */
	const char *extra_args, *answers, *kernel_sha256, *initrd_sha256;
};

/* Files of the host, absolute paths; each NULL where not given, but user_data. */
struct guest_cloud_init {
	struct obj obj;
	const char *user_data, *meta_data, *network_config, *vendor_data;
};

struct guest_graphics {
	struct obj obj;
	int type; /* enum guest_graphics_type */
	struct ip listen;
	int64_t port; /* where obj_has(.., "port"), else the first free one */
	const char *password; /* a credential's name; NULL: none */
};

struct guest_shutdown {
	struct obj obj;
	uint64_t timeout; /* microseconds */
};

struct guest {
	struct obj obj;
	int state; /* enum guest_state */
	int on_change; /* enum guest_on_change */
	int restart; /* enum guest_restart */
	int console; /* enum guest_console */
	int firmware; /* enum guest_firmware */
	int os; /* enum guest_os */
	int panic; /* enum guest_panic */
	int watchdog; /* enum guest_watchdog */
	bool agent;
	bool autostart;
	bool tpm;
	const char *machine; /* NULL: what it was first started with */
	int64_t vsock; /* its context id; where obj_has(.., "vsock") */
	struct guest_cpu cpu;
	struct guest_memory memory;
	struct guest_kernel kernel; /* where obj_has(g, "kernel") */
	struct guest_boot boot;
	struct guest_install install; /* where obj_has(g, "install") */
	struct guest_graphics graphics; /* where obj_has(g, "graphics") */
	struct guest_shutdown shutdown;
	struct guest_cloud_init cloud_init; /* where obj_has(g, "cloud_init") */
	struct guest_resources resources;
	struct list numa; /* struct guest_numa */
	struct list disks; /* struct guest_disk */
	struct list interfaces; /* struct guest_interface */
	struct list devices; /* const char * */
	struct list after; /* const char * */
};

size_t interface_queues(const struct guest_interface *nic);
/* The first queue of interface i, where those of all interfaces are numbered through. */
size_t interface_queue(const struct guest *g, size_t i);
/* MACVTAP_BRIDGE where it says nothing else. */
enum macvtap_mode interface_mode(const struct guest_interface *nic);
/* How many functions of the host's devices the guest has. */
size_t guest_assigned(const struct guest *g);
/*
 * How much memory its QEMU may lock. A device reads and writes all of the guest's memory at any
 * time, so the kernel keeps it where it is and counts it as locked. Beside the memory there are the
 * firmware's and the screen's.
 */
uint64_t guest_locked(const struct guest *g);

extern const struct table guest_table, guest_interface_table, guest_cloud_init_table;
extern const struct table guest_install_table;
/* The table's check: between the parts of one guest. */
void guest_check(const void *obj, struct diags *d);
/* guest_interrupts.c: whether there are enough for all devices. */
void guest_check_interrupts(const struct guest *g, struct diags *d);

#endif
