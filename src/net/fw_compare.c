/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From one list of rules to another. Both are nearly always equal, or differ
 * by what one resource brought: so the equal start is walked first, and only
 * the rest is counted in a hash table. Linear; not always the shortest way
 * where rules changed places, which nothing of ours does.
 */
#include "net/firewall.h"

struct slot {
	const struct fw_rule *rule;
	uint64_t hash;
	uint32_t have, want; /* how many are still to come */
};

struct counts {
	struct slot *v;
	size_t mask;
};

static struct slot *slot_of(const struct counts *c, const struct fw_rule *r)
{
	uint64_t hash = fw_rule_hash(r);
	size_t i = hash & c->mask;

	while (c->v[i].rule && (c->v[i].hash != hash || !fw_rule_equal(c->v[i].rule, r)))
		i = (i + 1) & c->mask;
	c->v[i].rule = r;
	c->v[i].hash = hash;
	return &c->v[i];
}

static void make_room(struct counts *c, size_t n)
{
	size_t cap = 16;

	while (cap < 2 * n)
		cap *= 2;
	c->v = xcalloc(cap, sizeof(*c->v));
	c->mask = cap - 1;
}

/* A rule that was not understood equals nothing, so it is nobody's to count. */
static void count(struct counts *c, const struct fw_rule *const *have, size_t n_have,
	const struct fw_rule *const *want, size_t n_want)
{
	make_room(c, n_have + n_want);
	for (size_t i = 0; i < n_have; i++)
		if (have[i]->target != FW_UNKNOWN)
			slot_of(c, have[i])->have++;
	for (size_t i = 0; i < n_want; i++)
		slot_of(c, want[i])->want++;
}

/* The rule at hand goes: nobody wants it, or only further on, where it is put in again. */
static bool must_go(const struct slot *have, const struct slot *want)
{
	return !have || !have->want || !want || want->have;
}

void fw_compare(const struct fw_rule *const *have, size_t n_have, const struct fw_rule *const *want,
	size_t n_want, fw_edit_fn *fn, void *arg)
{
	struct counts c = { 0 };
	size_t i = 0, j = 0;

	for (; i < n_have && j < n_want && fw_rule_equal(have[i], want[j]); i++, j++)
		fn(FW_KEEP, have[i], j, arg);
	if (i < n_have || j < n_want)
		count(&c, have + i, n_have - i, want + j, n_want - j);
	while (i < n_have || j < n_want) {
		bool known = i < n_have && have[i]->target != FW_UNKNOWN;
		struct slot *h = known ? slot_of(&c, have[i]) : NULL;
		struct slot *w = j < n_want ? slot_of(&c, want[j]) : NULL;

		if (h && h == w) {
			fn(FW_KEEP, have[i++], j++, arg);
			h->have--;
			h->want--;
		} else if (i < n_have && must_go(h, w)) {
			fn(FW_DELETE, have[i++], j, arg);
			if (h)
				h->have--;
		} else if (w) {
			fn(FW_INSERT, want[j], j, arg);
			w->want--;
			j++;
		}
	}
	free(c.v);
}

/*
 * Wanted rules by hash, each in a place of its own also where two are equal. Small, since a host
 * with many networks has thousands of rules and is looked at with nothing to do most of the time.
 */
struct place {
	uint32_t hash;
	uint32_t at; /* in the array, from 1; 0: free */
};

struct places {
	struct place *v;
	size_t mask;
	bool *found; /* for each of the array */
};

static struct places places_of(const struct fw_rule *const *want, size_t n)
{
	struct places p = { .found = xcalloc(n + 1, sizeof(*p.found)) };
	size_t cap = 16;

	while (cap < 2 * n)
		cap *= 2;
	p.v = xcalloc(cap, sizeof(*p.v));
	p.mask = cap - 1;
	for (size_t i = 0; i < n; i++) {
		uint32_t hash = (uint32_t)fw_rule_hash(want[i]);
		size_t k = hash & p.mask;

		while (p.v[k].at)
			k = (k + 1) & p.mask;
		p.v[k] = (struct place){ hash, (uint32_t)i + 1 };
	}
	return p;
}

/* Finds each of the wanted once. */
static bool find(struct places *p, const struct fw_rule *const *want, const struct fw_rule *r)
{
	uint32_t hash = (uint32_t)fw_rule_hash(r);

	for (size_t k = hash & p->mask; p->v[k].at; k = (k + 1) & p->mask) {
		size_t i = p->v[k].at - 1;

		if (p->v[k].hash != hash || p->found[i] || !fw_rule_equal(want[i], r))
			continue;
		p->found[i] = true;
		return true;
	}
	return false;
}

void fw_compare_sets(const struct fw_rule *const *have, size_t n_have,
	const struct fw_rule *const *want, size_t n_want, fw_edit_fn *fn, void *arg)
{
	struct places p = places_of(want, n_want);

	for (size_t i = 0; i < n_have; i++)
		fn(find(&p, want, have[i]) ? FW_KEEP : FW_DELETE, have[i], 0, arg);
	for (size_t i = 0; i < n_want; i++)
		if (!p.found[i])
			fn(FW_INSERT, want[i], 0, arg);
	free(p.found);
	free(p.v);
}

void fw_partition(const struct fw_rule *const *rules, size_t n, struct arena *a,
	struct fw_part parts[FW_CHAINS])
{
	const struct fw_rule **room = arena_alloc(a, (n + 1) * sizeof(*room));

	memset(parts, 0, FW_CHAINS * sizeof(*parts));
	for (size_t i = 0; i < n; i++)
		parts[rules[i]->chain].n++;
	for (int c = 0; c < FW_CHAINS; c++) {
		parts[c].v = room;
		room += parts[c].n;
		parts[c].n = 0;
	}
	for (size_t i = 0; i < n; i++) {
		struct fw_part *p = &parts[rules[i]->chain];

		p->v[p->n++] = rules[i];
	}
}
