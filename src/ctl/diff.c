/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kvmhostctl diff: what two documents say differently, by resource. The machine is not asked. */
#include "ctl/ctl.h"
#include "reconcile/generation.h"
#include "reconcile/plan_json.h"
#include "reconcile/record.h"

/* A generation's number, or a file or directory of documents; an empty word is neither. */
static bool is_number(const char *word)
{
	return !word[strspn(word, "0123456789")];
}

static int load_side(struct ctl *c, const char *word, struct config *out)
{
	_cleanup_error_ struct error e = { 0 };
	long long number = 0;
	int r = 0;

	if (!word)
		config_load(out, &c->host, c->configs, c->n_configs, 0);
	else if (!is_number(word))
		config_load(out, &c->host, &word, 1, 0);
	else
		number = ctl_generation(word, &e);
	if (number > 0)
		r = generation_load_number(&c->host, number, out, &e);
	if (number < 0 || r < 0)
		return ctl_fail(c, &e);
	diags_print(&out->diags, stderr, c->color_err);
	return out->valid ? 0 : 1;
}

static void add_changes(struct host *h, struct step *s)
{
	struct change *v;
	size_t n = obj_diff_both(s->want, s->have, h->pass, &v);

	for (size_t i = 0; i < n; i++)
		step_change(h, s, v[i].field->name, v[i].path, v[i].have, v[i].want);
}

static void compare(struct host *h, struct plan *p, struct resource *from, struct resource *to)
{
	struct step *s = arena_alloc(h->pass, sizeof(*s));

	s->r = to ? to : from;
	s->have = from ? from->want : NULL;
	s->want = to ? to->want : NULL;
	s->verb = !from ? STEP_CREATE : !to ? STEP_REMOVE : STEP_UPDATE;
	if (to)
		add_changes(h, s);
	if (!from || !to || s->n_changes)
		*ARENA_PUSH(h->pass, p->steps, p->n) = s;
}

/* What the document names itself; what follows from it (rules, taps) follows here too. */
static void compare_all(
	struct host *h, struct plan *p, const struct wants *a, const struct wants *b)
{
	for (size_t i = 0; i < b->n; i++)
		if (!b->v[i]->origin)
			compare(h, p, strmap_get(&a->by_id, b->v[i]->id), b->v[i]);
	for (size_t i = 0; i < a->n; i++)
		if (!a->v[i]->origin && !strmap_get(&b->by_id, a->v[i]->id))
			compare(h, p, a->v[i], NULL);
}

static void print_json(const struct plan *p)
{
	json_t *o = json_pack("{s:i, s:o}", "format", 1, "steps", steps_json(p->steps, p->n));

	json_dumpf(o, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(o);
}

int verb_diff(struct ctl *c, int argc, char **argv)
{
	_cleanup_config_ struct config a = { 0 }, b = { 0 };
	_cleanup_error_ struct error e = { 0 };
	struct plan p = { 0 };
	long long now;
	char current[24];
	int r;

	if (ctl_host(c, "reads the record of what was applied", "diff"))
		return 1;
	if (record_load(&c->host, &e) < 0)
		return ctl_fail(c, &e);
	now = json_integer_value(json_object_get(generation_current(&c->host), "number"));
	if (!now && argc < 1) {
		error_set(&e, -ENOENT, "no document has been applied yet");
		error_cure(&e, "kvmhostctl plan compares the document with the machine");
		return ctl_fail(c, &e);
	}
	snprintf(current, sizeof(current), "%lld", now);
	r = load_side(c, argc > 0 ? argv[0] : current, &a);
	if (!r)
		r = load_side(c, argc > 1 ? argv[1] : NULL, &b);
	if (r)
		return r;
	compare_all(&c->host, &p, &a.wants, &b.wants);
	if (c->json)
		print_json(&p);
	else
		plan_print_steps(&p, stdout, c->color);
	return p.n ? EXIT_CHANGES : 0;
}
