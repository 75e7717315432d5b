/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/json_walk.h"

enum {
	LEVELS = 32,
	DIGITS = 18, /* fit into 64 bits */
};

/* Each of these steps over what it names; NULL: there is something else. */
static const char *skip_value(const char *p, int levels);

static const char *skip_blank(const char *p)
{
	while (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r')
		p++;
	return p;
}

static const char *skip_text(const char *p)
{
	static const bool plain[256] = {
		[' ' ... '!'] = true, /* what lies between is " and \ */
		['#' ... '['] = true,
		[']' ... '~'] = true,
	};

	if (*p++ != '"')
		return NULL;
	for (;;) {
		while (plain[(unsigned char)*p])
			p++;
		if (*p == '"')
			return p + 1;
		if (*p != '\\' || !p[1] || !strchr("\"\\/bfnrt", p[1]))
			return NULL;
		p += 2;
	}
}

static const char *skip_number(const char *p)
{
	size_t n;

	p += *p == '-';
	n = strspn(p, "0123456789");
	if (n == 0 || n > DIGITS || (n > 1 && *p == '0') || p[n] == '.' || p[n] == 'e' ||
		p[n] == 'E')
		return NULL;
	return p + n;
}

static const char *skip_list(const char *p, int levels)
{
	p = skip_blank(p + 1);
	if (*p == ']')
		return p + 1;
	for (;;) {
		p = skip_value(p, levels);
		p = p ? skip_blank(p) : "";
		if (*p == ']')
			return p + 1;
		if (*p != ',')
			return NULL;
		p = skip_blank(p + 1);
	}
}

static const char *skip_pair(const char *p, struct json_member *out, int levels)
{
	out->name = p + 1;
	p = skip_text(p);
	if (!p)
		return NULL;
	out->name_len = (size_t)(p - 1 - out->name);
	p = skip_blank(p);
	if (*p != ':')
		return NULL;
	out->value = skip_blank(p + 1);
	p = skip_value(out->value, levels);
	if (p)
		out->value_len = (size_t)(p - out->value);
	return p;
}

static int next_member(struct json_walk *w, struct json_member *out, int levels)
{
	const char *p = skip_blank(w->at);
	bool first = !w->inside;

	if (first && *p != '{')
		return -EBADMSG;
	if (first)
		p = skip_blank(p + 1);
	w->inside = true;
	if (*p == '}') {
		w->at = p + 1;
		return 0;
	}
	if (!first && *p != ',')
		return -EBADMSG;
	p = skip_pair(first ? p : skip_blank(p + 1), out, levels);
	if (!p)
		return -EBADMSG;
	w->at = p;
	return 1;
}

static const char *skip_object(const char *p, int levels)
{
	struct json_walk w = { .at = p };
	struct json_member m;
	int r;

	do
		r = next_member(&w, &m, levels);
	while (r > 0);
	return r < 0 ? NULL : w.at;
}

static const char *skip_word(const char *p)
{
	static const char *const words[] = { "null", "true", "false" };
	const char *end = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(words) && !end; i++)
		end = startswith(p, words[i]);
	return end;
}

static const char *skip_value(const char *p, int levels)
{
	if (levels == 0)
		return NULL;
	switch (*p) {
	case '{': return skip_object(p, levels - 1);
	case '[': return skip_list(p, levels - 1);
	case '"': return skip_text(p);
	case 'n':
	case 't':
	case 'f': return skip_word(p);
	default: return skip_number(p);
	}
}

int json_walk(struct json_walk *w, struct json_member *out)
{
	return next_member(w, out, LEVELS);
}
