/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/obj.h"
#include "runner/qemu_args_internal.h"

/* What Windows takes for a hypervisor's of its maker (docs/system/i386/hyperv.rst in QEMU's
 * source). */
static const char enlightenments[] =
	",hv-relaxed=on,hv-vapic=on,hv-spinlocks=0x1fff,hv-vpindex=on,hv-runtime=on,hv-time=on,"
	"hv-synic=on,hv-stimer=on,hv-frequencies=on,hv-reset=on";

static const char *const panic_actions[] = {
	[PANIC_IGNORE] = "none",
	[PANIC_PAUSE] = "pause",
	[PANIC_POWEROFF] = "shutdown",
	[PANIC_FAIL] = "exit-failure",
};

void args_add(struct args *x, const char *option, const char *fmt, ...)
{
	va_list ap;

	*ARENA_PUSH(x->arena, x->v, x->n) = arena_strdup(x->arena, option);
	if (!fmt)
		return;
	va_start(ap, fmt);
	*ARENA_PUSH(x->arena, x->v, x->n) = arena_vprintf(x->arena, fmt, ap);
	va_end(ap);
}

static const char *cpu_model(const struct machine *m)
{
	const char *model = m->spec->guest->cpu.model;

	/* There is no host CPU to pass on without KVM; `max` is all that QEMU can emulate. */
	return !m->kvm && streq(model, "host") ? "max" : model;
}

/* What is left out, QEMU counts: cores rather than sockets. A NUMA node is a socket of its own. */
static const char *topology(struct args *x, const struct guest *g)
{
	const struct guest_cpu *c = &g->cpu;
	const struct {
		const char *key;
		int64_t n;
	} levels[] = { { "sockets", c->sockets }, { "dies", c->dies }, { "cores", c->cores },
		{ "threads", c->threads } };
	const char *out = "";

	for (size_t i = 0; i < ARRAY_SIZE(levels); i++)
		if (obj_has(c, levels[i].key))
			out = arena_printf(
				x->arena, "%s,%s=%lld", out, levels[i].key, (long long)levels[i].n);
	if (!*out && g->numa.n > 1 && (size_t)c->count % g->numa.n == 0)
		out = arena_printf(x->arena, ",sockets=%zu", g->numa.n);
	return out;
}

static void add_machine(struct args *x, const struct machine *m)
{
	const struct guest *g = m->spec->guest;

	args_add(x, "-name", "guest=%s,debug-threads=on", m->spec->name);
	args_add(x, "-uuid", "%s", m->spec->uuid);
	args_add(x, "-machine", "%s,accel=%s,usb=off,vmport=off,dump-guest-core=off%s%s%s%s",
		m->type, m->kvm ? "kvm" : "tcg",
		g->firmware == FIRMWARE_UEFI_SECURE ? ",smm=on" : "",
		m->firmware >= 0 ? ",pflash0=firmware,pflash1=nvram" : "",
		g->memory.hugepages && !g->numa.n ? ",memory-backend=ram" : "",
		g->os == OS_WINDOWS ? ",hpet=off" : "");
	/* A model that is named is refused where KVM lacks some of it; QEMU would leave that out.
	 */
	args_add(x, "-cpu", "%s%s%s", cpu_model(m),
		m->kvm && !streq(g->cpu.model, "host") ? ",enforce" : "",
		g->os == OS_WINDOWS && m->kvm ? enlightenments : "");
	if (g->os == OS_WINDOWS)
		args_add(x, "-rtc", "base=localtime,driftfix=slew");
	if (g->os == OS_WINDOWS && m->kvm)
		args_add(x, "-global", "kvm-pit.lost_tick_policy=delay");
	args_add(x, "-smp", "cpus=%lld%s", (long long)g->cpu.count, topology(x, g));
	args_add_memory(x, g);
	args_add(x, "-boot", "strict=on%s",
		g->firmware == FIRMWARE_BIOS && obj_has(&g->boot, "reboot_timeout") && m->said < 0
			? arena_printf(x->arena, ",reboot-timeout=%llu",
				  (unsigned long long)(g->boot.reboot_timeout / 1000))
			: "");
}

/* OVMF's README: Secure Boot's variables are safe where only code in SMM can write the flash. */
static void add_firmware(struct args *x, const struct machine *m)
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

/*
 * No seccomp filter lets QEMU start a program, change its user or the
 * scheduler's; nothing of the user's or the distribution's configuration
 * counts; the guest stands still until the runner has QMP (-S).
 */
static void add_confinement(struct args *x)
{
	args_add(x, "-nodefaults", NULL);
	args_add(x, "-no-user-config", NULL);
	args_add(x, "-display", "none");
	args_add(x, "-sandbox",
		"on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
	args_add(x, "-msg", "timestamp=off");
	args_add(x, "-S", NULL);
}

static void add_sockets(struct args *x, const struct machine *m)
{
	args_add(x, "-chardev", "socket,id=qmp,fd=%d", m->qmp);
	args_add(x, "-mon", "chardev=qmp,mode=control");
	args_add(x, "-chardev", "socket,id=console,fd=%d", m->console);
	args_add(x, "-device", "isa-serial,chardev=console,id=serial0");
	/* Its debug port, at which no other guest looks. */
	if (m->said >= 0) {
		args_add(x, "-chardev", "socket,id=firmware,fd=%d", m->said);
		args_add(x, "-device", "isa-debugcon,iobase=0x402,chardev=firmware");
	}
}

/* By the name that qemu-ga looks for. */
static void add_agent(struct args *x, const struct machine *m)
{
	if (m->agent < 0)
		return;
	args_add(x, "-device", "virtio-serial-pci,id=serial,bus=pcie.0,addr=0x%x,max_ports=2",
		PCI_SLOT_AGENT);
	args_add(x, "-chardev", "socket,id=agent,fd=%d", m->agent);
	args_add(x, "-device",
		"virtserialport,id=agent,bus=serial.0,nr=1,chardev=agent,name=org.qemu.guest_agent."
		"0");
}

static void add_vsock(struct args *x, const struct machine *m)
{
	if (m->vsock >= 0)
		args_add(x, "-device",
			"vhost-vsock-pci,id=vsock,guest-cid=%lld,vhostfd=%d,bus=pcie.0,addr=0x%x",
			(long long)m->spec->guest->vsock, m->vsock, PCI_SLOT_VSOCK);
}

static void add_tpm(struct args *x, const struct machine *m)
{
	if (m->tpm < 0)
		return;
	args_add(x, "-chardev", "socket,id=tpm,fd=%d", m->tpm);
	args_add(x, "-tpmdev", "emulator,id=tpm0,chardev=tpm");
	args_add(x, "-device", "tpm-crb,tpmdev=tpm0");
}

/*
 * Connections come from the runner (add_client). The pointer is a tablet on USB, whose controller
 * disks may have as well.
 */
static void add_screen(struct args *x, const struct guest *g)
{
	if (!obj_has(g, "graphics"))
		return;
	args_add(x, "-device", "VGA,id=video,bus=pcie.0,addr=0x%x", PCI_SLOT_VGA);
	if (g->graphics.type == GRAPHICS_VNC)
		args_add(x, "-vnc", "none%s", g->graphics.password ? ",password=on" : "");
	else
		args_add(x, "-spice", "port=0%s",
			g->graphics.password ? "" : ",disable-ticketing=on");
}

/*
 * Random numbers; and a balloon, so that the guest gives back what it does not use, or is told to
 * (memory.current). It lets go before the guest's kernel would kill for want of memory. A hugepage
 * is not given back: somebody else may have it when the guest wants it again, and QEMU would be
 * killed by SIGBUS.
 */
static void add_memory_devices(struct args *x, const struct guest *g)
{
	args_add(x, "-object", "rng-builtin,id=random");
	args_add(x, "-device", "virtio-rng-pci,id=rng,rng=random,bus=pcie.0,addr=0x%x",
		PCI_SLOT_RNG);
	args_add(x, "-device",
		"virtio-balloon-pci,id=balloon,deflate-on-oom=on,free-page-reporting=%s,"
		"bus=pcie.0,addr=0x%x",
		g->memory.hugepages ? "off" : "on", PCI_SLOT_BALLOON);
}

/* A panic is told by the guest's kernel where it has a driver for pvpanic; all have. */
static void add_watching(struct args *x, const struct machine *m)
{
	const struct guest *g = m->spec->guest;

	args_add(x, "-device", "pvpanic");
	args_add(x, "-action", "panic=%s", panic_actions[g->panic]);
	/* What installs reboots when it is done: then QEMU stands still, and run_install.c decides.
	 */
	if (m->install >= 0)
		args_add(x, "-action", "reboot=shutdown,shutdown=pause");
	if (g->watchdog == WATCHDOG_OFF)
		return;
	args_add(x, "-device", "i6300esb,id=watchdog,bus=pcie.0,addr=0x%x", PCI_SLOT_WATCHDOG);
	args_add(x, "-action", "watchdog=%s", guest_watchdog_names[g->watchdog]);
}

/* /proc/self/fd rather than an fdset: QEMU reads these with fopen(3). */
static void add_kernel(struct args *x, const struct machine *m)
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

/* Function 0 of a slot must say that there are more; chassis numbers are unique in the machine. */
void args_add_port(struct args *x, const char *id, int first_slot, size_t i)
{
	int slot = first_slot + (int)(i / PCI_PORTS_PER_SLOT);
	int function = (int)(i % PCI_PORTS_PER_SLOT);

	args_add(x, "-device", "pcie-root-port,id=%s,bus=pcie.0,addr=0x%x.0x%x%s,chassis=%d", id,
		slot, function, function ? "" : ",multifunction=on",
		slot * PCI_PORTS_PER_SLOT + function);
}

size_t pci_ports(size_t n)
{
	return MAX_OF((n + PCI_PORTS_STEP - 1) / PCI_PORTS_STEP, (size_t)1) * PCI_PORTS_STEP;
}

void args_add_ports(struct args *x, const char *group, int first_slot, size_t n)
{
	for (size_t i = 0; i < pci_ports(n); i++)
		args_add_port(x, arena_printf(x->arena, "port-%s%zu", group, i), first_slot, i);
}

char **qemu_args(struct arena *a, const struct machine *m)
{
	const struct guest *g = m->spec->guest;
	struct args x = { .arena = a };

	args_add(&x, m->qemu, NULL);
	add_machine(&x, m);
	add_confinement(&x);
	add_sockets(&x, m);
	add_agent(&x, m);
	add_watching(&x, m);
	add_memory_devices(&x, g);
	add_vsock(&x, m);
	add_tpm(&x, m);
	add_screen(&x, g);
	add_firmware(&x, m);
	add_kernel(&x, m);
	args_add_iommufd(&x, m);
	args_add_interfaces(&x, m);
	args_add_disks(&x, m);
	args_add_devices(&x, m);
	*ARENA_PUSH(a, x.v, x.n) = NULL;
	return x.v;
}
