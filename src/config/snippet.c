/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The line of the source that a mark points into, and the carets below it. The
 * text is the user's: it may hold tabs, control characters, bytes that are no
 * UTF-8, characters of two cells or none, and be a megabyte long.
 */
#include "config/diag.h"
#include "config/source.h"
#include "base/utf8.h"

enum {
	TAB_CELLS = 4,
	MOST_CELLS = 100, /* of a line that are shown */
	BEFORE_CARET = 40, /* characters left of the caret, in a line that is cut there */
	FARTHEST = 65536, /* column beyond which nothing is shown: finding it costs time */
};

struct range {
	uint32_t first, last;
};

static bool in_ranges(uint32_t c, const struct range *r, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (c >= r[i].first && c <= r[i].last)
			return true;
	return false;
}

/* Cells on a terminal: the usual blocks of combining and of wide characters. */
static size_t cells(uint32_t c)
{
	static const struct range none[] = { { 0x300, 0x36f }, { 0x200b, 0x200d },
		{ 0x20d0, 0x20ff }, { 0xfe00, 0xfe0f }, { 0xfe20, 0xfe2f } };
	static const struct range two[] = { { 0x1100, 0x115f }, { 0x2e80, 0xa4cf },
		{ 0xac00, 0xd7a3 }, { 0xf900, 0xfaff }, { 0xfe30, 0xfe6f }, { 0xff00, 0xff60 },
		{ 0xffe0, 0xffe6 }, { 0x1f300, 0x1faff }, { 0x20000, 0x3fffd } };

	if (c < 0x300)
		return 1;
	if (in_ranges(c, none, ARRAY_SIZE(none)))
		return 0;
	return in_ranges(c, two, ARRAY_SIZE(two)) ? 2 : 1;
}

/* One character, as shown; returns its bytes in the source. */
static size_t add_char(struct strbuf *out, const char *s, size_t left, size_t *width)
{
	uint32_t c;
	size_t len = utf8_decode(s, left, &c);

	*width = 1;
	if (len && c == '\t') {
		*width = TAB_CELLS;
		sb_pad(out, ' ', TAB_CELLS);
	} else if (len == 0 || utf8_is_control(c)) {
		sb_add(out, UTF8_REPLACEMENT);
	} else {
		*width = cells(c);
		sb_addn(out, s, len);
	}
	return MAX_OF(len, (size_t)1);
}

struct shown {
	struct strbuf line, caret;
};

static void build(struct shown *out, const char *s, size_t len, struct mark m)
{
	size_t at = 0, width, used = 0, column = 1;

	if (m.column > MOST_CELLS - 20) {
		column = m.column - BEFORE_CARET;
		at = source_offset(m.source, (struct mark){ .line = m.line, .column = column }) -
		     m.source->lines[m.line - 1];
		sb_add(&out->line, "... ");
		sb_pad(&out->caret, ' ', 4);
	}
	for (; at < len && used < MOST_CELLS; column++) {
		at += add_char(&out->line, s + at, len - at, &width);
		used += width;
		if (column < m.column)
			sb_pad(&out->caret, ' ', width);
		else if (column == m.column)
			sb_addc(&out->caret, '^');
		if (column == m.column && width > 1)
			sb_pad(&out->caret, '~', width - 1);
		if (column > m.column && column - m.column < m.width)
			sb_pad(&out->caret, '~', width);
	}
	if (at < len)
		sb_add(&out->line, " ...");
	if (column <= m.column) /* behind the line's end: something is missing there */
		sb_addc(&out->caret, '^');
}

void mark_show(struct mark m, FILE *to, bool color)
{
	struct shown out = { 0 };
	const struct source *source = m.source;
	size_t from, end;

	if (!source || m.line == 0 || m.line > source->n_lines || m.column > FARTHEST)
		return;
	from = source->lines[m.line - 1];
	end = m.line < source->n_lines ? source->lines[m.line] : source->len;
	while (end > from && (source->text[end - 1] == '\n' || source->text[end - 1] == '\r'))
		end--;
	build(&out, source->text + from, end - from, m);
	fprintf(to, "%5u | %s\n", m.line, sb_str(&out.line));
	fprintf(to, "%*s | %s%s%s\n", MAX_OF(5, snprintf(NULL, 0, "%u", m.line)), "",
		color ? "\033[1;32m" : "", sb_str(&out.caret), color ? "\033[0m" : "");
	sb_free(&out.line);
	sb_free(&out.caret);
}
