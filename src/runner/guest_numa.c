/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/guest_numa.h"
#include "base/file.h"
#include "config/obj.h"

static const struct field rows[] = {
	FIELD_STRING(struct guest_numa, cpus, type_cpus, .on_change = CHANGE_RECREATE,
		.example = "0-1",
		.doc = "Which of the guest's CPUs are in it. Left out for all nodes, they are "
		       "shared out evenly, in order."),
	FIELD_SIZE(struct guest_numa, memory, 1 * MIB, 16 * TIB, .on_change = CHANGE_RECREATE,
		.example = "1GiB",
		.doc = "How much of `memory.size` is in it. Left out for all nodes, it is shared "
		       "out evenly."),
	FIELD_INT(struct guest_numa, host_node, 0, 1023, .on_change = CHANGE_RECREATE,
		.example = "0",
		.doc = "The host's NUMA node that its memory comes from, and no other. `pinning` "
		       "puts CPUs there; `kvmhostctl topology` shows which are where."),
};
const struct table guest_numa_table = TABLE(struct guest_numa, rows,
	.doc = "A NUMA node of the guest: processors, and memory near to them.");

static const struct guest_numa *node(const struct guest *g, size_t i)
{
	return &LIST_AT(&g->numa, const struct guest_numa, i);
}

uint64_t numa_memory(const struct guest *g, size_t i)
{
	return obj_has(node(g, i), "memory") ? node(g, i)->memory : g->memory.size / g->numa.n;
}

void numa_cpus(const struct guest *g, size_t i, struct cpus *out)
{
	size_t each = (size_t)g->cpu.count / g->numa.n;

	if (obj_has(node(g, i), "cpus") && cpus_parse(node(g, i)->cpus, out))
		return;
	memset(out, 0, sizeof(*out));
	for (size_t n = i * each; n < (i + 1) * each; n++)
		out->b[n / 8] = (uint8_t)(out->b[n / 8] | 1U << n % 8);
}

/* In all nodes or in none: else it would not be clear what is left for the others. */
static bool check_given(const struct guest *g, const char *key, struct diags *d)
{
	size_t n = 0;

	for (size_t i = 0; i < g->numa.n; i++)
		n += obj_has(node(g, i), key);
	if (!n || n == g->numa.n)
		return true;
	diag_error(d, obj_mark(g, "numa"), "write it for all of them, or for none",
		"some of the guest's NUMA nodes have `%s` and some have not", key);
	return false;
}

static void check_memory(const struct guest *g, struct diags *d)
{
	bool whole = true;
	uint64_t sum = 0;

	if (!check_given(g, "memory", d))
		return;
	for (size_t i = 0; i < g->numa.n; i++) {
		sum += numa_memory(g, i);
		whole &= numa_memory(g, i) % MIB == 0;
	}
	if (!whole)
		diag_error(d, obj_mark(g, "numa"), "give each node its `memory`, in whole MiB",
			"the memory of one of the guest's NUMA nodes is no whole number of MiB");
	else if (sum != g->memory.size)
		diag_error(d, obj_mark(g, "numa"), "give them together what `memory.size` says",
			"the guest's NUMA nodes have %lluMiB together, and `memory.size` is "
			"%lluMiB",
			(unsigned long long)(sum / MIB),
			(unsigned long long)(g->memory.size / MIB));
}

static void check_cpus(const struct guest *g, struct diags *d)
{
	size_t times[GUEST_CPUS_MAX] = { 0 };
	struct cpus c;

	if (!check_given(g, "cpus", d))
		return;
	for (size_t i = 0; i < g->numa.n; i++) {
		numa_cpus(g, i, &c);
		for (size_t n = 0; n < CPUS_MAX; n++)
			if (cpus_has(&c, n) && n >= (size_t)g->cpu.count)
				diag_error(d, obj_mark(node(g, i), "cpus"), NULL,
					"there is no CPU %zu: the guest has %lld", n,
					(long long)g->cpu.count);
			else if (cpus_has(&c, n))
				times[n]++;
	}
	for (size_t n = 0; n < (size_t)g->cpu.count; n++)
		if (times[n] != 1) {
			diag_error(d, obj_mark(g, "numa"), "give each node its `cpus`",
				"the guest's CPU %zu is in %s of its NUMA nodes", n,
				times[n] ? "several" : "none");
			return;
		}
}

void numa_check(const struct guest *g, struct diags *d)
{
	if (!g->numa.n)
		return;
	check_memory(g, d);
	check_cpus(g, d);
}

int numa_find(int root, const struct guest *g, struct error *e)
{
	for (size_t i = 0; i < g->numa.n; i++) {
		char path[64];

		if (!obj_has(node(g, i), "host_node"))
			continue;
		snprintf(path, sizeof(path), "/sys/devices/system/node/node%lld",
			(long long)node(g, i)->host_node);
		if (file_exists(root, path))
			continue;
		error_set(e, -ENODEV,
			"the guest's memory is to come from NUMA node %lld, which "
			"this host has not",
			(long long)node(g, i)->host_node);
		return error_cure(e, "see which it has: kvmhostctl topology");
	}
	return 0;
}
