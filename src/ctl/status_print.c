/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kvmhostctl status, for people. */
#include "config/window.h"
#include "ctl/status_report.h"
#include "reconcile/generation.h"
#include "reconcile/reboot.h"
#include "reconcile/record.h"
#include "runner/guestctl.h"

static const char *member(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

/* The table of guests has the same words, and is newer. */
static bool told_below(const struct status_report *r, const json_t *step)
{
	const char *name = startswith(member(step, "resource"), "guest/");
	const char *message = member(json_object_get(step, "error"), "message");
	const json_t *guest;
	size_t i;

	json_array_foreach (r->guests, i, guest)
		if (name && *message && streq(member(guest, "name"), name))
			return streq(member(guest, "state"), "failed") &&
			       !json_is_true(json_object_get(guest, "held")) &&
			       strstr(member(guest, "error"), message);
	return false;
}

static void print_told_below(const struct status_report *r)
{
	const char *before = "  did not start, see below: ";
	const json_t *step;
	size_t i;

	json_array_foreach (json_object_get(r->last, "steps"), i, step)
		if (told_below(r, step)) {
			printf("%s%s", before, member(step, "resource"));
			before = ", ";
		}
	if (streq(before, ", "))
		putchar('\n');
}

static void print_unsettled(const struct status_report *r)
{
	json_t *step;
	size_t i;

	json_array_foreach (json_object_get(r->last, "steps"), i, step) {
		const json_t *error = json_object_get(step, "error");
		const char *cure = member(error, "cure");

		if (told_below(r, step))
			continue;
		printf("  %s %s", member(step, "resource"),
			streq(member(step, "state"), "ready") ? "not done" : member(step, "state"));
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
	print_told_below(r);
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
static void print_waiting(const struct status_report *r)
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

static void print_diagnostic(const json_t *diag)
{
	long long line = json_integer_value(json_object_get(diag, "line"));
	const char *hint = member(diag, "hint");

	printf("  %s", member(diag, "file"));
	if (line) /* else the file as a whole */
		printf(":%lld:%lld", line,
			(long long)json_integer_value(json_object_get(diag, "column")));
	printf(": %s\n", member(diag, "message"));
	if (*hint)
		printf("      = %s\n", hint);
}

/* Of the run as a whole: not the sum of what its steps say. */
static void print_error(const struct status_report *r)
{
	const json_t *error = json_object_get(r->last, "error"), *step;
	size_t i;

	json_array_foreach (json_object_get(r->last, "steps"), i, step)
		if (json_is_object(json_object_get(step, "error")))
			return;
	if (!json_is_object(error))
		return;
	printf("  %s\n", member(error, "message"));
	if (*member(error, "cure"))
		printf("      = %s\n", member(error, "cure"));
}

static void print_generation(const json_t *generation)
{
	const char *git = member(generation, "git");
	char at[32];

	printf("document    generation %lld, first applied %s%s%s\n",
		(long long)json_integer_value(json_object_get(generation, "number")),
		ctl_when(json_integer_value(json_object_get(generation, "time")), at, sizeof(at)),
		*git ? ", commit " : "", git);
}

static void print_last(const struct status_report *r)
{
	const json_t *generation = json_object_get(r->last, "generation"), *diag;
	char at[32];
	size_t i;

	if (!r->last) {
		puts("last run    none since boot");
		return;
	}
	printf("last run    %s, %s\n", member(r->last, "result"),
		ctl_when(json_integer_value(json_object_get(r->last, "time")), at, sizeof(at)));
	if (generation)
		print_generation(generation);
	if (json_object_get(r->last, "held"))
		printf("held        the document of then, until it changes, because %s\n",
			member(json_object_get(r->last, "held"), "reason"));
	print_error(r);
	print_unsettled(r);
	json_array_foreach (json_object_get(r->last, "diagnostics"), i, diag)
		print_diagnostic(diag);
}

static void print_daemon(const struct status_report *r)
{
	if (r->daemon > 0)
		printf("kvmhostd    running (pid %d)\n", r->daemon);
	else
		printf("kvmhostd    %s\n              = %s\n",
			r->daemon == -ESRCH ? "not running" : r->daemon_error.text,
			r->daemon_error.cure ? r->daemon_error.cure : "journalctl -u kvmhostd");
}

/* Of the files of an image: no daemon runs there, and /run has nothing of a last run. */
static void print_tree(const struct ctl *c)
{
	const json_t *generation = c->host.record ? generation_current(&c->host) : NULL;

	printf("tree        %s\n", c->root);
	if (generation)
		print_generation(generation);
	else
		puts("document    none applied yet");
}

static void print_machine(const struct ctl *c, const struct status_report *r)
{
	const char *what = c->host.live ? "machine" : "files";
	size_t n = r->plan.n - r->plan.n_wait;

	if (!r->drift_known) {
		printf("%-10s  %s\n", what, r->not_compared.text);
		if (r->not_compared.cure)
			printf("              = %s\n", r->not_compared.cure);
	} else if (n) {
		printf("%-10s  %zu differ%s from the document: kvmhostctl plan\n", what, n,
			n == 1 ? "s" : "");
	} else {
		printf("%-10s  as the document says: %zu resource%s\n", what, r->plan.n_resources,
			plural(r->plan.n_resources));
	}
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
			if (json_is_string(json_object_get(lease, "trouble")))
				printf("      %s\n      = restart the guest, or its network: it "
				       "asks for another\n",
					member(lease, "trouble"));
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

void status_print(struct ctl *c, const struct status_report *r)
{
	_cleanup_strbuf_ struct strbuf list = { 0 };

	if (c->host.live) {
		print_daemon(r);
		print_last(r);
		print_drift(json_object_get(r->last, "drift"));
	} else {
		print_tree(c);
	}
	print_machine(c, r);
	print_waiting(r);
	if (json_is_true(json_object_get(r->last, "reboot_pending")))
		print_reboot(c);
	for (size_t i = 0; i < r->n_foreign; i++)
		printf("%s %s%s%s drops %s\n      = %s\n", i ? "           " : "firewall   ",
			r->foreign[i].owner ? r->foreign[i].owner : "",
			r->foreign[i].owner ? "'s " : "", r->foreign[i].where, r->foreign[i].what,
			r->foreign[i].cure);
	for (size_t i = 0; i < r->n_ties; i++)
		printf("%s %s\n      = %s\n", i ? "           " : "cards      ", r->ties[i].what,
			r->ties[i].cure);
	if (guestctl_list(&c->host, false, &list, NULL) >= 0 && json_array_size(r->guests))
		printf("\n%s", sb_str(&list));
	print_leases(r->networks);
}
