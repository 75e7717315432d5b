/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kind `firewall`: wanted rules collected from other kinds, compared, handed to a backend. */
#include "net/firewall.h"
#include "base/log.h"
#include "reconcile/plan.h"

/* How many differing rules a plan shows. */
#define SHOWN 10

const struct fw_table fw_tables[] = {
	{ "ip-mangle", AF_INET, "mangle" },
	{ "ip-nat", AF_INET, "nat" },
	{ "ip-filter", AF_INET, "filter" },
	{ "ip6-nat", AF_INET6, "nat" },
	{ "ip6-filter", AF_INET6, "filter" },
};
const size_t fw_n_tables = ARRAY_SIZE(fw_tables);

static const struct field firewall_fields[] = {
	FIELD_ENUM(struct firewall, backend, fw_backend_names, .doc = "Where the rules stand."),
	FIELD_LIST(
		struct firewall, rules, type_fw_rule, .doc = "Rules in chains of kvmhost's own."),
};

static const struct table rules_table =
	TABLE(struct firewall, firewall_fields, .doc = "Firewall rules, by table and family.");

static const struct fw_table *table_of(const char *resource)
{
	for (size_t i = 0; i < fw_n_tables; i++)
		if (streq(fw_tables[i].resource, resource))
			return &fw_tables[i];
	return NULL;
}

static void push(struct wants *w, struct firewall *f, const struct fw_rule *rule)
{
	struct fw_rule *v = f->rules.v;

	*ARENA_PUSH(w->arena, v, f->rules.n) = *rule;
	f->rules.v = v;
}

static void jump(struct wants *w, struct firewall *f, enum fw_chain from, enum fw_chain to)
{
	if (f->chains & 1u << to)
		return;
	f->chains |= 1u << to;
	push(w, f, &(struct fw_rule){ .chain = from, .target = FW_JUMP, .jump = to });
}

/* The three stages of forwarding come together, because their order among each other counts. */
static void jumps(struct wants *w, struct firewall *f, enum fw_chain chain)
{
	static const enum fw_chain base[] = {
		[FW_PREROUTING] = FW_BASE_PREROUTING,
		[FW_INPUT] = FW_BASE_INPUT,
		[FW_OUTPUT] = FW_BASE_OUTPUT,
		[FW_POSTROUTING] = FW_BASE_POSTROUTING,
	};

	if (chain < FW_FORWARD || chain > FW_FORWARD_OUT_OF) {
		jump(w, f, base[chain], chain);
		return;
	}
	jump(w, f, FW_BASE_FORWARD, FW_FORWARD);
	for (int within = FW_FORWARD_WITHIN; within <= FW_FORWARD_OUT_OF; within++)
		jump(w, f, FW_FORWARD, within);
}

/* Only what the document says; `auto` is decided by the machine. */
static void set_backend(struct wants *w, struct firewall *f)
{
	const struct firewall_settings *settings = wants_section(w, "host.firewall");

	if (!settings || settings->backend == FW_CHOICE_AUTO)
		return;
	f->backend = settings->backend == FW_CHOICE_NFTABLES ? FW_NFTABLES : FW_IPTABLES;
	obj_mark_set(f, "backend");
}

struct resource *firewall_table(struct wants *w, const struct resource *from, const char *table)
{
	struct resource *r = wants_find(w, "firewall", table);

	/* Rules come resource by resource: the edge to this one is usually there already. */
	if (!r || !r->n_after || r->after[r->n_after - 1]->want != from->want)
		r = want_derive(w, from, "firewall", table, false);
	return r;
}

void firewall_put(
	struct wants *w, const struct resource *from, struct resource *table, struct fw_rule rule)
{
	struct firewall *f = (struct firewall *)table->want;

	rule.owner = from->id;
	if (!f->rules.n)
		set_backend(w, f);
	jumps(w, f, rule.chain);
	push(w, f, &rule);
	/*
	 * The row stays unset: the rules need no walk for references, which would write out each of
	 * thousands. They are compared and applied from the list itself.
	 */
}

void firewall_add(
	struct wants *w, const struct resource *from, const char *table, struct fw_rule rule)
{
	firewall_put(w, from, firewall_table(w, from, table), rule);
}

/* In which backends there is something of ours in the table. */
static uint32_t holders(const struct fw_view *views, const struct fw_table *t)
{
	uint32_t held = 0;

	for (size_t i = 0; i < FW_BACKENDS; i++)
		if (views[i].tables[t - fw_tables].present)
			held |= 1u << i;
	return held;
}

/* A table of checksums alone is nothing where nobody fills them in. */
static bool says_anything(const struct firewall *want, const struct fw_backend *b)
{
	for (size_t i = 0; want && i < want->rules.n; i++)
		if (!b->holds || b->holds(&LIST_AT(&want->rules, struct fw_rule, i)))
			return true;
	return false;
}

static int firewall_observe(struct host *h, const struct resource *r, void **have, struct error *e)
{
	const struct fw_table *t = table_of(r->name);
	const struct fw_view *views;
	const struct fw_rules *rules;
	struct firewall *f;
	uint32_t held;
	int at;

	*have = NULL;
	if (!t)
		return error_set(e, -EINVAL, "there is no firewall table %s", r->name);
	at = fw_views_get(h, &views, e);
	if (at < 0 || !h->live)
		return at;
	held = holders(views, t);
	at = r->want                    ? fw_choose(views, r->want, e)
	     : held & 1u << FW_IPTABLES ? FW_IPTABLES
					: FW_NFTABLES;
	if (at < 0)
		return at;
	if (!held)
		return r->want && !says_anything(r->want, fw_backends[at]) ? NOT_HERE : 0;
	if (!(held & 1u << at))
		at = !at;
	rules = &views[at].tables[t - fw_tables].rules;
	f = obj_new(h->pass, &rules_table, r->name);
	f->backend = at;
	f->held = held;
	f->rules = (struct list){ rules->v, rules->n };
	obj_mark_set(f, "backend");
	obj_mark_set(f, "rules");
	*have = f;
	return 0;
}

/* What the backend can say; rules from an undo log may hold some that nobody understood. */
static struct fw_part said_by(struct host *h, const struct firewall *f, const struct fw_backend *b)
{
	struct fw_part said = { 0 };

	said.v = arena_alloc(h->pass, ((f ? f->rules.n : 0) + 1) * sizeof(*said.v));
	for (size_t i = 0; f && i < f->rules.n; i++) {
		const struct fw_rule *rule = &LIST_AT(&f->rules, struct fw_rule, i);

		if (rule->target != FW_UNKNOWN && (!b->holds || b->holds(rule)))
			said.v[said.n++] = rule;
	}
	return said;
}

static struct fw_part all_of(struct host *h, const struct firewall *f)
{
	struct fw_part all = { .n = f->rules.n };

	all.v = arena_alloc(h->pass, (all.n + 1) * sizeof(*all.v));
	for (size_t i = 0; i < all.n; i++)
		all.v[i] = &LIST_AT(&f->rules, struct fw_rule, i);
	return all;
}

struct showing {
	struct host *h;
	struct step *step;
	size_t n;
	size_t unshown[FW_INSERT + 1];
};

static void show(enum fw_edit edit, const struct fw_rule *r, size_t at _unused_, void *arg)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };
	struct showing *s = arg;

	if (edit == FW_KEEP)
		return;
	if (s->n++ >= SHOWN) {
		s->unshown[edit]++;
		return;
	}
	fw_rule_format(r, true, &text);
	step_change(s->h, s->step, "rules", "rules", edit == FW_DELETE ? sb_str(&text) : NULL,
		edit == FW_DELETE ? NULL : sb_str(&text));
}

/* As each of them would be: what goes stands on the left, what comes on the right. */
static void show_rest(struct showing *s)
{
	for (enum fw_edit edit = FW_DELETE; edit <= FW_INSERT; edit++) {
		size_t n = s->unshown[edit];
		const char *text =
			arena_printf(s->h->pass, "%zu more rule%s", n, n == 1 ? "" : "s");

		if (n)
			step_change(s->h, s->step, "rules", "rules",
				edit == FW_DELETE ? text : NULL, edit == FW_DELETE ? NULL : text);
	}
}

static void note_difference(
	enum fw_edit edit, const struct fw_rule *r _unused_, size_t at _unused_, void *arg)
{
	if (edit != FW_KEEP)
		*(bool *)arg = true;
}

/* Chain by chain, to be read; not where all is as it should be, which is nearly always. */
static void compare(struct host *h, const struct fw_backend *b, const struct fw_part *have,
	const struct fw_part *want, struct showing *sh)
{
	struct fw_part x[FW_CHAINS], y[FW_CHAINS];
	bool differ = b->ordered;

	if (!b->ordered)
		fw_compare_sets(have->v, have->n, want->v, want->n, note_difference, &differ);
	if (!differ)
		return;
	fw_partition(have->v, have->n, h->pass, x);
	fw_partition(want->v, want->n, h->pass, y);
	for (int c = 0; c < FW_CHAINS; c++)
		(b->ordered ? fw_compare : fw_compare_sets)(
			x[c].v, x[c].n, y[c].v, y[c].n, show, sh);
}

/* The rules as one backend says them; then whether it is the one that has them. */
static void firewall_diff(struct host *h, struct step *s)
{
	const struct firewall *f = s->have, *w = s->want;
	const struct fw_view *views;
	int to = fw_views_get(h, &views, NULL) < 0 ? -1 : fw_choose(views, w, NULL);
	struct showing sh = { .h = h, .step = s };
	struct fw_part have = { 0 }, want;

	if (to < 0)
		return;
	for (int i = 0; f && i < FW_BACKENDS; i++)
		if (i != to && f->held & 1u << i)
			step_change(h, s, "backend", "backend", fw_backend_names[i],
				fw_backend_names[to]);
	if (f && f->backend == to)
		have = all_of(h, f);
	else if (f)
		have = said_by(h, f, fw_backends[to]);
	want = said_by(h, w, fw_backends[to]);
	compare(h, fw_backends[to], &have, &want, &sh);
	show_rest(&sh);
}

/* One job for each step that wants its rules in this backend, or has some there and wants none. */
static void run_backend(struct host *h, enum fw_backend_id id, const struct fw_view *views,
	struct step *const *steps, size_t n, bool fill)
{
	struct fw_job *jobs = arena_alloc(h->pass, (n + 1) * sizeof(*jobs));
	size_t n_jobs = 0;

	for (size_t i = 0; i < n; i++) {
		struct step *s = steps[i];
		const struct fw_table *t = table_of(s->r->name);
		int to = s->want && !s->error.code ? fw_choose(views, s->want, &s->error) : -1;

		if (s->error.code ||
			(fill ? to != (int)id : to == (int)id || !(holders(views, t) & 1u << id)))
			continue;
		jobs[n_jobs] = (struct fw_job){ .table = t, .e = &s->error };
		if (fill)
			jobs[n_jobs].want = said_by(h, s->want, fw_backends[id]);
		n_jobs++;
	}
	if (n_jobs)
		fw_backends[id]->apply(h, jobs, n_jobs);
}

/* What is wanted is in force before anything goes elsewhere: no packet meets neither. */
static void firewall_apply_all(struct host *h, struct step *const *steps, size_t n)
{
	const struct fw_view *views;
	_cleanup_error_ struct error e = { 0 };
	int r = fw_views_get(h, &views, &e);

	for (size_t i = 0; i < n && r < 0; i++)
		error_set(&steps[i]->error, r, "%s", e.text ? e.text : strerror(-r));
	for (int pass = 0; pass < 2 && r >= 0; pass++)
		for (enum fw_backend_id id = 0; id < FW_BACKENDS; id++)
			if (fw_backends[id])
				run_backend(h, id, views, steps, n, !pass);
	fw_views_forget(h);
}

static int firewall_owned(struct host *h, const struct kind *k _unused_,
	void (*found)(const char *name, void *arg), void *arg, struct error *e)
{
	const struct fw_view *views;
	int r = fw_views_get(h, &views, e);

	for (size_t i = 0; r >= 0 && i < fw_n_tables; i++)
		if (holders(views, &fw_tables[i]))
			found(fw_tables[i].resource, arg);
	return r;
}

const struct kind firewall_kind = {
	.name = "firewall",
	.table = &rules_table,
	.undo = true,
	.observe = firewall_observe,
	.diff = firewall_diff,
	.apply_all = firewall_apply_all,
	.owned = firewall_owned,
};
