/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of the argument list share; nobody else includes it. */
#ifndef KVMHOST_QEMU_ARGS_INTERNAL_H
#define KVMHOST_QEMU_ARGS_INTERNAL_H

#include "runner/qemu_args.h"

struct args {
	struct arena *arena;
	char **v;
	size_t n;
};

/* An option and its value; fmt NULL: it has none. */
void args_add(struct args *x, const char *option, const char *fmt, ...) _printf_(3, 4);
/* qemu_ports.c */
/* The root port that is alone in its slot. */
void args_add_port(struct args *x, const char *id, int slot);
/*
 * The root ports "port-GROUP0" and on, of which n are taken and the rest are spare. They take
 * `buses` numbers of buses, however many ports there are: the last one keeps the rest
 * (docs/pcie_pci_bridge.txt in QEMU's source).
 */
void args_add_ports(struct args *x, const char *group, int first_slot, size_t n, size_t buses);

/* qemu_boot.c */
void args_add_firmware(struct args *x, const struct machine *m);
void args_add_kernel(struct args *x, const struct machine *m);
/* ",bootindex=N" where item i of what is booted as `from` stands in the boot order, else "". */
const char *args_bootindex(struct args *x, const struct guest *g, enum boot_device from, size_t i);

/* qemu_net.c */
void args_add_iommufd(struct args *x, const struct machine *m);
void args_add_interfaces(struct args *x, const struct machine *m);
void args_add_devices(struct args *x, const struct machine *m);
/* Of a guest that has devices of the host's, or may come to have. */
bool args_have_device_ports(const struct machine *m);
/* qemu_memory.c */
void args_add_memory(struct args *x, const struct guest *g);
/* qemu_disks.c */
void args_add_disks(struct args *x, const struct machine *m);

#endif
