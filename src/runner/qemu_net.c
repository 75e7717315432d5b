/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The part of QEMU's argument list that is about network interfaces and assigned devices. */
#include "config/obj.h"
#include "runner/qemu_args_internal.h"

static const char *numbers(struct args *x, const int *fds, size_t n)
{
	_cleanup_strbuf_ struct strbuf out = { 0 };

	for (size_t i = 0; i < n; i++)
		sb_addf(&out, "%s%d", i ? ":" : "", fds[i]);
	return arena_strdup(x->arena, sb_str(&out));
}

static void add_netdev(struct args *x, const struct machine *m, size_t i)
{
	const struct guest *g = m->spec->guest;
	size_t q = interface_queue(g, i), n = interface_queue(g, i + 1) - q;
	const char *s = n > 1 ? "s" : "", *taps = numbers(x, m->taps + q, n);

	if (m->vhosts[q] >= 0)
		args_add(x, "-netdev", "tap,id=hostnet%zu,fd%s=%s,vhost=on,vhostfd%s=%s", i, s,
			taps, s, numbers(x, m->vhosts + q, n));
	else
		args_add(x, "-netdev", "tap,id=hostnet%zu,fd%s=%s,vhost=off", i, s, taps);
}

/* Interrupts: one for each queue in and out, one for changes of settings, one for control. */
static const char *nic_options(struct args *x, const struct machine *m, size_t i)
{
	const struct guest_interface *nic =
		&LIST_AT(&m->spec->guest->interfaces, const struct guest_interface, i);
	_cleanup_strbuf_ struct strbuf out = { 0 };
	size_t n = interface_queues(nic);

	if (n > 1)
		sb_addf(&out, ",mq=on,vectors=%zu", 2 * n + 2);
	if (obj_has(nic, "mtu"))
		sb_addf(&out, ",host_mtu=%lld", (long long)nic->mtu);
	if (obj_has(nic, "rx_queue_size"))
		sb_addf(&out, ",rx_queue_size=%lld", (long long)nic->rx_queue_size);
	return arena_strdup(x->arena, sb_str(&out));
}

/* QEMU takes no domain above ffff by `host` (set_pci_host_devaddr() in its source), but any path.
 */
static const char *place(struct args *x, const char *address)
{
	if (strcspn(address, ":") <= 4)
		return arena_printf(x->arena, "host=%s", address);
	return arena_printf(x->arena, "sysfsdev=/sys/bus/pci/devices/%s", address);
}

/*
 * Without a descriptor QEMU opens the group's node itself, which is its user's while the guest has
 * the device. With one, the address is there for whoever reads the line.
 */
static void add_assigned(struct args *x, const struct assigned *dev, int fd, const char *id,
	size_t i, const char *port, const char *bootindex)
{
	char by[48] = "";

	if (fd >= 0)
		snprintf(by, sizeof(by), ",iommufd=host-iommu,fd=%d", fd);
	args_add(x, "-device", "vfio-pci,id=%s%zu,%s%s,bus=%s,addr=0x0%s", id, i,
		place(x, dev->address), by, port, bootindex);
}

/* One for all, so that the guest's memory is locked and counted once. */
void args_add_iommufd(struct args *x, const struct machine *m)
{
	if (m->iommufd >= 0)
		args_add(x, "-object", "iommufd,id=host-iommu,fd=%d", m->iommufd);
}

static void add_device(struct args *x, const struct machine *m, size_t i)
{
	char port[32];

	snprintf(port, sizeof(port), "port-device%zu", i);
	add_assigned(x, &m->spec->assigned.devices[i], m->devices[i], "device", i, port, "");
}

static void add_interface(struct args *x, const struct machine *m, size_t i)
{
	_cleanup_strbuf_ struct strbuf mac = { 0 };
	char port[32];

	bool installs = m->install >= 0 && m->spec->guest->install.pxe && i == 0;

	snprintf(port, sizeof(port), "port-net%zu", i);
	mac_format(&m->spec->interfaces[i].mac, &mac);
	if (LIST_AT(&m->spec->guest->interfaces, const struct guest_interface, i).vf) {
		add_assigned(x, &m->spec->assigned.interfaces[i], m->vfs[i], "net", i, port,
			args_bootindex(x, m->spec->guest, BOOT_NETWORK, i));
		return;
	}
	add_netdev(x, m, i);
	args_add(x, "-device",
		"virtio-net-pci,id=net%zu,netdev=hostnet%zu,mac=%s,bus=%s,addr=0x0%s%s", i, i,
		sb_str(&mac), port, nic_options(x, m, i),
		installs ? ",bootindex=0" : args_bootindex(x, m->spec->guest, BOOT_NETWORK, i));
}

void args_add_interfaces(struct args *x, const struct machine *m)
{
	size_t n = m->spec->guest->interfaces.n;

	args_add_ports(x, "net", PCI_SLOT_INTERFACES, n, GUEST_INTERFACES_MAX);
	for (size_t i = 0; i < n; i++)
		add_interface(x, m, i);
}

bool args_have_device_ports(const struct machine *m)
{
	return m->spec->guest->devices.n || m->iommu;
}

void args_add_devices(struct args *x, const struct machine *m)
{
	size_t n = m->spec->guest->devices.n;

	if (args_have_device_ports(m))
		args_add_ports(x, "device", PCI_SLOT_DEVICES, n, GUEST_DEVICES_MAX);
	for (size_t i = 0; i < n; i++)
		add_device(x, m, i);
}

char **qemu_args_device(struct arena *a, const struct machine *m, size_t i)
{
	struct args x = { .arena = a };

	args_add_iommufd(&x, m);
	add_device(&x, m, i);
	*ARENA_PUSH(a, x.v, x.n) = NULL;
	return x.v;
}

char **qemu_args_interface(struct arena *a, const struct machine *m, size_t i)
{
	struct args x = { .arena = a };

	args_add_iommufd(&x, m);
	add_interface(&x, m, i);
	*ARENA_PUSH(a, x.v, x.n) = NULL;
	return x.v;
}
