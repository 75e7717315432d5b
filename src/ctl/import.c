/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kvmhostctl import libvirt FILE...: libvirt's domains (virsh dumpxml) as
 * YAML on stdout. What is not carried over becomes a comment. Nothing is
 * written, and no guest is touched.
 */
#include "ctl/ctl.h"
#include "ctl/import.h"
#include "config/diag.h"
#include "runner/machine_type.h"
#include <fcntl.h>

enum { FILE_MAX = 4 << 20, NAME_MAX_BYTES = 62 }; /* with vm before it */

void import_remark(struct import *o, const char *fmt, ...)
{
	size_t begin;
	va_list ap;

	o->n_remarks++;
	sb_add(&o->remarks, "    # ");
	begin = o->remarks.len;
	va_start(ap, fmt);
	sb_vaddf(&o->remarks, fmt, ap);
	va_end(ap);
	/* What the domain says must not end the comment. */
	for (char *p = o->remarks.s + begin; *p; p++)
		if ((unsigned char)*p < ' ')
			*p = ' ';
	sb_addc(&o->remarks, '\n');
}

void import_use(struct xml *x)
{
	for (; x; x = x->parent)
		x->used = true;
}

struct xml *import_taken(const struct xml *x, const char *name)
{
	struct xml *c = xml_child(x, name);

	import_use(c);
	return c;
}

bool import_is(const char *value, const char *word)
{
	return value && streq(value, word);
}

bool import_is_line(struct import *o, const struct xml *x, const char *value)
{
	for (const char *p = value; *p; p++)
		if ((unsigned char)*p < ' ') {
			import_remark(
				o, "line %u: <%s> of several lines: %s", x->line, x->name, value);
			return false;
		}
	return true;
}

void import_text(struct strbuf *b, const char *key, const char *value)
{
	sb_addf(b, "%s: ", key);
	sb_add_json(b, value);
}

static void add_boot_order(struct import *o, const struct xml *os)
{
	static const char *const words[][2] = { { "hd", "disk" }, { "cdrom", "cdrom" },
		{ "network", "network" }, { "fd", "floppy" } };
	_cleanup_strbuf_ struct strbuf order = { 0 };

	for (struct xml *b = import_taken(os, "boot"); b; b = xml_again(b)) {
		import_use(b);
		for (size_t i = 0; i < ARRAY_SIZE(words); i++)
			if (import_is(xml_attribute(b, "dev"), words[i][0]))
				sb_addf(&order, "%s%s", order.len ? ", " : "", words[i][1]);
	}
	if (order.len)
		sb_addf(&o->text, "    boot: {order: [%s]}\n", sb_str(&order));
}

/* The kernel takes a line's end for a blank too. */
static const char *blanks_only(struct arena *a, const char *text)
{
	char *copy = arena_strdup(a, text);

	for (char *p = copy; *p; p++)
		if ((unsigned char)*p < ' ')
			*p = ' ';
	return copy;
}

static void add_kernel(struct import *o, const struct xml *os)
{
	struct xml *kernel = import_taken(os, "kernel"), *initrd = import_taken(os, "initrd");
	struct xml *cmdline = import_taken(os, "cmdline");

	if (!kernel || !import_is_line(o, kernel, kernel->text))
		return;
	sb_add(&o->text, "    kernel: {");
	import_text(&o->text, "image", kernel->text);
	if (initrd && import_is_line(o, initrd, initrd->text)) {
		sb_add(&o->text, ", ");
		import_text(&o->text, "initrd", initrd->text);
	}
	if (cmdline && *cmdline->text) {
		sb_add(&o->text, ", ");
		import_text(&o->text, "cmdline", blanks_only(o->arena, cmdline->text));
	}
	sb_add(&o->text, "}\n");
}

static void add_os(struct import *o, const struct xml *domain)
{
	struct xml *os = import_taken(domain, "os"), *loader = import_taken(os, "loader"),
		   *type = import_taken(os, "type");
	bool efi = import_is(xml_attribute(os, "firmware"), "efi") ||
		   import_is(xml_attribute(loader, "type"), "pflash");
	const char *machine = xml_attribute(type, "machine");
	bool secure = import_is(xml_attribute(loader, "secure"), "yes");

	if (type && !streq(type->text, "hvm"))
		import_remark(o, "os.type: %s; only hvm is run", type->text);
	if (machine && machine_type_valid(machine))
		sb_addf(&o->text, "    machine: %s\n", machine);
	else if (machine)
		import_remark(o,
			"machine %s: the guest will find itself on q35, with other PCI addresses",
			machine);
	if (efi)
		sb_addf(&o->text, "    firmware: %s\n", secure ? "uefi-secure" : "uefi");
	if (import_taken(os, "nvram"))
		import_remark(o,
			"nvram: copy it to /var/lib/kvmhost/nvram/ for the guest's boot entries");
	add_kernel(o, os);
	add_boot_order(o, os);
	if (xml_child(xml_child(domain, "features"), "hyperv"))
		sb_add(&o->text, "    os: windows\n");
	import_use(xml_child(domain, "features"));
	import_use(xml_child(xml_child(domain, "features"), "hyperv"));
	import_rest(o, xml_child(domain, "features"));
	import_rest(o, os);
	import_use(xml_child(domain, "clock"));
}

/* What has no meaning beside QEMU's command line, or is so here too. */
static bool is_plumbing(const char *name)
{
	static const char *const names[] = { "emulator", "pm", "metadata", "address", "alias",
		"backingStore", "mirror", "acpi", "apic", "pae", "vmport", "smm", "firmware" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (streq(names[i], name))
			return true;
	return false;
}

void import_rest(struct import *o, const struct xml *x)
{
	for (const struct xml *c = x ? x->first : NULL; c; c = c->next)
		if (!c->used && !is_plumbing(c->name))
			import_remark(o, "line %u: <%s>%s%s", c->line, c->name,
				xml_attribute(c, "type") ? " of type " : "",
				xml_attribute(c, "type") ? xml_attribute(c, "type") : "");
}

/* Of characters that a name here may have, and no other guest's. */
static const char *own_name(struct import *o, const char *theirs)
{
	static const char valid[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
	char *own = arena_strdup(o->arena, theirs);
	const char *name;

	for (char *c = own + strspn(own, valid); *c; c += strspn(c, valid))
		*c = '-';
	if (strlen(own) > NAME_MAX_BYTES)
		own[NAME_MAX_BYTES] = '\0';
	if (!own[strspn(own, "0123456789")] || *own == '.' || *own == '-')
		own = arena_printf(o->arena, "vm%s", own);
	name = own;
	for (unsigned i = 2; strmap_get(&o->names, name); i++)
		name = arena_printf(o->arena, "%.*s-%u", NAME_MAX_BYTES - 8, own, i);
	strmap_put(&o->names, name, o);
	if (!streq(name, own))
		sb_addf(&o->warnings, "warning: the domain `%s` is %s here: another one is %s\n",
			text_shown(o->arena, theirs), name, own);
	return name;
}

static const char *add_name(struct import *o, struct xml *name)
{
	const char *theirs = name && *name->text ? name->text : "unnamed";
	const char *own = own_name(o, theirs);

	if (name && !streq(own, name->text))
		import_remark(o, "name: %s", name->text);
	sb_add(&o->text, "  ");
	sb_add_json(&o->text, own);
	sb_add(&o->text, ":\n");
	return own;
}

static void add_domain(struct import *o, struct xml *domain)
{
	struct xml *devices = import_taken(domain, "devices");
	const char *name = add_name(o, import_taken(domain, "name"));

	if (import_taken(domain, "uuid"))
		import_remark(o, "uuid: the guest sees another one");
	import_cpu(o, domain);
	import_memory(o, domain);
	add_os(o, domain);
	import_devices(o, devices);
	import_plain(o, domain);
	import_rest(o, domain);
	import_rest(o, devices);
	if (o->remarks.len) {
		sb_addf(&o->text, "    # Not carried over:\n%s", sb_str(&o->remarks));
		sb_addf(&o->warnings,
			"warning: %s: %zu thing%s not carried over; comments say which\n", name,
			o->n_remarks, o->n_remarks == 1 ? " is" : "s are");
	}
	sb_free(&o->remarks);
	o->n_remarks = 0;
}

static int import_file(struct import *o, const char *path, struct error *e)
{
	_cleanup_free_ char *data = NULL;
	struct xml *root;
	size_t len;
	int r = file_read(AT_FDCWD, path, FILE_MAX, &data, &len);

	if (r < 0) {
		error_set(e, r, "cannot read %s: %s", path, strerror(-r));
		return error_cure(
			e, "name a file with a domain: virsh dumpxml --inactive NAME >FILE");
	}
	r = xml_parse(o->arena, data, len, &root, e);
	if (r == -EBADMSG) {
		error_prefix(e, "%s: ", path);
		return error_cure(e, "write it anew: virsh dumpxml --inactive NAME >FILE");
	}
	if (r < 0)
		return r;
	if (streq(root->name, "domain")) {
		add_domain(o, root);
		return 0;
	}
	error_set(e, -EBADMSG, "%s is no domain of libvirt's, but <%s>", path, root->name);
	return error_cure(e, "virsh dumpxml --inactive NAME prints one");
}

int verb_import(struct ctl *c, int argc, char **argv)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	_cleanup_error_ struct error e = { 0 };
	struct import o = { .arena = arena };
	int r = 0;

	if (!streq(argv[0], "libvirt")) {
		error_set(&e, -EINVAL, "there is nothing to import from `%s`", argv[0]);
		error_cure(&e, "kvmhostctl import libvirt FILE...");
		return ctl_fail(c, &e);
	}
	sb_add(&o.text, "version: 1\nguests:\n");
	for (int i = 1; i < argc && r >= 0; i++)
		r = import_file(&o, argv[i], &e);
	if (r >= 0) {
		fputs(sb_str(&o.text), stdout);
		fputs(sb_str(&o.warnings), stderr);
	}
	sb_free(&o.text);
	sb_free(&o.remarks);
	sb_free(&o.warnings);
	strmap_free(&o.names);
	return r < 0 ? ctl_fail(c, &e) : 0;
}
