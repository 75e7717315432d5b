/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/diag.h"
#include "base/utf8.h"

static struct diag *add(struct diags *d, enum severity severity, struct mark m, const char *hint,
	const char *fmt, va_list ap)
{
	struct diag *new;

	if (severity == DIAG_ERROR)
		d->errors++;
	else
		d->warnings++;
	if (diags_full(d)) {
		new = arena_alloc(d->arena, sizeof(*new));
		return new;
	}
	new = ARENA_PUSH(d->arena, d->v, d->n);
	new->severity = severity;
	new->mark = m;
	new->text = utf8_mend(arena_vprintf(d->arena, fmt, ap));
	new->hint = hint ? utf8_mend(arena_strdup(d->arena, hint)) : NULL;
	return new;
}

struct diag *diag_error(struct diags *d, struct mark m, const char *hint, const char *fmt, ...)
{
	struct diag *new;
	va_list ap;

	va_start(ap, fmt);
	new = add(d, DIAG_ERROR, m, hint, fmt, ap);
	va_end(ap);
	return new;
}

struct diag *diag_warning(struct diags *d, struct mark m, const char *hint, const char *fmt, ...)
{
	struct diag *new;
	va_list ap;

	va_start(ap, fmt);
	new = add(d, DIAG_WARNING, m, hint, fmt, ap);
	va_end(ap);
	return new;
}

void diag_relate(struct diag *d, struct mark m, const char *relation)
{
	d->related = m;
	d->relation = relation;
}

const char *text_shown(struct arena *a, const char *text)
{
	enum { LONGEST = 60 };
	_cleanup_strbuf_ struct strbuf out = { 0 };
	size_t left = strlen(text), len;
	uint32_t c;

	for (; left; text += len, left -= len) {
		if (out.len >= LONGEST) {
			sb_add(&out, "...");
			break;
		}
		len = utf8_decode(text, left, &c);
		if (len == 0) {
			sb_add(&out, UTF8_REPLACEMENT);
			len = 1;
		} else if (c == '\n') {
			sb_add(&out, "\\n");
		} else if (utf8_is_control(c)) {
			sb_addf(&out, "\\u%04x", c);
		} else {
			sb_addn(&out, text, len);
		}
	}
	return arena_strdup(a, sb_str(&out));
}

const char *mark_text(struct arena *a, struct mark m)
{
	if (!m.source)
		return "";
	if (m.line == 0)
		return m.source->name;
	return arena_printf(a, "%s:%u:%u", m.source->name, m.line, m.column);
}

/*
 * Sorting and printing
 */

static int compare_numbers(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int compare_marks(struct mark a, struct mark b)
{
	int r;

	if (!a.source || !b.source)
		return (a.source != NULL) - (b.source != NULL);
	r = compare_numbers(a.source->index, b.source->index);
	if (!r)
		r = compare_numbers(a.line, b.line);
	if (!r)
		r = compare_numbers(a.column, b.column);
	return r;
}

static int compare_places(const void *a, const void *b)
{
	const struct diag *x = *(struct diag *const *)a, *y = *(struct diag *const *)b;
	int r = compare_marks(x->mark, y->mark);

	return r ? r : compare_numbers((uintptr_t)x, (uintptr_t)y);
}

static bool said_before(struct diag *const *run, size_t n, const struct diag *d)
{
	while (n-- && compare_marks(run[n]->mark, d->mark) == 0)
		if (run[n]->severity == d->severity && streq(run[n]->text, d->text))
			return true;
	return false;
}

/* Sorts and drops what was said twice, counted once then. */
static void order(struct diags *d)
{
	struct diag **v = arena_alloc(d->arena, d->n * sizeof(*v)), *sorted;
	size_t n = 0;

	for (size_t i = 0; i < d->n; i++)
		v[i] = &d->v[i];
	if (d->n)
		qsort(v, d->n, sizeof(*v), compare_places);
	for (size_t i = 0; i < d->n; i++) {
		if (!said_before(v, n, v[i]))
			v[n++] = v[i];
		else if (v[i]->severity == DIAG_ERROR)
			d->errors--;
		else
			d->warnings--;
	}
	sorted = arena_alloc(d->arena, n * sizeof(*sorted));
	for (size_t i = 0; i < n; i++)
		sorted[i] = *v[i];
	d->v = NULL;
	d->n = 0;
	for (size_t i = 0; i < n; i++)
		*ARENA_PUSH(d->arena, d->v, d->n) = sorted[i];
}

/* User's text inside, so control characters are shown, not sent. */
static void print_text(FILE *to, const char *text)
{
	size_t left = strlen(text), len;
	uint32_t c;

	for (; left; text += len, left -= len) {
		len = utf8_decode(text, left, &c);
		if (len == 0) {
			fputs(UTF8_REPLACEMENT, to);
			len = 1;
		} else if (utf8_is_control(c)) {
			fprintf(to, "\\u%04x", c);
		} else {
			fwrite(text, 1, len, to);
		}
	}
}

static void print_head(
	struct mark m, const char *word, const char *sgr, const char *text, FILE *to, bool color)
{
	if (m.source) {
		fputs(color ? "\033[1m" : "", to);
		print_text(to, m.source->name);
		if (m.line)
			fprintf(to, ":%u:%u", m.line, m.column);
		fputs(color ? ":\033[0m " : ": ", to);
	}
	fprintf(to, color ? "%s%s:\033[0m " : "%s%s: ", color ? sgr : "", word);
	print_text(to, text);
	fputc('\n', to);
	mark_show(m, to, color);
}

static void print_one(const struct diag *d, FILE *to, bool color)
{
	bool error = d->severity == DIAG_ERROR;

	print_head(d->mark, error ? "error" : "warning", error ? "\033[1;31m" : "\033[1;35m",
		d->text, to, color);
	if (d->hint) {
		fputs(color ? "      \033[1;36m=\033[0m " : "      = ", to);
		print_text(to, d->hint);
		fputc('\n', to);
	}
	if (d->related.source)
		print_head(d->related, "note", "\033[1;36m", d->relation, to, color);
}

void diags_print(struct diags *d, FILE *to, bool color)
{
	size_t total = d->errors + d->warnings, kept = d->n;

	order(d);
	for (size_t i = 0; i < d->n; i++)
		print_one(&d->v[i], to, color);
	if (total > kept)
		fprintf(to, "... and %zu more\n", total - kept);
}

static void json_place(struct strbuf *out, struct mark m)
{
	if (!m.source)
		return;
	sb_add(out, ",\"file\":");
	sb_add_json(out, m.source->name);
	if (m.line)
		sb_addf(out, ",\"line\":%u,\"column\":%u", m.line, m.column);
}

void diags_json(struct diags *d, struct strbuf *out)
{
	order(d);
	sb_addc(out, '[');
	for (size_t i = 0; i < d->n; i++) {
		const struct diag *one = &d->v[i];

		sb_addf(out, "%s{\"severity\":\"%s\"", i ? "," : "",
			one->severity == DIAG_ERROR ? "error" : "warning");
		json_place(out, one->mark);
		sb_add(out, ",\"message\":");
		sb_add_json(out, one->text);
		if (one->hint) {
			sb_add(out, ",\"hint\":");
			sb_add_json(out, one->hint);
		}
		if (one->related.source) {
			sb_add(out, ",\"related\":{\"message\":");
			sb_add_json(out, one->relation);
			json_place(out, one->related);
			sb_addc(out, '}');
		}
		sb_addc(out, '}');
	}
	sb_addc(out, ']');
}
