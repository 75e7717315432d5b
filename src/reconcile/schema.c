/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The document's root: which section holds which kind. The sections' own keys stand with their
 * kinds. */
#include "config/type.h"
#include "hostprep/cpu.h"
#include "hostprep/memory.h"
#include "iommu/device.h"
#include "iommu/iommu.h"
#include "net/probe.h"
#include "net/vhost.h"
#include "reconcile/drift.h"
#include "net/firewall.h"
#include "reconcile/kind.h"

extern const struct type type_token;
extern const struct table sysctl_table, module_table;
extern const struct table dummy_table, veth_table, bond_table;
extern const struct table vlan_table, bridge_table, network_table;
extern const struct table sriov_table;
extern const struct table guest_table;

struct kernel_section {
	struct obj obj;
	struct list cmdline, modules, sysctl;
};

static const struct field kernel_rows[] = {
	FIELD_LIST(struct kernel_section, cmdline, type_token, .def = "[]", .kind = "cmdline",
		.on_change = CHANGE_REBOOT,
		.doc = "Parameters for the kernel's command line, each an item. kvmhost writes "
		       "them "
		       "for the boot loader and takes away what it wrote; they hold from the next "
		       "boot, and wait for it. One that is set elsewhere already stays as it is; "
		       "one "
		       "that is set to another value elsewhere is an error that names the place. "
		       "Written for GRUB, "
		       "systemd-boot by kernel-install, grubby, proxmox-boot-tool, sdbootutil, "
		       "rpm-ostree and bootc, and for unified kernel images; elsewhere the error "
		       "says what was found.",
		.example = "[transparent_hugepage=never]"),
	FIELD_MAP(struct kernel_section, modules, module_table, .kind = "module",
		.doc = "Kernel modules: their options, and whether they are loaded or kept out."),
	FIELD_MAP(struct kernel_section, sysctl, sysctl_table, .kind = "sysctl",
		.doc = "Kernel parameters, set now and in a drop-in of our own for every boot.",
		.example = "{net.ipv4.ip_forward: 1}"),
};
static const struct table kernel_table =
	TABLE(struct kernel_section, kernel_rows, .doc = "The kernel's own settings.");

struct reboot_section {
	struct obj obj;
	int policy;
	const char *window;
};

enum { REBOOT_MANUAL, REBOOT_WINDOW };
static const char *const reboot_policies[] = { "manual", "window", NULL };
static const struct field reboot_rows[] = {
	FIELD_ENUM(struct reboot_section, policy, reboot_policies, .example = "manual",
		.doc = "`manual`: kvmhost never reboots the host. `window`: kvmhostd reboots it "
		       "in `window` when something waits for that, once for each document at "
		       "most. Left out, it is `window` where there is one. What waits is shown by "
		       "plan and status, and apply ends with status 3; the message of the day, "
		       "and on Debian and Ubuntu /run/reboot-required, say so too."),
	FIELD_STRING(struct reboot_section, window, type_window, .example = "Sun 02:00-04:00",
		.doc = "When the host may reboot by itself, by its local time. Days may be left "
		       "out, listed, or given as a range: Sat,Sun or Mon..Fri; a window that ends "
		       "before it begins ends on the next day. Guests are shut down in order."),
};

static void check_reboot(const void *obj, struct diags *d)
{
	const struct reboot_section *r = obj;

	if (!obj_has(r, "policy"))
		return;
	if (r->policy == REBOOT_WINDOW && !obj_has(r, "window"))
		diag_error(d, obj_mark(r, "policy"), "add one: `window: \"Sun 02:00-04:00\"`",
			"policy: there is no `window` to reboot in");
	if (r->policy == REBOOT_MANUAL && obj_has(r, "window"))
		diag_error(d, obj_mark(r, "window"),
			"write `policy: window`, or take the window out",
			"window: means nothing with `policy: manual`");
}

static const struct table reboot_table = TABLE(struct reboot_section, reboot_rows,
	.check = check_reboot, .doc = "What happens when a reboot is needed.");

struct host_section {
	struct obj obj;
	struct kernel_section kernel;
	struct iommu iommu;
	struct cpu cpu;
	struct memory memory;
	struct firewall_settings firewall;
	struct reboot_section reboot;
	struct vhost_net vhost_net;
	struct rollback rollback;
	int drift;
};

static const char *const drift_policies[] = {
	[DRIFT_REPAIR] = "repair", [DRIFT_REPORT] = "report", NULL
};

static const struct field host_rows[] = {
	FIELD_OBJECT(struct host_section, kernel, struct kernel_section, kernel_table,
		.doc = "The kernel's own settings."),
	FIELD_OBJECT(struct host_section, iommu, struct iommu, iommu_table, .kind = "iommu",
		.doc = "The IOMMU, for giving devices to guests."),
	FIELD_OBJECT(struct host_section, vhost_net, struct vhost_net, vhost_net_table,
		.kind = "vhost_net", .example = "true",
		.doc = "Whether guests' network interfaces use vhost-net."),
	FIELD_OBJECT(struct host_section, cpu, struct cpu, cpu_table, .kind = "cpu",
		.doc = "C-states, frequencies, and CPUs for guests alone."),
	FIELD_OBJECT(struct host_section, memory, struct memory, memory_table, .kind = "memory",
		.doc = "Hugepages and KSM."),
	FIELD_OBJECT(struct host_section, firewall, struct firewall_settings,
		firewall_settings_table, .doc = "Which firewall of the kernel is spoken."),
	FIELD_OBJECT(struct host_section, reboot, struct reboot_section, reboot_table, .def = "{}",
		.doc = "What happens when a reboot is needed."),
	FIELD_ENUM(struct host_section, drift, drift_policies, .def = "repair",
		.doc = "What kvmhostd does when it hears that somebody changed what the document "
		       "says: a link gone, an address, a firewall rule. `repair`: it is put right "
		       "at "
		       "once, the journal says what it was. `report`: the journal and status say "
		       "it, "
		       "and nothing is changed. What would restart a guest or take something away "
		       "waits for a reload in both."),
	FIELD_OBJECT(struct host_section, rollback, struct rollback, rollback_table,
		.doc = "How the network is probed after a change."),
};
static const struct table host_table =
	TABLE(struct host_section, host_rows, .doc = "The machine itself.");

struct document_root {
	struct obj obj;
	int64_t version;
	struct host_section host;
	struct list bridges, bonds, vlans, dummies, veths, networks, sriov, devices, guests;
};

static const struct field root_rows[] = {
	FIELD_INT(struct document_root, version, 1, 1, .required = true, .example = "1",
		.doc = "Version of the configuration language. Always 1 for now."),
	FIELD_OBJECT(struct document_root, host, struct host_section, host_table,
		.doc = "The machine itself: its kernel's parameters and modules."),
	FIELD_MAP(struct document_root, bridges, bridge_table, .kind = "bridge",
		.doc = "Bridges, by interface name."),
	FIELD_MAP(struct document_root, bonds, bond_table, .kind = "bond",
		.doc = "Bonds of network cards, by interface name.",
		.example = "{bond0: {ports: [eth0, eth1]}}"),
	FIELD_MAP(struct document_root, vlans, vlan_table, .kind = "vlan",
		.doc = "VLANs of links, by interface name.",
		.example = "{eth1.42: {link: eth1, id: 42}}"),
	FIELD_MAP(struct document_root, dummies, dummy_table, .kind = "dummy",
		.doc = "Links that lead nowhere, by interface name.", .example = "{quiet0: {}}"),
	FIELD_MAP(struct document_root, veths, veth_table, .kind = "veth",
		.doc = "Cables inside the host, by the interface name of one end.",
		.example = "{lan0: {peer: lan1}}"),
	FIELD_MAP(struct document_root, networks, network_table, .kind = "network",
		.doc = "Virtual networks, each on a bridge of its own."),
	FIELD_MAP(struct document_root, sriov, sriov_table, .kind = "sriov",
		.doc = "Cards with SR-IOV: their virtual functions."),
	FIELD_MAP(struct document_root, devices, device_table, .kind = "device",
		.doc = "Whole PCI devices for guests, by names that guests' `devices:` use.",
		.example = "{nic2: {address: \"0000:41:00.0\"}}"),
	FIELD_MAP(struct document_root, guests, guest_table, .kind = "guest",
		.doc = "Virtual machines, by name."),
};
const struct table document_table = TABLE(
	struct document_root, root_rows, .doc = "A kvmhost document: one host, as it is wanted.");

enum drift_policy document_drift(const void *document)
{
	return (enum drift_policy)((const struct document_root *)document)->host.drift;
}

const struct rollback *document_rollback(const void *document)
{
	const struct host_section *host = &((const struct document_root *)document)->host;

	return host->obj.table && obj_has(host, "rollback") ? &host->rollback : NULL;
}
