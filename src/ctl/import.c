/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kvmhostctl import libvirt FILE...: libvirt's domains (virsh dumpxml) as
 * YAML on stdout. What is not carried over becomes a comment. Nothing is
 * written, and no guest is touched.
 */
#include "ctl/ctl.h"
#include "ctl/xml.h"
#include <fcntl.h>

enum { FILE_MAX = 4 << 20 };

struct out {
	struct arena *arena;
	struct strbuf text, remarks;
};

static _printf_(2, 3) void remark(struct out *o, const char *fmt, ...)
{
	va_list ap;

	sb_add(&o->remarks, "    # ");
	va_start(ap, fmt);
	sb_vaddf(&o->remarks, fmt, ap);
	va_end(ap);
	sb_addc(&o->remarks, '\n');
}

static void use(struct xml *x)
{
	for (; x; x = x->parent)
		x->used = true;
}

static struct xml *taken(const struct xml *x, const char *name)
{
	struct xml *c = xml_child(x, name);

	use(c);
	return c;
}

static bool is(const char *value, const char *word)
{
	return value && streq(value, word);
}

/* A scalar that YAML takes for nothing else. */
static void add_text(struct strbuf *b, const char *key, const char *value)
{
	sb_addf(b, "%s: ", key);
	sb_add_json(b, value);
}

static uint64_t bytes(const struct xml *x)
{
	static const struct {
		const char *unit;
		uint64_t n;
	} units[] = { { "b", 1 }, { "bytes", 1 }, { "KB", 1000 }, { "k", KIB }, { "KiB", KIB },
		{ "MB", 1000000 }, { "M", MIB }, { "MiB", MIB }, { "GB", 1000000000 }, { "G", GIB },
		{ "GiB", GIB }, { "T", TIB }, { "TiB", TIB } };
	const char *unit = xml_attribute(x, "unit");

	for (size_t i = 0; unit && i < ARRAY_SIZE(units); i++)
		if (streq(units[i].unit, unit))
			return strtoull(x->text, NULL, 10) * units[i].n;
	return strtoull(x->text, NULL, 10) * KIB;
}

static void add_cpu(struct out *o, const struct xml *domain)
{
	struct xml *vcpu = taken(domain, "vcpu"), *cpu = taken(domain, "cpu");
	struct xml *model =
		cpu && is(xml_attribute(cpu, "mode"), "custom") ? taken(cpu, "model") : NULL;
	const char *now = xml_attribute(vcpu, "current");

	sb_addf(&o->text, "    cpu: {count: %s", now ? now : vcpu ? vcpu->text : "1");
	if (model) {
		sb_add(&o->text, ", ");
		add_text(&o->text, "model", model->text);
	}
	sb_add(&o->text, "}\n");
}

static void add_memory(struct out *o, const struct xml *domain)
{
	struct xml *memory = taken(domain, "memory"), *backing = taken(domain, "memoryBacking");
	uint64_t mib = memory ? bytes(memory) / MIB : 1024;

	if (taken(domain, "currentMemory") &&
		bytes(xml_child(domain, "currentMemory")) / MIB != mib)
		remark(o, "currentMemory: the guest has all of its memory");
	sb_addf(&o->text, "    memory: {size: %lluMiB%s}\n", (unsigned long long)mib,
		taken(backing, "hugepages") ? ", hugepages: true" : "");
}

static void add_boot_order(struct out *o, const struct xml *os)
{
	static const char *const words[][2] = { { "hd", "disk" }, { "cdrom", "cdrom" },
		{ "network", "network" }, { "fd", "floppy" } };
	_cleanup_strbuf_ struct strbuf order = { 0 };

	for (struct xml *b = taken(os, "boot"); b; b = xml_again(b)) {
		use(b);
		for (size_t i = 0; i < ARRAY_SIZE(words); i++)
			if (is(xml_attribute(b, "dev"), words[i][0]))
				sb_addf(&order, "%s%s", order.len ? ", " : "", words[i][1]);
	}
	if (order.len)
		sb_addf(&o->text, "    boot: {order: [%s]}\n", sb_str(&order));
}

static void add_kernel(struct out *o, const struct xml *os)
{
	struct xml *kernel = taken(os, "kernel"), *initrd = taken(os, "initrd");
	struct xml *cmdline = taken(os, "cmdline");

	if (!kernel)
		return;
	sb_add(&o->text, "    kernel: {");
	add_text(&o->text, "image", kernel->text);
	if (initrd) {
		sb_add(&o->text, ", ");
		add_text(&o->text, "initrd", initrd->text);
	}
	if (cmdline && *cmdline->text) {
		sb_add(&o->text, ", ");
		add_text(&o->text, "cmdline", cmdline->text);
	}
	sb_add(&o->text, "}\n");
}

static void add_os(struct out *o, const struct xml *domain)
{
	struct xml *os = taken(domain, "os"), *loader = taken(os, "loader"),
		   *type = taken(os, "type");
	bool efi = is(xml_attribute(os, "firmware"), "efi") ||
		   is(xml_attribute(loader, "type"), "pflash");
	bool secure = is(xml_attribute(loader, "secure"), "yes");

	if (type && !streq(type->text, "hvm"))
		remark(o, "os.type: %s; only hvm is run", type->text);
	if (xml_attribute(type, "machine") && !strstr(xml_attribute(type, "machine"), "q35"))
		remark(o, "machine %s: the guest will find itself on q35, with other PCI addresses",
			xml_attribute(type, "machine"));
	if (efi)
		sb_addf(&o->text, "    firmware: %s\n", secure ? "uefi-secure" : "uefi");
	if (taken(os, "nvram"))
		remark(o, "nvram: copy it to /var/lib/kvmhost/nvram/ for the guest's boot entries");
	add_kernel(o, os);
	add_boot_order(o, os);
	if (xml_child(xml_child(domain, "features"), "hyperv"))
		sb_add(&o->text, "    os: windows\n");
	use(xml_child(domain, "features"));
	use(xml_child(xml_child(domain, "features"), "hyperv"));
	use(xml_child(domain, "clock"));
}

/* driver's attribute, where it is a word of ours too. */
static void add_word(struct out *o, const struct xml *driver, const char *attribute,
	const char *key, const char *const *words)
{
	const char *value = xml_attribute(driver, attribute);

	for (size_t i = 0; value && words[i]; i++)
		if (streq(words[i], value)) {
			sb_addf(&o->text, ", %s: %s", key, value);
			return;
		}
	if (value && !streq(value, "default"))
		remark(o, "disk: %s=%s", attribute, value);
}

static void add_disk(struct out *o, struct xml *disk)
{
	static const char *const caches[] = { "none", "writethrough", "writeback", "directsync",
		"unsafe", NULL };
	static const char *const ios[] = { "threads", "native", "io_uring", NULL };
	static const char *const discards[] = { "unmap", "ignore", NULL };
	static const char *const formats[] = { "raw", "qcow2", "vmdk", "vpc", "vhdx", "qed", NULL };
	static const char *const buses[] = { "virtio", "scsi", "sata", "ide", "usb", NULL };
	struct xml *source = taken(disk, "source"), *driver = taken(disk, "driver");
	struct xml *target = taken(disk, "target"), *serial = taken(disk, "serial");
	const char *device = xml_attribute(disk, "device");
	const char *path = xml_attribute(source, "file");
	bool plain = !device || streq(device, "disk");

	use(disk);
	if (!path)
		path = xml_attribute(source, "dev");
	if (!path) {
		remark(o, "line %u: a %s without a file or device", disk->line,
			device ? device : "disk");
		return;
	}
	sb_add(&o->text, "      - {");
	add_text(&o->text, "path", path);
	if (!plain)
		sb_addf(&o->text, ", device: %s", device);
	if (plain)
		add_word(o, driver, "type", "format", formats);
	if (!is(device, "floppy"))
		add_word(o, target, "bus", "bus", buses);
	add_word(o, driver, "cache", "cache", caches);
	add_word(o, driver, "io", "aio", ios);
	add_word(o, driver, "discard", "discard", discards);
	if (taken(disk, "readonly") && plain)
		sb_add(&o->text, ", readonly: true");
	if (serial) {
		sb_add(&o->text, ", ");
		add_text(&o->text, "serial", serial->text);
	}
	sb_add(&o->text, "}\n");
}

static void add_interface(struct out *o, struct xml *nic)
{
	struct xml *source = taken(nic, "source"), *mac = taken(nic, "mac"),
		   *model = taken(nic, "model");
	const char *network = xml_attribute(source, "network"),
		   *bridge = xml_attribute(source, "bridge");

	use(nic);
	use(xml_child(nic, "target"));
	if (!network && !bridge) {
		remark(o, "line %u: an interface of type %s", nic->line,
			xml_attribute(nic, "type") ? xml_attribute(nic, "type") : "unknown");
		return;
	}
	if (model && !is(xml_attribute(model, "type"), "virtio"))
		remark(o, "line %u: the interface will be virtio, not %s", nic->line,
			xml_attribute(model, "type"));
	sb_add(&o->text, "      - {");
	add_text(&o->text, network ? "network" : "bridge", network ? network : bridge);
	if (mac) {
		sb_add(&o->text, ", ");
		add_text(&o->text, "mac", xml_attribute(mac, "address"));
	}
	sb_add(&o->text, "}\n");
}

static void each(struct out *o, const struct xml *devices, const char *name, const char *key,
	void (*fn)(struct out *o, struct xml *x))
{
	struct xml *x = xml_child(devices, name);

	if (x)
		sb_addf(&o->text, "    %s:\n", key);
	for (; x; x = xml_again(x))
		fn(o, x);
}

static void add_graphics(struct out *o, const struct xml *devices)
{
	struct xml *g = taken(devices, "graphics");
	const char *type = xml_attribute(g, "type");

	if (!g)
		return;
	if (!is(type, "vnc") && !is(type, "spice")) {
		remark(o, "line %u: graphics of type %s", g->line, type ? type : "unknown");
		return;
	}
	use(taken(g, "listen"));
	sb_addf(&o->text, "    graphics: {type: %s}\n", type);
	if (xml_attribute(g, "passwd"))
		remark(o, "line %u: the password; write it to /etc/credstore", g->line);
}

static void add_agent(struct out *o, const struct xml *devices)
{
	for (struct xml *c = xml_child(devices, "channel"); c; c = xml_again(c))
		if (is(xml_attribute(xml_child(c, "target"), "name"), "org.qemu.guest_agent.0")) {
			use(c);
			sb_add(&o->text, "    agent: true\n");
			return;
		}
}

/* What every guest here has, or what has no meaning beside QEMU's command line. */
static bool is_plumbing(const char *name)
{
	static const char *const names[] = { "emulator", "controller", "input", "memballoon", "rng",
		"video", "console", "serial", "on_poweroff", "on_reboot", "on_crash", "uuid", "pm",
		"metadata", "resource", "seclabel", "title", "description", "panic" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (streq(names[i], name))
			return true;
	return false;
}

static void add_rest(struct out *o, const struct xml *x)
{
	for (const struct xml *c = x ? x->first : NULL; c; c = c->next)
		if (!c->used && !is_plumbing(c->name))
			remark(o, "line %u: <%s>%s%s", c->line, c->name,
				xml_attribute(c, "type") ? " of type " : "",
				xml_attribute(c, "type") ? xml_attribute(c, "type") : "");
}

static void add_domain(struct out *o, struct xml *domain)
{
	struct xml *name = taken(domain, "name"), *devices = taken(domain, "devices");

	sb_add(&o->text, "  ");
	sb_add_json(&o->text, name && *name->text ? name->text : "unnamed");
	sb_add(&o->text, ":\n");
	add_cpu(o, domain);
	add_memory(o, domain);
	add_os(o, domain);
	each(o, devices, "disk", "disks", add_disk);
	each(o, devices, "interface", "interfaces", add_interface);
	add_graphics(o, devices);
	add_agent(o, devices);
	add_rest(o, domain);
	add_rest(o, devices);
	if (o->remarks.len)
		sb_addf(&o->text, "    # Not carried over:\n%s", sb_str(&o->remarks));
	sb_free(&o->remarks);
}

static int import_file(struct out *o, const char *path, struct error *e)
{
	_cleanup_free_ char *data = NULL;
	struct xml *root;
	size_t len;
	int r = file_read(AT_FDCWD, path, FILE_MAX, &data, &len);

	if (r < 0)
		return error_set(e, r, "cannot read %s: %s", path, strerror(-r));
	r = xml_parse(o->arena, data, len, &root, e);
	if (r < 0)
		return r == -EBADMSG ? error_prefix(e, "%s: ", path) : r;
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
	struct out o = { .arena = arena };
	int r = 0;

	if (!streq(argv[0], "libvirt")) {
		error_set(&e, -EINVAL, "there is nothing to import from `%s`", argv[0]);
		error_cure(&e, "kvmhostctl import libvirt FILE...");
		return ctl_fail(c, &e);
	}
	sb_add(&o.text, "version: 1\nguests:\n");
	for (int i = 1; i < argc && r >= 0; i++)
		r = import_file(&o, argv[i], &e);
	if (r >= 0)
		fputs(sb_str(&o.text), stdout);
	sb_free(&o.text);
	return r < 0 ? ctl_fail(c, &e) : 0;
}
