/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QEMU itself would say "Cannot allocate memory", or be killed by SIGBUS. */
#include "runner/guest_hugepages.h"
#include "base/file.h"
#include "config/obj.h"
#include "runner/guest_numa.h"

enum { MEMINFO_MAX = 64 * 1024 };

static uint64_t meminfo(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

/* What there is of them, on the host or on one of its nodes. */
struct pool {
	uint64_t page; /* bytes */
	int64_t node; /* -1: all */
	uint64_t total, free;
};

static int lack(const struct pool *p, uint64_t need, struct error *e)
{
	unsigned long long kib = p->page / 1024, mib = p->page / MIB,
			   enough = p->total - MIN_OF(p->total, p->free) + need;

	if (p->node < 0) {
		error_set(e, -ENOMEM,
			"the guest's memory takes %llu hugepages of %llu KiB, and the host has "
			"%llu free",
			(unsigned long long)need, kib, (unsigned long long)p->free);
		return error_cure(e, "set more aside: host: {memory: {hugepages: {%lluMiB: %llu}}}",
			mib, enough);
	}
	error_set(e, -ENOMEM,
		"the guest's memory takes %llu hugepages of %llu KiB from NUMA node %lld, which "
		"has "
		"%llu free",
		(unsigned long long)need, kib, (long long)p->node, (unsigned long long)p->free);
	return error_cure(e,
		"set more aside there: host: {memory: {hugepages: {%lluMiB: {nodes: {%lld: "
		"%llu}}}}}",
		mib, (long long)p->node, enough);
}

/* UINT64_MAX: it is not said. */
static uint64_t on_node(int root, const struct pool *p, const char *file)
{
	_cleanup_free_ char *text = NULL;
	char path[128];

	snprintf(path, sizeof(path),
		"/sys/devices/system/node/node%lld/hugepages/hugepages-%llukB/%s",
		(long long)p->node, (unsigned long long)p->page / 1024, file);
	return file_read_line(root, path, &text) < 0 ? UINT64_MAX : strtoull(text, NULL, 10);
}

/* -1: from any. */
static int64_t host_node(const struct guest *g, size_t i)
{
	const struct guest_numa *n = &LIST_AT(&g->numa, const struct guest_numa, i);

	return obj_has(n, "host_node") ? n->host_node : -1;
}

/* Several of the guest's nodes may be on one of the host's. */
static int check_node(int root, const struct guest *g, int64_t node, uint64_t page, struct error *e)
{
	struct pool p = { .page = page, .node = node };
	uint64_t need = 0;

	p.free = on_node(root, &p, "free_hugepages");
	p.total = on_node(root, &p, "nr_hugepages");
	if (p.total == UINT64_MAX)
		p.total = p.free;

	for (size_t i = 0; i < g->numa.n; i++)
		if (host_node(g, i) == node)
			need += numa_memory(g, i) / page;
	return need > p.free ? lack(&p, need, e) : 0;
}

static int check_whole(uint64_t bytes, uint64_t page, struct error *e)
{
	if (bytes % page == 0)
		return 0;
	error_set(e, -EINVAL, "%llu MiB are no whole number of hugepages of %llu KiB",
		(unsigned long long)(bytes / MIB), (unsigned long long)(page / 1024));
	return error_cure(e, "give the guest, and each of its NUMA nodes, a multiple of %llu MiB",
		(unsigned long long)(page / MIB));
}

static int check_nodes(int root, const struct guest *g, uint64_t page, struct error *e)
{
	int r = 0;

	for (size_t i = 0; i < g->numa.n && r >= 0; i++) {
		r = check_whole(numa_memory(g, i), page, e);
		if (r >= 0 && host_node(g, i) >= 0)
			r = check_node(root, g, host_node(g, i), page, e);
	}
	return r;
}

int guest_hugepages_check(int root, const struct guest *g, struct error *e)
{
	struct pool all = { .page = 2 * MIB, .node = -1 };
	_cleanup_free_ char *text = NULL;
	uint64_t page, need;
	int r;

	if (!g->memory.hugepages || file_read(root, "/proc/meminfo", MEMINFO_MAX, &text, NULL) < 0)
		return 0;
	page = meminfo(text, "Hugepagesize:") * 1024;
	if (!page)
		return lack(&all, g->memory.size / all.page, e);
	r = check_whole(g->memory.size, page, e);
	if (r < 0)
		return r;
	all.page = page;
	all.total = meminfo(text, "HugePages_Total:");
	all.free = meminfo(text, "HugePages_Free:");
	/* Promised to somebody who has not used them yet. */
	all.free -= MIN_OF(all.free, meminfo(text, "HugePages_Rsvd:"));
	need = g->memory.size / page;
	return need > all.free ? lack(&all, need, e) : check_nodes(root, g, page, e);
}
