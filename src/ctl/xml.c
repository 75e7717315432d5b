/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/xml.h"
#include "base/library.h"
#include "base/strbuf.h"
#include <expat.h>

#define EXPAT_FUNCTIONS(X) \
	X(XML_ErrorString) \
	X(XML_GetCurrentLineNumber) \
	X(XML_GetErrorCode) \
	X(XML_Parse) \
	X(XML_ParserCreate) \
	X(XML_ParserFree) \
	X(XML_SetCharacterDataHandler) \
	X(XML_SetElementHandler) \
	X(XML_SetUserData) \
	X(XML_StopParser)
/* Newer headers want XML_GetCurrentLineNumber64, which older libraries do not have. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
LIBRARY_DECLARE(EXPAT_FUNCTIONS)
LIBRARY_DEFINE(EXPAT_FUNCTIONS);
#pragma GCC diagnostic pop

enum { DEPTH_MAX = 100 };

struct reader {
	struct arena *arena;
	XML_Parser parser;
	struct xml *root, *at;
	struct strbuf text; /* since the last tag */
	unsigned depth;
};

static int load(struct error *e)
{
	static struct library library = {
		.file = "libexpat.so.1",
		.cure = "install it: apt install libexpat1, or dnf install expat",
		.functions = functions,
	};

	return library_load(&library, "read XML", e);
}

static const char *trimmed(struct reader *r)
{
	const char *s = sb_str(&r->text) + strspn(sb_str(&r->text), " \t\r\n");
	size_t n = strlen(s);

	while (n && strchr(" \t\r\n", s[n - 1]))
		n--;
	return arena_strndup(r->arena, s, n);
}

static void forget_text(struct reader *r)
{
	r->text.len = 0;
	if (r->text.s)
		*r->text.s = '\0';
}

static void begin(void *arg, const char *name, const char **attributes)
{
	struct reader *r = arg;
	struct xml *x = arena_alloc(r->arena, sizeof(*x)), **to;
	const char **copy = NULL;
	size_t n = 0;

	if (++r->depth > DEPTH_MAX) {
		sym_XML_StopParser(r->parser, XML_FALSE);
		return;
	}
	for (; *attributes; attributes++)
		*ARENA_PUSH(r->arena, copy, n) = arena_strdup(r->arena, *attributes);
	*ARENA_PUSH(r->arena, copy, n) = NULL;
	*x = (struct xml){ .name = arena_strdup(r->arena, name),
		.attributes = copy,
		.text = "",
		.parent = r->at,
		.line = (unsigned)sym_XML_GetCurrentLineNumber(r->parser) };
	to = r->at ? &r->at->first : &r->root;
	while (*to)
		to = &(*to)->next;
	*to = r->at = x;
	forget_text(r);
}

static void end(void *arg, const char *name _unused_)
{
	struct reader *r = arg;

	if (!r->at->first)
		r->at->text = trimmed(r);
	forget_text(r);
	r->at = r->at->parent;
	r->depth--;
}

static void text(void *arg, const char *s, int len)
{
	struct reader *r = arg;

	sb_addn(&r->text, s, (size_t)len);
}

int xml_parse(struct arena *a, const char *data, size_t len, struct xml **root, struct error *e)
{
	struct reader r = { .arena = a };
	int err = load(e);

	if (err < 0)
		return err;
	r.parser = sym_XML_ParserCreate(NULL);
	sym_XML_SetUserData(r.parser, &r);
	sym_XML_SetElementHandler(r.parser, begin, end);
	sym_XML_SetCharacterDataHandler(r.parser, text);
	if (sym_XML_Parse(r.parser, data, (int)len, 1) == XML_STATUS_ERROR)
		err = error_set(e, -EBADMSG, "line %lu: %s",
			(unsigned long)sym_XML_GetCurrentLineNumber(r.parser),
			sym_XML_ErrorString(sym_XML_GetErrorCode(r.parser)));
	sym_XML_ParserFree(r.parser);
	sb_free(&r.text);
	if (err >= 0)
		*root = r.root;
	return err;
}

const char *xml_attribute(const struct xml *x, const char *name)
{
	for (const char *const *a = x ? x->attributes : NULL; a && *a; a += 2)
		if (streq(*a, name))
			return a[1];
	return NULL;
}

struct xml *xml_child(const struct xml *x, const char *name)
{
	for (struct xml *c = x ? x->first : NULL; c; c = c->next)
		if (streq(c->name, name))
			return c;
	return NULL;
}

struct xml *xml_again(const struct xml *x)
{
	for (struct xml *c = x->next; c; c = c->next)
		if (streq(c->name, x->name))
			return c;
	return NULL;
}
