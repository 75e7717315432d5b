/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/source.h"
#include "base/utf8.h"

static const uint32_t *find_lines(struct arena *a, const char *text, size_t len, size_t *n_lines)
{
	size_t n = 1;
	uint32_t *lines;
	const char *p = text;

	while ((p = memchr(p, '\n', len - (size_t)(p - text)))) {
		p++;
		n++;
	}
	lines = arena_alloc(a, n * sizeof(*lines));
	for (p = text, n = 1; (p = memchr(p, '\n', len - (size_t)(p - text)));)
		lines[n++] = (uint32_t)(++p - text);
	*n_lines = n;
	return lines;
}

struct source *source_new(struct arena *a, const char *name, const char *text, size_t len)
{
	struct source *s = arena_alloc(a, sizeof(*s));
	char *copy;

	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		len -= 3;
	}
	copy = arena_alloc(a, len + 1);
	if (len)
		memcpy(copy, text, len);
	s->name = utf8_mend(arena_strdup(a, name));
	s->text = copy;
	s->len = len;
	s->lines = find_lines(a, copy, len, &s->n_lines);
	return s;
}

struct mark source_mark(const struct source *s, size_t offset)
{
	struct mark m = { .source = s, .column = 1, .width = 1 };
	size_t low = 0, high = s->n_lines, at, len;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (s->lines[middle] <= offset)
			low = middle;
		else
			high = middle;
	}
	m.line = (uint32_t)low + 1;
	for (at = s->lines[low]; at < offset; at += MAX_OF(len, (size_t)1)) {
		len = utf8_decode(s->text + at, s->len - at, NULL);
		m.column++;
	}
	return m;
}

size_t source_offset(const struct source *s, struct mark m)
{
	size_t at = s->lines[m.line - 1];
	size_t end = m.line < s->n_lines ? s->lines[m.line] - 1 : s->len;

	for (uint32_t column = 1; column < m.column && at < end; column++)
		at += MAX_OF(utf8_decode(s->text + at, end - at, NULL), (size_t)1);
	return at;
}

/* The name of a wide encoding that the first bytes show, or NULL. */
static const char *wide_encoding(const char *s, size_t n)
{
	if (n >= 4 && (memcmp(s, "\0\0\xfe\xff", 4) == 0 || memcmp(s, "\xff\xfe\0\0", 4) == 0))
		return "UTF-32";
	if (n >= 2 && (memcmp(s, "\xfe\xff", 2) == 0 || memcmp(s, "\xff\xfe", 2) == 0))
		return "UTF-16";
	if (n >= 4 && ((!s[0] && !s[1] && !s[2] && s[3]) || (s[0] && !s[1] && !s[2] && !s[3])))
		return "UTF-32";
	if (n >= 4 && ((!s[0] && s[1] && !s[2] && s[3]) || (s[0] && !s[1] && s[2] && !s[3])))
		return "UTF-16";
	return NULL;
}

static bool refuse_char(const struct source *s, struct diags *d, size_t at, uint32_t c)
{
	struct mark m = source_mark(s, at);

	if (c == 0)
		diag_error(d, m,
			"a configuration file is plain text: check that this is the right file",
			"the file contains a NUL byte");
	else if (c == '\r')
		diag_error(d, m, "save the file with Unix line ends (LF)",
			"the file contains a carriage return that ends no line");
	else if (c == 0x85 || c == 0x2028 || c == 0x2029)
		diag_error(d, m, "remove it, or write it as an escape in double quotes",
			"the file contains U+%04X, which YAML takes for a line end", c);
	else
		diag_error(d, m, "remove it, or write it as an escape in double quotes",
			"the file contains the control character U+%04X", c);
	return false;
}

/* What libyaml's reader refuses, and line ends that editors do not see. */
static bool is_refused(uint32_t c, char next)
{
	if (c < 0x20)
		return c != '\t' && c != '\n' && !(c == '\r' && next == '\n');
	return (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 || c == 0xfeff ||
	       c == 0xfffe || c == 0xffff;
}

/* Nearly all of every file. */
static bool is_plain(char c)
{
	return c == '\n' || (c >= ' ' && c < 0x7f && c != '%');
}

/* The first line that begins so, or NULL. */
static const char *line_with(const struct source *s, const char *begin)
{
	for (size_t i = 0; i < s->n_lines; i++)
		if (startswith(s->text + s->lines[i], begin))
			return s->text + s->lines[i];
	return NULL;
}

/* Texts that YAML would take for something else, and complain about that. */
static bool refuse_unfinished(const struct source *s, struct diags *d)
{
	const char *conflict = line_with(s, "<<<<<<< ");

	if (startswith(s->text, "$ANSIBLE_VAULT;")) {
		diag_error(d, source_mark(s, 0),
			"put it in place decrypted: ansible-vault view FILE",
			"the file is encrypted by ansible-vault");
		return true;
	}
	if (conflict)
		diag_error(d, source_mark(s, (size_t)(conflict - s->text)),
			"keep one side, and remove the lines of <<<<<<<, ======= and >>>>>>>",
			"a conflict of a git merge begins here");
	return conflict;
}

bool source_check(const struct source *s, struct diags *d)
{
	const char *wide = wide_encoding(s->text, s->len);
	uint32_t c;

	if (refuse_unfinished(s, d))
		return false;
	if (wide) {
		diag_error(d, source_mark(s, 0), NULL, "the file is not UTF-8 but %s", wide)->hint =
			arena_printf(d->arena, "convert it: iconv -f %s -t UTF-8 FILE", wide);
		return false;
	}
	for (size_t at = 0, len; at < s->len; at += len) {
		len = 1;
		if (is_plain(s->text[at]))
			continue;
		len = utf8_decode(s->text + at, s->len - at, &c);
		if (len == 0) {
			diag_error(d, source_mark(s, at),
				"save the file as UTF-8; if it is Latin-1: iconv -f LATIN1 -t "
				"UTF-8 FILE",
				"the byte 0x%02x here is not UTF-8", (unsigned char)s->text[at]);
			return false;
		}
		if (is_refused(c, s->text[at + len]))
			return refuse_char(s, d, at, c);
		/* libyaml's time grows with the square of the number of directives. */
		if (c == '%' && (at == 0 || s->text[at - 1] == '\n')) {
			diag_error(d, source_mark(s, at),
				"remove the line; text that begins with % needs quotes",
				"a line that begins with `%%` is a YAML directive, which kvmhost "
				"does not use");
			return false;
		}
	}
	return true;
}
