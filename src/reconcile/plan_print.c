/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A plan for people. */
#include "base/strbuf.h"
#include "reconcile/plan.h"

static const struct {
	const char *name, *sign, *color;
} verbs[] = {
	[STEP_CREATE] = { "create", "+", "\033[32m" },
	[STEP_ADOPT] = { "adopt", "=", "\033[36m" },
	[STEP_UPDATE] = { "update", "~", "\033[33m" },
	[STEP_RECREATE] = { "recreate", "!", "\033[35m" },
	[STEP_REMOVE] = { "remove", "-", "\033[31m" },
	[STEP_RESTORE] = { "restore", "<", "\033[31m" },
	[STEP_FORGET] = { "forget", "-", "\033[2m" },
};

const char *verb_name(enum verb v)
{
	return verbs[v].name;
}

const char *disruption_name(enum disruption d)
{
	static const char *const names[] = { "none", "link", "guest", "reboot" };

	return names[d];
}

const char *step_state_name(enum step_state s)
{
	static const char *const names[] = { "ready", "done", "failed", "blocked", "waiting",
		"undone" };

	return names[s];
}

struct style {
	const char *verb, *dim, *bold, *red, *off;
};

static struct style style_for(const struct step *s, bool color)
{
	if (!color)
		return (struct style){ "", "", "", "", "" };
	return (struct style){ verbs[s->verb].color, "\033[2m", "\033[1m", "\033[31m", "\033[0m" };
}

static const char *shown(const struct change *c, const char *value)
{
	if (c->field && c->field->secret)
		return "(secret)";
	return value ? value : "(none)";
}

/* In something new, an empty list says nothing. */
static bool says_nothing(const struct change *c)
{
	return !c->have && c->want && (streq(c->want, "[]") || streq(c->want, "{}"));
}

static void print_change(
	const struct step *s, const struct change *c, int width, FILE *to, const struct style *st)
{
	fprintf(to, "      %-*s  ", width, c->path);
	if (s->have || c->have)
		fprintf(to, "%s%s%s -> ", st->dim, shown(c, c->have), st->off);
	fprintf(to, "%s", shown(c, c->want));
	if (c->when)
		fprintf(to, "  %s(%s)%s", st->dim, c->when, st->off);
	fputc('\n', to);
}

static void print_cost(const struct step *s, FILE *to)
{
	static const char *const changed[] = {
		[DISRUPT_LINK] = "a link goes down for a moment",
		[DISRUPT_GUEST] = "a guest is shut down and started again",
		[DISRUPT_REBOOT] = "needs a reboot",
	};
	static const char *const released[] = {
		[DISRUPT_LINK] = "a link goes away",
		[DISRUPT_GUEST] = "a guest is shut down",
		[DISRUPT_REBOOT] = "needs a reboot",
	};

	if (s->disruption != DISRUPT_NONE)
		fprintf(to, "      disrupts: %s\n", (s->want ? changed : released)[s->disruption]);
}

static void print_step(const struct step *s, FILE *to, bool color, struct arena *a)
{
	struct style st = style_for(s, color);
	const char *place = mark_text(a, s->r->mark);
	int width = 0;

	fprintf(to, "  %s%s %s%s%s", st.verb, verbs[s->verb].sign, st.bold, s->r->id, st.off);
	if (s->reason)
		fprintf(to, "  %s", s->reason);
	if (*place)
		fprintf(to, "  %s%s%s%s", st.dim, s->r->origin ? "for " : "", place, st.off);
	fputc('\n', to);
	if (s->state == STEP_FAILED) {
		fprintf(to, "      %serror%s: %s\n", st.red, st.off, s->error.text);
		if (s->error.cure)
			fprintf(to, "      = %s\n", s->error.cure);
		return;
	}
	for (size_t i = 0; i < s->n_changes; i++)
		width = MAX_OF(width, (int)strlen(s->changes[i].path));
	for (size_t i = 0; i < s->n_changes && s->verb != STEP_REMOVE; i++)
		if (!says_nothing(&s->changes[i]))
			print_change(s, &s->changes[i], MIN_OF(width, 32), to, &st);
	if (s->wait)
		fprintf(to, "      waits for %s\n", s->wait);
	else
		print_cost(s, to);
}

static void print_summary(const struct plan *p, FILE *to)
{
	size_t count[ARRAY_SIZE(verbs)] = { 0 }, failed = 0;
	const char *between = " ";

	for (size_t i = 0; i < p->n; i++) {
		if (p->steps[i]->state == STEP_READY)
			count[p->steps[i]->verb]++;
		failed += p->steps[i]->state == STEP_FAILED;
	}
	fprintf(to, "%zu resource%s wanted:", p->n_resources, plural(p->n_resources));
	for (size_t v = 0; v < ARRAY_SIZE(verbs); v++)
		if (count[v]) {
			fprintf(to, "%s%zu to %s", between, count[v], verbs[v].name);
			between = ", ";
		}
	if (p->n_wait) {
		fprintf(to, "%s%zu waiting", between, p->n_wait);
		between = ", ";
	}
	if (failed)
		fprintf(to, "%s%zu unreadable", between, failed);
	if (!p->n)
		fprintf(to, " nothing to do");
	fputc('\n', to);
}

void plan_print_steps(const struct plan *p, FILE *to, bool color)
{
	_cleanup_arena_ struct arena *a = arena_new();

	for (size_t i = 0; i < p->n; i++)
		print_step(p->steps[i], to, color, a);
}

void plan_print(const struct plan *p, FILE *to, bool color)
{
	plan_print_steps(p, to, color);
	if (p->n)
		fputc('\n', to);
	print_summary(p, to);
	if (p->removes_most)
		fprintf(to, "apply would refuse this: it releases most of what the document named "
			    "before.\nIf that is meant: kvmhostctl apply --allow-mass-removal\n");
}
