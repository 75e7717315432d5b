/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QEMU's argument list. Pure: everything that needs the machine has been
 * opened before and comes as a descriptor that QEMU inherits under the same
 * number.
 *
 * The guest's view is laid out by hand so that an added device moves no other
 * one. Every device sits alone behind a PCIe root port with a fixed place on
 * the root bus. Eight ports fill a slot, and a slot that is begun has all of
 * its ports: those without a device are for what is plugged in later. Firmware
 * numbers the buses in the order of the ports, so the last port of each group
 * keeps the numbers of those that the group may come to have (bus-reserve).
 *
 *	slots 2 to 5     network interfaces, port i for interface i
 *	slots 8 to 15    disks, port i for the i-th whose bus is virtio
 *
 * Controllers of other buses are on the root bus itself, so that they have no
 * bus number that could change. Disk i is SCSI target i; on the buses with few
 * places the disks stand in their order:
 *
 *	slot 1           VGA
 *	slot 6           virtio-serial, for the agent
 *	slot 16          virtio-scsi, slot 17 USB (xHCI), slot 18 IDE (PIIX3)
 *	slot 19          watchdog (i6300esb), slot 20 random numbers, slot 21 balloon
 *	slot 22          vsock
 *	slots 24 to 27   assigned devices, port i for device i of `devices`
 *	slot 28          a disk with data for cloud-init, behind a port too: what is on the root bus
 *	                 itself would be the guest's first disk
 *	slot 31          what q35 itself has: SATA (AHCI) among others, whose last port has the disc
 *	                 to install from
 *
 * Interfaces have the buses 1 to 32, and Linux names them after those (enp1s0,
 * enp2s0, ...); virtio disks have 33 to 96, assigned devices 97 to 128, and the
 * seed 129.
 */
#ifndef KVMHOST_QEMU_ARGS_H
#define KVMHOST_QEMU_ARGS_H

#include "runner/image_chain.h"
#include "runner/spec.h"
#include <jansson.h>

/* Numbers of fdsets: disk i has number i. */
enum { FDSET_FIRMWARE = 1000, FDSET_NVRAM, FDSET_MEDIUM, FDSET_SEED, FDSET_LAYERS = 3000 };

enum {
	PCI_SLOT_VGA = 1,
	PCI_SLOT_INTERFACES = 2,
	PCI_SLOT_AGENT = 6,
	PCI_SLOT_DISKS = 8,
	PCI_PORTS_PER_SLOT = 8,
	PCI_PORTS_STEP = 4,
	PCI_SLOT_SCSI = 16,
	PCI_SLOT_USB = 17,
	PCI_SLOT_IDE = 18,
	PCI_SLOT_WATCHDOG = 19,
	PCI_SLOT_RNG = 20,
	PCI_SLOT_BALLOON = 21,
	PCI_SLOT_VSOCK = 22,
	PCI_SLOT_DEVICES = 24,
	PCI_SLOT_SEED = 28,
};

/*
 * How many root ports there are for n devices of a group: by steps, one at least. Each costs QEMU
 * and the firmware some time at every start, used or not.
 */
size_t pci_ports(size_t n);

struct machine_disk {
	struct image_layer layers[IMAGE_LAYERS]; /* the images that it is made on, from the top */
	int fd;
	bool block; /* a block device, not a file */
};

struct machine {
	const struct spec *spec;
	const char *qemu; /* path of the program */
	bool kvm; /* else emulated (TCG) */
	bool iommu; /* the host could give it devices while it runs */
	int qmp; /* sockets; the other ends are the runner's */
	int console;
	int agent; /* -1: the guest has no channel for one */
	int medium; /* to install from; -1: none */
	int arguments; /* what the installer's kernel is told, a file; -1: none */
	const char *append; /* its text */
	int seed; /* data for cloud-init; -1: none */
	int said; /* socket for what SeaBIOS says; -1: nobody listens */
	int install; /* where the runner notes that it is done; -1: nothing is to be installed */
	int type_file; /* where the machine's type is remembered; -1: the document names it */
	const char *type; /* "q35", "pc-q35-7.2" */
	int tpm; /* socket, the other end is swtpm's; -1: none */
	int tpm_state; /* the runner's, for swtpm; -1: none */
	int vsock; /* of /dev/vhost-vsock; -1: none */
	int zone; /* the host's time zone, where the guest has local time; -1: UTC */
	int display, secret; /* the runner's: see display.h; -1: none */
	int kernel, initrd; /* -1: none */
	int firmware, nvram; /* OVMF and the guest's variables; -1: BIOS */
	struct machine_disk *disks; /* as many as the guest's */
	int *taps; /* as many as the guest's interfaces have queues; see interface_queue();
		      a virtual function has one, -1 */
	int *vhosts; /* of /dev/vhost-net, likewise; -1: without */
	int iommufd; /* of /dev/iommu; -1: functions of the host go by their groups */
	int *vfs, *devices; /* of functions: as many as interfaces, and devices; -1: none, or by its
			       group */
	/* Under which numbers QEMU knows kernel and initrd, also when they are closed here; -1:
	 * none. */
	int kernel_number, initrd_number;
};

/* NULL-terminated, in the arena; the first is m->qemu. */
char **qemu_args(struct arena *a, const struct machine *m);
/* What of them is disk, interface or device i, without the port: for a machine that runs. */
char **qemu_args_disk(struct arena *a, const struct machine *m, size_t i);
char **qemu_args_interface(struct arena *a, const struct machine *m, size_t i);
char **qemu_args_device(struct arena *a, const struct machine *m, size_t i);
/* A disk's limits as QMP takes them; for qom-set, of /objects/limitsN. */
json_t *qemu_limits(const struct disk_throttle *t);

#endif
