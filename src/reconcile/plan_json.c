/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A plan for machines. */
#include "reconcile/plan_json.h"
#include "base/utf8.h"

static json_t *text(const char *s)
{
	_cleanup_free_ char *copy = NULL;
	size_t n = s ? strlen(s) : 0;

	if (!s)
		return json_null();
	if (utf8_valid(s, n) == n)
		return json_stringn_nocheck(s, n);
	copy = utf8_mend(xstrdup(s));
	return json_stringn_nocheck(copy, n);
}

static json_t *place_json(struct mark m)
{
	if (!m.source)
		return json_null();
	return json_pack("{s:s, s:i, s:i}", "file", m.source->name, "line", (int)m.line, "column",
		(int)m.column);
}

static json_t *changes_json(const struct step *s)
{
	json_t *all = json_array();

	for (size_t i = 0; i < s->n_changes; i++) {
		const struct change *c = &s->changes[i];
		bool secret = c->field && c->field->secret;
		json_t *o = json_pack("{s:o, s:o, s:o}", "path", text(c->path), "have",
			text(secret && c->have ? "(secret)" : c->have), "want",
			text(secret && c->want ? "(secret)" : c->want));

		if (c->when)
			json_object_set_new(o, "when", text(c->when));
		json_array_append_new(all, o);
	}
	return all;
}

json_t *step_json(const struct step *s)
{
	json_t *after = json_array(), *o;

	for (size_t i = 0; i < s->n_after; i++)
		json_array_append_new(after, text(s->after[i]->r->id));
	o = json_pack("{s:o, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "resource", text(s->r->id),
		"verb", verb_name(s->verb), "state", step_state_name(s->state), "disruption",
		disruption_name(s->disruption), "reason", text(s->reason), "waits_for",
		text(s->wait), "place", place_json(s->r->mark), "changes", changes_json(s), "after",
		after);
	if (s->state == STEP_FAILED)
		json_object_set_new(o, "error",
			json_pack("{s:o, s:o}", "message", text(s->error.text), "cure",
				text(s->error.cure)));
	if (s->blocked_by)
		json_object_set_new(o, "blocked_by", text(s->blocked_by->r->id));
	return o;
}

json_t *steps_json(struct step *const *steps, size_t n)
{
	json_t *all = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(all, step_json(steps[i]));
	return all;
}

void plan_json(const struct plan *p, struct strbuf *out)
{
	json_t *o = json_pack("{s:i, s:i, s:b, s:o}", "format", 1, "resources", (int)p->n_resources,
		"removes_most", p->removes_most, "steps", steps_json(p->steps, p->n));
	char *s = json_dumps(o, JSON_INDENT(2));

	sb_add(out, s);
	sb_addc(out, '\n');
	free(s);
	json_decref(o);
}
