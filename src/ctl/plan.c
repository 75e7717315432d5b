/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kvmhostctl plan and apply */
#include "ctl/apply.h"
#include "ctl/confirm.h"
#include "net/fw_foreign.h"
#include "hostprep/doctor.h"
#include "net/probe.h"
#include "net/ties.h"
#include "reconcile/ahead.h"
#include "reconcile/plan_json.h"

static bool has_failed(const struct plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->steps[i]->state == STEP_FAILED)
			return true;
	return false;
}

/* On stderr: a plan is what kvmhost does, this is what others do. */
static void warn_of_others(struct ctl *c, const struct wants *w)
{
	struct fw_foreign *v;
	size_t n;

	if (!c->host.live || fw_foreign(&c->host, w, &v, &n, NULL) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		fprintf(stderr,
			"warning: %s%s%s drops %s\n"
			"      = %s\n",
			v[i].owner ? v[i].owner : "", v[i].owner ? "'s " : "", v[i].where,
			v[i].what, v[i].cure);
}

/* What goes by the name of a card that is a port, or is to become one. */
static void warn_of_ties(struct ctl *c, const struct wants *w, bool to_come)
{
	struct tie *v;
	size_t n;

	if (!c->host.live || ties(&c->host, w, to_come, &v, &n, NULL) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		fprintf(stderr,
			"warning: %s\n"
			"      = %s\n",
			v[i].what, v[i].cure);
}

static bool has_guests(const struct wants *w)
{
	for (size_t i = 0; i < w->n; i++)
		if (streq(w->v[i]->kind->name, "guest"))
			return true;
	return false;
}

/*
 * What would not fail, and not go well either. Each image is looked at only where there is
 * something to do: who has hundreds of guests is not told again by every plan, nor waits for it.
 */
static void warn_of_guests(struct ctl *c, const struct config *config, bool changes)
{
	static const char *const names[] = { "guest-cpus", "guest-memory", "guest-hugepages",
		"guest-storage", "guest-images" };
	struct doctor d;

	if (!has_guests(&config->wants))
		return;
	doctor_open(&d, &c->host, config);
	for (size_t i = 0; i < ARRAY_SIZE(names) - !changes; i++) {
		struct finding f = doctor_look(&d, check_find(names[i]));

		if (f.state != HEALTH_WARN)
			continue;
		fprintf(stderr, "warning: %s\n", f.seen);
		if (f.cure)
			fprintf(stderr, "      = %s\n", f.cure);
	}
	doctor_close(&d);
}

int verb_plan(struct ctl *c, int argc _unused_, char **argv _unused_)
{
	_cleanup_config_ struct config config = { 0 };
	_cleanup_error_ struct error e = { 0 };
	struct plan p;

	if (ctl_host(c, "reads the firewall and the record of what was applied", "plan"))
		return 1;
	ctl_look_ahead(&c->host);
	if (ctl_config(c, &config, DOCUMENT_STRICT_OWNER)) {
		ahead_end(&c->host);
		return 1;
	}
	if (plan_make(&c->host, &config.wants, &p, &e) < 0)
		return ctl_fail(c, &e);
	if (c->json) {
		_cleanup_strbuf_ struct strbuf out = { 0 };

		plan_json(&p, &out);
		fputs(sb_str(&out), stdout);
	} else {
		plan_print(&p, stdout, c->color);
	}
	fflush(stdout);
	if (c->host.live)
		warn_of_guests(c, &config, p.n > 0);
	warn_of_ties(c, &config.wants, true);
	warn_of_others(c, &config.wants);
	if (has_failed(&p))
		return 1;
	return p.n > p.n_wait ? EXIT_CHANGES : 0;
}

static const char *past(const struct step *s)
{
	static const char *const words[] = {
		[STEP_CREATE] = "created",
		[STEP_ADOPT] = "adopted",
		[STEP_UPDATE] = "updated",
		[STEP_RECREATE] = "made again",
		[STEP_REMOVE] = "removed",
		[STEP_RESTORE] = "restored",
		[STEP_FORGET] = "forgotten",
	};

	return words[s->verb];
}

/* Long work that is under way. */
static struct watched {
	bool terminal, open; /* open: the line on the terminal is not ended */
	char what[200];
	unsigned quarter;
} watched;

static void print_failure(const struct ctl *c, const struct step *s)
{
	const char *red = c->color ? "\033[31m" : "", *off = c->color ? "\033[0m" : "";
	struct arena *a = arena_new();
	const char *place = mark_text(a, step_mark(s));

	printf("  %s %sfailed%s: %s\n", s->r->id, red, off, s->error.text);
	if (*place)
		printf("      %s%s\n", s->r->origin ? "for " : "", place);
	if (s->error.cure)
		printf("      = %s\n", s->error.cure);
	arena_free(a);
}

static void told(const struct step *s, void *arg)
{
	const struct ctl *c = arg;

	if (watched.open)
		fputs("\r\033[K", stderr);
	watched.open = false;
	if (c->json)
		return;
	switch (s->state) {
	case STEP_DONE: printf("  %s %s\n", s->r->id, past(s)); break;
	case STEP_FAILED: print_failure(c, s); break;
	case STEP_BLOCKED:
		printf("  %s not done: %s %s\n", s->r->id, s->blocked_by->r->id,
			s->blocked_by->state == STEP_UNDONE ? "was put back" : "failed");
		break;
	case STEP_UNDONE:
		printf("  %s put back: %s failed\n", s->r->id, s->blocked_by->r->id);
		break;
	case STEP_READY:
	case STEP_WAITING: break;
	}
	fflush(stdout);
}

enum { BAR = 25 };

/* On a terminal a bar that is written over; elsewhere a line for each quarter. */
static void progress(void *arg, const char *what, unsigned percent)
{
	static const char full[BAR + 1] = "#########################";
	struct watched *w = arg;

	if (w->terminal) {
		int done = (int)(percent * BAR / 100);

		fprintf(stderr, "\r  %s [%.*s%*s] %u %%\033[K", what, done, full, BAR - done, "",
			percent);
	} else if (!streq(w->what, what) || percent / 25 != w->quarter) {
		snprintf(w->what, sizeof(w->what), "%s", what);
		w->quarter = percent / 25;
		fprintf(stderr, "  %s %u %%\n", what, percent);
	}
	w->open = w->terminal;
}

static void print_waits(const struct outcome *out)
{
	for (size_t i = 0; i < out->n; i++)
		if (out->steps[i]->state == STEP_WAITING)
			printf("  %s waits for %s\n", out->steps[i]->r->id, out->steps[i]->wait);
}

static void print_outcome(struct ctl *c, int r, const struct outcome *out)
{
	if (c->json) {
		json_t *o = json_pack("{s:i, s:b, s:b, s:i, s:o}", "format", 1, "converged", r == 0,
			"reboot_pending", out->reboot_pending, "resources", (int)out->n_resources,
			"steps", steps_json(out->steps, out->n));

		json_dumpf(o, stdout, JSON_INDENT(2));
		putchar('\n');
		json_decref(o);
		return;
	}
	if (r == 0) {
		print_waits(out);
		printf("converged: %zu resource%s, %zu changed%s\n", out->n_resources,
			plural(out->n_resources), out->done,
			out->reboot_pending ? "; a reboot is pending" : "");
	}
}

int ctl_apply(struct ctl *c, struct config *config, struct converge_options *o)
{
	_cleanup_outcome_ struct outcome out = { 0 };
	_cleanup_error_ struct error e = { 0 };
	int r, status;

	o->apply.allow_mass_removal = c->allow_mass_removal;
	o->apply.confirm_seconds = c->confirm;
	o->apply.arm = ctl_confirm_arm;
	o->apply.person = true;
	o->apply.guard = &network_guard;
	o->apply.told = told;
	o->apply.arg = c;
	o->try_held = true;
	watched.terminal = isatty(STDERR_FILENO);
	c->host.progress = c->json ? NULL : progress;
	c->host.progress_arg = &watched;
	o->lock_seconds = 60;
	ctl_signals();
	r = converge(&c->host, config, o, &out, &e);
	if (r == 0 || r == -EIO) {
		print_outcome(c, r, &out);
		if (out.done)
			warn_of_ties(c, &config->wants, false);
		warn_of_others(c, &config->wants);
	}
	status = r < 0 ? ctl_fail(c, &e) : outcome_status(r, &out);
	/* What did change, beside what failed, is for a person to keep all the same. */
	if (out.confirm_by) {
		int awaited = ctl_await(c, config, &out);

		status = awaited ? awaited : status;
	} else {
		ctl_confirm_settled(c);
	}
	return out.stopped ? EXIT_SIGNAL + out.stopped : status;
}

int verb_apply(struct ctl *c, int argc _unused_, char **argv _unused_)
{
	_cleanup_config_ struct config config = { 0 };
	struct converge_options o = { 0 };

	if (ctl_host(c, "changes this host", "apply") ||
		ctl_config(c, &config, DOCUMENT_STRICT_OWNER))
		return 1;
	return ctl_apply(c, &config, &o);
}
