/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kvmhostctl status */
#include "config/window.h"
#include "ctl/ctl.h"
#include "ctl/daemon.h"
#include "net/fw_foreign.h"
#include "net/leases.h"
#include "reconcile/generation.h"
#include "reconcile/plan_json.h"
#include "reconcile/reboot.h"
#include "reconcile/record.h"
#include "reconcile/status.h"
#include "runner/guestctl.h"

/* What status shows; every part may be missing, and then says why. */
struct report {
	int daemon; /* pid or negative errno */
	struct error daemon_error;
	json_t *last; /* the status file; NULL: nothing was applied since boot */
	json_t *guests;
	json_t *networks; /* those that hand out addresses, with their leases */
	bool drift_known;
	struct plan plan;
	struct config config;
	struct fw_foreign *foreign; /* who else drops what guests send */
	size_t n_foreign;
};

static const char *member(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

/* Only root can compare with the machine; others read what the last run wrote. */
static void observe(struct ctl *c, struct report *r)
{
	_cleanup_error_ struct error e = { 0 };

	if (geteuid() != 0 || !c->host.live)
		return;
	config_load(&r->config, &c->host, c->configs, c->n_configs, 0);
	if (!r->config.valid)
		return;
	r->drift_known = plan_make(&c->host, &r->config.wants, &r->plan, &e) >= 0;
	if (r->drift_known)
		fw_foreign(&c->host, &r->config.wants, &r->foreign, &r->n_foreign, NULL);
}

static json_t *guests(struct ctl *c)
{
	_cleanup_strbuf_ struct strbuf out = { 0 };
	json_t *all, *list;

	if (guestctl_list(&c->host, true, &out, NULL) < 0)
		return json_array();
	all = json_loads(sb_str(&out), 0, NULL);
	list = json_incref(json_object_get(all, "guests"));
	json_decref(all);
	return list ? list : json_array();
}

static void gather(struct ctl *c, struct report *r)
{
	r->daemon = daemon_pid(&r->daemon_error);
	status_read(&c->host, &r->last, NULL);
	observe(c, r);
	r->guests = guests(c);
	r->networks = network_leases(&c->host);
}

static void report_free(struct report *r)
{
	error_clear(&r->daemon_error);
	json_decref(r->last);
	json_decref(r->guests);
	json_decref(r->networks);
	if (r->config.arena)
		config_free(&r->config);
}

static void print_unsettled(const json_t *last)
{
	json_t *step;
	size_t i;

	json_array_foreach (json_object_get(last, "steps"), i, step) {
		const json_t *error = json_object_get(step, "error");
		const char *cure = member(error, "cure");

		printf("  %s %s", member(step, "resource"), member(step, "state"));
		if (*member(step, "waits_for"))
			printf(" for %s", member(step, "waits_for"));
		if (*member(step, "blocked_by"))
			printf(" by %s", member(step, "blocked_by"));
		if (error)
			printf(": %s", member(error, "message"));
		putchar('\n');
		if (*cure)
			printf("      = %s\n", cure);
	}
}

static bool names(const json_t *steps, const char *id)
{
	const json_t *step;
	size_t i;

	json_array_foreach (steps, i, step)
		if (streq(member(step, "resource"), id))
			return true;
	return false;
}

/* What came to wait since the last run: a card was pulled, say. */
static void print_waiting(const struct report *r)
{
	for (size_t i = 0; r->drift_known && i < r->plan.n; i++) {
		const struct step *s = r->plan.steps[i];

		if (s->state == STEP_WAITING && !names(json_object_get(r->last, "steps"), s->r->id))
			printf("  %s waits for %s\n", s->r->id, s->wait);
	}
}

/* What the daemon heard of since boot. */
static void print_drift(const json_t *drift)
{
	json_t *step;
	char at[32];
	size_t i;

	if (!drift)
		return;
	printf("drift       %lld put right since boot; last %s: %s\n",
		(long long)json_integer_value(json_object_get(drift, "repaired")),
		ctl_when(json_integer_value(json_object_get(drift, "time")), at, sizeof(at)),
		member(drift, "cause"));
	json_array_foreach (json_object_get(drift, "steps"), i, step)
		printf("  %s %s\n", member(step, "resource"),
			streq(member(step, "state"), "ready")
				? "differs, and is left so (drift: report)"
				: member(step, "state"));
}

static void print_last(const struct report *r)
{
	const json_t *generation = json_object_get(r->last, "generation"), *diag;
	const char *git = member(generation, "git");
	char at[32];
	size_t i;

	if (!r->last) {
		puts("last run    none since boot");
		return;
	}
	printf("last run    %s, %s\n", member(r->last, "result"),
		ctl_when(json_integer_value(json_object_get(r->last, "time")), at, sizeof(at)));
	if (generation)
		printf("document    generation %lld, first applied %s%s%s\n",
			(long long)json_integer_value(json_object_get(generation, "number")),
			ctl_when(json_integer_value(json_object_get(generation, "time")), at,
				sizeof(at)),
			*git ? ", commit " : "", git);
	if (json_object_get(r->last, "held"))
		printf("held        the document of then, until it changes, because %s\n",
			member(json_object_get(r->last, "held"), "reason"));
	if (streq(member(r->last, "result"), "refused"))
		printf("  %s\n      = %s\n", member(json_object_get(r->last, "error"), "message"),
			member(json_object_get(r->last, "error"), "cure"));
	print_unsettled(r->last);
	json_array_foreach (json_object_get(r->last, "diagnostics"), i, diag)
		printf("  %s:%lld:%lld: %s\n", member(diag, "file"),
			(long long)json_integer_value(json_object_get(diag, "line")),
			(long long)json_integer_value(json_object_get(diag, "column")),
			member(diag, "message"));
}

static void print_leases(const json_t *networks)
{
	const json_t *network, *lease, *leases;
	char at[32];
	size_t i, k;

	json_array_foreach (networks, i, network) {
		leases = json_object_get(network, "leases");
		if (json_array_size(leases))
			printf("\nleases of the network %s\n", member(network, "name"));
		json_array_foreach (leases, k, lease) {
			json_int_t expires = json_integer_value(json_object_get(lease, "expires"));

			printf("  %-15s  %-17s  %-16s  %s%s\n", member(lease, "address"),
				member(lease, "mac"), member(lease, "name"),
				expires ? "until " : "for ever",
				expires ? ctl_when(expires, at, sizeof(at)) : "");
		}
	}
}

static void print_reboot(struct ctl *c)
{
	struct reboot reboot;
	struct window window;
	time_t made = 0;
	char at[32];

	puts("reboot      needed: by what waits for it above");
	reboot_told(&c->host, &reboot);
	if (!window_parse(reboot.window, &window))
		return;
	if (c->host.record)
		made = (time_t)reboot_made(&c->host, reboot.document);
	if (made)
		printf("            one was made for this document at %s: kvmhostd makes no "
		       "other\n",
			ctl_when(made, at, sizeof(at)));
	else
		printf("            kvmhostd makes it at %s (host.reboot.window: %s)\n",
			ctl_when(window_next(&window, time(NULL)), at, sizeof(at)), reboot.window);
}

static void print_report(struct ctl *c, const struct report *r)
{
	_cleanup_strbuf_ struct strbuf list = { 0 };

	if (r->daemon > 0)
		printf("kvmhostd    running (pid %d)\n", r->daemon);
	else
		printf("kvmhostd    %s\n              = %s\n",
			r->daemon == -ESRCH ? "not running" : r->daemon_error.text,
			r->daemon_error.cure ? r->daemon_error.cure : "journalctl -u kvmhostd");
	print_last(r);
	print_drift(json_object_get(r->last, "drift"));
	if (r->drift_known && r->plan.n > r->plan.n_wait)
		printf("machine     %zu differ from the document: kvmhostctl plan\n",
			r->plan.n - r->plan.n_wait);
	else if (r->drift_known)
		printf("machine     as the document says: %zu resources\n", r->plan.n_resources);
	else if (r->config.arena && !r->config.valid)
		puts("machine     not compared, the document is not valid: kvmhostctl check");
	else
		puts("machine     not compared, which only root can: sudo kvmhostctl status");
	print_waiting(r);
	if (json_is_true(json_object_get(r->last, "reboot_pending")))
		print_reboot(c);
	for (size_t i = 0; i < r->n_foreign; i++)
		printf("%s %s%s%s drops %s\n      = %s\n", i ? "           " : "firewall   ",
			r->foreign[i].owner ? r->foreign[i].owner : "",
			r->foreign[i].owner ? "'s " : "", r->foreign[i].where, r->foreign[i].what,
			r->foreign[i].cure);
	if (guestctl_list(&c->host, false, &list, NULL) >= 0 && json_array_size(r->guests))
		printf("\n%s", sb_str(&list));
	print_leases(r->networks);
}

static json_t *foreign_json(const struct report *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->n_foreign; i++)
		json_array_append_new(list,
			json_pack("{s:s, s:s, s:s, s:s?, s:s}", "network", r->foreign[i].network,
				"what", r->foreign[i].what, "where", r->foreign[i].where, "owner",
				r->foreign[i].owner, "cure", r->foreign[i].cure));
	return list;
}

static void print_json(const struct report *r)
{
	json_t *o = json_pack("{s:i, s:O?, s:O, s:O}", "format", 1, "last", r->last, "guests",
		r->guests, "networks", r->networks);

	json_object_set_new(o, "daemon",
		r->daemon > 0 ? json_pack("{s:b, s:i}", "running", true, "pid", r->daemon)
			      : json_pack("{s:b, s:s?}", "running", false, "reason",
					r->daemon_error.text));
	json_object_set_new(
		o, "drift", r->drift_known ? steps_json(r->plan.steps, r->plan.n) : json_null());
	json_object_set_new(o, "dropped_by_others", foreign_json(r));
	json_dumpf(o, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(o);
}

/* 0 as it should be, 3 with a reboot pending, 1 not. */
static int exit_status(const struct report *r)
{
	const char *result = member(r->last, "result");

	if (!r->last || (r->drift_known && r->plan.n > r->plan.n_wait))
		return 1;
	if (!streq(result, "converged") && !streq(result, "waiting"))
		return 1;
	return json_is_true(json_object_get(r->last, "reboot_pending")) ? EXIT_REBOOT : 0;
}

/* One resource: where it is wanted, how it was before, and how it differs. */
static int show_resource(struct ctl *c, struct report *r, const char *id)
{
	_cleanup_error_ struct error e = { 0 };
	const struct resource *res = NULL;
	const char *name = startswith(id, "guest/");
	json_t *guest = NULL, *entry;

	if (name && guestctl_status(&c->host, name, &guest, NULL) >= 0) {
		json_dumpf(guest, stdout, JSON_INDENT(2));
		putchar('\n');
		json_decref(guest);
	}
	if (r->config.valid)
		res = strmap_get(&r->config.wants.by_id, id);
	entry = c->host.record ? json_object_get(record_resources(&c->host), id) : NULL;
	if (!res && !entry && !guest) {
		error_set(&e, -ENOENT, "there is no resource `%s`", id);
		error_cure(&e, "kvmhostctl plan --json and status --json name them as kind/name");
		return ctl_fail(c, &e);
	}
	if (res)
		printf("%s wanted at %s, %s\n", id, mark_text(r->config.arena, res->mark),
			res->step ? "differs: kvmhostctl plan" : "as wanted");
	if (entry && !json_is_null(json_object_get(entry, "before"))) {
		printf("%s before it was managed: ", id);
		json_dumpf(json_object_get(entry, "before"), stdout, JSON_ENCODE_ANY);
		putchar('\n');
	} else if (entry) {
		printf("%s was made by kvmhost\n", id);
	}
	return 0;
}

int verb_status(struct ctl *c, int argc, char **argv)
{
	_cleanup_(report_free) struct report r = { 0 };

	if (ctl_host(c, false, "status"))
		return 1;
	gather(c, &r);
	if (argc)
		return show_resource(c, &r, argv[0]);
	if (c->json)
		print_json(&r);
	else
		print_report(c, &r);
	return exit_status(&r);
}
