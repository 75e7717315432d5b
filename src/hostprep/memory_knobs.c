/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostprep/memory.h"
#include "base/strbuf.h"
#include "hostprep/facts.h"
#include "reconcile/record.h"

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

/*
 * How many pages each pool had, in the record until all that were asked for are there or these are
 * again: {"pools": {PATH: "96"}}. A run that was killed in between left it for the next.
 */
#define POOLS_BEFORE "pools"

static bool is_pool(const struct knob *k)
{
	return streq(k->field, "hugepages");
}

static void note_before(struct host *h, json_t *kept, const struct knobs *k)
{
	json_t *before = json_object_get(kept, POOLS_BEFORE);
	size_t i;

	if (!before) {
		before = json_object();
		json_object_set_new(kept, POOLS_BEFORE, before);
	}
	for (i = 0; i < k->n; i++) {
		_cleanup_free_ char *now = NULL;

		if (is_pool(&k->v[i]) && !json_object_get(before, k->v[i].path) &&
			file_read_line(h->root, k->v[i].path, &now) == 0)
			json_object_set_new(before, k->v[i].path, json_string(now));
	}
	record_touch(h);
}

/* All that are short. Pages that guests use stay with them: the kernel takes back what is free. */
static void put_back(struct host *h, json_t *kept, const struct knobs *k)
{
	json_t *before = json_object_get(kept, POOLS_BEFORE);
	size_t i;

	for (i = 0; i < k->n; i++) {
		const char *was = json_string_value(json_object_get(before, k->v[i].path));

		if (was && pages_of(h, &k->v[i]) < strtoull(k->v[i].want, NULL, 10))
			(void)file_poke(h->root, k->v[i].path, was);
	}
}

static int too_full(
	const struct knob *k, unsigned long long found, unsigned long long now, struct error *e)
{
	/* The kernel takes back what is free. */
	if (now > strtoull(k->want, NULL, 10)) {
		error_set(e, -EBUSY, "%llu %s%s%s are in use, and %s are asked for", now, k->label,
			k->of ? " of " : "", k->of ? k->of : "", k->want);
		return error_cure(e, "stop the guests or programs that have them and reload, or "
				     "ask for as many");
	}
	error_set(e, -ERANGE, "there is memory for %llu of %s: %s%s%s; there are %llu, as before",
		found, k->want, k->label, k->of ? " of " : "", k->of ? k->of : "", now);
	return error_cure(e, "stop guests or programs that use memory (free -m) and reload, or "
			     "reboot: kvmhostd asks early, while memory is still whole");
}

uint64_t pool_page_size(const struct knob *k)
{
	const char *kib = is_pool(k) ? strstr(k->path, "/hugepages-") : NULL;

	return kib ? strtoull(kib + strlen("/hugepages-"), NULL, 10) * KIB : 0;
}

/* What can be had at most, with what pools that become smaller give back; no limit: not known. */
static uint64_t room(struct host *h, const struct knobs *k)
{
	uint64_t bytes = meminfo(h, "MemAvailable");
	size_t i;

	if (!bytes)
		return UINT64_MAX;
	bytes += meminfo(h, "SwapFree");
	for (i = 0; i < k->n; i++) {
		unsigned long long now = is_pool(&k->v[i]) ? pages_of(h, &k->v[i]) : 0;
		unsigned long long want = strtoull(k->v[i].want, NULL, 10);

		bytes += want < now ? (now - want) * pool_page_size(&k->v[i]) : 0;
	}
	return bytes;
}

/*
 * Before it gives up the kernel takes all that is there: its caches, and what guests would have
 * been given in that moment. So what cannot be is not asked for. The first such pool; NULL: none.
 */
static const struct knob *leave_out(struct host *h, struct knobs *k, unsigned long long *found)
{
	uint64_t left = room(h, k);
	const struct knob *first = NULL;
	size_t i;

	for (i = 0; i < k->n; i++) {
		struct knob *one = &k->v[i];
		unsigned long long now = is_pool(one) ? pages_of(h, one) : 0;
		unsigned long long want = strtoull(one->want, NULL, 10);
		uint64_t size = pool_page_size(one);

		if (!size || want <= now)
			continue;
		one->skipped = want - now > left / size;
		if (!one->skipped) {
			left -= (want - now) * size;
		} else if (!first) {
			first = one;
			*found = now + left / size;
		}
	}
	return first;
}

static int ask(struct host *h, struct step *s, const struct knobs *k, const struct knob **refused,
	struct error *e)
{
	unsigned long long before, now = 0;
	int r = 0, i;

	for (i = 0; i < ATTEMPTS; i++) {
		before = now;
		error_clear(e);
		*e = (struct error){ 0 };
		*refused = NULL;
		r = knobs_apply(h, s, k, refused, e);
		if (r != -ERANGE || !*refused || !is_pool(*refused))
			return r;
		now = pages_of(h, *refused);
		if (i && now <= before)
			break;
		if (file_poke(h->root, COMPACT, "1") < 0)
			break;
	}
	return r;
}

int memory_set(
	struct host *h, struct step *s, struct knobs *k, struct shortage *lack, struct error *e)
{
	json_t *kept = record_has(h, s->r->id) ? record_kept(h, s->r->id) : NULL;
	unsigned long long found = 0;
	const struct knob *out = leave_out(h, k, &found), *refused = NULL;
	int r;

	if (kept)
		note_before(h, kept, k);
	r = ask(h, s, k, &refused, e);
	if (r == 0 && out) {
		refused = out;
		r = -ERANGE;
	}
	if (r == -ERANGE && refused && is_pool(refused)) {
		lack->knob = refused;
		lack->found = refused == out ? found : pages_of(h, refused);
		put_back(h, kept, k);
		r = too_full(refused, lack->found, pages_of(h, refused), e);
	}
	if (kept) {
		json_object_del(kept, POOLS_BEFORE);
		record_touch(h);
	}
	return r;
}
