/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reconcile/undo.h"
#include "base/log.h"
#include "reconcile/generation.h"
#include "reconcile/record.h"

#define UNDO_PATH STATE_DIR "/undo.json"
#define UNDO_MAX (64 << 20)

bool undo_pending(struct host *h)
{
	return file_exists(h->root, UNDO_PATH);
}

static int damaged(const struct host *h, struct error *e, const char *why)
{
	_cleanup_free_ char *shown = host_shown(h, UNDO_PATH);

	error_set(e, -EBADMSG, "the undo log %s is damaged: %s", shown, why);
	return error_cure(e, "what the network was before the last apply is lost with it: bring "
			     "the network to where it carries you by hand, then remove the file");
}

static bool is_entry(const json_t *entry)
{
	const json_t *before = json_object_get(entry, "before");

	return json_is_string(json_object_get(entry, "id")) &&
	       json_is_string(json_object_get(entry, "kind")) &&
	       json_is_string(json_object_get(entry, "name")) &&
	       (json_is_object(before) || json_is_null(before));
}

/* What json_object_get() finds nowhere would be taken for nothing to put back. */
static int check_shape(const struct host *h, const json_t *log, struct error *e)
{
	const json_t *steps = json_object_get(log, "steps");
	json_t *entry;
	size_t i;

	if (!json_is_integer(json_object_get(log, "format")))
		return damaged(h, e, "it has no `format`");
	if (!json_is_array(steps))
		return damaged(h, e, "it has no list of `steps`");
	json_array_foreach (steps, i, entry) {
		char why[64];

		if (is_entry(entry))
			continue;
		snprintf(why, sizeof(why), "its entry %zu says of no resource what it was", i + 1);
		return damaged(h, e, why);
	}
	return 0;
}

static int load(struct host *h, json_t **log, struct error *e)
{
	_cleanup_free_ char *text = NULL;
	json_error_t why;
	size_t len;
	int r = file_read(h->root, UNDO_PATH, UNDO_MAX, &text, &len);

	if (r < 0)
		return r == -ENOENT ? r : host_failure(h, e, r, "read the undo log", UNDO_PATH);
	*log = json_loadb(text, len, 0, &why);
	if (!*log)
		return damaged(h, e, why.text);
	r = state_format(h, *log, "the undo log", UNDO_PATH, e);
	if (r >= 0)
		r = check_shape(h, *log, e);
	if (r < 0)
		json_decref(TAKE_PTR(*log));
	return r;
}

bool undo_goes_back(const struct step *s)
{
	const struct kind *k = s->r->kind;

	return k->undo || (k->undo_along && k->undo_along(s));
}

static bool logged(const json_t *steps, const char *id)
{
	size_t i;
	json_t *s;

	json_array_foreach (steps, i, s)
		if (streq(json_string_value(json_object_get(s, "id")), id))
			return true;
	return false;
}

static int save(struct host *h, json_t *log, struct error *e)
{
	_cleanup_free_ char *text = json_dumps(log, JSON_COMPACT);
	int r = file_write_atomic(h->root, UNDO_PATH, text, strlen(text), 0600);

	return r < 0 ? host_failure(h, e, r, "write the undo log", UNDO_PATH) : 0;
}

static json_t *entry_of(const struct step *s)
{
	json_t *entry = json_pack("{s:s, s:s, s:s, s:o}", "id", s->r->id, "kind", s->r->kind->name,
		"name", s->r->name, "before", record_json(s->have));

	if (!s->have && s->want)
		json_object_set_new(entry, "made", record_json(s->want));
	return entry;
}

/* The document was in force before. */
static bool in_force(const struct host *h, const char *document)
{
	const char *hash = json_string_value(json_object_get(generation_current(h), "hash"));

	return hash && streq(hash, document);
}

/*
 * A log that is there belongs to an earlier round of the same apply: what it
 * says of a resource is older and stays.
 */
int undo_begin(struct host *h, const struct plan *p, const char *document, struct error *e)
{
	json_t *log = NULL, *steps;
	bool merge;
	int r = load(h, &log, e);

	if (r < 0 && r != -ENOENT)
		return r;
	merge = log != NULL;
	if (!log)
		log = json_pack("{s:i, s:[]}", "format", 1, "steps");
	if (document && !in_force(h, document))
		json_object_set_new(log, "document", json_string(document));
	steps = json_object_get(log, "steps");
	for (size_t i = 0; i < p->n; i++) {
		const struct step *s = p->steps[i];

		if (!undo_goes_back(s) || s->state != STEP_READY || s->verb == STEP_FORGET ||
			(merge && logged(steps, s->r->id)))
			continue;
		json_array_append_new(steps, entry_of(s));
	}
	r = json_array_size(steps) ? save(h, log, e) : 0;
	json_decref(log);
	return r;
}

/* Of another boot: who was to confirm it has lost the machine meanwhile. */
static bool rebooted(struct host *h, const json_t *log)
{
	const char *then = json_string_value(json_object_get(log, "boot"));
	_cleanup_free_ char *now = host_boot_id(h);

	return then && now && !streq(then, now);
}

int undo_await(struct host *h, const char *document, uint64_t until, struct error *e)
{
	_cleanup_free_ char *boot = host_boot_id(h);
	json_t *log = NULL;
	int r = load(h, &log, e);

	if (r < 0)
		return r;
	if (boot)
		json_object_set_new(log, "boot", json_string(boot));
	json_object_set_new(log, "document", json_string(document));
	json_object_set_new(log, "confirm_by", json_integer((json_int_t)until));
	r = save(h, log, e);
	json_decref(log);
	return r;
}

int undo_awaited(struct host *h, char document[65], uint64_t *until, struct error *e)
{
	const char *hash;
	json_t *log = NULL;
	int r = load(h, &log, e);

	if (r < 0)
		return r;
	hash = json_string_value(json_object_get(log, "document"));
	snprintf(document, 65, "%s", hash ? hash : "");
	*until = rebooted(h, log)
			 ? 0
			 : (uint64_t)json_integer_value(json_object_get(log, "confirm_by"));
	r = json_object_get(log, "confirm_by") != NULL;
	json_decref(log);
	return r;
}

int undo_commit(struct host *h, struct error *e)
{
	int r = file_remove(h->root, UNDO_PATH);

	return r < 0 ? host_failure(h, e, r, "remove the undo log", UNDO_PATH) : 0;
}

/* One resource back to its state in the log. 1: it was put back, 0: it is as it was. */
static int put_back(struct host *h, const json_t *entry, struct error *e)
{
	const struct kind *k = kind_find(json_string_value(json_object_get(entry, "kind")));
	struct resource r = { .kind = k };
	struct step s = { .r = &r };
	struct step *one = &s;
	int ret;

	if (!k)
		return error_set(e, -EBADMSG, "the undo log names an unknown kind");
	r.name = json_string_value(json_object_get(entry, "name"));
	r.id = json_string_value(json_object_get(entry, "id"));
	ret = record_object(h->pass, k, r.name, json_object_get(entry, "before"), &r.want, e);
	if (ret >= 0)
		ret = record_object(h->pass, k, r.name, json_object_get(entry, "made"), &r.made, e);
	if (ret < 0)
		return ret;
	host_forget(h);
	ret = k->observe(h, &r, &r.have, e);
	if (ret < 0 || ret == NOT_HERE)
		return ret < 0 ? ret : 0;
	s.have = r.have;
	s.want = r.want;
	if (!s.have && !s.want)
		return 0;
	s.verb = !s.want ? STEP_REMOVE : !s.have ? STEP_CREATE : STEP_UPDATE;
	if (s.want && s.have) {
		if (k->diff)
			k->diff(h, &s);
		else
			s.n_changes = obj_diff(s.want, s.have, h->pass, &s.changes);
		if (!s.n_changes)
			return 0;
	}
	if (k->apply)
		return (ret = k->apply(h, &s, e)) < 0 ? ret : 1;
	k->apply_all(h, &one, 1);
	*e = s.error;
	return s.error.code < 0 ? s.error.code : 1;
}

struct way_back {
	int back; /* resources that were put back */
	size_t failures;
	int code; /* of the last failure */
};

static bool goes_along(const json_t *entry)
{
	const struct kind *k = kind_find(json_string_value(json_object_get(entry, "kind")));

	return k && !k->undo;
}

static void log_not_back(struct error *why, const json_t *entry)
{
	error_prefix(why, "cannot put back %s: ", json_string_value(json_object_get(entry, "id")));
	log_failure(why);
}

/*
 * What serves a network: first what is to go, last what was there before, when its network is
 * there again. One that fails keeps no log.
 */
static void put_back_along(struct host *h, const json_t *steps, bool was_there, struct way_back *w)
{
	for (size_t i = json_array_size(steps); i-- > 0;) {
		const json_t *entry = json_array_get(steps, i);
		_cleanup_error_ struct error why = { 0 };
		int r;

		if (!goes_along(entry) ||
			json_is_null(json_object_get(entry, "before")) == was_there)
			continue;
		r = put_back(h, entry, &why);
		w->back += r > 0;
		if (r < 0)
			log_not_back(&why, entry);
	}
}

/* Last first; failures are logged when `tell`. */
static void put_back_all(struct host *h, const json_t *steps, bool tell, struct way_back *w)
{
	w->failures = 0;
	for (size_t i = json_array_size(steps); i-- > 0;) {
		const json_t *entry = json_array_get(steps, i);
		_cleanup_error_ struct error why = { 0 };
		int r = goes_along(entry) ? 0 : put_back(h, entry, &why);

		w->back += r > 0;
		if (r >= 0)
			continue;
		/* Go on: the more comes back, the better the chance to reach the host. */
		w->failures++;
		w->code = r;
		if (tell)
			log_not_back(&why, entry);
	}
}

int undo_replay(struct host *h, struct error *e)
{
	struct way_back w = { .failures = SIZE_MAX };
	json_t *log = NULL, *steps;
	int r = load(h, &log, e);
	size_t before;
	int back;

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	steps = json_object_get(log, "steps");
	put_back_along(h, steps, false, &w);
	/* A port may need its bridge to have the old name again first: once more while that helps.
	 */
	do {
		before = w.failures;
		back = w.back;
		put_back_all(h, steps, false, &w);
	} while (w.failures && w.failures < before && w.back > back);
	if (w.failures)
		put_back_all(h, steps, true, &w);
	put_back_along(h, steps, true, &w);
	json_decref(log);
	if (w.failures)
		return error_set(e, w.code,
			"the network could not be put back whole; the undo log "
			"%s is kept and tried again at the next apply",
			UNDO_PATH);
	r = undo_commit(h, e);
	return r < 0 ? r : w.back;
}
