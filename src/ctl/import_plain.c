/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kvmhostctl import: what every guest here has too. It is carried over where it
 * stands as libvirt writes it by itself, and is remarked on where it says
 * something else.
 */
#include "ctl/import.h"

static const char *or_none(const char *value)
{
	return value ? value : "none";
}

/* A word that is what happens here anyway. */
static void word(struct import *o, const struct xml *domain, const char *name, const char *ours)
{
	const struct xml *x = import_taken(domain, name);

	if (x && !import_is(x->text, ours))
		import_remark(o, "line %u: %s: %s; here it is %s", x->line, name, x->text, ours);
}

static void text(struct import *o, const struct xml *domain, const char *name)
{
	const struct xml *x = import_taken(domain, name);

	if (x && *x->text)
		import_remark(o, "%s: %s", name, x->text);
}

/* Without the device nobody hears of a panic, and on_crash means nothing. */
static void add_panic(struct import *o, const struct xml *domain)
{
	static const char *const words[][2] = { { "destroy", "poweroff" },
		{ "coredump-destroy", "poweroff" }, { "restart", "fail" },
		{ "coredump-restart", "fail" }, { "rename-restart", "fail" },
		{ "preserve", "pause" } };
	const struct xml *crash = import_taken(domain, "on_crash");
	const char *now = crash ? crash->text : "destroy";

	if (!import_taken(xml_child(domain, "devices"), "panic"))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (streq(words[i][0], now))
			sb_addf(&o->text, "    panic: %s\n", words[i][1]);
	if (startswith(now, "coredump-") || streq(now, "rename-restart"))
		import_remark(o, "line %u: on_crash: %s; here nothing is kept of the crash",
			crash->line, now);
}

static void add_labels(struct import *o, const struct xml *domain)
{
	struct xml *resource = import_taken(domain, "resource");
	struct xml *partition = import_taken(resource, "partition");

	if (partition && !streq(partition->text, "/machine"))
		import_remark(o, "line %u: resource: %s; see `resources` in kvmhost.yaml(5)",
			partition->line, partition->text);
	import_rest(o, resource);
	for (struct xml *s = import_taken(domain, "seclabel"); s; s = xml_again(s)) {
		import_use(s);
		if (!import_is(xml_attribute(s, "type"), "dynamic") || xml_child(s, "baselabel"))
			import_remark(o,
				"line %u: seclabel of type %s; here QEMU runs as a user of its "
				"own, in "
				"a sandbox",
				s->line, or_none(xml_attribute(s, "type")));
	}
}

static void add_video(struct import *o, const struct xml *devices)
{
	struct xml *first = import_taken(devices, "video");

	for (struct xml *v = first; v; v = xml_again(v)) {
		const struct xml *model = import_taken(v, "model");
		const char *type = xml_attribute(model, "type"),
			   *heads = xml_attribute(model, "heads");

		import_use(v);
		if (!type || streq(type, "none"))
			continue;
		if (v != first || (heads && !streq(heads, "1")))
			import_remark(o, "line %u: video: a guest has one screen", v->line);
		else if (!xml_child(devices, "graphics"))
			import_remark(o, "line %u: video %s: without graphics there is no screen",
				v->line, type);
		else if (!streq(type, "vga"))
			import_remark(
				o, "line %u: video: the card will be a VGA, not %s", v->line, type);
	}
}

static void add_rng(struct import *o, const struct xml *devices)
{
	for (struct xml *r = import_taken(devices, "rng"); r; r = xml_again(r)) {
		const struct xml *backend = xml_child(r, "backend");
		const char *model = xml_attribute(backend, "model");

		import_use(r);
		if (import_is(model, "egd") || (model && streq(model, "random") && *backend->text &&
						       !streq(backend->text, "/dev/urandom") &&
						       !streq(backend->text, "/dev/random")))
			import_remark(o,
				"line %u: rng: the guest's random numbers are the host's, not "
				"of %s",
				r->line, *backend->text ? backend->text : model);
		if (xml_child(r, "rate"))
			import_remark(o, "line %u: rng: the rate", r->line);
	}
}

/* One port, which `kvmhostctl console` joins; libvirt's <console> is the same one once more. */
static void add_serial(struct import *o, const struct xml *devices)
{
	struct xml *first = import_taken(devices, "serial");

	for (struct xml *s = first; s; s = xml_again(s)) {
		const char *type = xml_attribute(s, "type");

		import_use(s);
		if (s != first)
			import_remark(o, "line %u: serial: a guest has one serial port", s->line);
		else if (!import_is(type, "pty"))
			import_remark(o,
				"line %u: serial of type %s; kvmhostctl console joins it here",
				s->line, or_none(type));
	}
	for (struct xml *c = import_taken(devices, "console"); c; c = xml_again(c)) {
		const char *target = xml_attribute(xml_child(c, "target"), "type");

		import_use(c);
		if (target && !streq(target, "serial"))
			import_remark(o, "line %u: console: it will be the serial port, not %s",
				c->line, target);
		else if (!first && !import_is(xml_attribute(c, "type"), "pty"))
			import_remark(o,
				"line %u: console of type %s; kvmhostctl console joins it here",
				c->line, or_none(xml_attribute(c, "type")));
	}
}

static void add_rest(struct import *o, const struct xml *devices)
{
	for (struct xml *c = import_taken(devices, "controller"); c; c = xml_again(c)) {
		const char *model = xml_attribute(c, "model");

		import_use(c);
		if (import_is(xml_attribute(c, "type"), "scsi") && model &&
			!startswith(model, "virtio"))
			import_remark(o,
				"line %u: the controller of SCSI disks will be virtio-scsi, not %s",
				c->line, model);
	}
	for (struct xml *i = import_taken(devices, "input"); i; i = xml_again(i)) {
		const char *type = xml_attribute(i, "type");

		import_use(i);
		if (import_is(type, "passthrough") || import_is(type, "evdev"))
			import_remark(o, "line %u: input of type %s", i->line, type);
	}
	if (import_is(xml_attribute(import_taken(devices, "memballoon"), "model"), "none"))
		import_remark(o, "memballoon: the guest will have one");
}

void import_plain(struct import *o, const struct xml *domain)
{
	const struct xml *devices = xml_child(domain, "devices");

	text(o, domain, "title");
	text(o, domain, "description");
	word(o, domain, "on_poweroff", "destroy");
	word(o, domain, "on_reboot", "restart");
	add_panic(o, domain);
	add_labels(o, domain);
	add_video(o, devices);
	add_rng(o, devices);
	add_serial(o, devices);
	add_rest(o, devices);
}
