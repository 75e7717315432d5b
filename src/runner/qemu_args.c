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
	args_add_firmware(&x, m);
	args_add_kernel(&x, m);
	args_add_iommufd(&x, m);
	args_add_interfaces(&x, m);
	args_add_disks(&x, m);
	args_add_devices(&x, m);
	*ARENA_PUSH(a, x.v, x.n) = NULL;
	return x.v;
}
