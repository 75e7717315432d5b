/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostprep/memory.h"
#include "base/strbuf.h"

#define POOLS "/sys/kernel/mm/hugepages"
#define NODES "/sys/devices/system/node"
#define KSM "/sys/kernel/mm/ksm/run"
#define COMPACT "/proc/sys/vm/compact_memory"

/* Each compaction may free what the one before could not. */
enum { ATTEMPTS = 4 };

static char *pool(const struct hugepages *p)
{
	return xprintf("hugepages-%llukB", (unsigned long long)hugepages_size(p) / 1024);
}

/* 2048 kB, 1048576 kB: what this kernel has, from the names of its pools. */
static char *sizes(struct host *h)
{
	_cleanup_free_ char **names = NULL;
	struct strbuf out = { 0 };
	size_t n = 0, i;

	if (file_list(h->root, POOLS, &names, &n) < 0)
		n = 0;
	for (i = 0; i < n; i++) {
		const char *kib = startswith(names[i], "hugepages-");
		unsigned long long size = kib ? strtoull(kib, NULL, 10) / 1024 : 0;

		if (size)
			sb_addf(&out, size % 1024 ? "%s%lluMiB" : "%s%lluGiB", out.len ? ", " : "",
				size % 1024 ? size : size / 1024);
	}
	return sb_steal(&out);
}

static int no_pool(struct host *h, const struct hugepages *p, struct error *e)
{
	_cleanup_free_ char *offered = sizes(h);

	error_set(e, -EINVAL, "hugepages: this machine has none of %s", p->obj.name);
	return error_cure(e, *offered ? "it has: %s" : "%s",
		*offered ? offered : "its kernel was built without hugepages: take them out");
}

static int no_node(
	struct host *h, const struct hugepages *p, const struct node_pages *node, struct error *e)
{
	_cleanup_free_ char *there = NULL;

	(void)file_read_line(h->root, NODES "/online", &there);
	error_set(e, -EINVAL, "hugepages of %s: there is no NUMA node %s", p->obj.name,
		node->obj.name);
	return error_cure(e, "this machine has: %s", there ? there : "0");
}

static int add_nodes(struct host *h, const struct hugepages *p, const char *name, struct knobs *k,
	struct error *e)
{
	_cleanup_free_ char *label = xprintf("%s pages", p->obj.name);
	size_t i;

	for (i = 0; i < p->nodes.n; i++) {
		const struct node_pages *node = &LIST_AT(&p->nodes, struct node_pages, i);
		_cleanup_free_ char *of = xprintf("node%s", node->obj.name);
		_cleanup_free_ char *path =
			xprintf(NODES "/%s/hugepages/%s/nr_hugepages", of, name);
		_cleanup_free_ char *value = xprintf("%lld", (long long)node->pages);

		if (!file_exists(h->root, path))
			return no_node(h, p, node, e);
		knob_add(k, "hugepages", label, of, path, value);
	}
	return 0;
}

static int add_pool(struct host *h, const struct hugepages *p, struct knobs *k, struct error *e)
{
	_cleanup_free_ char *name = pool(p), *path = xprintf(POOLS "/%s/nr_hugepages", name);
	_cleanup_free_ char *label = xprintf("%s pages", p->obj.name);
	_cleanup_free_ char *value = xprintf("%lld", (long long)p->pages);

	if (!file_exists(h->root, path))
		return no_pool(h, p, e);
	if (p->nodes.n)
		return add_nodes(h, p, name, k, e);
	knob_add(k, "hugepages", label, NULL, path, value);
	return 0;
}

/* 2 stops the merging and undoes what was merged; 0 is where nothing ever was. */
static int add_ksm(struct host *h, const struct memory *want, struct knobs *k, struct error *e)
{
	_cleanup_free_ char *now = NULL;

	if (file_read_line(h->root, KSM, &now) < 0) {
		if (!want->ksm)
			return 0;
		error_set(e, -EOPNOTSUPP, "ksm: this kernel has no " KSM);
		return error_cure(e, "take it out, or use a kernel with CONFIG_KSM");
	}
	knob_add(k, "ksm", "ksm/run", NULL, KSM, want->ksm ? "1" : streq(now, "0") ? "0" : "2");
	return 0;
}

int memory_knobs(struct host *h, const struct memory *want, struct knobs *k, struct error *e)
{
	size_t i;
	int r = 0;

	for (i = 0; i < want->hugepages.n && r == 0; i++)
		r = add_pool(h, &LIST_AT(&want->hugepages, struct hugepages, i), k, e);
	if (r == 0 && obj_has(want, "ksm"))
		r = add_ksm(h, want, k, e);
	return r;
}

static unsigned long long pages_of(struct host *h, const struct knob *k)
{
	_cleanup_free_ char *text = NULL;

	return file_read_line(h->root, k->path, &text) < 0 ? 0 : strtoull(text, NULL, 10);
}

static int too_full(struct host *h, const struct knob *k, struct error *e)
{
	error_set(e, -ERANGE, "the kernel found memory for %llu of %s: %s%s%s", pages_of(h, k),
		k->want, k->label, k->of ? " of " : "", k->of ? k->of : "");
	return error_cure(e, "stop guests or programs that use memory (free -m) and reload, or "
			     "reboot: kvmhostd asks early, while memory is still whole");
}

int memory_set(struct host *h, struct step *s, const struct knobs *k, const struct knob **refused,
	struct error *e)
{
	unsigned long long before, now = 0;
	int r, i;

	for (i = 0; i < ATTEMPTS; i++) {
		before = now;
		error_clear(e);
		*e = (struct error){ 0 };
		*refused = NULL;
		r = knobs_apply(h, s, k, refused, e);
		if (r != -ERANGE || !*refused || !streq((*refused)->field, "hugepages"))
			return r;
		now = pages_of(h, *refused);
		if (i && now <= before)
			break;
		if (file_poke(h->root, COMPACT, "1") < 0)
			break;
	}
	return too_full(h, *refused, e);
}
