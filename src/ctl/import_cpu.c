/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kvmhostctl import: a domain's processors, memory, and nodes of both. */
#include "ctl/ctl.h"
#include "ctl/import.h"

static uint64_t scaled(const char *number, const char *unit)
{
	static const struct {
		const char *unit;
		uint64_t n;
	} units[] = { { "b", 1 }, { "bytes", 1 }, { "KB", 1000 }, { "k", KIB }, { "KiB", KIB },
		{ "MB", 1000000 }, { "M", MIB }, { "MiB", MIB }, { "GB", 1000000000 }, { "G", GIB },
		{ "GiB", GIB }, { "T", TIB }, { "TiB", TIB } };

	for (size_t i = 0; unit && i < ARRAY_SIZE(units); i++)
		if (streq(units[i].unit, unit))
			return strtoull(number, NULL, 10) * units[i].n;
	return strtoull(number, NULL, 10) * KIB;
}

static unsigned long long mib(const struct xml *x)
{
	return scaled(x->text, xml_attribute(x, "unit")) / MIB;
}

static unsigned long long mib_of_cell(const struct xml *cell)
{
	const char *memory = xml_attribute(cell, "memory");

	return memory ? scaled(memory, xml_attribute(cell, "unit")) / MIB : 0;
}

static struct xml *first_cell(const struct xml *domain)
{
	return xml_child(xml_child(xml_child(domain, "cpu"), "numa"), "cell");
}

/* --- processors --- */

/* "Haswell,+vmx,-x2apic", as QEMU takes it. */
static void add_model(struct import *o, struct xml *cpu)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };
	struct xml *model = import_taken(cpu, "model");

	sb_add(&text, model ? model->text : "");
	for (struct xml *f = import_taken(cpu, "feature"); f; f = xml_again(f)) {
		const char *policy = xml_attribute(f, "policy"), *name = xml_attribute(f, "name");
		bool off = import_is(policy, "disable") || import_is(policy, "forbid");

		import_use(f);
		if (name && !import_is(policy, "optional"))
			sb_addf(&text, ",%c%s", off ? '-' : '+', name);
	}
	if (!model)
		return;
	sb_add(&o->text, ", ");
	import_text(&o->text, "model", sb_str(&text));
}

static void add_topology(struct import *o, struct xml *cpu)
{
	static const char *const keys[] = { "sockets", "dies", "cores", "threads" };
	struct xml *t = import_taken(cpu, "topology");

	for (size_t i = 0; t && i < ARRAY_SIZE(keys); i++)
		if (xml_attribute(t, keys[i]))
			sb_addf(&o->text, ", %s: %lu", keys[i],
				strtoul(xml_attribute(t, keys[i]), NULL, 10));
}

static const char *pinned(const struct xml *tune, size_t cpu)
{
	for (struct xml *pin = xml_child(tune, "vcpupin"); pin; pin = xml_again(pin))
		if (xml_attribute(pin, "vcpu") && xml_attribute(pin, "cpuset") &&
			strtoul(xml_attribute(pin, "vcpu"), NULL, 10) == cpu)
			return xml_attribute(pin, "cpuset");
	return NULL;
}

static bool is_number(const char *s)
{
	return s && *s && strlen(s) < 6 && !s[strspn(s, "0123456789")];
}

/* One of the host's for each, or none. */
static void add_pinning(struct import *o, const struct xml *domain, size_t count)
{
	struct xml *tune = import_taken(domain, "cputune");
	_cleanup_strbuf_ struct strbuf list = { 0 };

	if (!tune)
		return;
	for (struct xml *pin = xml_child(tune, "vcpupin"); pin; pin = xml_again(pin))
		import_use(pin);
	for (size_t i = 0; i < count; i++) {
		const char *to = pinned(tune, i);

		if (is_number(to)) {
			sb_addf(&list, "%s%lu", i ? ", " : "", strtoul(to, NULL, 10));
			continue;
		}
		if (xml_child(tune, "vcpupin"))
			import_remark(o, "vcpupin: CPU %zu is not pinned to one of the host's", i);
		return;
	}
	sb_addf(&o->text, ", pinning: [%s]", sb_str(&list));
}

void import_cpu(struct import *o, const struct xml *domain)
{
	struct xml *vcpu = import_taken(domain, "vcpu"), *cpu = import_taken(domain, "cpu");
	const char *now = xml_attribute(vcpu, "current"), *all = vcpu ? vcpu->text : "1";
	size_t count;

	/* Topology and nodes are of all. */
	if (now && !streq(now, all) && (xml_child(cpu, "topology") || first_cell(domain))) {
		import_remark(o, "vcpu: the guest has all of its %s processors, not %s", all, now);
		now = NULL;
	}
	count = strtoul(now ? now : all, NULL, 10);
	sb_addf(&o->text, "    cpu: {count: %zu", count);
	if (cpu && import_is(xml_attribute(cpu, "mode"), "custom"))
		add_model(o, cpu);
	add_topology(o, cpu);
	add_pinning(o, domain, count);
	sb_add(&o->text, "}\n");
	import_use(xml_child(cpu, "numa")); /* import_memory() does */
	import_rest(o, cpu);
	import_rest(o, xml_child(domain, "cputune"));
}

/* --- nodes --- */

/* Of the host, that cell `id`, or without cells all memory, is strictly of; NULL: of any. */
static const char *host_node(struct import *o, const struct xml *tune, const char *id)
{
	const struct xml *of = xml_child(tune, "memory");
	const char *mode, *nodes;

	for (struct xml *m = xml_child(tune, "memnode"); m && id; m = xml_again(m))
		if (import_is(xml_attribute(m, "cellid"), id))
			of = m;
	mode = xml_attribute(of, "mode");
	nodes = xml_attribute(of, "nodeset");
	if (!nodes)
		return NULL;
	if ((!mode || streq(mode, "strict")) && is_number(nodes))
		return nodes;
	import_remark(o, "line %u: numatune: %s from the nodes %s; here it is of one, or of any",
		of->line, mode ? mode : "strict", nodes);
	return NULL;
}

static const char *comma(struct strbuf *b)
{
	return b->len && b->s[b->len - 1] != '{' ? ", " : "";
}

static void add_cell(struct import *o, const struct xml *tune, struct xml *cell)
{
	const char *cpus = xml_attribute(cell, "cpus");
	const char *node = host_node(o, tune, xml_attribute(cell, "id"));

	import_use(cell);
	sb_add(&o->text, "{");
	if (cpus)
		import_text(&o->text, "cpus", cpus);
	if (mib_of_cell(cell))
		sb_addf(&o->text, "%smemory: %lluMiB", comma(&o->text), mib_of_cell(cell));
	if (node)
		sb_addf(&o->text, "%shost_node: %s", comma(&o->text), node);
	sb_add(&o->text, "}");
}

static void add_nodes(struct import *o, const struct xml *domain)
{
	struct xml *tune = import_taken(domain, "numatune"), *cell = first_cell(domain);
	const char *node = cell ? NULL : host_node(o, tune, NULL);

	if (node)
		sb_addf(&o->text, "    numa: [{host_node: %s}]\n", node);
	if (!cell)
		return;
	sb_add(&o->text, "    numa: [");
	for (struct xml *c = cell; c; c = xml_again(c)) {
		sb_add(&o->text, c == cell ? "" : ", ");
		add_cell(o, tune, c);
	}
	sb_add(&o->text, "]\n");
}

/* --- memory --- */

void import_memory(struct import *o, const struct xml *domain)
{
	struct xml *memory = import_taken(domain, "memory"),
		   *backing = import_taken(domain, "memoryBacking"),
		   *now = import_taken(domain, "currentMemory");
	unsigned long long size = memory ? mib(memory) : 1024, cells = 0;

	if (now && mib(now) != size)
		import_remark(o, "currentMemory: the guest has all of its memory");
	/* As libvirt does where there are nodes. */
	for (struct xml *c = first_cell(domain); c; c = xml_again(c))
		cells += mib_of_cell(c);
	sb_addf(&o->text, "    memory: {size: %lluMiB%s}\n", cells ? cells : size,
		import_taken(backing, "hugepages") ? ", hugepages: true" : "");
	add_nodes(o, domain);
}
