/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether guests find their hugepages: of the default size, which QEMU takes, on the whole host and
 * on the NUMA nodes that memory is to come from. Counted are those that are set aside already, or
 * about to be.
 */
#include "hostprep/doctor_guests.h"
#include "hostprep/memory.h"
#include <jansson.h>

#define NODES_DIR "/sys/devices/system/node"

enum { NODES_MAX = 1024 };

struct pages {
	struct doctor *d;
	const struct hugepages *wanted; /* by the document; NULL: none */
	uint64_t size; /* of a page */
	uint64_t needs, there; /* on the whole host */
	bool bound; /* some guest's memory is of a node */
	uint64_t of_node[NODES_MAX]; /* what guests need there */
	size_t n_nodes; /* the host's */
};

static const struct hugepages *find_wanted(const struct wants *w, uint64_t size)
{
	const struct resource *r = wants_find(w, "memory", "host");
	const struct memory *m = r ? r->want : NULL;

	for (size_t i = 0; m && i < m->hugepages.n; i++) {
		const struct hugepages *p = &LIST_AT(&m->hugepages, struct hugepages, i);

		if (hugepages_size(p) == size)
			return p;
	}
	return NULL;
}

static bool is_there(const struct pages *p, size_t node)
{
	return file_exists(p->d->h->root, arena_printf(p->d->arena, NODES_DIR "/node%zu", node));
}

/* What the document sets aside there: the kernel shares out evenly what is for no node. */
static uint64_t wanted_there(const struct pages *p, size_t node)
{
	const struct list *nodes = p->wanted ? &p->wanted->nodes : NULL;

	if (!nodes)
		return 0;
	if (!nodes->n)
		return is_there(p, node) ? (uint64_t)p->wanted->pages / p->n_nodes : 0;
	for (size_t i = 0; i < nodes->n; i++) {
		const struct node_pages *one = &LIST_AT(nodes, struct node_pages, i);

		if (strtoul(one->obj.name, NULL, 10) == node)
			return (uint64_t)one->pages;
	}
	return 0;
}

static uint64_t there(const struct pages *p, size_t node)
{
	const char *now = doctor_line(
		p->d, arena_printf(p->d->arena,
			      NODES_DIR "/node%zu/hugepages/hugepages-%llukB/nr_hugepages", node,
			      (unsigned long long)p->size / 1024));
	uint64_t wanted = wanted_there(p, node);

	return MAX_OF(now ? strtoull(now, NULL, 10) : 0, wanted);
}

static uint64_t in_pages(const struct pages *p, uint64_t bytes)
{
	return (bytes + p->size - 1) / p->size;
}

/* `numa` as canonical JSON: [{"memory": "512MiB", "host_node": 1}]. */
static void add_nodes(struct pages *p, const void *want, uint64_t memory)
{
	const char *text = obj_text(want, "numa", p->d->arena);
	json_t *nodes = text ? json_loads(text, 0, NULL) : NULL, *one;
	size_t i;

	json_array_foreach (nodes, i, one) {
		const json_t *number = json_object_get(one, "host_node");
		size_t node = (size_t)json_integer_value(number);
		const char *own = json_string_value(json_object_get(one, "memory"));

		if (!number || node >= NODES_MAX)
			continue;
		p->bound = true;
		p->of_node[node] += in_pages(
			p, own ? doctor_bytes(p->d, own) : memory / json_array_size(nodes));
	}
	json_decref(nodes);
}

static void add_guests(struct pages *p, const struct wants *w)
{
	for (size_t i = 0; i < w->n; i++) {
		const void *want = w->v[i]->want;
		const char *huge = doctor_runs(p->d, w->v[i])
					   ? obj_text(want, "memory.hugepages", p->d->arena)
					   : NULL;
		uint64_t memory;

		if (!huge || !streq(huge, "true"))
			continue;
		memory = doctor_size(p->d, want, "memory.size");
		p->needs += in_pages(p, memory);
		add_nodes(p, want, memory);
	}
}

static void look_whole(struct pages *p)
{
	unsigned long long needs = p->needs, kib = p->size >> 10, mib = p->size >> 20;

	doctor_found(p->d, p->needs > p->there ? HEALTH_WARN : HEALTH_PASS,
		"guests take %llu hugepages of %llu KiB, and %llu are set aside", needs, kib,
		(unsigned long long)p->there);
	if (p->needs > p->there)
		doctor_cure(p->d, "host: {memory: {hugepages: {%lluMiB: %llu}}}", mib, needs);
}

/* `0: 96, 1: 110`: no node gets fewer than it has. */
static const char *enough(const struct pages *p)
{
	const char *out = "";

	for (size_t i = 0; i < NODES_MAX; i++) {
		uint64_t n = MAX_OF(p->of_node[i], there(p, i));

		if (n)
			out = arena_printf(p->d->arena, "%s%s%zu: %llu", out, *out ? ", " : "", i,
				(unsigned long long)n);
	}
	return out;
}

/* The first that has too few. */
static void look_node(struct pages *p, size_t node)
{
	uint64_t found = there(p, node);

	if (p->of_node[node] <= found || p->d->f.state == HEALTH_WARN)
		return;
	doctor_found(p->d, HEALTH_WARN,
		"guests take %llu hugepages of %llu KiB from NUMA node %zu, and %llu are set aside "
		"there",
		(unsigned long long)p->of_node[node], (unsigned long long)p->size >> 10, node,
		(unsigned long long)found);
	doctor_cure(p->d, "host: {memory: {hugepages: {%lluMiB: {nodes: {%s}}}}}",
		(unsigned long long)p->size >> 20, enough(p));
}

void doctor_guest_hugepages(struct doctor *d)
{
	const struct wants *w = doctor_wants(d);
	struct pages p = { .d = d, .size = meminfo(d->h, "Hugepagesize") };
	uint64_t wanted;

	if (!w)
		return;
	if (!p.size) {
		doctor_found(d, HEALTH_UNKNOWN, "this kernel has no hugepages");
		return;
	}
	p.wanted = find_wanted(w, p.size);
	wanted = p.wanted ? (uint64_t)hugepages_total(p.wanted) : 0;
	/* A count, which meminfo() takes for KiB. */
	p.there = meminfo(d->h, "HugePages_Total") / 1024;
	p.there = MAX_OF(p.there, wanted);
	add_guests(&p, w);
	look_whole(&p);
	for (size_t i = 0; p.bound && i < NODES_MAX; i++)
		p.n_nodes += is_there(&p, i);
	for (size_t i = 0; p.bound && i < NODES_MAX; i++)
		look_node(&p, i);
}
