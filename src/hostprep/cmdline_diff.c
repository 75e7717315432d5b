/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostprep/cmdline.h"

struct compare {
	struct host *h;
	struct step *s;
	struct lines *l;
	struct token t;
	bool kept; /* the document wants it */
	bool gone; /* nobody wants it, and it was not there before us */
	size_t can_do;
};

static const char *shown(const struct compare *c, bool there)
{
	return there ? c->s->r->name : NULL;
}

static const char *place(const struct compare *c, const char *what, const char *file)
{
	return arena_printf(c->h->pass, "%s%s)", what, file);
}

static void diff_file(struct compare *c)
{
	const struct boot *b = &c->l->boot;
	bool have = tokens_count(&b->own, &c->t),
	     want = c->kept && !tokens_count(&b->others, &c->t);

	if (have == want)
		return;
	step_change(c->h, c->s, "", place(c, CMDLINE_FILE, b->loader->short_file), shown(c, have),
		shown(c, want));
	c->can_do++;
}

static void diff_unread_menu(struct compare *c)
{
	if (!json_object_get(c->h->record->root, CMDLINE_STALE))
		return;
	step_change(
		c->h, c->s, "", place(c, CMDLINE_MENU, c->l->boot.loader->tool), "older", "anew");
	c->can_do++;
}

/* The menu may be older than the files it is made of: a power cut, or somebody's edit. */
static void diff_menu(struct compare *c)
{
	const struct boot *b = &c->l->boot;
	bool others = tokens_count(&b->others, &c->t), own = tokens_count(&b->own, &c->t);
	/* GRUB_CMDLINE_LINUX_DEFAULT of somebody else is not for recovery: that is his choice. */
	size_t i, with = 0, twice = 0, enough = others && !own ? 1 : MAX_OF(b->n, 1);

	for (i = 0; i < b->n; i++) {
		size_t n = tokens_count(&b->entries[i].tokens, &c->t);

		with += n > 0;
		twice += n > 1 && own;
	}
	if (!(c->kept && (with < enough || twice || b->half)) && !(c->gone && !others && with))
		return;
	step_change(c->h, c->s, "", place(c, CMDLINE_MENU, b->loader->short_menu),
		b->n ? arena_printf(c->h->pass, "in %zu of %zu entries%s%s", with, b->n,
			       twice ? ", twice" : "", b->half ? ", then cut off" : "")
		     : "no entries",
		c->kept ? "in each, once" : NULL);
	c->can_do++;
}

static bool for_next_boot(const struct cmdline *want)
{
	return obj_has(want, "next_boot") && want->next_boot;
}

static void diff_running(struct compare *c)
{
	const struct token *other = tokens_against(&c->l->running, &c->t);
	bool runs = tokens_count(&c->l->running, &c->t);
	char *text = NULL;

	if (!(c->kept && !runs && !for_next_boot(c->s->r->want)) && !(c->gone && runs))
		return;
	if (c->gone) {
		step_change(c->h, c->s, "", CMDLINE_RUNNING, c->s->r->name, NULL);
		c->s->wait = "a reboot: the running kernel was started with it";
	} else if (other) {
		text = token_text(other);
		step_change(c->h, c->s, "", CMDLINE_RUNNING, text, c->s->r->name);
		c->s->wait = arena_printf(
			c->h->pass, "a reboot: the running kernel was started with %s", text);
	} else {
		step_change(c->h, c->s, "", CMDLINE_RUNNING, NULL, c->s->r->name);
		c->s->wait = "a reboot: the running kernel was started without it";
	}
	free(text);
}

void cmdline_diff(struct host *h, struct step *s)
{
	struct compare c = { .h = h, .s = s, .kept = s->r->want != NULL };

	c.gone = !c.kept && !s->want;
	c.t = token_of(h->pass, s->r->name);
	if (lines_get(h, &c.l, NULL) < 0)
		return; /* observe has just told of it */
	diff_file(&c);
	if (h->live) {
		if (c.l->boot.loader->menu)
			diff_menu(&c);
		else
			diff_unread_menu(&c);
		diff_running(&c);
	} else if (c.can_do) {
		s->reason = "in its boot menu once update-grub or kvmhostd has run there";
	}
	if (c.can_do && s->wait) {
		s->reason = "takes effect at the next boot";
		s->wait = NULL;
	}
}

void cmdline_refine(struct host *h, struct step *s)
{
	size_t i;

	if (!s->want) /* the engine compares only what is to be there */
		cmdline_diff(h, s);
	for (i = 0; i < s->n_changes; i++)
		if (streq(s->changes[i].path, CMDLINE_RUNNING))
			s->disruption = DISRUPT_REBOOT;
}
