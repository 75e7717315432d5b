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
	size_t have, want; /* how many are still to come */
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

/* A rule that was not understood equals nothing, so it is nobody's to count. */
static void count(struct counts *c, const struct fw_rule *const *have, size_t n_have,
	const struct fw_rule *const *want, size_t n_want)
{
	size_t cap = 16;

	while (cap < 2 * (n_have + n_want))
		cap *= 2;
	c->v = xmalloc(cap * sizeof(*c->v));
	memset(c->v, 0, cap * sizeof(*c->v));
	c->mask = cap - 1;
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

void fw_compare_sets(const struct fw_rule *const *have, size_t n_have,
	const struct fw_rule *const *want, size_t n_want, fw_edit_fn *fn, void *arg)
{
	struct counts c = { 0 };

	count(&c, have, n_have, want, n_want);
	for (size_t i = 0; i < n_have; i++) {
		struct slot *s = have[i]->target == FW_UNKNOWN ? NULL : slot_of(&c, have[i]);

		if (s && s->want) {
			s->want--;
			s->have--;
			fn(FW_KEEP, have[i], 0, arg);
		} else {
			fn(FW_DELETE, have[i], 0, arg);
		}
	}
	for (size_t i = 0; i < n_want; i++) {
		struct slot *s = slot_of(&c, want[i]);

		if (s->want) {
			s->want--;
			fn(FW_INSERT, want[i], 0, arg);
		}
	}
	free(c.v);
}

const struct fw_rule **fw_pick(
	const struct fw_rules *all, enum fw_chain chain, struct arena *a, size_t *n)
{
	const struct fw_rule **v;
	size_t count = 0;

	for (size_t i = 0; i < all->n; i++)
		count += all->v[i].chain == chain;
	v = arena_alloc(a, (count + 1) * sizeof(*v));
	*n = 0;
	for (size_t i = 0; i < all->n && *n < count; i++)
		if (all->v[i].chain == chain)
			v[(*n)++] = &all->v[i];
	return v;
}
