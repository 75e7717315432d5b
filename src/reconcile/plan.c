/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From wants and the machine to steps. Only reads. */
#include "reconcile/plan.h"
#include "reconcile/record.h"
#include "reconcile/steps.h"
#include "reconcile/units.h"

void step_change(struct host *h, struct step *s, const char *field, const char *path,
	const char *have, const char *want)
{
	struct change *c = ARENA_PUSH(h->pass, s->changes, s->n_changes);

	c->field = table_field(s->r->kind->table, field);
	c->path = arena_strdup(h->pass, path);
	c->have = have ? arena_strdup(h->pass, have) : NULL;
	c->want = want ? arena_strdup(h->pass, want) : NULL;
}

struct mark step_mark(const struct step *s)
{
	if (s->n_changes == 1 && s->changes[0].field && s->r->want && !s->r->origin &&
		obj_has(s->r->want, s->changes[0].field->name))
		return obj_mark(s->r->want, s->changes[0].field->name);
	return s->r->mark;
}

static struct step *add_step(struct host *h, struct plan *p, struct resource *r, enum verb verb)
{
	struct step *s = p->spare ? TAKE_PTR(p->spare) : arena_alloc(h->pass, sizeof(*s));

	*s = (struct step){ .verb = verb, .r = r, .have = r->have, .want = r->want };
	r->step = s;
	*ARENA_PUSH(h->pass, p->steps, p->n) = s;
	return s;
}

/* Rows say what a change costs; the kind says what "made again" costs. */
static enum disruption cost(const struct step *s)
{
	enum disruption worst = DISRUPT_NONE;

	for (size_t i = 0; i < s->n_changes; i++) {
		enum on_change c =
			s->changes[i].field ? s->changes[i].field->on_change : CHANGE_LIVE;

		if (c == CHANGE_RECREATE)
			worst = MAX_OF(worst, s->r->kind->recreate_costs);
		else if (c == CHANGE_REBOOT)
			worst = DISRUPT_REBOOT;
	}
	return worst;
}

static bool must_recreate(const struct step *s)
{
	for (size_t i = 0; i < s->n_changes; i++)
		if (s->changes[i].field && s->changes[i].field->on_change == CHANGE_RECREATE)
			return true;
	return false;
}

static void compare(struct host *h, struct step *s)
{
	if (s->r->kind->diff)
		s->r->kind->diff(h, s);
	else
		s->n_changes = obj_diff(s->want, s->have, h->pass, &s->changes);
}

static void refine(struct host *h, struct step *s)
{
	if (s->verb == STEP_UPDATE && must_recreate(s))
		s->verb = STEP_RECREATE;
	s->disruption = s->have ? cost(s) : DISRUPT_NONE;
	if (s->want == NULL)
		s->disruption = s->r->kind->recreate_costs;
	if (s->r->kind->refine)
		s->r->kind->refine(h, s);
	if (s->wait)
		s->state = STEP_WAITING;
}

/* Nearly all are as wanted: a thousand steps would be as much memory as what they are about. */
static void take_back(struct plan *p, struct step *s)
{
	s->r->step = NULL;
	p->n--;
	p->spare = s;
}

/* A machine that cannot be read where this resource is: the step has failed before it began. */
static void unreadable(struct host *h, struct plan *p, struct resource *r, struct error *why)
{
	struct step *s = add_step(h, p, r, r->want ? STEP_UPDATE : STEP_REMOVE);

	s->unreadable = true;
	s->state = STEP_FAILED;
	s->error.code = why->code;
	s->error.text = why->text ? arena_strdup(h->pass, why->text) : NULL;
	s->error.cure = why->cure ? arena_strdup(h->pass, why->cure) : NULL;
	error_clear(why);
}

static bool observe(struct host *h, struct plan *p, struct resource *r)
{
	_cleanup_error_ struct error why = { 0 };
	int ret;

	r->have = NULL;
	ret = r->kind->observe(h, r, &r->have, &why);
	if (ret < 0)
		unreadable(h, p, r, &why);
	if (ret == NOT_HERE && r->want)
		p->n_resources--;
	return ret >= 0 && ret != NOT_HERE;
}

static void plan_wanted(struct host *h, struct plan *p, struct resource *r)
{
	struct step *s;

	r->recorded = record_has(h, r->id);
	if (!h->live && !r->kind->offline) {
		r->have = NULL;
		if (r->origin)
			return;
		s = add_step(h, p, r, STEP_CREATE);
		s->wait = "the machine that boots from this tree";
		s->state = STEP_WAITING;
		return;
	}
	if (!observe(h, p, r))
		return;
	s = add_step(h, p, r, r->have ? STEP_UPDATE : STEP_CREATE);
	compare(h, s);
	if (!s->n_changes && r->have && (r->recorded || r->marked)) {
		take_back(p, s);
		return;
	}
	if (!s->n_changes && r->have)
		s->verb = STEP_ADOPT;
	s->ours = r->marked;
	refine(h, s);
}

static void plan_unwanted(struct host *h, struct plan *p, const struct kind *k, const char *name)
{
	struct resource *r = arena_alloc(h->pass, sizeof(*r));
	_cleanup_error_ struct error why = { 0 };
	struct step *s;

	r->kind = k;
	r->name = arena_strdup(h->pass, name);
	r->id = arena_join(h->pass, k->name, '/', name);
	r->recorded = record_has(h, r->id);
	if (record_before(h, k, r->name, r->id, &r->before, &why) < 0) {
		unreadable(h, p, r, &why);
		return;
	}
	if ((!h->live && !k->offline) || !observe(h, p, r))
		return;
	s = add_step(h, p, r, r->before ? STEP_RESTORE : STEP_REMOVE);
	if (!r->have) {
		s->verb = STEP_FORGET;
		return;
	}
	s->want = r->before;
	if (s->want)
		compare(h, s);
	s->reason = s->want ? "no longer in the document: back to how it was"
			    : "no longer in the document";
	refine(h, s);
}

struct marked {
	struct host *h;
	struct wants *w;
	const struct kind *kind;
	struct strmap *strays; /* marked, and not wanted */
};

static void note_marked(const char *name, void *arg)
{
	struct marked *m = arg;
	struct resource *r = wants_find(m->w, m->kind->name, name);

	if (r) {
		r->marked = true;
		return;
	}
	r = arena_alloc(m->h->pass, sizeof(*r));
	r->kind = m->kind;
	r->name = arena_strdup(m->h->pass, name);
	r->id = arena_join(m->h->pass, m->kind->name, '/', name);
	strmap_put(m->strays, r->id, r);
}

static bool any_asks_systemd(const struct wants *w)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->v[i]->kind->units)
			return true;
	return false;
}

static int find_marked(struct host *h, struct wants *w, struct strmap *strays, struct error *e)
{
	struct marked m = { .h = h, .w = w, .strays = strays };
	bool ask = h->live && any_asks_systemd(w);
	int r;

	for (size_t i = 0; i < n_kinds; i++) {
		ask = ask && units_ahead(h) >= 0;
		m.kind = kinds[i];
		if (!m.kind->owned || (!h->live && !m.kind->offline))
			continue;
		r = m.kind->owned(h, m.kind, note_marked, &m, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int unknown_kind(const char *id, struct error *e)
{
	error_set(e, -EBADMSG,
		"the record holds `%s`, of a kind that this version of kvmhost does "
		"not know",
		id);
	return error_cure(e, "use the version of kvmhost that wrote it");
}

/* What the record or a mark says is ours and the document does not name. */
static int plan_released(
	struct host *h, struct wants *w, struct plan *p, struct strmap *strays, struct error *e)
{
	const char *id;

	for (size_t at = 0; (id = record_next(h, &at));) {
		const char *slash = strchr(id, '/');
		_cleanup_free_ char *kind = NULL;
		const struct kind *k;

		if (strmap_get(&w->by_id, id))
			continue;
		kind = slash ? strndup(id, (size_t)(slash - id)) : NULL;
		k = kind ? kind_find(kind) : NULL;
		if (!k)
			return unknown_kind(id, e);
		plan_unwanted(h, p, k, slash + 1);
	}
	for (size_t i = 0; i < strays->cap; i++) {
		const struct resource *r = strays->slots[i].value;

		if (r && !record_has(h, r->id))
			plan_unwanted(h, p, r->kind, r->name);
	}
	return 0;
}

static bool is_declared(const struct host *h, const char *id)
{
	return !json_is_true(json_object_get(record_entry(h, id), "derived"));
}

/*
 * More than half of what the document once asked for would go: an emptied file or a lost include
 * looks like this. What a resource only implied (taps, rules) does not count.
 */
static void weigh_removals(struct host *h, struct wants *w, struct plan *p)
{
	size_t removed = 0, declared = 0, wanted = 0;
	const char *id;

	for (size_t at = 0; (id = record_next(h, &at));)
		removed += !strmap_get(&w->by_id, id) && is_declared(h, id);
	for (size_t at = 0; removed && (id = record_next(h, &at));)
		declared += is_declared(h, id);
	for (size_t i = 0; i < w->n; i++)
		wanted += !w->v[i]->origin;
	for (size_t i = 0; i < p->n; i++)
		p->n_removals += p->steps[i]->r->want == NULL;
	p->removes_most = removed * 2 > declared && (removed >= 3 || !wanted);
}

void plan_leave_to_people(struct plan *p)
{
	for (size_t i = 0; i < p->n; i++) {
		struct step *s = p->steps[i];

		if (s->state != STEP_READY || s->idle ||
			(s->want && s->r->want && !s->by_hand && s->disruption <= DISRUPT_LINK))
			continue;
		s->state = STEP_WAITING;
		s->wait = "somebody who wants it: kvmhostctl plan, then kvmhostctl apply";
		p->n_wait++;
	}
}

int plan_make(struct host *h, struct wants *w, struct plan *p, struct error *e)
{
	host_forget_seen(h);
	arena_free(TAKE_PTR(h->pass));
	return plan_again(h, w, p, e);
}

int plan_again(struct host *h, struct wants *w, struct plan *p, struct error *e)
{
	_cleanup_strmap_ struct strmap strays = { 0 };
	int r;

	*p = (struct plan){ .n_resources = w->n };
	h->pass = arena_new();
	if (!h->record && (r = record_load(h, e)) < 0)
		return r;
	/* What an earlier plan found is gone with it. */
	for (size_t i = 0; i < w->n; i++) {
		w->v[i]->step = NULL;
		w->v[i]->marked = false;
	}
	r = find_marked(h, w, &strays, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < w->n; i++)
		plan_wanted(h, p, w->v[i]);
	r = plan_released(h, w, p, &strays, e);
	if (r < 0)
		return r;
	weigh_removals(h, w, p);
	steps_order(h, p);
	steps_wait(h, p);
	for (size_t i = 0; i < p->n; i++)
		p->n_wait += p->steps[i]->state == STEP_WAITING;
	return 0;
}
