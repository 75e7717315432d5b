/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sriov.NAME as the document may say it. */
#include "config/scalar.h"
#include "sriov/sriov.h"

/* PCI counts them in 16 bits. */
#define VFS_MAX 65535

/*
 * The number of a VF
 */

static bool number_parse(const struct field *f, struct scalar *s, void *value)
{
	struct field number = *f;

	number.min = 0;
	number.max = VFS_MAX - 1;
	return type_int.parse(&number, s, value) || scalar_cure(s, "the first VF is 0");
}

static void number_format(const struct field *f _unused_, const void *value, struct strbuf *out)
{
	sb_addf(out, "%lld", (long long)*(const int64_t *)value);
}

static const struct type type_vf_number = {
	.name = "the number of a VF",
	.size = sizeof(int64_t),
	.parse = number_parse,
	.format = number_format,
	.bare = true,
};

/*
 * One VF
 */

static const char *const protocols[] = { "802.1q", "802.1ad", NULL };
static const char *const link_states[] = { "auto", "enable", "disable", NULL };

/* In the order of enum vf_row. */
static const struct field vf_fields[] = {
	FIELD_VALUE(struct vf, mac, struct mac, type_mac, .claims = "mac",
		.example = "\"52:54:00:6d:90:02\"",
		.doc = "Its MAC address. Left out, one that is made of this machine's id, the name "
		       "and the number, and so is the same at every boot. A driver that has the VF "
		       "already sees a new one when it is bound again. Of a VF that a guest uses "
		       "it "
		       "waits until the guest is stopped, and with it all else of this card's "
		       "`vfs`."),
	FIELD_INT(struct vf, vlan, 0, 4094, .def = "0", .example = "42",
		.doc = "The VLAN that the card puts the VF's packets into and takes away again, so "
		       "that the guest knows nothing of it; nor does it hear of another one, which "
		       "counts at once. 0: none."),
	FIELD_INT(
		struct vf, qos, 0, 7, .def = "0", .doc = "The priority in the VLAN's tag, 0 to 7."),
	FIELD_ENUM(struct vf, protocol, protocols, .def = "802.1q",
		.doc = "The VLAN's tag: 802.1q, or 802.1ad where the driver has it."),
	FIELD_BOOL(struct vf, spoof_check, .def = "true",
		.doc = "Whether the card drops packets that the VF sends with another's MAC "
		       "address "
		       "or VLAN."),
	FIELD_BOOL(struct vf, trust, .def = "false",
		.doc = "Whether the VF may do what touches others: change its own MAC address, "
		       "listen to all packets (the drivers differ in what). A MAC address that it "
		       "gave itself while in use then stays."),
	FIELD_ENUM(struct vf, link_state, link_states, .def = "auto",
		.doc = "The link as the VF sees it. `auto`: that of the PF. `enable`: always up, "
		       "so "
		       "that VFs of one card reach each other without a cable. `disable`: down."),
	FIELD_VALUE(struct vf, min_rate, uint64_t, type_rate, .def = "0Mbit", .example = "100Mbit",
		.doc = "What the VF may send at least when the link is busy, in whole Mbit. 0Mbit: "
		       "nothing is promised. Few drivers have it."),
	FIELD_VALUE(struct vf, max_rate, uint64_t, type_rate, .def = "0Mbit", .example = "500Mbit",
		.doc = "What the VF may send at most, in whole Mbit. 0Mbit: no limit. Most drivers "
		       "refuse it while the PF has no link."),
};

static void check_rate(const struct vf *v, const char *key, uint64_t rate, struct diags *d)
{
	if (rate % VF_RATE_UNIT)
		diag_error(d, obj_mark(v, key), "write a whole number of Mbit",
			"%s: the kernel counts the rates of VFs in Mbit", key);
	else if (rate / VF_RATE_UNIT > UINT32_MAX)
		diag_error(d, obj_mark(v, key), "write a rate that a card can have",
			"%s: is too large", key);
}

static void check_vf(const void *obj, struct diags *d)
{
	const struct vf *v = obj;

	check_rate(v, "min_rate", v->min_rate, d);
	check_rate(v, "max_rate", v->max_rate, d);
	if (v->max_rate && v->min_rate > v->max_rate)
		diag_error(d, obj_mark(v, "min_rate"), "write at most max_rate",
			"min_rate: is more than max_rate");
	if (!v->vlan && v->qos)
		diag_error(d, obj_mark(v, "qos"), "add `vlan: NUMBER`, or take it out",
			"qos: stands in the tag of a VLAN, and there is no vlan");
	if (!v->vlan && v->protocol)
		diag_error(d, obj_mark(v, "protocol"), "add `vlan: NUMBER`, or take it out",
			"protocol: is that of a VLAN, and there is no vlan");
}

const struct table vf_table = TABLE(struct vf, vf_fields, .key = &type_vf_number,
	.key_word = "NUMBER", .check = check_vf,
	.doc = "What VFs are like, by number. Those that are not listed have the defaults.");

/*
 * Which PF
 */

static const struct field device_fields[] = {
	FIELD_STRING(struct pf_device, address, type_pci_address, .claims = "PCI device",
		.example = "\"0000:0b:00.0\"", .doc = "By PCI address, as `lspci -D` shows it."),
	FIELD_STRING(struct pf_device, interface, type_ifname, .claims = "PF", .uses = "link",
		.example = "ens1f0", .doc = "By the name of its network interface."),
	FIELD_VALUE(struct pf_device, mac, struct mac, type_mac, .claims = "PF",
		.example = "\"00:1b:21:aa:bb:cc\"",
		.doc = "By the card's own MAC address, which stays when the card is put into "
		       "another slot."),
	FIELD_STRING(struct pf_device, driver, type_module, .example = "igb",
		.doc = "By its driver, with `port`."),
	FIELD_INT(struct pf_device, port, 0, 255,
		.doc = "With `driver`: which of the driver's devices, counted from 0 in the order "
		       "of PCI addresses, VFs left out."),
};

static void check_device(const void *obj, struct diags *d)
{
	static const char *const ways[] = { "address", "interface", "mac", "driver" };
	const struct pf_device *dev = obj;
	const char *first = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		if (!obj_has(dev, ways[i]))
			continue;
		if (first)
			diag_error(d, obj_mark_key(dev, ways[i]), "take one of the two out",
				"%s: the device is named by its %s already", ways[i], first);
		first = first ? first : ways[i];
	}
	if (!first)
		diag_error(d, obj_mark(dev, "address"),
			"write one, such as {address: \"0000:0b:00.0\"} or {interface: ens1f0}",
			"the device needs one of address, interface, mac, driver");
	if (obj_has(dev, "port") && !obj_has(dev, "driver"))
		diag_error(d, obj_mark_key(dev, "port"), "add `driver: NAME`, or take it out",
			"port: counts the devices of a driver, and there is none");
	if (obj_has(dev, "driver") && !obj_has(dev, "port"))
		diag_error(d, obj_mark(dev, "driver"), "add `port: 0` for its first device",
			"driver: may have several devices");
}

static const struct table device_table = TABLE(struct pf_device, device_fields,
	.check = check_device, .doc = "Which device it is: one way of naming it.");

/*
 * The PF
 */

static const struct field sriov_fields[] = {
	FIELD_OBJECT(struct sriov, device, struct pf_device, device_table, .required = true,
		.example = "{address: \"0000:0b:00.0\"}",
		.doc = "The physical function (PF), by one of address, interface, mac, or driver "
		       "and port. One that is not there yet is waited for."),
	FIELD_INT(struct sriov, max_vfs, 0, VFS_MAX, .required = true, .example = "7",
		.on_change = CHANGE_RECREATE,
		.doc = "How many virtual functions (VFs) it has, at most what the card can. To "
		       "have "
		       "more or fewer, the kernel takes all of them away first: that waits while "
		       "a guest uses one. The PF's own link goes down and up."),
	FIELD_BOOL(struct sriov, drivers_autoprobe, .def = "false",
		.doc = "Whether the host's own drivers take new VFs. `false`: they stay without a "
		       "driver until a guest gets them; to bind one by hand, set its "
		       "driver_override."),
	FIELD_STRING(struct sriov, module_option, type_module, .example = "max_vfs",
		.doc = "For the few drivers that make VFs only when they are loaded: their "
		       "module's "
		       "option for the number, such as max_vfs or num_vfs. Needs the device by "
		       "`driver`. A new number then waits until the module is loaded again. Left "
		       "out: sriov_numvfs in /sys, which takes effect at once."),
	FIELD_MAP(struct sriov, vfs, vf_table, .def = "{}",
		.doc = "What VFs are like, by number from 0. What is not written has its default, "
		       "for VFs that are not listed too: a MAC address that stays, no VLAN, no "
		       "limits. Only of network cards.",
		.example = "{0: {mac: \"52:54:00:6d:90:02\", vlan: 42}}"),
};

static void check_sriov(const void *obj, struct diags *d)
{
	const struct sriov *s = obj;

	if (s->module_option && !s->device.driver)
		diag_error(d, obj_mark(s, "module_option"),
			"name the device as {driver: NAME, port: 0}",
			"module_option: which module has it is not known");

	for (size_t i = 0; i < s->vfs.n; i++) {
		const struct vf *v = &LIST_AT(&s->vfs, struct vf, i);

		if (atoll(v->obj.name) < s->max_vfs)
			continue;
		if (s->max_vfs)
			diag_error(d, v->obj.node->mark, "raise max_vfs, or take it out",
				"vfs.%s: there are VFs 0 to %lld", v->obj.name,
				(long long)s->max_vfs - 1);
		else
			diag_error(d, v->obj.node->mark, "raise max_vfs, or take it out",
				"vfs.%s: max_vfs is 0", v->obj.name);
	}
}

const struct table sriov_table = TABLE(struct sriov, sriov_fields, .key = &type_name,
	.key_word = "NAME", .check = check_sriov,
	.doc = "Cards with SR-IOV, each under a name of your own: how many VFs they have and what "
	       "those are like. They are made again at every boot, before guests start.");
