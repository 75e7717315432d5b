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
};
const size_t fw_n_tables = ARRAY_SIZE(fw_tables);

static const struct field firewall_fields[] = {
	FIELD_LIST(
		struct firewall, rules, type_fw_rule, .doc = "Rules in chains of kvmhost's own."),
};

static const struct table firewall_table =
	TABLE(struct firewall, firewall_fields, .doc = "Firewall rules, by table and family.");

static const struct fw_backend *backend(void)
{
#ifdef HAVE_IPTC
	return &fw_iptc;
#else
	return NULL;
#endif
}

static const struct fw_table *table_of(const char *resource)
{
	for (size_t i = 0; i < fw_n_tables; i++)
		if (streq(fw_tables[i].resource, resource))
			return &fw_tables[i];
	return NULL;
}

/* What a pass read of each table; the rules are in the pass arena. */
struct seen {
	bool read;
	struct fw_seen table[ARRAY_SIZE(fw_tables)];
};

static int seen_open(struct host *h _unused_, void **data, struct error *e _unused_)
{
	*data = xmalloc(sizeof(struct seen));
	memset(*data, 0, sizeof(struct seen));
	return 0;
}

static void seen_forget(void *data)
{
	memset(data, 0, sizeof(struct seen));
}

static const struct handle seen_handle = {
	.name = "firewall",
	.open = seen_open,
	.forget = seen_forget,
	.close = free,
};

/* rules: NULL when no chain of ours is there. */
static int read_table(
	struct host *h, const struct fw_table *t, const struct fw_rules **rules, struct error *e)
{
	const struct fw_backend *b = backend();
	size_t i = (size_t)(t - fw_tables);
	struct seen *seen;
	void *data;
	int r = host_handle(h, &seen_handle, &data, e);

	if (r < 0)
		return r;
	seen = data;
	*rules = NULL;
	if (!seen->read) {
		if (!h->live || !b)
			return 0;
		r = b->observe(h, seen->table, e);
		if (r < 0)
			return r;
		seen->read = true;
	}
	if (seen->table[i].present)
		*rules = &seen->table[i].rules;
	return 0;
}

static void push(struct wants *w, struct firewall *f, struct fw_rule rule)
{
	struct fw_rule *v = f->rules.v;

	*ARENA_PUSH(w->arena, v, f->rules.n) = rule;
	f->rules.v = v;
}

static void jump(struct wants *w, struct firewall *f, enum fw_chain from, enum fw_chain to)
{
	if (f->chains & 1u << to)
		return;
	f->chains |= 1u << to;
	push(w, f, (struct fw_rule){ .chain = from, .target = FW_JUMP, .jump = to });
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
	for (chain = FW_FORWARD_WITHIN; chain <= FW_FORWARD_OUT_OF; chain++)
		jump(w, f, FW_FORWARD, chain);
}

void firewall_add(
	struct wants *w, const struct resource *from, const char *table, struct fw_rule rule)
{
	struct resource *r = wants_find(w, "firewall", table);
	struct firewall *f;

	/* Rules come resource by resource: the edge to this one is usually there already. */
	if (!r || !r->n_after || r->after[r->n_after - 1]->want != from->want)
		r = want_derive(w, from, "firewall", table, false);
	rule.owner = from->id;
	f = (struct firewall *)r->want;
	jumps(w, f, rule.chain);
	push(w, f, rule);
	/*
	 * The row stays unset: the rules need no walk for references, which would write out each of
	 * thousands. They are compared and applied from the list itself.
	 */
}

static int firewall_observe(struct host *h, const struct resource *r, void **have, struct error *e)
{
	const struct fw_table *t = table_of(r->name);
	const struct fw_rules *rules;
	struct firewall *f;
	int ret;

	*have = NULL;
	if (!t)
		return error_set(e, -EINVAL, "there is no firewall table %s", r->name);
	ret = read_table(h, t, &rules, e);
	if (ret < 0 || !rules)
		return ret;
	f = obj_new(h->pass, &firewall_table, r->name);
	f->rules = (struct list){ rules->v, rules->n };
	obj_mark_set(f, "rules");
	*have = f;
	return 0;
}

/* Rules from an undo log may hold some that nobody understood: those cannot come back. */
static struct fw_rules rules_of(struct host *h, const struct firewall *f)
{
	struct fw_rules r = { 0 };

	if (!f)
		return r;
	r.v = f->rules.v;
	r.n = f->rules.n;
	for (size_t i = 0; i < r.n; i++)
		if (r.v[i].target == FW_UNKNOWN) {
			struct fw_rules known = { arena_alloc(h->pass, r.n * sizeof(*r.v)), 0 };

			for (i = 0; i < r.n; i++)
				if (r.v[i].target != FW_UNKNOWN)
					known.v[known.n++] = r.v[i];
			return known;
		}
	return r;
}

struct showing {
	struct host *h;
	struct step *step;
	size_t n;
};

static void show(enum fw_edit edit, const struct fw_rule *r, size_t at _unused_, void *arg)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };
	struct showing *s = arg;

	if (edit == FW_KEEP || s->n++ >= SHOWN)
		return;
	fw_rule_format(r, true, &text);
	step_change(s->h, s->step, "rules", "rules", edit == FW_DELETE ? sb_str(&text) : NULL,
		edit == FW_DELETE ? NULL : sb_str(&text));
}

static void firewall_diff(struct host *h, struct step *s)
{
	const struct firewall *f = s->have;
	struct fw_rules have = { f ? f->rules.v : NULL, f ? f->rules.n : 0 };
	struct fw_rules want = rules_of(h, s->want);
	struct showing sh = { h, s, 0 };

	for (enum fw_chain c = 0; c < FW_CHAINS; c++) {
		size_t n_have, n_want;
		const struct fw_rule **a = fw_pick(&have, c, h->pass, &n_have);
		const struct fw_rule **b = fw_pick(&want, c, h->pass, &n_want);

		fw_compare(a, n_have, b, n_want, show, &sh);
	}
	if (sh.n > SHOWN)
		step_change(h, s, "rules", "rules", NULL,
			arena_printf(h->pass, "and %zu more differences", sh.n - SHOWN));
}

static int firewall_apply(struct host *h, struct step *s, struct error *e)
{
	const struct fw_backend *b = backend();
	const struct fw_table *t = table_of(s->r->name);
	struct fw_rules want = rules_of(h, s->want);
	void *data;
	int r;

	if (!b) {
		error_set(e, -EOPNOTSUPP, "this kvmhost was built without a firewall backend");
		return error_cure(e, "build it with -Diptables=enabled");
	}
	r = b->apply(h, t, &want, e);
	if (host_handle(h, &seen_handle, &data, NULL) >= 0)
		seen_forget(data);
	return r;
}

static int firewall_owned(
	struct host *h, void (*found)(const char *name, void *arg), void *arg, struct error *e)
{
	for (size_t i = 0; i < fw_n_tables; i++) {
		const struct fw_rules *rules;
		int r = read_table(h, &fw_tables[i], &rules, e);

		if (r < 0)
			return r;
		if (rules)
			found(fw_tables[i].resource, arg);
	}
	return 0;
}

const struct kind firewall_kind = {
	.name = "firewall",
	.table = &firewall_table,
	.undo = true,
	.observe = firewall_observe,
	.diff = firewall_diff,
	.apply = firewall_apply,
	.owned = firewall_owned,
};
