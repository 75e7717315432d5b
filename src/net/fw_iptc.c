/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The backend that speaks iptables tables through libiptc. One commit replaces
 * the whole table in the kernel; libiptc carries over the counters of every
 * rule that stays. A table that grew or shrank since it was read makes the
 * commit fail with EAGAIN; one that changed without that cannot be noticed,
 * hence the lock around both.
 */
#include "net/fw_tc.h"
#include "net/fw_xt.h"
#include "net/xt_lock.h"
#include <linux/netfilter/x_tables.h>

#define TRIES 10
#define LOCK_SECONDS 10

struct edit {
	struct host *h;
	const struct fw_table *table;
	const struct fw_tc *lib;
	struct xtc_handle *iptc;
	struct fw_part want[FW_CHAINS];
	struct arena *arena; /* for this try */
	struct fw_texts texts;
	const char *chain; /* being brought up to date */
	bool changed;
	int code; /* the first failure */
	struct error *e;
};

static int failed(struct edit *d, const char *what, const char *chain)
{
	int code = errno ? errno : EINVAL;

	if (!d->code)
		d->code = error_set(d->e, -code, "cannot %s %s in the %s table %s: %s", what, chain,
			d->lib->words, d->table->table, d->lib->strerror(code));
	return d->code;
}

/* ---- the rules of one chain ---- */

static const struct fw_rule **read_chain(struct edit *d, enum fw_chain c, size_t *n)
{
	const struct fw_rule **v = NULL;
	const void *e;

	*n = 0;
	for (e = d->lib->first(d->chain, d->iptc); e; e = d->lib->next(e, d->iptc)) {
		struct fw_rule *r = arena_alloc(d->arena, sizeof(*r));

		fw_xt_decode(e, d->lib->target(e, d->iptc), &d->texts, r);
		r->chain = c;
		*ARENA_PUSH(d->arena, v, *n) = r;
	}
	return v;
}

static void edit_rule(enum fw_edit edit, const struct fw_rule *r, size_t at, void *arg)
{
	char buf[FW_XT_ENTRY_MAX] __attribute__((aligned(16)));
	struct edit *d = arg;

	if (edit == FW_KEEP || d->code)
		return;
	d->changed = true;
	if (edit == FW_DELETE) {
		if (!d->lib->remove(d->chain, (unsigned)at, d->iptc))
			failed(d, "remove a rule from", d->chain);
	} else if (!d->lib->insert(d->chain, fw_xt_encode(r, d->table->family, buf), (unsigned)at,
			   d->iptc)) {
		failed(d, "add a rule to", d->chain);
	}
}

static void edit_chain(struct edit *d, enum fw_chain c)
{
	const struct fw_rule **have;
	size_t n_have;

	if (!d->want[c].n)
		return;
	d->chain = fw_chain_names[c];
	have = read_chain(d, c, &n_have);
	fw_compare(have, n_have, d->want[c].v, d->want[c].n, edit_rule, d);
}

/* ---- chains and the jumps to them ---- */

static void make_chains(struct edit *d)
{
	for (int c = FW_FIRST_OWN; c < FW_STRAY && !d->code; c++) {
		const char *name = fw_chain_names[c];

		if (!d->want[c].n || d->lib->is_chain(name, d->iptc))
			continue;
		d->changed = true;
		if (!d->lib->create_chain(name, d->iptc))
			failed(d, "make the chain", name);
	}
}

/* The rule is a jump to `to` for every packet, and nothing else. */
static bool is_jump(const struct fw_rule *r, enum fw_chain *to)
{
	const struct fw_rule plain = { .chain = r->chain, .target = FW_JUMP, .jump = r->jump };

	*to = r->jump;
	return fw_rule_equal(r, &plain);
}

/* One jump to each wanted chain, the others out; what else is in the chain stays. */
static void edit_base(struct edit *d, enum fw_chain base)
{
	char buf[FW_XT_ENTRY_MAX] __attribute__((aligned(16)));
	uint32_t found = 0;
	size_t n, n_want = d->want[base].n, at = 0;
	const struct fw_rule **v, **want = d->want[base].v;

	d->chain = fw_chain_names[base];
	if (!d->lib->is_chain(d->chain, d->iptc))
		return;
	v = read_chain(d, base, &n);
	for (size_t i = 0; i < n; i++) {
		bool keep = false;
		enum fw_chain to;

		if (!is_jump(v[i], &to)) {
			at++;
			continue;
		}
		for (size_t k = 0; k < n_want; k++)
			keep |= want[k]->jump == to && !(found & 1u << to);
		found |= 1u << to;
		edit_rule(keep ? FW_KEEP : FW_DELETE, v[i], at, d);
		at += keep;
	}
	for (size_t k = 0; k < n_want && !d->code; k++) {
		if (found & 1u << want[k]->jump)
			continue;
		d->changed = true;
		if (!d->lib->insert(
			    d->chain, fw_xt_encode(want[k], d->table->family, buf), 0, d->iptc))
			failed(d, "add a jump to", d->chain);
	}
}

static bool is_doomed(const struct edit *d, const char *chain)
{
	enum fw_chain c = fw_own_chain(chain);

	return c == FW_STRAY || (c < FW_STRAY && !d->want[c].n);
}

static int refuse_referenced(struct edit *d, const char *chain)
{
	d->code = error_set(d->e, -EBUSY,
		"a rule that is not kvmhost's leads to the chain %s in the "
		"%s table %s, so it cannot be removed",
		chain, d->lib->words, d->table->table);
	return error_cure(d->e, "find it with `%s -t %s -S | grep %s` and delete it", d->lib->words,
		d->table->table, chain);
}

/* All are emptied before the first is deleted: they refer to each other. */
static void remove_chains(struct edit *d)
{
	const char **v = NULL, *c;
	size_t n = 0;
	unsigned refs;

	for (c = d->lib->first_chain(d->iptc); c; c = d->lib->next_chain(d->iptc))
		if (is_doomed(d, c))
			*ARENA_PUSH(d->arena, v, n) = arena_strdup(d->arena, c);
	for (size_t i = 0; i < n && !d->code; i++)
		if (!d->lib->flush(v[i], d->iptc))
			failed(d, "empty the chain", v[i]);
	for (size_t i = 0; i < n && !d->code; i++) {
		d->changed = true;
		if (d->lib->references(&refs, v[i], d->iptc) && refs)
			refuse_referenced(d, v[i]);
		else if (!d->lib->delete_chain(v[i], d->iptc))
			failed(d, "remove the chain", v[i]);
	}
}

/* ---- the table ---- */

/*
 * libiptc carries over the counters of rules, but starts those of the kernel's
 * chains' policies at zero unless they are set.
 */
static void keep_policies(struct edit *d)
{
	for (int c = 0; c < FW_FIRST_OWN && !d->code; c++) {
		const char *name = fw_chain_names[c], *policy;
		struct xt_counters counters;

		if (!d->lib->is_chain(name, d->iptc))
			continue;
		policy = d->lib->policy(name, &counters, d->iptc);
		if (policy && !d->lib->set_policy(name, policy, &counters, d->iptc))
			failed(d, "keep the policy of", name);
	}
}

static void edit_table(struct edit *d)
{
	make_chains(d);
	for (int c = FW_FIRST_OWN; c < FW_STRAY && !d->code; c++)
		edit_chain(d, c);
	for (int c = 0; c < FW_FIRST_OWN && !d->code; c++)
		edit_base(d, c);
	if (!d->code)
		remove_chains(d);
	if (!d->code && d->changed)
		keep_policies(d);
}

/*
 * Somebody else wrote the table meanwhile. EINVAL may say so too: libiptc writes the rules and
 * then their counters, which the kernel refuses for a table that has another size by then
 * (do_add_counters() in net/ipv4/netfilter/ip_tables.c). The next look finds the rules there.
 */
static bool was_overtaken(int code, bool last)
{
	return code == EAGAIN || (code == EINVAL && !last);
}

/* -EAGAIN: look again. */
static int try_once(struct edit *d, bool last)
{
	d->iptc = fw_tc_open(d->lib, d->table, d->e);
	if (!d->iptc)
		return d->e->code;
	d->code = 0;
	d->changed = false;
	d->arena = arena_new();
	d->texts = (struct fw_texts){ .arena = d->arena, .family = d->table->family };
	edit_table(d);
	if (!d->code && d->changed && !d->lib->commit(d->iptc)) {
		if (was_overtaken(errno, last))
			d->code = -EAGAIN;
		else
			failed(d, "write", "the rules");
	}
	d->lib->free(d->iptc);
	arena_free(d->arena);
	return d->code;
}

static int apply_table(
	struct host *h, const struct fw_table *t, const struct fw_part *rules, struct error *e)
{
	struct edit d = { .h = h, .table = t, .e = e };
	_cleanup_close_ int lock = -1;
	int r;

	fw_partition(rules->v, rules->n, h->pass, d.want);

	if (!rules->n) {
		/* Nothing of ours can be in a table that is not there, and none is made for that.
		 */
		r = fw_xt_made(h, t, e);
		if (r <= 0)
			return r;
	}
	r = fw_tc_get(t->family, &d.lib, e);
	if (r < 0)
		return r;
	lock = xt_lock(h, LOCK_SECONDS, e);
	if (lock < 0)
		return lock;
	for (int i = 0; i < TRIES; i++) {
		r = try_once(&d, i + 1 == TRIES);
		if (r != -EAGAIN)
			return r;
	}
	return error_set(e, -EAGAIN,
		"the %s table %s was changed by others %d times while it "
		"was written",
		d.lib->words, t->table, TRIES);
}

static void iptc_apply(struct host *h, struct fw_job *jobs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		apply_table(h, jobs[i].table, &jobs[i].want, jobs[i].e);
}

const struct fw_backend fw_iptc = {
	.name = "iptables",
	.ordered = true,
	.observe = fw_xt_read,
	.apply = iptc_apply,
};
