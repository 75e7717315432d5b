/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kvmhostctl import: a <disk>. */
#include "ctl/import.h"

enum { SERIAL_MAX = 20 };

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

static void add_throttle(struct import *o, struct xml *disk)
{
	static const char *const keys[][2] = { { "total_iops_sec", "iops" },
		{ "read_iops_sec", "iops_read" }, { "write_iops_sec", "iops_write" },
		{ "total_bytes_sec", "bps" }, { "read_bytes_sec", "bps_read" },
		{ "write_bytes_sec", "bps_write" } };
	struct xml *tune = import_taken(disk, "iotune");
	_cleanup_strbuf_ struct strbuf list = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const struct xml *limit = import_taken(tune, keys[i][0]);

		if (limit && strtoull(limit->text, NULL, 10))
			sb_addf(&list, "%s%s: %llu%s", list.len ? ", " : "", keys[i][1],
				strtoull(limit->text, NULL, 10),
				startswith(keys[i][1], "bps") ? "B" : "");
	}
	if (list.len)
		sb_addf(&o->text, ", throttle: {%s}", sb_str(&list));
	import_rest(o, tune);
}

static void add_serial(struct import *o, struct xml *disk)
{
	static const char valid[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
	const struct xml *serial = import_taken(disk, "serial");

	if (!serial)
		return;
	if (strlen(serial->text) > SERIAL_MAX || serial->text[strspn(serial->text, valid)]) {
		import_remark(o,
			"line %u: the serial number %s: letters, digits, _ . and -, at most %d",
			serial->line, serial->text, SERIAL_MAX);
		return;
	}
	sb_add(&o->text, ", ");
	import_text(&o->text, "serial", serial->text);
}

void import_disk(struct import *o, struct xml *disk)
{
	static const char *const caches[] = { "none", "writethrough", "writeback", "directsync",
		"unsafe", NULL };
	static const char *const ios[] = { "threads", "native", "io_uring", NULL };
	static const char *const discards[] = { "unmap", "ignore", NULL };
	static const char *const formats[] = { "raw", "qcow2", "vmdk", "vpc", "vhdx", "qed", NULL };
	static const char *const buses[] = { "virtio", "scsi", "sata", "ide", "usb", NULL };
	struct xml *source = import_taken(disk, "source"), *driver = import_taken(disk, "driver");
	struct xml *target = import_taken(disk, "target");
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
	if (path && !import_is_line(o, source, path))
		return;
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
	add_serial(o, disk);
	add_throttle(o, disk);
	sb_add(&o->text, "}\n");
	import_rest(o, disk);
}
