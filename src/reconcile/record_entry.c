/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reconcile/record_entry.h"
#include "base/strbuf.h"

struct record_entry *record_add(struct record *r, const char *id)
{
	struct record_entry *e = arena_alloc(r->arena, sizeof(*e)), *old;

	e->id = id;
	*ARENA_PUSH(r->arena, r->v, r->n) = e;
	old = strmap_put(&r->by_id, id, e);
	if (old)
		old->dropped = true;
	return e;
}

static struct record_entry *find(const struct host *h, const char *id)
{
	struct record_entry *e = strmap_get(&h->record->by_id, id);

	return e && !e->dropped ? e : NULL;
}

const char *record_next(const struct host *h, size_t *at)
{
	const struct record *r = h->record;

	while (*at < r->n && r->v[*at]->dropped)
		++*at;
	return *at < r->n ? r->v[(*at)++]->id : NULL;
}

json_t *record_entry(const struct host *h, const char *id)
{
	struct record_entry *e = find(h, id);

	if (!e || e->json)
		return e ? e->json : NULL;
	e->json = json_loadb(e->text, e->len, 0, NULL);
	/* json_walk() has passed it: only memory can be short. A former value is not to be lost. */
	if (!e->json)
		abort();
	return e->json;
}

bool record_has(const struct host *h, const char *id)
{
	return find(h, id) != NULL;
}

bool record_made(const struct host *h, const char *id)
{
	return json_is_null(json_object_get(record_entry(h, id), "before"));
}

static int not_read_back(const struct kind *k, const char *name, const char *why, struct error *e)
{
	error_set(e, -EBADMSG, "the record of %s/%s cannot be read back: %s", k->name, name, why);
	return error_cure(e, "bring it to the state you want by hand, then take its entry out "
			     "of " RECORD_PATH);
}

int record_before(struct host *h, const struct kind *k, const char *name, const char *id,
	const void **before, struct error *e)
{
	json_t *entry = record_entry(h, id), *was = json_object_get(entry, "before");

	/* One that does not say would be taken for what was not there, and removed. */
	if (entry && !json_is_object(was) && !json_is_null(was))
		return not_read_back(k, name, "it does not say how it was before", e);
	return record_object(h->pass, k, name, was, before, e);
}

int record_object(struct arena *a, const struct kind *k, const char *name, json_t *json,
	const void **out, struct error *e)
{
	struct diags d = { .arena = a };
	void *obj;

	*out = NULL;
	if (!json_is_object(json))
		return 0;
	obj = obj_new(a, k->table, name);
	if (!obj_load(obj, node_from_json(a, json), &d))
		return not_read_back(k, name, d.n ? d.v[0].text : "it is not of this kind", e);
	*out = obj;
	return 0;
}

json_t *record_json(const void *obj)
{
	_cleanup_strbuf_ struct strbuf b = { 0 };

	if (!obj)
		return json_null();
	obj_json(obj, &b);
	return json_loads(sb_str(&b), JSON_DECODE_ANY, NULL);
}

void record_take(struct host *h, const struct resource *r, const void *before)
{
	json_t *after = json_array(), *e;

	for (size_t i = 0; i < r->n_after; i++)
		json_array_append_new(after, json_string(r->after[i]->id));
	e = record_entry(h, r->id);
	if (!e) {
		e = json_pack("{s:o}", "before", record_json(before));
		record_add(h->record, arena_strdup(h->record->arena, r->id))->json = e;
		h->record->dirty = true;
	}
	if (!json_equal(json_object_get(e, "after"), after)) {
		json_object_set(e, "after", after);
		h->record->dirty = true;
	}
	json_decref(after);
	if (r->origin && !json_object_get(e, "derived")) {
		json_object_set_new(e, "derived", json_true());
		h->record->dirty = true;
	}
}

void record_drop(struct host *h, const char *id)
{
	struct record_entry *e = find(h, id);

	if (!e)
		return;
	e->dropped = true;
	h->record->dirty = true;
}

json_t *record_kept_any(const struct host *h, const char *id)
{
	return h->record ? json_object_get(record_entry(h, id), "kept") : NULL;
}

json_t *record_kept(struct host *h, const char *id)
{
	json_t *e = record_entry(h, id), *kept = json_object_get(e, "kept");

	if (!kept) {
		kept = json_object();
		if (json_object_set_new(e, "kept", kept) < 0)
			return NULL;
	}
	return kept;
}

void record_touch(struct host *h)
{
	h->record->dirty = true;
}
