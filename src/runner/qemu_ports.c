/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PCIe root ports: one for each device, so that none moves another. */
#include "runner/qemu_args_internal.h"

/* Function 0 of a slot must say that there are more; chassis numbers are unique in the machine. */
static void add_port(struct args *x, const char *id, int first_slot, size_t i, size_t reserve)
{
	int slot = first_slot + (int)(i / PCI_PORTS_PER_SLOT);
	int function = (int)(i % PCI_PORTS_PER_SLOT);

	args_add(x, "-device", "pcie-root-port,id=%s,bus=pcie.0,addr=0x%x.0x%x%s,chassis=%d%s", id,
		slot, function, function ? "" : ",multifunction=on",
		slot * PCI_PORTS_PER_SLOT + function,
		reserve ? arena_printf(x->arena, ",bus-reserve=%zu", reserve) : "");
}

void args_add_port(struct args *x, const char *id, int first_slot)
{
	add_port(x, id, first_slot, 0, 0);
}

size_t pci_ports(size_t n)
{
	return MAX_OF((n + PCI_PORTS_STEP - 1) / PCI_PORTS_STEP, (size_t)1) * PCI_PORTS_STEP;
}

void args_add_ports(struct args *x, const char *group, int first_slot, size_t n, size_t buses)
{
	size_t ports = pci_ports(n);

	for (size_t i = 0; i < ports; i++)
		add_port(x, arena_printf(x->arena, "port-%s%zu", group, i), first_slot, i,
			i + 1 == ports && buses > ports ? buses - ports : 0);
}
