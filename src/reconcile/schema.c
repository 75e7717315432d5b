/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The document's root: which section holds which kind. The sections' own keys stand with their
 * kinds. */
#include "config/type.h"
#include "reconcile/kind.h"

extern const struct table sysctl_table, module_table;
extern const struct table bridge_table, network_table;
extern const struct table guest_table;

struct kernel_section {
	struct obj obj;
	struct list modules, sysctl;
};

static const struct field kernel_rows[] = {
	FIELD_PLANNED("cmdline", "Further tokens for the kernel command line."),
	FIELD_MAP(struct kernel_section, modules, module_table, .kind = "module",
		.doc = "Kernel modules: their options, and whether they are loaded or kept out."),
	FIELD_MAP(struct kernel_section, sysctl, sysctl_table, .kind = "sysctl",
		.doc = "Kernel parameters, set now and in a drop-in of our own for every boot.",
		.example = "{net.ipv4.ip_forward: 1}"),
};
static const struct table kernel_table =
	TABLE(struct kernel_section, kernel_rows, .doc = "The kernel's own settings.");

struct host_section {
	struct obj obj;
	struct kernel_section kernel;
};

static const struct field host_rows[] = {
	FIELD_OBJECT(struct host_section, kernel, struct kernel_section, kernel_table,
		.doc = "The kernel's own settings."),
	FIELD_PLANNED("iommu", "IOMMU for device assignment."),
	FIELD_PLANNED("vhost_net", "Whether guests' network interfaces use vhost-net."),
	FIELD_PLANNED("cpu", "C-states, frequency governor and limits."),
	FIELD_PLANNED("memory", "Hugepages and KSM."),
	FIELD_PLANNED("firewall", "Which firewall backend is spoken."),
	FIELD_PLANNED("reboot", "When the host may reboot for what needs it."),
	FIELD_PLANNED("rollback", "How the network is probed after a change."),
};
static const struct table host_table =
	TABLE(struct host_section, host_rows, .doc = "The machine itself.");

struct document_root {
	struct obj obj;
	int64_t version;
	struct host_section host;
	struct list bridges, networks, guests;
};

static const struct field root_rows[] = {
	FIELD_INT(struct document_root, version, 1, 1, .required = true, .example = "1",
		.doc = "Version of the configuration language. Always 1 for now."),
	FIELD_OBJECT(struct document_root, host, struct host_section, host_table,
		.doc = "The machine itself: its kernel's parameters and modules."),
	FIELD_MAP(struct document_root, bridges, bridge_table, .kind = "bridge",
		.doc = "Bridges, by interface name."),
	FIELD_PLANNED("vlans", "VLAN interfaces."),
	FIELD_MAP(struct document_root, networks, network_table, .kind = "network",
		.doc = "Virtual networks, each on a bridge of its own."),
	FIELD_PLANNED("sriov", "SR-IOV physical functions and their virtual functions."),
	FIELD_PLANNED("devices", "PCI devices for guests."),
	FIELD_MAP(struct document_root, guests, guest_table, .kind = "guest",
		.doc = "Virtual machines, by name."),
};
const struct table document_table = TABLE(
	struct document_root, root_rows, .doc = "A kvmhost document: one host, as it is wanted.");
