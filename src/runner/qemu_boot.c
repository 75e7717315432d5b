/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the guest boots by and from: firmware, the order of its devices, a kernel of its own. */
#include "config/obj.h"
#include "runner/qemu_args_internal.h"

/* OVMF's README: Secure Boot's variables are safe where only code in SMM can write the flash. */
void args_add_firmware(struct args *x, const struct machine *m)
{
	if (m->firmware < 0)
		return;
	args_add(x, "-add-fd", "fd=%d,set=%d", m->firmware, FDSET_FIRMWARE);
	args_add(x, "-blockdev",
		"driver=file,node-name=firmware,filename=/dev/fdset/%d,read-only=on",
		FDSET_FIRMWARE);
	args_add(x, "-add-fd", "fd=%d,set=%d", m->nvram, FDSET_NVRAM);
	args_add(x, "-blockdev", "driver=file,node-name=nvram,filename=/dev/fdset/%d,locking=on",
		FDSET_NVRAM);
	if (m->spec->guest->firmware != FIRMWARE_UEFI_SECURE)
		return;
	args_add(x, "-global", "driver=cfi.pflash01,property=secure,value=on");
	args_add(x, "-global", "ICH9-LPC.disable_s3=1");
}

static size_t count_booted(const struct guest *g, enum boot_device from)
{
	size_t n = 0;

	if (from == BOOT_NETWORK)
		return g->interfaces.n;
	for (size_t i = 0; i < g->disks.n; i++)
		n += disk_boot(&LIST_AT(&g->disks, const struct guest_disk, i)) == from;
	return n;
}

/* Drives without a medium come last: the firmware `bios` tries no other than the first. */
static size_t booted_before(const struct list *disks, enum boot_device from, size_t i)
{
	const struct guest_disk *v = disks->v;
	size_t n = 0;

	for (size_t d = 0; d < disks->n; d++)
		if (disk_boot(&v[d]) == from && (!v[d].path == !v[i].path ? d < i : !v[i].path))
			n++;
	return n;
}

/* Index 0 is the kernel's, which QEMU gives it by itself. */
const char *args_bootindex(struct args *x, const struct guest *g, enum boot_device from, size_t i)
{
	size_t index = 1;

	for (size_t k = 0; k < g->boot.order.n; k++) {
		enum boot_device at = (enum boot_device)LIST_AT(&g->boot.order, const int, k);

		if (at != from) {
			index += count_booted(g, at);
			continue;
		}
		index += from == BOOT_NETWORK ? i : booted_before(&g->disks, from, i);
		return arena_printf(x->arena, ",bootindex=%zu", index);
	}
	return "";
}

/* /proc/self/fd rather than an fdset: QEMU reads these with fopen(3). */
void args_add_kernel(struct args *x, const struct machine *m)
{
	const struct guest_kernel *k = &m->spec->guest->kernel;
	const struct guest_install *installer = &m->spec->guest->install;

	if (m->kernel < 0)
		return;
	args_add(x, "-kernel", "/proc/self/fd/%d", m->kernel);
	if (m->initrd >= 0)
		args_add(x, "-initrd", "/proc/self/fd/%d", m->initrd);
	if (m->append)
		args_add(x, "-append", "%s%s%s", m->append,
			*m->append && installer->extra_args ? " " : "",
			installer->extra_args ? installer->extra_args : "");
	else if (k->cmdline)
		args_add(x, "-append", "%s", k->cmdline);
}
