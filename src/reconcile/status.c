/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reconcile/status.h"
#include "reconcile/generation.h"
#include "reconcile/plan_json.h"
#include "reconcile/record.h"

#define STATUS_PATH RUN_DIR "/status.json"
#define STATUS_MAX (64 << 20)

static const char *result(int r, const struct outcome *o)
{
	if (o && o->refused)
		return "refused";
	if (o && outcome_put_back(o))
		return "rolled back";
	if (o && o->confirm_by)
		return "unconfirmed";
	if (r < 0)
		return "failed";
	return o && o->waiting ? "waiting" : "converged";
}

static json_t *unsettled(const struct outcome *o)
{
	json_t *all = json_array();

	for (size_t i = 0; o && i < o->n; i++)
		if (o->steps[i]->state != STEP_DONE)
			json_array_append_new(all, step_json(o->steps[i]));
	return all;
}

/* Counted since boot, whatever run came between. */
static void keep_drift(struct host *h, json_t *o)
{
	json_t *old = NULL;

	if (json_object_get(o, "drift") || status_read(h, &old, NULL) < 0)
		return;
	if (json_object_get(old, "drift"))
		json_object_set(o, "drift", json_object_get(old, "drift"));
	json_decref(old);
}

static int save(struct host *h, json_t *o, struct error *failure)
{
	_cleanup_free_ char *text = NULL;
	int r;

	keep_drift(h, o);

	if (h->record && json_object_get(h->record->root, "held"))
		json_object_set(o, "held", json_object_get(h->record->root, "held"));
	if (h->record && generation_current(h))
		json_object_set(o, "generation", generation_current(h));
	text = json_dumps(o, JSON_INDENT(1));
	json_decref(o);
	r = file_write_atomic(h->root, STATUS_PATH, text, strlen(text), 0644);
	return r < 0 ? host_failure(h, failure, r, "write", STATUS_PATH) : 0;
}

int status_write(struct host *h, int r, const struct outcome *out, const struct error *e,
	struct error *failure)
{
	json_t *o =
		json_pack("{s:i, s:s, s:I, s:i, s:b, s:o}", "format", 1, "result", result(r, out),
			"time", (json_int_t)h->now(), "resources", out ? (int)out->n_resources : 0,
			"reboot_pending", out && out->reboot_pending, "steps", unsettled(out));

	if (r < 0 && e && e->text)
		json_object_set_new(
			o, "error", json_pack("{s:s, s:s?}", "message", e->text, "cure", e->cure));
	return save(h, o, failure);
}

int status_write_invalid(struct host *h, struct diags *d, struct error *failure)
{
	_cleanup_strbuf_ struct strbuf list = { 0 };

	diags_json(d, &list);
	return save(h,
		json_pack("{s:i, s:s, s:I, s:o}", "format", 1, "result", "invalid", "time",
			(json_int_t)h->now(), "diagnostics", json_loads(sb_str(&list), 0, NULL)),
		failure);
}

int status_read(struct host *h, json_t **out, struct error *e)
{
	_cleanup_free_ char *text = NULL;
	json_error_t why;
	size_t len;
	int r = file_read(h->root, STATUS_PATH, STATUS_MAX, &text, &len);

	if (r == -ENOENT) {
		error_set(e, r, "nothing was applied on this host since it booted");
		return error_cure(e, "kvmhostctl apply, or systemctl start kvmhostd");
	}
	if (r < 0)
		return error_set(e, r, "cannot read %s: %s", STATUS_PATH, strerror(-r));
	*out = json_loadb(text, len, 0, &why);
	return *out ? 0 : error_set(e, -EBADMSG, "%s is damaged: %s", STATUS_PATH, why.text);
}

int status_confirmed(struct host *h, bool kept, struct error *failure)
{
	const char *result = kept ? "converged" : "rolled back";
	json_t *o = NULL;

	if (status_read(h, &o, NULL) < 0)
		o = json_pack("{s:i}", "format", 1);
	if (!kept)
		json_object_set_new(o, "steps", json_array());
	else if (json_object_get(o, "error"))
		result = "failed";
	else if (json_array_size(json_object_get(o, "steps")))
		result = "waiting";
	json_object_set_new(o, "result", json_string(result));
	json_object_set_new(o, "time", json_integer((json_int_t)h->now()));
	return save(h, o, failure);
}

static json_t *told_steps(struct step *const *steps, size_t n, json_int_t *done)
{
	json_t *all = json_array();

	for (size_t i = 0; i < n; i++) {
		if (steps[i]->state == STEP_WAITING)
			continue;
		*done += steps[i]->state == STEP_DONE;
		json_array_append_new(all, step_json(steps[i]));
	}
	return all;
}

int status_drift(struct host *h, const char *cause, struct step *const *steps, size_t n,
	bool repairing, struct error *failure)
{
	json_t *o = NULL, *told;
	json_int_t repaired;
	int r = status_read(h, &o, failure);

	if (r < 0)
		return r;
	repaired = json_integer_value(json_object_get(json_object_get(o, "drift"), "repaired"));
	told = told_steps(steps, n, &repaired);
	json_object_set_new(o, "drift",
		json_pack("{s:I, s:s, s:b, s:I, s:o}", "time", (json_int_t)h->now(), "cause", cause,
			"repairing", repairing, "repaired", repaired, "steps", told));
	return save(h, o, failure);
}
