/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kvmhostctl import: what stands under a domain's <devices>. */
#include "ctl/import.h"

/* driver's attribute, where it is a word of ours too. */
static void add_word(struct import *o, const struct xml *driver, const char *attribute,
	const char *key, const char *const *words)
{
	const char *value = xml_attribute(driver, attribute);

	for (size_t i = 0; value && words[i]; i++)
		if (streq(words[i], value)) {
			sb_addf(&o->text, ", %s: %s", key, value);
			return;
		}
	if (value && !streq(value, "default"))
		import_remark(o, "disk: %s=%s", attribute, value);
}

static void add_disk(struct import *o, struct xml *disk)
{
	static const char *const caches[] = { "none", "writethrough", "writeback", "directsync",
		"unsafe", NULL };
	static const char *const ios[] = { "threads", "native", "io_uring", NULL };
	static const char *const discards[] = { "unmap", "ignore", NULL };
	static const char *const formats[] = { "raw", "qcow2", "vmdk", "vpc", "vhdx", "qed", NULL };
	static const char *const buses[] = { "virtio", "scsi", "sata", "ide", "usb", NULL };
	struct xml *source = import_taken(disk, "source"), *driver = import_taken(disk, "driver");
	struct xml *target = import_taken(disk, "target"), *serial = import_taken(disk, "serial");
	const char *device = xml_attribute(disk, "device");
	const char *path = xml_attribute(source, "file");
	bool plain = !device || streq(device, "disk");
	bool drive = !plain && (streq(device, "cdrom") || streq(device, "floppy"));

	import_use(disk);
	if (!path)
		path = xml_attribute(source, "dev");
	if (!plain && !drive && !streq(device, "lun")) {
		import_remark(o, "line %u: a disk that is a %s", disk->line, device);
		return;
	}
	if (!path && (source || !drive)) {
		import_remark(o, "line %u: a %s without a file or device", disk->line,
			device ? device : "disk");
		return;
	}
	sb_add(&o->text, "      - {");
	if (path)
		import_text(&o->text, "path", path);
	if (!plain)
		sb_addf(&o->text, "%sdevice: %s", path ? ", " : "", device);
	if (plain)
		add_word(o, driver, "type", "format", formats);
	if (!import_is(device, "floppy"))
		add_word(o, target, "bus", "bus", buses);
	add_word(o, driver, "cache", "cache", caches);
	add_word(o, driver, "io", "aio", ios);
	add_word(o, driver, "discard", "discard", discards);
	if (import_taken(disk, "readonly") && plain)
		sb_add(&o->text, ", readonly: true");
	if (serial) {
		sb_add(&o->text, ", ");
		import_text(&o->text, "serial", serial->text);
	}
	sb_add(&o->text, "}\n");
}

static void add_interface(struct import *o, struct xml *nic)
{
	struct xml *source = import_taken(nic, "source"), *mac = import_taken(nic, "mac"),
		   *model = import_taken(nic, "model");
	const char *network = xml_attribute(source, "network"),
		   *bridge = xml_attribute(source, "bridge");

	import_use(nic);
	import_use(xml_child(nic, "target"));
	if (!network && !bridge) {
		import_remark(o, "line %u: an interface of type %s", nic->line,
			xml_attribute(nic, "type") ? xml_attribute(nic, "type") : "unknown");
		return;
	}
	if (model && !import_is(xml_attribute(model, "type"), "virtio"))
		import_remark(o, "line %u: the interface will be virtio, not %s", nic->line,
			xml_attribute(model, "type"));
	sb_add(&o->text, "      - {");
	import_text(&o->text, network ? "network" : "bridge", network ? network : bridge);
	if (mac) {
		sb_add(&o->text, ", ");
		import_text(&o->text, "mac", xml_attribute(mac, "address"));
	}
	sb_add(&o->text, "}\n");
}

static void each(struct import *o, const struct xml *devices, const char *name, const char *key,
	void (*fn)(struct import *o, struct xml *x))
{
	struct xml *x = xml_child(devices, name);

	if (x)
		sb_addf(&o->text, "    %s:\n", key);
	for (; x; x = xml_again(x))
		fn(o, x);
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

void import_devices(struct import *o, const struct xml *devices)
{
	each(o, devices, "disk", "disks", add_disk);
	each(o, devices, "interface", "interfaces", add_interface);
	add_graphics(o, devices);
	add_agent(o, devices);
}
