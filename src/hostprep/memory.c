/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host.memory. Hugepages are asked of the running kernel, which gives as many
 * as it finds whole memory for. Gigantic ones are seldom to be had after boot:
 * they go onto the kernel's command line too, and what this boot has no room
 * for waits for the next one.
 */
#include "hostprep/memory.h"
#include "hostprep/facts.h"
#include "hostprep/hugetlbfs.h"
#include "config/type.h"
#include "reconcile/record.h"

static void check_hugepages(const void *obj, struct diags *d)
{
	const struct hugepages *p = obj;

	if (obj_has(p, "pages") && p->nodes.n)
		diag_error(d, obj_mark(p, "pages"), "take one of the two out",
			"hugepages of %s: `pages` is their number in all, `nodes` says it for each "
			"node",
			p->obj.name);
	if (!obj_has(p, "pages") && !p->nodes.n)
		diag_error(d, obj_mark(p, "pages"), "write a number: `2MiB: 512`",
			"hugepages of %s: there is neither `pages` nor `nodes`", p->obj.name);
}

enum { PAGES_MAX = 1 << 30 };

static const struct field node_fields[] = {
	FIELD_INT(struct node_pages, pages, 0, PAGES_MAX, .required = true, .example = "256",
		.doc = "How many of the node's."),
};
static const struct table node_table = TABLE(struct node_pages, node_fields, .key = &type_int,
	.key_word = "NODE", .scalar = "pages", .doc = "Pages of a NUMA node, by its number.");

static const struct field hugepages_fields[] = {
	FIELD_INT(struct hugepages, pages, 0, PAGES_MAX, .example = "512",
		.doc = "How many in all; the kernel spreads them over the NUMA nodes."),
	FIELD_MAP(struct hugepages, nodes, node_table, .example = "{0: 256, 1: 256}",
		.doc = "How many of each NUMA node, instead of `pages`."),
	FIELD_STRING(struct hugepages, mount, type_path, .claims = "mount",
		.example = "/dev/hugepages1G",
		.doc = "Where a hugetlbfs with pages of this size is mounted, by a unit of "
		       "systemd's, "
		       "for programs that are no guests. Guests need none."),
};
static const struct table hugepages_table = TABLE(struct hugepages, hugepages_fields,
	.key = &type_size, .key_word = "SIZE", .scalar = "pages", .check = check_hugepages,
	.doc = "Hugepages by their size. Those of 1GiB and more are reserved at boot too "
	       "(hugepagesz= hugepages=); others kvmhostd asks for as it starts, while memory is "
	       "still whole. What there is no memory for is not asked for.");

static const struct field memory_fields[] = {
	FIELD_MAP(struct memory, hugepages, hugepages_table, .def = "{}",
		.example = "{2MiB: 512, 1GiB: 4}",
		.doc = "Pages that are set aside for guests: how many of each size. Nothing else "
		       "can use that memory."),
	FIELD_BOOL(struct memory, ksm,
		.doc = "Whether the kernel merges equal pages of guests (KSM): less memory, more "
		       "work, and guests can tell what others have in memory. Left out: as the "
		       "machine has it."),
};

const struct table memory_table = TABLE(struct memory, memory_fields,
	.doc = "Hugepages and KSM. What leaves the document goes back to how it was.");

uint64_t hugepages_size(const struct hugepages *p)
{
	struct scalar s = { .text = p->obj.name, .kind = SCALAR_STRING };
	uint64_t size = 0;

	type_size.parse(&(struct field){ .type = &type_size }, &s, &size);
	return size;
}

int64_t hugepages_total(const struct hugepages *p)
{
	int64_t total = p->pages;
	size_t i;

	for (i = 0; i < p->nodes.n; i++)
		total += LIST_AT(&p->nodes, struct node_pages, i).pages;
	return total;
}

bool hugepages_gigantic(const struct hugepages *p)
{
	return hugepages_size(p) >= (uint64_t)GIB;
}

static void memory_derive(const struct resource *r, struct wants *w)
{
	const struct memory *m = r->want;
	size_t i;

	for (i = 0; i < m->hugepages.n; i++) {
		const struct hugepages *p = &LIST_AT(&m->hugepages, struct hugepages, i);
		_cleanup_free_ char *text = NULL;

		if (obj_has(p, "mount"))
			hugetlbfs_derive(w, r, p->mount, p->obj.name);
		if (!hugepages_gigantic(p) || !hugepages_total(p))
			continue;
		text = hugepages_parameter(p);
		want_set(w, want_derive(w, r, "cmdline", text, true), "next_boot", "true");
	}
}

uint64_t hugepages_sum(const struct memory *m)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < m->hugepages.n; i++) {
		const struct hugepages *p = &LIST_AT(&m->hugepages, struct hugepages, i);

		sum += hugepages_size(p) * (uint64_t)hugepages_total(p);
	}
	return sum;
}

static int check_sum(struct host *h, const struct memory *m, struct error *e)
{
	uint64_t sum = hugepages_sum(m), there = meminfo(h, "MemTotal");

	if (!there || sum < there)
		return 0;
	error_set(e, -ERANGE, "hugepages: %llu MiB in all, and this machine has %llu MiB of memory",
		(unsigned long long)(sum / MIB), (unsigned long long)(there / MIB));
	return error_cure(e, "reserve fewer, and leave memory to the host");
}

static const struct memory *wanted(const struct step *s)
{
	return s->r->want ? s->want : NULL;
}

static int memory_observe(struct host *h, const struct resource *r, void **have, struct error *e)
{
	struct knobs k = { .arena = h->pass };
	int ret = 0;

	*have = NULL;
	if (r->want)
		ret = check_sum(h, r->want, e);
	if (ret == 0 && r->want)
		ret = hugepages_check_others(h, r->want, e);
	if (ret == 0 && r->want)
		ret = memory_knobs(h, r->want, &k, e);
	if (ret < 0)
		return ret;
	*have = obj_new(h->pass, &memory_table, r->name);
	return 0;
}

/*
 * That this boot has no room for a gigantic reservation is kept, so that the
 * next pass waits instead of trying again: {"short": {PATH: {"boot": ID,
 * "wanted": "4", "found": 1}}}
 */
/* How it went in this boot; NULL: it was not tried. */
static json_t *attempt(struct host *h, const struct step *s, const struct knob *k)
{
	_cleanup_free_ char *id = host_boot_id(h);
	const char *boot, *wanted;
	json_t *was;

	if (!record_has(h, s->r->id))
		return NULL;
	was = json_object_get(json_object_get(record_kept(h, s->r->id), "short"), k->path);
	boot = json_string_value(json_object_get(was, "boot"));
	wanted = json_string_value(json_object_get(was, "wanted"));
	return boot && wanted && streq_null(boot, id) && streq(wanted, k->want) ? was : NULL;
}

static void give_up(struct host *h, const struct step *s, const struct shortage *lack)
{
	json_t *kept = record_kept(h, s->r->id), *all = json_object_get(kept, "short");
	_cleanup_free_ char *id = host_boot_id(h);

	if (!all) {
		all = json_object();
		json_object_set_new(kept, "short", all);
	}
	json_object_set_new(all, lack->knob->path,
		json_pack("{s:s?, s:s, s:I}", "boot", id, "wanted", lack->knob->want, "found",
			(json_int_t)lack->found));
	record_touch(h);
}

static void diff_waiting(struct host *h, struct step *s, const struct knobs *late)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };
	size_t before = s->n_changes;

	for (size_t i = 0; i < late->n; i++) {
		struct knobs one = { .arena = late->arena, .v = &late->v[i], .n = 1 };
		size_t had = s->n_changes;

		knobs_diff_wanted(h, s, &one);
		if (s->n_changes > had)
			sb_addf(&text, "%s for %lld of %s: %s", text.len ? "," : "",
				(long long)json_integer_value(
					json_object_get(attempt(h, s, &late->v[i]), "found")),
				late->v[i].want, s->changes[had].path);
	}
	if (text.len)
		s->wait = arena_printf(
			h->pass, "a reboot: the running kernel found memory%s", sb_str(&text));
	if (before && s->wait) {
		s->reason = arena_printf(h->pass, "will then wait for %s", s->wait);
		s->wait = NULL;
	}
}

/* What can be done now, and what this boot has been found too full for. */
static void memory_diff(struct host *h, struct step *s)
{
	struct knobs all = { .arena = h->pass }, late = { .arena = h->pass };
	size_t i;

	if (wanted(s) && memory_knobs(h, wanted(s), &all, NULL) < 0)
		return; /* observe has just told of it */
	for (i = 0; i < all.n; i++)
		if (attempt(h, s, &all.v[i])) {
			*ARENA_PUSH(h->pass, late.v, late.n) = all.v[i];
			all.v[i].skipped = true;
		}
	knobs_diff(h, s, &all);
	diff_waiting(h, s, &late);
}

static void memory_refine(struct host *h _unused_, struct step *s)
{
	s->disruption = s->wait ? DISRUPT_REBOOT : DISRUPT_NONE;
}

static int memory_apply(struct host *h, struct step *s, struct error *e)
{
	struct knobs k = { .arena = h->pass };
	struct shortage lack = { 0 };
	int r = wanted(s) ? memory_knobs(h, wanted(s), &k, e) : 0;

	if (r == 0)
		r = memory_set(h, s, &k, &lack, e);
	if (r == -ERANGE && lack.knob && pool_page_size(lack.knob) >= (uint64_t)GIB) {
		error_clear(e);
		*e = (struct error){ 0 };
		give_up(h, s, &lack);
		return 0;
	}
	return r;
}

const struct kind memory_kind = {
	.name = "memory",
	.table = &memory_table,
	.check = hugepages_check_list,
	.derive = memory_derive,
	.observe = memory_observe,
	.diff = memory_diff,
	.refine = memory_refine,
	.apply = memory_apply,
};
