/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sample_tables.h"

static const struct field option_rows[] = {
	FIELD_STRING(struct option, value, type_any, .required = true, .doc = "The value.",
		.example = "1"),
};
static const struct table option_table = TABLE(struct option, option_rows, .key = &type_sysctl,
	.key_word = "PARAMETER", .scalar = "value", .doc = "A kernel parameter.");
static const struct table module_table = TABLE(
	struct option, option_rows, .key = &type_module, .scalar = "value", .doc = "A module.");

static const struct field link_rows[] = {
	FIELD_STRING(struct link, name, type_ifname, .required = true, .doc = "Its name."),
	FIELD_VALUE(struct link, mac, struct mac, type_mac, .doc = "Its MAC address."),
	FIELD_INT(struct link, vlan, 1, 4094, .doc = "Its VLAN."),
};
static const struct table link_table = TABLE(struct link, link_rows, .doc = "A link.");

static const char *const models[] = { "host", "max", "base", NULL };
static const struct field cpu_rows[] = {
	FIELD_INT(struct cpu, count, 1, 64, .def = "1", .doc = "How many. At most one a thread."),
	FIELD_VALUE(
		struct cpu, quota, int64_t, type_percent, .min = 1, .max = 6400, .doc = "Quota."),
	FIELD_ENUM(struct cpu, model, models, .def = "host", .doc = "Which model.",
		.on_change = CHANGE_RECREATE),
	FIELD_STRING(struct cpu, note, type_string, .doc = "A note."),
	FIELD_PLANNED("pinning", "Host threads."),
};
const struct table cpu_table = TABLE(struct cpu, cpu_rows, .doc = "Processors.");

static const struct field vf_rows[] = {
	FIELD_BOOL(struct vf, trust, .def = "false", .doc = "Trust it."),
};
static const struct table vf_table =
	TABLE(struct vf, vf_rows, .key = &type_int, .key_word = "INDEX", .doc = "A VF.");

static const struct field machine_rows[] = {
	FIELD_OBJECT(struct machine, cpu, struct cpu, cpu_table, .def = "{}", .doc = "Processors."),
	FIELD_SIZE(struct machine, memory, 64 * MIB, 4 * TIB, .required = true, .doc = "Memory."),
	FIELD_STRING(struct machine, kernel, type_path, .doc = "Kernel file."),
	FIELD_STRING(struct machine, password, type_string, .secret = true, .doc = "A secret."),
	FIELD_OBJECTS(struct machine, links, link_table, .def = "[]", .doc = "Links."),
	FIELD_LIST(
		struct machine, after, type_name, .ref = "machine", .def = "[]", .doc = "After."),
	FIELD_MAP(struct machine, vfs, vf_table, .doc = "Virtual functions."),
	FIELD_BOOL(struct machine, autostart, .def = "true", .doc = "Start at boot."),
	FIELD_DURATION(struct machine, timeout, 0, 3600 * USEC_PER_SEC, .def = "90s",
		.doc = "How long to wait."),
	FIELD_PLANNED("tpm", "A TPM."),
};
const struct table machine_table =
	TABLE(struct machine, machine_rows, .key = &type_name, .doc = "A machine.");

static void network_check(const void *obj, struct diags *d)
{
	const struct network *n = obj;

	if (n->first > n->last)
		diag_error(d, obj_mark(n, "first"), NULL, "first is behind last");
}

static const struct field network_rows[] = {
	FIELD_VALUE(struct network, address, struct cidr, type_cidr, .required = true,
		.doc = "Address of the host."),
	FIELD_VALUE(struct network, gateway, struct ip, type_ip, .doc = "Gateway."),
	FIELD_LIST(struct network, ports, type_ifname, .claims = "port", .example = "[eth0, eth1]",
		.doc = "Ports."),
	FIELD_INT(struct network, first, 0, INT64_MAX, .def = "0", .doc = "First."),
	FIELD_INT(struct network, last, INT64_MIN, 100, .def = "100", .doc = "Last."),
};
const struct table network_table = TABLE(struct network, network_rows, .key = &type_ifname,
	.doc = "A network.", .check = network_check);

static const struct field sample_rows[] = {
	FIELD_INT(
		struct sample, version, 1, 1, .required = true, .example = "1", .doc = "Version."),
	FIELD_MAP(struct sample, machines, machine_table, .kind = "machine", .doc = "Machines."),
	FIELD_MAP(struct sample, networks, network_table, .kind = "network", .doc = "Networks."),
	FIELD_MAP(struct sample, options, option_table, .kind = "option", .doc = "Parameters."),
	FIELD_MAP(struct sample, modules, module_table, .doc = "Modules.", .def = "{kvm-intel: 1}"),
	FIELD_PLANNED("sriov", "SR-IOV."),
};
const struct table sample_table = TABLE(struct sample, sample_rows, .doc = "A sample.");
