/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest as the document has it. The rows are in guest_table.c. */
#ifndef KVMHOST_GUEST_H
#define KVMHOST_GUEST_H

#include "config/type.h"

enum guest_state { GUEST_RUNNING, GUEST_STOPPED };
enum guest_on_change { GUEST_WAIT, GUEST_RESTART };
enum guest_restart { RESTART_NO, RESTART_ON_FAILURE, RESTART_ALWAYS };
enum disk_format { DISK_RAW, DISK_QCOW2 };
enum disk_bus { BUS_VIRTIO };
enum guest_console { CONSOLE_SERIAL };

/* The words for them in the document, by index. */
extern const char *const guest_state_names[], *const guest_restart_names[];
extern const char *const disk_format_names[];

/* Limits of the machine's layout, see qemu_args.h. */
enum { GUEST_DISKS_MAX = 64, GUEST_INTERFACES_MAX = 32, GUEST_CPUS_MAX = 255 };

struct guest_cpu {
	struct obj obj;
	int64_t count;
	const char *model; /* as QEMU names it; "host" is the host's own */
};

struct guest_memory {
	struct obj obj;
	uint64_t size; /* bytes */
};

struct guest_kernel {
	struct obj obj;
	const char *image, *initrd, *cmdline; /* initrd, cmdline: NULL when not given */
};

struct guest_disk {
	struct obj obj;
	const char *path;
	int format; /* enum disk_format */
	int bus; /* enum disk_bus */
};

struct guest_interface {
	struct obj obj;
	const char *network, *bridge; /* one of them, the other NULL */
	struct mac mac; /* where obj_has(.., "mac"), else generated */
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
	bool autostart;
	struct guest_cpu cpu;
	struct guest_memory memory;
	struct guest_kernel kernel; /* where obj_has(g, "kernel") */
	struct guest_shutdown shutdown;
	struct list disks; /* struct guest_disk */
	struct list interfaces; /* struct guest_interface */
	struct list after; /* const char * */
};

extern const struct table guest_table;

#endif
