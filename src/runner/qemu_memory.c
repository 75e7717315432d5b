/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The part of QEMU's argument list that is about memory and its nodes. */
#include "config/obj.h"
#include "runner/guest_numa.h"
#include "runner/qemu_args_internal.h"

/* hugepages: taken at the start, or the guest would be killed for want of one later. */
static void add_backend(
	struct args *x, const struct guest *g, const char *id, uint64_t size, const char *more)
{
	args_add(x, "-object", "memory-backend-%s,id=%s,size=%lluk%s%s",
		g->memory.hugepages ? "memfd" : "ram", id, (unsigned long long)(size / 1024),
		g->memory.hugepages ? ",hugetlb=on,prealloc=on" : "", more);
}

/* QEMU takes ranges one by one: cpus=0-1,cpus=4. */
static const char *cpus(struct args *x, const struct guest *g, size_t i)
{
	_cleanup_strbuf_ struct strbuf out = { 0 };
	struct cpus c;

	numa_cpus(g, i, &c);
	for (size_t n = 0; n < CPUS_MAX; n++)
		if (cpus_has(&c, n))
			sb_addf(&out, ",cpus=%zu", n);
	return arena_strdup(x->arena, sb_str(&out));
}

static void add_node(struct args *x, const struct guest *g, size_t i)
{
	const struct guest_numa *n = &LIST_AT(&g->numa, const struct guest_numa, i);
	const char *id = arena_printf(x->arena, "ram%zu", i);

	add_backend(x, g, id, numa_memory(g, i),
		obj_has(n, "host_node") ? arena_printf(x->arena, ",host-nodes=%lld,policy=bind",
						  (long long)n->host_node)
					: "");
	args_add(x, "-numa", "node,nodeid=%zu%s,memdev=%s", i, cpus(x, g, i), id);
}

void args_add_memory(struct args *x, const struct guest *g)
{
	args_add(x, "-m", "size=%lluk", (unsigned long long)(g->memory.size / 1024));
	for (size_t i = 0; i < g->numa.n; i++)
		add_node(x, g, i);
	if (!g->numa.n && g->memory.hugepages)
		add_backend(x, g, "ram", g->memory.size, "");
}
