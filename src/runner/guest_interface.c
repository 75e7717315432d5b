/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest's network interface, as the document has it. */
#include "runner/guest.h"
#include "config/obj.h"

extern const struct type type_vf;

const char *const macvtap_mode_names[] = { "bridge", "vepa", "private", "passthru", NULL };

/* What is a tap's or a virtio card's. */
static const char *const not_of_vfs[] = { "vhost", "queues", "mtu", "rx_queue_size", "pvid",
	"vlans", "mode" };

static const char *const connections[] = { "network", "bridge", "vf", "macvtap" };
static const char *const connection_words[] = { "on a network", "on a bridge", "a virtual function",
	"a macvtap" };

/* The connections of the interface; returns how many. */
static size_t connected(const struct guest_interface *i, size_t found[static 4])
{
	const char *const names[] = { i->network, i->bridge, i->vf, i->macvtap };
	size_t n = 0;

	for (size_t k = 0; k < ARRAY_SIZE(names); k++)
		if (names[k])
			found[n++] = k;
	return n;
}

static bool check_connection(const struct guest_interface *i, struct diags *d)
{
	size_t found[4], n = connected(i, found);

	if (!n)
		diag_error(d, obj_mark(i, "network"),
			"add `network: NAME`, `bridge: NAME`, `macvtap: LINK` or `vf: NAME`",
			"an interface needs a network, a bridge, a link or a virtual function");
	else if (n > 1)
		diag_relate(diag_error(d, obj_mark(i, connections[found[1]]), "keep one of the two",
				    "an interface is %s or %s, not both",
				    connection_words[found[0]], connection_words[found[1]]),
			obj_mark(i, connections[found[0]]), "the other is named here");
	return n == 1;
}

static void check_vf(const struct guest_interface *i, struct diags *d)
{
	struct vf_name vf = { .index = -1 };

	for (size_t k = 0; k < ARRAY_SIZE(not_of_vfs); k++)
		if (obj_has(i, not_of_vfs[k]))
			diag_error(d, obj_mark_key(i, not_of_vfs[k]), "take it out",
				"a virtual function has no `%s`: its packets go to the card, not "
				"through this machine",
				not_of_vfs[k]);
	if (obj_has(i, "mac") && interface_vf(i, &vf) && vf.index < 0)
		diag_error(d, obj_mark(i, "mac"),
			"name the function, as in `vf: uplink/0`, or take the `mac` out",
			"any function of a pool has the MAC address that the pool gives it");
}

static void check_interface(const void *obj, struct diags *d)
{
	const struct guest_interface *i = obj;

	if (!check_connection(i, d))
		return;
	if (i->vf) {
		check_vf(i, d);
		return;
	}
	if (!i->macvtap && obj_has(i, "mode"))
		diag_error(d, obj_mark_key(i, "mode"),
			"take it out, or name a link: `macvtap: eth0`",
			"only a macvtap has a `mode`");
	if (i->rx_queue_size & (i->rx_queue_size - 1))
		diag_error(d, obj_mark(i, "rx_queue_size"), "write 256, 512 or 1024",
			"a queue's size is a power of two");
}

enum macvtap_mode interface_mode(const struct guest_interface *nic)
{
	return obj_has(nic, "mode") ? (enum macvtap_mode)nic->mode : MACVTAP_BRIDGE;
}

size_t interface_queues(const struct guest_interface *nic)
{
	return nic->queues ? (size_t)nic->queues : 1; /* 0: not given */
}

size_t interface_queue(const struct guest *g, size_t i)
{
	size_t n = 0;

	for (size_t k = 0; k < i; k++)
		n += interface_queues(&LIST_AT(&g->interfaces, const struct guest_interface, k));
	return n;
}

static const struct field interface_rows[] = {
	FIELD_STRING(struct guest_interface, network, type_string, .ref = "network",
		.example = "default", .doc = "The network, one of `networks:`, that it is on."),
	FIELD_STRING(struct guest_interface, bridge, type_ifname, .ref = "bridge", .example = "br0",
		.doc = "The bridge, one of `bridges:`, that it is on."),
	FIELD_STRING(struct guest_interface, macvtap, type_ifname, .on_change = CHANGE_RECREATE,
		.example = "eth0",
		.doc = "A link of the host's on which it has an address of its own, without a "
		       "bridge. The host itself and the guest do not hear each other there: what "
		       "they send leaves by the card. A second interface on an isolated network is "
		       "the way between them. A link that is not there yet is waited for."),
	FIELD_ENUM(struct guest_interface, mode, macvtap_mode_names, .on_change = CHANGE_RECREATE,
		.example = "bridge",
		.doc = "Of a macvtap, whom it reaches on the same link. `bridge`: the others "
		       "directly. `vepa`: the others by way of a switch that sends back what came "
		       "from there. `private`: none of them. `passthru`: the link is this "
		       "interface's alone, and has its MAC address. Left out, `bridge`."),
	FIELD_VALUE(struct guest_interface, mac, struct mac, type_mac, .claims = "mac",
		.on_change = CHANGE_RECREATE, .example = "52:54:00:1a:b3:4a",
		.doc = "Its MAC address. Without it one is generated, 52:54:00 and three bytes "
		       "that "
		       "depend on the host, the guest and the interface's number, so it stays the "
		       "same."),
	FIELD_STRING(struct guest_interface, vf, type_vf, .ref = "sriov", .ref_end = '/',
		.on_change = CHANGE_RECREATE, .example = "uplink/0",
		.doc = "A virtual function of an entry of `sriov:`, handed over to the guest: "
		       "`uplink/0` is its first, `uplink` any that is free, and then always that "
		       "one. A guest that has one can be neither saved nor migrated."),
	FIELD_BOOL(struct guest_interface, vhost, .on_change = CHANGE_RECREATE, .example = "false",
		.doc = "Whether packets pass through the kernel's vhost-net, which saves QEMU the "
		       "work. `true`: the guest starts with it or not at all. Left out, what "
		       "`host.vhost_net` says; where that is left out too, if the machine has it."),
	FIELD_INT(struct guest_interface, pvid, 0, 4094, .example = "42",
		.doc = "On a bridge with vlan_filtering: the VLAN of packets without a tag, which "
		       "reach the guest without one. 0: it has to tag. Left out, 1, and 0 where "
		       "`vlans` stands."),
	FIELD_LIST(struct guest_interface, vlans, type_vlan_range, .example = "[10, 20-29]",
		.doc = "On a bridge with vlan_filtering: VLANs that the guest tags itself."),
	FIELD_INT(struct guest_interface, queues, 1, 16, .on_change = CHANGE_RECREATE,
		.example = "2",
		.doc = "Pairs of queues, so that several CPUs of the guest send and receive at "
		       "once; "
		       "up to the number of its CPUs. Left out, 1."),
	FIELD_INT(struct guest_interface, mtu, 68, 65535, .on_change = CHANGE_RECREATE,
		.example = "9000",
		.doc = "Largest packet in bytes, of both ends: the guest is told. The bridge has "
		       "to "
		       "carry it."),
	FIELD_INT(struct guest_interface, rx_queue_size, 256, 1024, .on_change = CHANGE_RECREATE,
		.example = "1024",
		.doc = "How many packets wait for the guest in each queue: 256, 512 or 1024. More "
		       "lose "
		       "fewer when they come in bursts. Left out, 256. (Those that the guest sends "
		       "are always 256.)"),
};
const struct table guest_interface_table = TABLE(struct guest_interface, interface_rows,
	.check = check_interface, .doc = "A network interface.");
