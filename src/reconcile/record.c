/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reconcile/record.h"
#include "base/strbuf.h"

#define RECORD_PATH STATE_DIR "/record.json"
#define RECORD_MAX (64 << 20)

static int damaged(struct error *e, const char *why)
{
	error_set(e, -EBADMSG, "the record %s is damaged: %s", RECORD_PATH, why);
	return error_cure(e, "put the file back from a backup; or, to take everything under "
			     "management anew without its former values, move it away");
}

int record_load(struct host *h, struct error *e)
{
	_cleanup_free_ char *text = NULL;
	json_error_t why;
	size_t len;
	int r;

	if (h->record)
		record_free(h->record);
	h->record = xmalloc(sizeof(*h->record));
	*h->record = (struct record){ 0 };
	r = file_read(h->root, RECORD_PATH, RECORD_MAX, &text, &len);
	if (r == -ENOENT) {
		h->record->root = json_pack("{s:i, s:{}}", "format", 1, "resources");
		return 0;
	}
	if (r < 0) {
		error_set(e, r, "cannot read the record %s: %s", RECORD_PATH, strerror(-r));
		return r == -EACCES ? error_cure(e, "run it as root: sudo kvmhostctl ...") : r;
	}
	h->record->root = json_loadb(text, len, 0, &why);
	if (!h->record->root)
		return damaged(e, why.text);
	if (json_integer_value(json_object_get(h->record->root, "format")) != 1)
		return damaged(e, "its format is not 1");
	if (!json_is_object(json_object_get(h->record->root, "resources")))
		return damaged(e, "it has no `resources`");
	return 0;
}

int record_save(struct host *h, struct error *e)
{
	_cleanup_free_ char *text = NULL;
	int r;

	if (!h->record->dirty)
		return 0;
	text = json_dumps(h->record->root, JSON_COMPACT);
	if (!text)
		return error_set(e, -ENOMEM, "cannot write the record");
	r = file_write_atomic(h->root, RECORD_PATH, text, strlen(text), 0600);
	if (r < 0)
		return error_set(e, r, "cannot write the record %s: %s", RECORD_PATH, strerror(-r));
	h->record->dirty = false;
	return 0;
}

void record_free(struct record *r)
{
	json_decref(r->root);
	free(r);
}

json_t *record_resources(const struct host *h)
{
	return json_object_get(h->record->root, "resources");
}

static json_t *entry(const struct host *h, const char *id)
{
	return json_object_get(record_resources(h), id);
}

bool record_has(const struct host *h, const char *id)
{
	return entry(h, id) != NULL;
}

bool record_made(const struct host *h, const char *id)
{
	return json_is_null(json_object_get(entry(h, id), "before"));
}

int record_before(struct host *h, const struct kind *k, const char *name, const char *id,
	const void **before, struct error *e)
{
	return record_object(h->pass, k, name, json_object_get(entry(h, id), "before"), before, e);
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
	if (!obj_load(obj, node_from_json(a, json), &d)) {
		error_set(e, -EBADMSG, "the record of %s/%s cannot be read back: %s", k->name, name,
			d.n ? d.v[0].text : "it is not of this kind");
		return error_cure(e,
			"bring it to the state you want by hand, then take its entry out "
			"of " RECORD_PATH);
	}
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
	e = entry(h, r->id);
	if (!e) {
		e = json_pack("{s:o}", "before", record_json(before));
		json_object_set_new(record_resources(h), r->id, e);
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
	if (json_object_del(record_resources(h), id) == 0)
		h->record->dirty = true;
}

json_t *record_kept(struct host *h, const char *id)
{
	json_t *e = entry(h, id), *kept = json_object_get(e, "kept");

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
