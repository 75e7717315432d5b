/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Diagnostics: all that is wrong with a document, collected, then shown in
 * the order of their places with the source line and a caret:
 *
 *	host.yaml:12:5: error: unknown key `foward_delay` in bridges.br0
 *	   12 |     foward_delay: 0s
 *	      |     ^~~~~~~~~~~~
 *	      = did you mean `forward_delay`?
 */
#ifndef KVMHOST_DIAG_H
#define KVMHOST_DIAG_H

#include "base/strbuf.h"
#include "config/node.h"

enum severity { DIAG_ERROR, DIAG_WARNING };

struct diag {
	enum severity severity;
	struct mark mark;
	const char *text;
	const char *hint; /* the cure; may be NULL */
	struct mark
		related; /* a second place, such as the first of two claims; source NULL: none */
	const char *relation; /* what is there: "first used here" */
};

/* So many are kept, the others only counted: a megabyte of junk must not become ten of messages. */
enum { DIAGS_KEPT = 1000 };

struct diags {
	struct arena *arena; /* the caller's; texts live in it */
	struct diag *v;
	size_t n, errors, warnings;
	/* A part could not be read as YAML: what seems to be missing may stand there. */
	bool incomplete;
	struct obj_defaults *defaults; /* obj_parse()'s own, in the arena */
};

/* Return the diagnostic just added, so that a relation can be set. Hint may be NULL. */
struct diag *diag_error(struct diags *d, struct mark m, const char *hint, const char *fmt, ...)
	_printf_(4, 5);
struct diag *diag_warning(struct diags *d, struct mark m, const char *hint, const char *fmt, ...)
	_printf_(4, 5);
/* Whether a further diagnostic would only be counted: its hint need not be worked out. */
static inline bool diags_full(const struct diags *d)
{
	return d->n >= DIAGS_KEPT;
}
void diag_relate(struct diag *d, struct mark m, const char *relation);

/* Sorted by source and place, each once. Color adds SGR sequences. */
void diags_print(struct diags *d, FILE *to, bool color);
/* [{"severity","file","line","column","message","hint",...}] */
void diags_json(struct diags *d, struct strbuf *out);

/* The first source line that mark m points into with its caret line below, as in diags_print. */
void mark_show(struct mark m, FILE *to, bool color);
/* "host.yaml:12:5", or "" where there is no place. */
const char *mark_text(struct arena *a, struct mark m);

/* Text of the user's for a message: cut when long, and nothing in it can move a cursor. */
const char *text_shown(struct arena *a, const char *text);

/* The word of `words` nearest to `word` when near enough to be a slip of the finger, or NULL. */
const char *suggest(const char *word, const char *const *words, size_t n);
/* The same with the number of slips in *slips: 0 where case, - and _ alone differ. */
const char *suggest_slips(const char *word, const char *const *words, size_t n, size_t *slips);

#endif
