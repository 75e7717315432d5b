/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names, states and the list of guests. */
#include "runner/guestctl.h"
#include "config/diag.h"
#include "config/obj.h"
#include "reconcile/units.h"
#include "runner/guestctl_names.h"
#include "runner/guestctl_assigned.h"
#include "runner/spec.h"
#include "runner/state.h"
#include "runner/supervise.h"
#include <time.h>

static int list_names(struct host *h, char ***names, size_t *n, struct error *e)
{
	int r = file_list(h->root, GUESTS_DIR, names, n);

	if (r == -ENOENT) {
		*names = NULL;
		*n = 0;
		return 0;
	}
	return r < 0 ? error_set(e, r, "cannot list %s: %s", GUESTS_DIR, strerror(-r)) : 0;
}

int guestctl_known(struct host *h, const char *name, struct error *e)
{
	_cleanup_free_ char **names = NULL;
	const char *near;
	size_t n = 0;
	int r = list_names(h, &names, &n, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		if (streq(names[i], name))
			return 0;
	near = suggest(name, (const char *const *)names, n);
	error_set(e, -ENOENT, "there is no guest `%s`", name);
	if (near)
		return error_cure(e, "did you mean `%s`?", near);
	return error_cure(
		e, n ? "kvmhostctl guest list" : "add it to `guests:`, then: kvmhostctl apply");
}

bool guestctl_is_up(struct host *h, const char *name)
{
	struct unit u;

	return units_state(h, guest_unit(name).s, &u, NULL) >= 0 && u.state != UNIT_INACTIVE &&
	       u.state != UNIT_FAILED;
}

char *guestctl_why(struct host *h, const char *name)
{
	json_t *record = NULL;
	char *why = NULL;

	if (state_read(h->root, name, &record) >= 0 && state_phase(record) == RUN_ENDED)
		why = state_why(record);
	json_decref(record);
	return why;
}

/* The unit says whether it is up, the runner's record what it is then. */
static const char *state_word(const struct unit *u, json_t *record)
{
	switch (u->state) {
	case UNIT_INACTIVE: return "stopped";
	case UNIT_FAILED: return "failed";
	case UNIT_ACTIVATING: return "starting";
	case UNIT_DEACTIVATING: return "stopping";
	default: return record ? run_phase_names[state_phase(record)] : "running";
	}
}

static void copy_member(json_t *to, json_t *from, const char *key)
{
	json_t *v = json_object_get(from, key);

	if (v)
		json_object_set(to, key, v);
}

enum { START_LIMIT = 5 }; /* StartLimitBurst= of kvmhost-guest@.service */

/*
 * What systemd knows beyond the runner's word: that the runner was killed, or never began, and
 * could not say why (`silent`); and that the unit has used up StartLimitBurst= in
 * StartLimitIntervalSec=.
 */
static void add_unit_error(struct host *h, const char *unit, bool silent, json_t *out)
{
	const char *said = json_string_value(json_object_get(out, "error"));
	struct unit_end end;

	if (units_end(h, unit, &end, NULL) < 0 || streq(end.result, "success"))
		return;
	if (end.restarts >= START_LIMIT && end.status != RUN_EXIT_STAY_DOWN)
		json_object_set_new(out, "error",
			json_sprintf(
				"it failed %u times in a short time and is not started again%s%s",
				end.restarts, said ? ": " : "", said ? said : ""));
	else if (silent && streq(end.result, "watchdog"))
		json_object_set_new(out, "error", json_string("QEMU did not answer any more"));
	else if (silent)
		json_object_set_new(out, "error",
			json_sprintf(
				"the unit failed: %s, status %d", end.result, (int)end.status));
}

static void add_record(struct host *h, const struct unit *u, json_t *record, json_t *out)
{
	static const char *const members[] = { "since", "accel", "accel_reason", "cpu_model",
		"error", "event", "stderr", "end", "display", "install" };
	bool up = u->state != UNIT_INACTIVE && u->state != UNIT_FAILED;
	_cleanup_free_ char *lost = NULL;

	for (size_t i = 0; record && i < ARRAY_SIZE(members); i++)
		copy_member(out, record, members[i]);
	lost = record ? state_lost(record) : NULL;
	if (lost)
		json_object_set_new(out, "lost", json_string(lost));
	if (up)
		copy_member(out, record, "pid");
	if (u->state == UNIT_FAILED)
		add_unit_error(h, u->name, !record || state_phase(record) != RUN_ENDED, out);
}

static json_t *pending_changes(
	struct arena *a, const struct guest *applied, const struct guest *started)
{
	json_t *v = json_array();
	struct change *c;
	size_t n = guest_differs(applied, started) ? obj_diff_both(applied, started, a, &c) : 0;

	for (size_t i = 0; i < n; i++)
		if (!c[i].field || c[i].field->on_change != CHANGE_LIVE)
			json_array_append_new(v, json_sprintf("%s: %s -> %s", c[i].path,
							 c[i].have ? c[i].have : "absent",
							 c[i].want ? c[i].want : "absent"));
	return v;
}

static json_t *interface(const struct spec *s, size_t i)
{
	const struct guest_interface *nic =
		&LIST_AT(&s->guest->interfaces, const struct guest_interface, i);
	_cleanup_strbuf_ struct strbuf mac = { 0 };

	/* Its MAC address is the function's own. */
	if (nic->vf)
		return json_pack("{s:s}", "vf", nic->vf);
	mac_format(&s->interfaces[i].mac, &mac);
	return json_pack("{s:s, s:s, s:s}", "tap", s->interfaces[i].tap, "mac", sb_str(&mac),
		nic->macvtap  ? "macvtap"
		: nic->bridge ? "bridge"
			      : "network",
		nic->macvtap   ? nic->macvtap
		: nic->bridge  ? nic->bridge
		: nic->network ? nic->network
			       : "");
}

static json_t *interfaces(const struct spec *s)
{
	json_t *v = json_array();

	for (size_t i = 0; i < s->guest->interfaces.n; i++)
		json_array_append_new(v, interface(s, i));
	return v;
}

/* From files that only root may read; for others these members are left out. */
static void add_spec(struct host *h, const char *name, bool up, json_t *record, json_t *out)
{
	_cleanup_arena_ struct arena *a = arena_new();
	struct spec applied, started;

	if (spec_load(h->root, name, FILE_SPEC, a, &applied, NULL) < 0)
		return;
	json_object_set_new(out, "uid", json_integer(applied.uid));
	json_object_set_new(out, "uuid", json_string(applied.uuid));
	json_object_set_new(out, "interfaces", interfaces(&applied));
	if (!up || spec_load(h->root, name, FILE_STARTED, a, &started, NULL) < 0)
		return;
	json_object_set_new(out, "pending", pending_changes(a, applied.guest, started.guest));
	guestctl_add_assigned(&started, record, out);
}

static int status(struct host *h, const char *name, json_t **out, struct error *e)
{
	json_t *record = NULL;
	struct unit u;
	int r = units_state(h, guest_unit(name).s, &u, e);

	if (r < 0)
		return r;
	if (state_read(h->root, name, &record) < 0)
		record = NULL;
	*out = json_pack("{s:s, s:s, s:b}", "name", name, "state", state_word(&u, record), "held",
		(int)guest_held(h->root, name));
	add_record(h, &u, record, *out);
	add_spec(h, name, u.state != UNIT_INACTIVE && u.state != UNIT_FAILED, record, *out);
	json_decref(record);
	return 0;
}

int guestctl_status(struct host *h, const char *name, json_t **out, struct error *e)
{
	int r = guestctl_known(h, name, e);

	return r < 0 ? r : status(h, name, out, e);
}

static int collect(
	struct host *h, const char *const *names, size_t n, json_t *guests, struct error *e)
{
	int r = 0;

	for (size_t i = 0; i < n && r >= 0; i++) {
		json_t *one = NULL;

		r = status(h, names[i], &one, e);
		if (r >= 0)
			json_array_append_new(guests, one);
	}
	return r;
}

static int show(struct host *h, const char *const *names, size_t n, bool json, struct strbuf *out,
	struct error *e)
{
	json_t *guests = json_array();
	int r = collect(h, names, n, guests, e);

	if (r >= 0 && json) {
		json_t *all = json_pack("{s:i, s:O}", "format", 1, "guests", guests);
		_cleanup_free_ char *text = json_dumps(all, JSON_INDENT(2));

		sb_addf(out, "%s\n", text ? text : "{}");
		json_decref(all);
	} else if (r >= 0) {
		guestctl_table(h, out, guests);
	}
	json_decref(guests);
	return r;
}

int guestctl_list(struct host *h, bool json, struct strbuf *out, struct error *e)
{
	_cleanup_free_ char **names = NULL;
	size_t n = 0;
	int r = list_names(h, &names, &n, e);

	return r < 0 ? r : show(h, (const char *const *)names, n, json, out, e);
}

int guestctl_json(
	struct host *h, const char *const *names, size_t n, struct strbuf *out, struct error *e)
{
	return show(h, names, n, true, out, e);
}
