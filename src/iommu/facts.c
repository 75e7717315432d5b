/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu/iommu.h"

#define TABLES "/sys/firmware/acpi/tables/"
#define GROUPS "/sys/kernel/iommu_groups"

enum iommu_firmware iommu_firmware(struct host *h)
{
	if (file_exists(h->root, TABLES "DMAR"))
		return IOMMU_DMAR;
	return file_exists(h->root, TABLES "IVRS") ? IOMMU_IVRS : IOMMU_NONE;
}

size_t iommu_groups(struct host *h)
{
	_cleanup_free_ char **names = NULL;
	size_t n;

	return file_list(h->root, GROUPS, &names, &n) < 0 ? 0 : n;
}

/* The kernel names its interrupt chips IR-IO-APIC and IR-PCI-MSI then, and says it nowhere else. */
bool iommu_remaps_interrupts(struct host *h)
{
	_cleanup_free_ char *text = NULL;

	return file_read(h->root, "/proc/interrupts", 64 << 20, &text, NULL) == 0 &&
	       strstr(text, " IR-");
}
