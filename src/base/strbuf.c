/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/strbuf.h"
#include "base/arena.h"
#include "base/utf8.h"

/* Room for n more bytes and the NUL. */
static void reserve(struct strbuf *b, size_t n)
{
	size_t cap = b->cap ? b->cap : 32;

	if (b->cap - b->len > n)
		return;
	while (cap - b->len <= n)
		cap = cap <= SIZE_MAX / 2 ? cap * 2 : SIZE_MAX;
	b->s = xrealloc(b->s, cap);
	b->cap = cap;
}

void sb_addn(struct strbuf *b, const char *s, size_t n)
{
	reserve(b, n);
	if (n)
		memcpy(b->s + b->len, s, n);
	b->len += n;
	b->s[b->len] = '\0';
}

void sb_addc(struct strbuf *b, char c)
{
	reserve(b, 1);
	b->s[b->len++] = c;
	b->s[b->len] = '\0';
}

void sb_vaddf(struct strbuf *b, const char *fmt, va_list ap)
{
	va_list again;
	size_t room;
	int n;

	/* Nearly always enough. */
	reserve(b, 64);
	room = b->cap - b->len;
	va_copy(again, ap);
	n = vsnprintf(b->s + b->len, room, fmt, again);
	va_end(again);
	if (n >= 0 && (size_t)n >= room) {
		reserve(b, (size_t)n);
		vsnprintf(b->s + b->len, (size_t)n + 1, fmt, ap);
	}
	b->len += n < 0 ? 0 : (size_t)n;
	b->s[b->len] = '\0';
}

void sb_addf(struct strbuf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	sb_vaddf(b, fmt, ap);
	va_end(ap);
}

void sb_pad(struct strbuf *b, char c, size_t n)
{
	reserve(b, n);
	memset(b->s + b->len, c, n);
	b->len += n;
	b->s[b->len] = '\0';
}

static void add_json_char(struct strbuf *b, const char *s, size_t len, uint32_t c)
{
	if (c == '"' || c == '\\') {
		sb_addc(b, '\\');
		sb_addc(b, (char)c);
	} else if (c == '\n') {
		sb_add(b, "\\n");
	} else if (c == '\t') {
		sb_add(b, "\\t");
	} else if (c == '\r') {
		sb_add(b, "\\r");
	} else if (c < 0x10000 && (utf8_is_control(c) || c >= 0xfffe)) {
		sb_addf(b, "\\u%04x", c);
	} else {
		sb_addn(b, s, len);
	}
}

/* How many characters from here on stand in JSON as they are: nearly always all. */
static size_t plain_run(const char *s)
{
	size_t n = 0;

	while (s[n] >= ' ' && s[n] <= '~' && s[n] != '"' && s[n] != '\\')
		n++;
	return n;
}

void sb_add_json(struct strbuf *b, const char *s)
{
	size_t left = strlen(s), len;
	uint32_t c;

	sb_addc(b, '"');
	for (; left; s += len, left -= len) {
		len = plain_run(s);
		if (len) {
			sb_addn(b, s, len);
			continue;
		}
		len = utf8_decode(s, left, &c);
		if (len) {
			add_json_char(b, s, len, c);
		} else {
			sb_add(b, UTF8_REPLACEMENT);
			len = 1;
		}
	}
	sb_addc(b, '"');
}

void sb_json_from(struct strbuf *b, size_t at)
{
	size_t n = b->len - at;
	char *text;

	if (n && plain_run(b->s + at) == n) {
		sb_addn(b, "\"\"", 2);
		memmove(b->s + at + 1, b->s + at, n);
		b->s[at] = b->s[at + n + 1] = '"';
		return;
	}
	text = n ? xstrdup(b->s + at) : NULL;
	b->len = at;
	sb_add_json(b, text ? text : "");
	free(text);
}

char *sb_steal(struct strbuf *b)
{
	char *s = b->s ? b->s : xstrdup("");

	*b = (struct strbuf){ 0 };
	return s;
}

void sb_free(struct strbuf *b)
{
	free(b->s);
	*b = (struct strbuf){ 0 };
}
