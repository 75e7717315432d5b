/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dependency order by depth-first search: what a resource needs stands before
 * it; among those that do not need each other the kinds' order and the
 * document's order hold. The search keeps its own stack, so that a long chain
 * of guests cannot exhaust the process's.
 */
#include "reconcile/wants.h"

enum { UNSEEN, OPEN, CLOSED };

struct frame {
	struct resource *r;
	size_t next; /* index into r->after */
};

struct search {
	struct wants *w;
	struct frame *stack;
	size_t depth;
	struct resource **out;
	size_t n_out;
};

static void report_cycle(struct search *s, const struct resource *again)
{
	_cleanup_strbuf_ struct strbuf path = { 0 };
	size_t i = s->depth;

	while (s->stack[--i].r != again)
		;
	for (; i < s->depth; i++)
		sb_addf(&path, "%s needs ", s->stack[i].r->id);
	diag_error(s->w->diags, again->mark, "take one of these out of the circle",
		"these wait for each other: %s%s", sb_str(&path), again->id);
}

static void push(struct search *s, struct resource *r)
{
	r->seen = OPEN;
	s->stack[s->depth++] = (struct frame){ .r = r };
}

static void visit(struct search *s, struct resource *start)
{
	if (start->seen != UNSEEN)
		return;
	push(s, start);
	while (s->depth) {
		struct frame *f = &s->stack[s->depth - 1];

		if (f->next == f->r->n_after) {
			f->r->seen = CLOSED;
			s->out[s->n_out++] = f->r;
			s->depth--;
			continue;
		}
		struct resource *needed = f->r->after[f->next++];

		if (needed->seen == OPEN)
			report_cycle(s, needed);
		else if (needed->seen == UNSEEN)
			push(s, needed);
	}
}

/* Of what is named several times the first stays. A rule table comes after thousands: no search. */
static void drop_repeats(struct resource *r, unsigned turn)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n_after; i++) {
		struct resource *needed = r->after[i];

		if (needed->seen == turn)
			continue;
		needed->seen = turn;
		r->after[n++] = needed;
	}
	r->n_after = n;
}

void wants_order(struct wants *w)
{
	struct search s = {
		.w = w,
		.stack = arena_alloc(w->arena, (w->n + w->n_flawed + 1) * sizeof(*s.stack)),
		.out = arena_alloc(w->arena, (w->n + w->n_flawed + 1) * sizeof(*s.out)),
	};

	for (size_t i = 0; i < w->n; i++)
		drop_repeats(w->v[i], (unsigned)i + 1);
	for (size_t i = 0; i < w->n; i++)
		w->v[i]->seen = UNSEEN;
	for (size_t i = 0; i < w->n_flawed; i++)
		w->flawed[i]->seen = UNSEEN;
	for (size_t k = 0; k < n_kinds; k++)
		for (size_t i = 0; i < w->n; i++)
			if (w->v[i]->kind == kinds[k])
				visit(&s, w->v[i]);
	for (size_t i = 0; i < w->n_flawed; i++)
		visit(&s, w->flawed[i]);
	if (!w->n_flawed)
		w->v = s.out;
}
