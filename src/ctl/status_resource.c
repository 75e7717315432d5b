/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kvmhostctl status RESOURCE */
#include "ctl/guest_info.h"
#include "ctl/status_report.h"
#include "reconcile/record.h"

/* One resource: where it is wanted, how it was before, and how it differs. */
struct shown {
	const char *id;
	const struct resource *wanted;
	json_t *managed; /* its entry in the record; borrowed */
	json_t *guest;
};

static void resource_json(const struct status_report *r, const struct shown *s)
{
	const struct resource *w = s->wanted;
	json_t *o = json_pack("{s:i, s:s, s:s?, s:b, s:b, s:O?, s:O?}", "format", 1, "resource",
		s->id, "wanted", w ? mark_text(r->config.arena, w->mark) : NULL, "differs",
		w && w->step, "managed", s->managed != NULL, "before",
		json_object_get(s->managed, "before"), "guest", s->guest);

	json_dumpf(o, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(o);
}

static const char *how(const struct status_report *r, const struct step *differs)
{
	if (!differs)
		return "as wanted";
	return differs->state == STEP_WAITING
		       ? arena_printf(r->config.arena, "waits for %s", differs->wait)
		       : "differs: kvmhostctl plan";
}

static void print_before(const json_t *before)
{
	const char *key, *label = "before";
	json_t *value;

	json_object_foreach ((json_t *)(uintptr_t)before, key, value) {
		const char *text = json_string_value(value);

		printf("%-12s%s: ", label, key);
		if (text)
			fputs(text, stdout);
		else
			json_dumpf(value, stdout, JSON_ENCODE_ANY);
		putchar('\n');
		label = "";
	}
	if (!json_object_size(before))
		printf("%-12sit was there\n", label);
}

static void print_resource(const struct status_report *r, const struct shown *s)
{
	const json_t *before = json_object_get(s->managed, "before");

	printf("resource    %s, %s\n", s->id,
		!s->wanted ? "which the document does not name" : how(r, s->wanted->step));
	if (s->wanted)
		printf("wanted at   %s\n", mark_text(r->config.arena, s->wanted->mark));
	if (json_is_object(before))
		print_before(before);
	else if (s->managed)
		puts("before      it was not there: kvmhost made it");
	if (s->guest)
		guest_print(s->guest);
}

int status_resource(struct ctl *c, struct status_report *r, const char *id)
{
	_cleanup_error_ struct error e = { 0 };
	const char *name = startswith(id, "guest/");
	struct shown s = { .id = id };

	if (name)
		guest_look(c, name, &s.guest, NULL);
	if (r->config.valid)
		s.wanted = strmap_get(&r->config.wants.by_id, id);
	if (c->host.record)
		s.managed = record_entry(&c->host, id);
	if (!s.wanted && !s.managed && !s.guest && r->not_compared.code) {
		error_set(&e, r->not_compared.code, "nothing is known of `%s`: %s", id,
			r->not_compared.text);
		error_cure(&e, "%s",
			r->not_compared.cure ? r->not_compared.cure : "kvmhostctl status");
		return ctl_fail(c, &e);
	}
	if (!s.wanted && !s.managed && !s.guest) {
		error_set(&e, -ENOENT, "there is no resource `%s`", id);
		error_cure(&e, "kvmhostctl plan --json and status --json name them as kind/name");
		return ctl_fail(c, &e);
	}
	if (c->json)
		resource_json(r, &s);
	else
		print_resource(r, &s);
	json_decref(s.guest);
	return 0;
}
