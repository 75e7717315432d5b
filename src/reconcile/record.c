/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/json_walk.h"
#include "base/strbuf.h"
#include "reconcile/record_entry.h"

#define RECORD_MAX (64 << 20)

static int cure(struct error *e)
{
	return error_cure(e, "put the file back from a backup; or, to take everything under "
			     "management anew without its former values, move it away");
}

static int damaged(const struct host *h, struct error *e, const char *why)
{
	_cleanup_free_ char *shown = host_shown(h, RECORD_PATH);

	error_set(e, -EBADMSG, "the record %s is damaged: %s", shown, why);
	return cure(e);
}

int state_format(const struct host *h, const json_t *root, const char *what, const char *path,
	struct error *e)
{
	const json_t *format = json_object_get(root, "format");
	_cleanup_free_ char *shown = NULL;

	if (!json_is_integer(format) || json_integer_value(format) == STATE_FORMAT)
		return 0;
	shown = host_shown(h, path);
	error_set(e, -EPROTONOSUPPORT,
		"%s %s is of another version of kvmhost: its format is %lld, and this version "
		"knows %d",
		what, shown, (long long)json_integer_value(format), STATE_FORMAT);
	return error_cure(e, "install that version of kvmhost again, or a newer one, and leave the "
			     "file where it is: nothing in it is lost");
}

/* Takes the text over. */
static struct record *record_new(char *text)
{
	struct record *r = xcalloc(1, sizeof(*r));

	r->arena = arena_new();
	r->text = text;
	return r;
}

void record_free(struct record *r)
{
	for (size_t i = 0; i < r->n; i++)
		json_decref(r->v[i]->json);
	strmap_free(&r->by_id);
	arena_free(r->arena);
	free(r->text);
	json_decref(r->root);
	free(r);
}

/* ---- reading ---- */

static int walk_resources(struct record *r, const char *text)
{
	struct json_walk w = { .at = text };
	struct json_member m;
	int ret;

	while ((ret = json_walk(&w, &m)) > 0) {
		struct record_entry *e;

		if (memchr(m.name, '\\', m.name_len) || *m.value != '{')
			return -EBADMSG;
		e = record_add(r, arena_strndup(r->arena, m.name, m.name_len));
		e->text = m.value;
		e->len = m.value_len;
	}
	return ret;
}

/* Everything but the resources is little, and read at once. */
static int walk_root(struct record *r)
{
	struct json_walk w = { .at = r->text };
	bool found = false;
	struct json_member m;
	int ret;

	r->root = json_object();
	while ((ret = json_walk(&w, &m)) > 0) {
		const char *name = arena_strndup(r->arena, m.name, m.name_len);
		bool resources = streq(name, "resources");

		if (strchr(name, '\\') || (resources && found))
			return -EBADMSG;
		found |= resources;
		if (resources ? walk_resources(r, m.value) < 0
			      : json_object_set_new(r->root, name,
					json_loadb(m.value, m.value_len, JSON_DECODE_ANY, NULL)) <
					0)
			return -EBADMSG;
	}
	return ret == 0 && found && !w.at[strspn(w.at, " \t\r\n")] ? 0 : -EBADMSG;
}

/* The resources of a tree that jansson made, which says best what is wrong with the text. */
static int read_tree(const struct host *h, struct record *r, size_t len, struct error *e)
{
	json_error_t why;
	const char *id;
	json_t *entry;

	r->root = json_loadb(r->text, len, 0, &why);
	if (!r->root)
		return damaged(h, e, why.text);
	if (state_format(h, r->root, "the record", RECORD_PATH, e) < 0)
		return -EPROTONOSUPPORT;
	if (!json_is_object(json_object_get(r->root, "resources")))
		return damaged(h, e, "it has no `resources`");
	json_object_foreach (json_object_get(r->root, "resources"), id, entry)
		record_add(r, arena_strdup(r->arena, id))->json = json_incref(entry);
	json_object_del(r->root, "resources");
	return 0;
}

int record_read(struct host *h, char *text, size_t len, struct error *e)
{
	int r = 0;

	h->record = record_new(text);
	if (strlen(text) != len || walk_root(h->record) < 0) {
		h->record->text = NULL;
		record_free(h->record);
		h->record = record_new(text);
		r = read_tree(h, h->record, len, e);
	}
	if (r >= 0)
		r = state_format(h, h->record->root, "the record", RECORD_PATH, e);
	if (r >= 0 && !json_is_integer(json_object_get(h->record->root, "format")))
		r = damaged(h, e, "it has no `format`");
	return r;
}

size_t record_size(const struct host *h)
{
	struct stat st;

	return file_stat(h->root, RECORD_PATH, &st) >= 0 ? (size_t)st.st_size : 0;
}

int record_load(struct host *h, struct error *e)
{
	_cleanup_free_ char *shown = host_shown(h, RECORD_PATH);
	char *text = NULL;
	size_t len;
	int r;

	if (h->record)
		record_free(TAKE_PTR(h->record));
	r = file_read(h->root, RECORD_PATH, RECORD_MAX, &text, &len);
	if (r >= 0) {
		r = record_read(h, text, len, e);
	} else {
		h->record = record_new(NULL);
		h->record->root = json_pack("{s:i}", "format", STATE_FORMAT);
		if (r == -ENOENT)
			return 0;
		error_set(e, r, "cannot read the record %s: %s", shown, strerror(-r));
		if (r == -EACCES)
			error_cure(e, "run it as root: sudo kvmhostctl ...");
		else
			cure(e);
	}
	/* What could not be read is not written over. */
	if (r < 0)
		json_decref(TAKE_PTR(h->record->root));
	return r;
}

/* ---- writing ---- */

static int add_json(struct strbuf *out, const json_t *json)
{
	_cleanup_free_ char *text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);

	if (!text)
		return -ENOMEM;
	sb_add(out, text);
	return 0;
}

/* A line for each resource: for people, and for what compares files. */
static int record_text(const struct record *rec, struct strbuf *out)
{
	int r = add_json(out, rec->root);
	bool first = true;

	if (r < 0)
		return r;
	out->len--; /* the brace behind "format" and what else is no resource */
	sb_add(out, ",\"resources\":{");
	for (size_t i = 0; i < rec->n && r >= 0; i++) {
		const struct record_entry *e = rec->v[i];

		if (e->dropped)
			continue;
		sb_add(out, first ? "\n" : ",\n");
		first = false;
		sb_add_json(out, e->id);
		sb_addc(out, ':');
		if (e->json)
			r = add_json(out, e->json);
		else
			sb_addn(out, e->text, e->len);
	}
	sb_add(out, "\n}}\n");
	return r;
}

int record_save(struct host *h, struct error *e)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };
	int r;

	if (!h->record->dirty)
		return 0;
	if (record_text(h->record, &text) < 0)
		return error_set(e, -ENOMEM, "cannot write the record");
	r = file_write_atomic(h->root, RECORD_PATH, sb_str(&text), text.len, 0600);
	if (r < 0)
		return host_failure(h, e, r, "write the record", RECORD_PATH);
	h->record->dirty = false;
	return 0;
}
