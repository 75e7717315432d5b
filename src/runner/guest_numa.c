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
static bool check_given(const struct guest *g, const char *key, const char *rest, struct diags *d)
{
	size_t n = 0;

	for (size_t i = 0; i < g->numa.n; i++)
		n += obj_has(node(g, i), key);
	if (!n || n == g->numa.n)
		return true;
	diag_error(d, obj_mark(g, "numa"), rest ? rest : "write it for all of them, or for none",
		"some of the guest's NUMA nodes have `%s` and some have not", key);
	return false;
}

static unsigned long long mib(uint64_t bytes)
{
	return bytes / MIB;
}

/* For those that have none: what the others leave. NULL: there is no such number. */
static const char *rest_of_memory(const struct guest *g, struct diags *d)
{
	uint64_t left = g->memory.size;
	size_t without = 0;

	for (size_t i = 0; i < g->numa.n; i++) {
		uint64_t has = obj_has(node(g, i), "memory") ? node(g, i)->memory : 0;

		without += !has;
		if (has > left)
			return NULL;
		left -= has;
	}
	return without && left && left / MIB % without == 0 && left % MIB == 0
		       ? arena_printf(d->arena,
				 "write `memory: %lluMiB` where there is none, or take it out "
				 "everywhere",
				 mib(left / without))
		       : NULL;
}

/* The last node takes what is left. */
static const char *cure_sum(const struct guest *g, uint64_t sum, struct diags *d)
{
	uint64_t last = numa_memory(g, g->numa.n - 1), others = sum - last;

	if (others >= g->memory.size)
		return arena_printf(d->arena, "write `memory: {size: %lluMiB}`", mib(sum));
	return arena_printf(d->arena,
		"write `memory: %lluMiB` for the last one, or `memory: {size: %lluMiB}` for the "
		"guest",
		mib(g->memory.size - others), mib(sum));
}

static void check_memory(const struct guest *g, struct diags *d)
{
	uint64_t sum = 0, unit = g->numa.n * MIB;

	if (!check_given(g, "memory", rest_of_memory(g, d), d))
		return;
	for (size_t i = 0; i < g->numa.n; i++)
		sum += numa_memory(g, i);
	if (!obj_has(node(g, 0), "memory") && g->memory.size % unit)
		diag_error(d, obj_mark(g, "numa"),
			arena_printf(d->arena,
				"write `memory: {size: %lluMiB}`, or give each node its `memory`",
				mib((g->memory.size + unit - 1) / unit * unit)),
			"%lluMiB are not to be shared out evenly among %zu NUMA nodes in whole MiB",
			mib(g->memory.size), g->numa.n);
	else if (sum != g->memory.size)
		diag_error(d, obj_mark(g, "numa"), cure_sum(g, sum, d),
			"the guest's NUMA nodes have %lluMiB together, and `memory.size` is "
			"%lluMiB",
			mib(sum), mib(g->memory.size));
}

static void set_cpu(struct cpus *c, size_t n)
{
	c->b[n / 8] = (uint8_t)(c->b[n / 8] | 1U << n % 8);
}

static const char *list(struct diags *d, const struct cpus *c)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };

	cpus_format(c, &text);
	return *sb_str(&text) ? arena_strdup(d->arena, sb_str(&text)) : NULL;
}

/* false: some node names one that the guest has not. */
static bool check_beyond(const struct guest *g, struct diags *d)
{
	bool fine = true;

	for (size_t i = 0; i < g->numa.n; i++) {
		struct cpus c, beyond = { 0 };
		size_t last = 0;

		numa_cpus(g, i, &c);
		for (size_t n = (size_t)g->cpu.count; n < CPUS_MAX; n++)
			if (cpus_has(&c, n)) {
				last = n;
				set_cpu(&beyond, n);
			}
		if (!last)
			continue;
		fine = false;
		diag_error(d, obj_mark(node(g, i), "cpus"),
			last < GUEST_CPUS_MAX
				? arena_printf(d->arena,
					  "take it out, or write `cpu: {count: %zu}`", last + 1)
				: "take it out",
			"there is no CPU %s: the guest has %lld, counted from 0", list(d, &beyond),
			(long long)g->cpu.count);
	}
	return fine;
}

static void check_cpus(const struct guest *g, struct diags *d)
{
	struct cpus seen = { 0 }, twice = { 0 }, none = { 0 }, c;
	size_t count = (size_t)g->cpu.count, n_nodes = g->numa.n;

	if (!check_given(g, "cpus", NULL, d) || !check_beyond(g, d))
		return;
	if (!obj_has(node(g, 0), "cpus") && count % n_nodes) {
		diag_error(d, obj_mark(g, "numa"),
			arena_printf(d->arena,
				"write `cpu: {count: %zu}`, or give each node its `cpus`",
				(count + n_nodes - 1) / n_nodes * n_nodes),
			"%zu CPUs are not to be shared out evenly among %zu NUMA nodes", count,
			n_nodes);
		return;
	}
	for (size_t i = 0; i < n_nodes; i++) {
		numa_cpus(g, i, &c);
		for (size_t n = 0; n < count; n++)
			if (cpus_has(&c, n))
				set_cpu(cpus_has(&seen, n) ? &twice : &seen, n);
	}
	for (size_t n = 0; n < count; n++)
		if (!cpus_has(&seen, n))
			set_cpu(&none, n);
	if (list(d, &twice))
		diag_error(d, obj_mark(g, "numa"),
			arena_printf(d->arena, "keep %s in one `cpus` only", list(d, &twice)),
			"in several of the guest's NUMA nodes: CPU %s", list(d, &twice));
	if (list(d, &none))
		diag_error(d, obj_mark(g, "numa"),
			arena_printf(d->arena, "add %s to one node's `cpus`", list(d, &none)),
			"in none of the guest's NUMA nodes: CPU %s", list(d, &none));
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
