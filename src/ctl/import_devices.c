/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kvmhostctl import: what stands under a domain's <devices>. */
#include "ctl/import.h"

/* Ones that are the guest's alone are `devices:` and `sriov:` here. */
static const char *place(struct xml *nic, const char **name)
{
	struct xml *source = import_taken(nic, "source");
	static const char *const places[][2] = { { "network", "network" }, { "bridge", "bridge" },
		{ "dev", "macvtap" } };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if ((i < 2 || import_is(xml_attribute(nic, "type"), "direct")) &&
			(*name = xml_attribute(source, places[i][0])))
			return places[i][1];
	return NULL;
}

static void add_number(
	struct import *o, const struct xml *x, const char *attribute, const char *key)
{
	if (xml_attribute(x, attribute))
		sb_addf(&o->text, ", %s: %lu", key, strtoul(xml_attribute(x, attribute), NULL, 10));
}

static void add_interface(struct import *o, struct xml *nic)
{
	struct xml *mac = import_taken(nic, "mac"), *model = import_taken(nic, "model");
	const char *name, *key = place(nic, &name),
			  *mode = xml_attribute(xml_child(nic, "source"), "mode");

	import_use(nic);
	import_use(xml_child(nic, "target"));
	if (!key) {
		import_remark(o, "line %u: an interface of type %s", nic->line,
			xml_attribute(nic, "type") ? xml_attribute(nic, "type") : "unknown");
		return;
	}
	if (model && !import_is(xml_attribute(model, "type"), "virtio"))
		import_remark(o, "line %u: the interface will be virtio, not %s", nic->line,
			xml_attribute(model, "type"));
	sb_add(&o->text, "      - {");
	import_text(&o->text, key, name);
	if (streq(key, "macvtap"))
		sb_addf(&o->text, ", mode: %s",
			import_is(mode, "passthrough")                            ? "passthru"
			: import_is(mode, "bridge") || import_is(mode, "private") ? mode
										  : "vepa");
	if (mac) {
		sb_add(&o->text, ", ");
		import_text(&o->text, "mac", xml_attribute(mac, "address"));
	}
	add_number(o, import_taken(nic, "mtu"), "size", "mtu");
	add_number(o, import_taken(nic, "driver"), "queues", "queues");
	sb_add(&o->text, "}\n");
	import_rest(o, nic);
}

/* No key without anything below it. */
static void each(struct import *o, const struct xml *devices, const char *name, const char *key,
	void (*fn)(struct import *o, struct xml *x))
{
	struct strbuf before = o->text;

	o->text = (struct strbuf){ 0 };
	for (struct xml *x = xml_child(devices, name); x; x = xml_again(x))
		fn(o, x);
	if (o->text.len)
		sb_addf(&before, "    %s:\n%s", key, sb_str(&o->text));
	sb_free(&o->text);
	o->text = before;
}

static void add_graphics(struct import *o, const struct xml *devices)
{
	struct xml *g = import_taken(devices, "graphics");
	const char *type = xml_attribute(g, "type");

	if (!g)
		return;
	if (!import_is(type, "vnc") && !import_is(type, "spice")) {
		import_remark(o, "line %u: graphics of type %s", g->line, type ? type : "unknown");
		return;
	}
	import_use(import_taken(g, "listen"));
	sb_addf(&o->text, "    graphics: {type: %s}\n", type);
	if (xml_attribute(g, "passwd"))
		import_remark(o, "line %u: the password; write it to /etc/credstore", g->line);
}

static void add_agent(struct import *o, const struct xml *devices)
{
	for (struct xml *c = xml_child(devices, "channel"); c; c = xml_again(c))
		if (import_is(xml_attribute(xml_child(c, "target"), "name"),
			    "org.qemu.guest_agent.0")) {
			import_use(c);
			sb_add(&o->text, "    agent: true\n");
			return;
		}
}

static void add_tpm(struct import *o, const struct xml *devices)
{
	struct xml *tpm = xml_child(devices, "tpm"), *backend = xml_child(tpm, "backend");
	const char *version = xml_attribute(backend, "version");

	if (!import_is(xml_attribute(backend, "type"), "emulator") ||
		(version && !streq(version, "2.0")))
		return;
	import_use(tpm);
	sb_add(&o->text, "    tpm: true\n");
	import_remark(o, "line %u: what the TPM remembers", tpm->line);
}

static void add_watchdog(struct import *o, const struct xml *devices)
{
	struct xml *dog = xml_child(devices, "watchdog");
	const char *action = xml_attribute(dog, "action");

	if (!dog || (action && !streq(action, "reset") && !streq(action, "poweroff") &&
			    !streq(action, "pause")))
		return;
	import_use(dog);
	if (!import_is(xml_attribute(dog, "model"), "i6300esb"))
		import_remark(o, "line %u: the watchdog will be an i6300esb", dog->line);
	sb_addf(&o->text, "    watchdog: %s\n", action ? action : "reset");
}

static void add_vsock(struct import *o, const struct xml *devices)
{
	const struct xml *cid = xml_child(xml_child(devices, "vsock"), "cid");

	if (!xml_attribute(cid, "address"))
		return;
	import_use(xml_child(devices, "vsock"));
	sb_addf(&o->text, "    vsock: %lu\n", strtoul(xml_attribute(cid, "address"), NULL, 10));
}

void import_devices(struct import *o, const struct xml *devices)
{
	each(o, devices, "disk", "disks", import_disk);
	each(o, devices, "interface", "interfaces", add_interface);
	add_graphics(o, devices);
	add_agent(o, devices);
	add_tpm(o, devices);
	add_watchdog(o, devices);
	add_vsock(o, devices);
}
