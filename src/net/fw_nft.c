/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The backend that speaks nf_tables. One transaction brings the tables of all
 * families from what they are to what is wanted: elements that differ, a part
 * that is new, or the whole table anew where somebody changed it. A table that
 * comes or goes takes two: its sets are full before rules look them up, and
 * empty after. Each names the generation of the ruleset that was read, and is
 * made again when another writer came in between.
 */
#include "net/fw_nft.h"
#include <assert.h>

#define TRIES 10

/*
 * A jump has no equivalent, our base chains are the kernel's own way in. To
 * accept what comes to the host or leaves it would say nothing: no table
 * overrules another's drop. There is no target that fills in checksums.
 */
static bool nft_holds(const struct fw_rule *r)
{
	if (r->target == FW_JUMP || r->target == FW_CHECKSUM_FILL)
		return false;
	return r->target != FW_ACCEPT || (r->chain != FW_INPUT && r->chain != FW_OUTPUT);
}

static enum nft_part part_of(const struct fw_table *t)
{
	return streq(t->table, "nat")      ? NFT_NAT
	       : streq(t->table, "mangle") ? NFT_MANGLE
					   : NFT_FILTER;
}

/* What damaged a table is shown with the first of its parts. */
static enum nft_part first_part(const struct nft_table *t)
{
	for (enum nft_part p = 0; p < NFT_PARTS; p++)
		if (t->has[p])
			return p;
	return NFT_FILTER;
}

static void show_part(
	struct arena *a, const struct nft_table *t, enum nft_part part, struct fw_seen *out)
{
	struct fw_rules *rules = &out->rules;

	*out = (struct fw_seen){ .present = t->has[part], .rules = t->rules[part] };
	if (!t->damaged || part != first_part(t))
		return;
	rules->v = arena_alloc(a, (rules->n + 1) * sizeof(*rules->v));
	*rules->v = (struct fw_rule){ .chain = FW_STRAY, .stray = t->stray };
	if (t->rules[part].n)
		memcpy(rules->v + 1, t->rules[part].v, t->rules[part].n * sizeof(*rules->v));
	rules->n++;
	out->present = true;
}

static int nft_observe(struct host *h, struct fw_view *v, struct error *e)
{
	struct nft_table tables[2];
	uint32_t generation;

	v->usable = true;
	for (size_t i = 0; i < fw_n_tables; i++) {
		const struct fw_table *t = &fw_tables[i];
		struct nft_table *read = &tables[t->family != AF_INET];
		int r = 0;

		if (!i || fw_tables[i - 1].family != t->family)
			r = nft_read(h, t->family, h->pass, read, &generation, e);
		if (r == -EOPNOTSUPP) {
			v->usable = false;
			error_clear(e);
			return 0;
		}
		if (r < 0)
			return r;
		show_part(h->pass, read, part_of(t), &v->tables[i]);
	}
	return 0;
}

/* ---- writing ---- */

/* One family on its way. */
struct family {
	int family;
	struct nft_table have;
	struct fw_part want[NFT_PARTS];
	bool set[NFT_PARTS]; /* want is of a job; else it is what is there */
};

struct transaction {
	struct arena *arena; /* for this try */
	struct nft_buf batch;
	struct nft_buf rules; /* after it: of tables that are new */
	struct family families[2];
	size_t n;
	bool unsaid;
	bool emptied; /* tables that go have no rules any more */
};

static struct family *family_of(struct transaction *t, int family)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->families[i].family == family)
			return &t->families[i];
	assert(t->n < ARRAY_SIZE(t->families)); /* AF_INET and AF_INET6 */
	t->families[t->n] = (struct family){ .family = family };
	return &t->families[t->n++];
}

static void take_job(struct transaction *t, const struct fw_job *job)
{
	enum nft_part part = part_of(job->table);
	struct family *f;

	f = family_of(t, job->table->family);
	f->set[part] = true;
	f->want[part].v = arena_alloc(t->arena, (job->want.n + 1) * sizeof(*f->want[part].v));
	for (size_t i = 0; i < job->want.n; i++)
		if (nft_holds(job->want.v[i]))
			f->want[part].v[f->want[part].n++] = job->want.v[i];
}

struct edits {
	struct arena *arena;
	const struct fw_rule **go, **come;
	size_t n_go, n_come;
};

static void note(enum fw_edit edit, const struct fw_rule *r, size_t at _unused_, void *arg)
{
	struct edits *e = arg;

	if (edit == FW_DELETE)
		*ARENA_PUSH(e->arena, e->go, e->n_go) = r;
	else if (edit == FW_INSERT)
		*ARENA_PUSH(e->arena, e->come, e->n_come) = r;
}

static struct fw_part pointers(struct arena *a, const struct fw_rules *rules)
{
	struct fw_part p = { .n = rules->n };

	p.v = arena_alloc(a, (rules->n + 1) * sizeof(*p.v));
	for (size_t i = 0; i < rules->n; i++)
		p.v[i] = &rules->v[i];
	return p;
}

static void put(
	struct transaction *t, int family, bool add, const struct fw_rule *const *v, size_t n)
{
	t->unsaid |= !nft_put_elements(&t->batch, family, add, v, n);
}

/* What goes first: an element may come back with another owner. */
static void change_part(struct transaction *t, struct family *f, enum nft_part part)
{
	struct fw_part have = pointers(t->arena, &f->have.rules[part]);
	struct edits e = { .arena = t->arena };

	if (!f->have.has[part]) {
		nft_make_sets(&t->batch, f->family, part);
		nft_make_rules(&t->batch, f->family, part);
	}
	fw_compare_sets(have.v, have.n, f->want[part].v, f->want[part].n, note, &e);
	put(t, f->family, false, e.go, e.n_go);
	put(t, f->family, true, e.come, e.n_come);
}

static bool wants_any(const struct family *f)
{
	return f->want[NFT_FILTER].n || f->want[NFT_NAT].n || f->want[NFT_MANGLE].n;
}

/*
 * The kernel puts new rules in force before the new elements of sets of intervals
 * (nf_tables_commit()): a packet in between comes to the rule that rejects, although iptables let
 * it through until then. So the rules of a new table come once its sets are full. One that is
 * replaced lets nothing through instead.
 */
static void make_anew(struct transaction *t, struct family *f)
{
	struct nft_buf *rules = f->have.present ? &t->batch : &t->rules;

	if (f->have.present)
		nft_drop_table(&t->batch, f->family);
	if (!wants_any(f))
		return;
	nft_make_table(&t->batch, f->family);
	for (enum nft_part p = 0; p < NFT_PARTS; p++) {
		if (!f->want[p].n)
			continue;
		nft_make_sets(&t->batch, f->family, p);
		put(t, f->family, true, f->want[p].v, f->want[p].n);
		nft_make_rules(rules, f->family, p);
	}
}

static void change_family(struct transaction *t, struct family *f)
{
	bool anew = !f->have.present || f->have.damaged;

	for (enum nft_part p = 0; p < NFT_PARTS; p++)
		anew |= f->have.has[p] && !f->want[p].n;
	if (anew) {
		make_anew(t, f);
		return;
	}
	for (enum nft_part p = 0; p < NFT_PARTS; p++)
		if (f->set[p] && f->want[p].n)
			change_part(t, f, p);
}

/* Jobs may leave a part as it is. */
static void complete(struct transaction *t, struct family *f)
{
	for (enum nft_part p = 0; p < NFT_PARTS; p++)
		if (!f->set[p])
			f->want[p] = pointers(t->arena, &f->have.rules[p]);
}

/*
 * A packet that is just going through rules when a transaction takes them away with their sets
 * finds the sets empty already, and comes to the rule that rejects. So rules go before their sets.
 */
static void empty_tables(struct transaction *t)
{
	for (size_t i = 0; i < t->n && !t->emptied; i++)
		if (t->families[i].have.present && !wants_any(&t->families[i]))
			nft_drop_rules(&t->batch, t->families[i].family);
}

static int refused(int code, int type, struct error *e)
{
	if (code == -EPERM) {
		error_set(e, code, "the kernel refuses to change nf_tables");
		return error_cure(e, "run it as root");
	}
	if (code == -ENOENT || code == -EOPNOTSUPP || code == -EINVAL) {
		error_set(e, -EOPNOTSUPP, "this kernel's nf_tables cannot hold our %s: %s",
			type == NFT_MSG_NEWSET     ? "sets (concatenated intervals, Linux 5.6)"
			: type == NFT_MSG_NEWRULE  ? "rules (masq, nat, fib, reject or ct)"
			: type == NFT_MSG_NEWCHAIN ? "chains (filter or nat)"
						   : "table",
			strerror(-code));
		return error_cure(e,
			"write host: {firewall: {backend: iptables}}, or load the "
			"modules nft_chain_nat, nft_masq, nft_fib_inet, nft_reject_inet");
	}
	return error_set(
		e, code, "cannot write the nftables table " NFT_TABLE ": %s", strerror(-code));
}

/* A table of full sets without rules is nobody's: with them or not at all. */
static int commit_rules(struct nft_socket *s, struct transaction *t, int *type)
{
	struct nft_buf undo = { 0 };
	int r = nft_commit(s, &t->rules, type), ignored;

	if (r >= 0)
		return r;
	nft_batch(&undo, NFT_ANY_GENERATION);
	for (size_t i = 0; i < t->n; i++)
		if (!t->families[i].have.present && wants_any(&t->families[i]))
			nft_drop_table(&undo, t->families[i].family);
	nft_commit(s, &undo, &ignored);
	nft_buf_free(&undo);
	return r;
}

/* -ERESTART: once more, because others wrote meanwhile or the rest is to come. */
static int try_once(
	struct host *h, struct transaction *t, const struct fw_job *jobs, size_t n, struct error *e)
{
	uint32_t generation = 0, ignored;
	struct nft_socket *s;
	bool first;
	size_t empty;
	int r, type = -1;

	for (size_t i = 0; i < n; i++)
		take_job(t, &jobs[i]);
	for (size_t i = 0; i < t->n; i++) {
		r = nft_read(h, t->families[i].family, t->arena, &t->families[i].have,
			i ? &ignored : &generation, e);
		if (r < 0)
			return r;
	}
	nft_batch(&t->batch, generation);
	nft_batch(&t->rules, nft_next_generation(generation));
	empty = t->batch.len;
	for (size_t i = 0; i < t->n; i++)
		complete(t, &t->families[i]);
	empty_tables(t);
	first = t->batch.len != empty;
	for (size_t i = 0; i < t->n && !first; i++)
		change_family(t, &t->families[i]);
	if (t->unsaid)
		return error_set(
			e, -ENOSYS, "a rule has no place in the nftables table " NFT_TABLE);
	if (t->batch.len == empty)
		return 0;
	r = nft_socket_get(h, &s, e);
	if (r < 0)
		return r;
	r = nft_commit(s, &t->batch, &type);
	t->emptied |= first && r >= 0;
	if (r >= 0 && t->rules.len != empty)
		r = commit_rules(s, t, &type);
	if (r < 0)
		return r == -ERESTART ? r : refused(r, type, e);
	return first ? -ERESTART : r;
}

static void nft_apply(struct host *h, struct fw_job *jobs, size_t n)
{
	_cleanup_error_ struct error why = { 0 };
	bool emptied = false;
	int r = -ERESTART;

	for (int i = 0; i < TRIES && r == -ERESTART; i++) {
		struct transaction t = { .arena = arena_new(), .emptied = emptied };

		r = try_once(h, &t, jobs, n, &why);
		emptied = t.emptied;
		nft_buf_free(&t.batch);
		nft_buf_free(&t.rules);
		arena_free(t.arena);
	}
	if (r == -ERESTART)
		error_set(&why, -EAGAIN,
			"the nftables ruleset was changed by others %d times while "
			"it was written",
			TRIES);
	for (size_t i = 0; i < n && r < 0; i++) {
		error_set(jobs[i].e, why.code, "%s", why.text);
		if (why.cure)
			error_cure(jobs[i].e, "%s", why.cure);
	}
}

const struct fw_backend fw_nft = {
	.name = "nftables",
	.holds = nft_holds,
	.observe = nft_observe,
	.apply = nft_apply,
};
