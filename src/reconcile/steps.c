/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reconcile/steps.h"
#include "reconcile/record.h"

static void step_after(struct host *h, struct step *s, struct step *needed)
{
	if (needed && needed != s)
		*ARENA_PUSH(h->pass, s->after, s->n_after) = needed;
}

static bool releases(const struct step *s)
{
	return s->r->want == NULL;
}

/* Who used a released thing when it was applied last lets go of it first. */
static void link_users(struct host *h, struct plan *p, struct strmap *by_id)
{
	for (size_t i = 0; i < p->n; i++) {
		struct step *user = p->steps[i];
		json_t *used = json_object_get(record_entry(h, user->r->id), "after");
		json_t *id;
		size_t k;

		json_array_foreach (used, k, id) {
			struct step *s = strmap_get(by_id, json_string_value(id));

			if (s && releases(s))
				step_after(h, s, user);
		}
	}
}

static void link_needed(struct host *h, struct plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		for (size_t k = 0; k < p->steps[i]->r->n_after; k++)
			step_after(h, p->steps[i], p->steps[i]->r->after[k]->step);
}

/* What only leaves the record comes first: it must not part steps that are one write. */
static int rank(const struct step *s)
{
	if (!releases(s))
		return 2;
	return s->verb == STEP_FORGET ? 0 : 1;
}

/* Kahn's algorithm over an array; ready releases go before other ready steps. */
static void sort(struct host *h, struct plan *p)
{
	struct step **out = arena_alloc(h->pass, (p->n + 1) * sizeof(*out));
	size_t n = 0, before;

	do {
		before = n;
		for (int pass = 0; pass <= 2; pass++)
			for (size_t i = 0; i < p->n; i++) {
				struct step *s = p->steps[i];
				size_t k = 0;

				if (s->placed || rank(s) != pass)
					continue;
				while (k < s->n_after && s->after[k]->placed)
					k++;
				if (k < s->n_after)
					continue;
				s->placed = true;
				out[n++] = s;
			}
	} while (n > before);
	/* A damaged record could close a circle: those steps come last, in no order. */
	for (size_t i = 0; i < p->n; i++)
		if (!p->steps[i]->placed)
			out[n++] = p->steps[i];
	p->steps = out;
}

void steps_order(struct host *h, struct plan *p)
{
	_cleanup_strmap_ struct strmap by_id = { 0 };

	for (size_t i = 0; i < p->n; i++)
		strmap_put(&by_id, p->steps[i]->r->id, p->steps[i]);
	link_needed(h, p);
	link_users(h, p, &by_id);
	sort(h, p);
}

/* A guest that stops or restarts lets go of what it has; one may also do so in place. */
static bool let_go(const struct step *s)
{
	for (size_t i = 0; i < s->n_after; i++)
		if (s->after[i]->state == STEP_READY &&
			(s->after[i]->disruption == DISRUPT_GUEST || s->after[i]->lets_go))
			return true;
	return false;
}

void steps_wait(struct host *h, struct plan *p)
{
	for (size_t i = 0; i < p->n; i++) {
		struct step *s = p->steps[i];

		if (s->state == STEP_READY && s->in_use && !let_go(s)) {
			s->state = STEP_WAITING;
			s->wait = s->in_use;
			s->disruption = MAX_OF(s->disruption, DISRUPT_GUEST);
		}
		for (size_t k = 0; k < s->n_after && s->state == STEP_READY; k++) {
			const struct step *needed = s->after[k];

			if (needed->state != STEP_WAITING || needed->have)
				continue;
			s->state = STEP_WAITING;
			s->wait = arena_printf(
				h->pass, "%s, which waits for %s", needed->r->id, needed->wait);
		}
	}
}
