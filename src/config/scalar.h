/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For those who write a type's parse(): refusals, ranges, numbers with units. */
#ifndef KVMHOST_SCALAR_H
#define KVMHOST_SCALAR_H

#include "config/field.h"

/* Sets why, a text that completes "KEY: "; returns false. */
bool scalar_refuse(struct scalar *s, const char *fmt, ...) _printf_(2, 3);
/* Sets the hint; returns false. */
bool scalar_cure(struct scalar *s, const char *fmt, ...) _printf_(2, 3);
/* Sets the hint to the word that was probably meant, if one is near; returns false. */
bool scalar_cure_word(struct scalar *s, const char *const *words, size_t n);
/* The user's text for use in either, short and harmless. */
const char *scalar_shown(const struct scalar *s);

/* Whether value (int64_t, or uint64_t up to INT64_MAX) keeps the row's range; refuses with it. */
bool scalar_in_range(const struct field *f, struct scalar *s, int64_t value);
/* "0s to 30s", "at least 1MiB", in the type's own text; nothing where there is no bound. */
void range_text(const struct field *f, struct strbuf *out);

/* ^(0|[1-9][0-9]*)$ up to INT64_MAX, at least one digit; *end is where the digits end. */
bool digits_parse(const char *s, const char **end, uint64_t *out);

struct unit {
	const char *name;
	uint64_t factor;
};
struct units {
	const struct unit *v; /* the smallest first, its factor 1 */
	size_t n;
	const char *usual; /* proposed where the unit was left out */
	const char *zero; /* "0s" */
	const char *const (
		*slips)[2]; /* what others write for them: { "GB", "GiB" }; ends with NULL */
	bool fractions; /* 2.4GHz is a way to write a whole number of the smallest unit */
};

/*
 * A number, whole unless u->fractions, directly followed by a unit. The value, at most INT64_MAX,
 * is in the smallest unit, and within the row's range. Refusals propose what was probably meant:
 * 1536MiB for 1.5GiB.
 */
bool units_parse(const struct units *u, const struct field *f, struct scalar *s, uint64_t *out);
/* In the largest unit that is exact. */
void units_format(const struct units *u, uint64_t value, struct strbuf *out);
/* Members of a JSON Schema. */
void units_schema(const struct units *u, struct strbuf *out);

#endif
