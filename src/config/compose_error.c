/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libyaml says "did not find expected key" and points where it gave up. Here
 * each of its problems gets words for a person: what is wrong, and the cure.
 */
#include "config/compose.h"
#include "config/source.h"
#include <yaml.h>

struct words {
	const char *context; /* the beginning of libyaml's context; NULL: any */
	const char *problem; /* the beginning of libyaml's problem */
	const char *text, *hint;
	bool at_context; /* the fault lies where the construct began */
	const char *relation; /* what is at the other place; NULL: not worth showing */
};

#define QUOTE "quote the text"
#define INDENT "compare the indentation with that of the lines above"

static const struct words table[] = {
	{ "while scanning a simple key", "could not find expected ':'",
		"a `:` is missing after this key",
		"write `key: value`; text over several lines needs quotes or `|`", true, NULL },
	{ NULL, "mapping values are not allowed", "a `:` is not allowed here",
		"quote text that contains `: `; otherwise " INDENT, false, NULL },
	{ NULL, "block sequence entries are not allowed", "a list item cannot begin here",
		"begin each `- ` on a line of its own, below its key", false, NULL },
	{ NULL, "mapping keys are not allowed", "a key cannot begin here",
		"quote text that begins with `?`", false, NULL },
	{ "while scanning a quoted scalar", "found unexpected end of stream",
		"the quote that begins here is never closed", "add the closing quote", true, NULL },
	{ "while scanning a quoted scalar", "found unexpected document indicator",
		"the quote that begins here is not closed before `---` or `...`",
		"add the closing quote", true, NULL },
	{ NULL, "found unknown escape character", "there is no such escape in a double-quoted text",
		"use single quotes, or write the backslash twice", false, NULL },
	{ NULL, "did not find expected hexdecimal number", "the escape needs hexadecimal digits",
		"\\x41, \\u0041 and \\U00000041 take two, four and eight", false, NULL },
	{ NULL, "found invalid Unicode character escape code", "the escape is no Unicode character",
		"write the character itself", false, NULL },
	{ NULL, "found a tab character", "YAML forbids tabs for indentation",
		"replace the tab with spaces", false, NULL },
	{ NULL, "found an indentation indicator equal to 0",
		"the number after `|` or `>` must be 1 to 9", "leave it out", false, NULL },
	{ "while scanning a block scalar", "did not find expected comment or line break",
		"nothing may follow `|` or `>` on its line", "begin the text on the next line",
		false, NULL },
	{ "while scanning an anchor", "did not find expected alphabetic",
		"`&` begins an anchor, which needs a name", QUOTE " if it begins with `&`", false,
		NULL },
	{ "while scanning an alias", "did not find expected alphabetic",
		"`*` begins an alias, which needs a name", QUOTE " if it begins with `*`", false,
		NULL },
	{ "while scanning a tag", "", "`!` begins a YAML tag, which is not part of this language",
		QUOTE " if it begins with `!`", false, NULL },
	{ NULL, "found undefined tag handle", "YAML tags are not part of this language",
		"remove the tag, or " QUOTE " if it begins with `!`", false, NULL },
	{ "while parsing a flow sequence", "did not find expected ',' or ']'",
		"a `,` or `]` is missing before this place", "close the list with `]`", false,
		"the list begins here" },
	{ "while parsing a flow mapping", "did not find expected ',' or '}'",
		"a `,` or `}` is missing before this place", "close the map with `}`", false,
		"the map begins here" },
	{ "while parsing a block collection", "did not find expected '-' indicator",
		"a list item beginning with `- ` is expected here", INDENT, false,
		"the list begins here" },
	{ "while parsing a block mapping", "did not find expected key",
		"a key of the map above is expected here", INDENT, false, "the map begins here" },
	{ NULL, "did not find expected node content", "a value is missing here",
		"write the value, or remove what is left of it", false, NULL },
	{ NULL, "did not find expected <document start>", "the text goes on after its end",
		"a document is one map: write `key: value` lines, "
		"all beginning in the same column",
		false, NULL },
	{ NULL, "found unexpected ':'", "a `:` is not allowed here", QUOTE " if it contains `:`",
		false, NULL },
	{ NULL, "found character that cannot start any token",
		"no value can begin with this character", QUOTE, false, NULL },
};

static struct mark place(const struct source *s, yaml_mark_t m)
{
	struct mark out = { .source = s, .width = 1 };

	out.line = (uint32_t)MIN_OF(m.line + 1, s->n_lines);
	out.column = m.line + 1 > s->n_lines ? 1 : (uint32_t)m.column + 1;
	return out;
}

static bool matches(const struct words *w, const yaml_parser_t *p)
{
	if (w->context && (!p->context || !startswith(p->context, w->context)))
		return false;
	return p->problem && startswith(p->problem, w->problem);
}

/* A tab in the blanks that the line begins with is the likeliest cause of whatever went wrong. */
static bool tab_in_indent(const struct source *s, struct mark m, struct mark *tab)
{
	size_t begin = s->lines[m.line - 1], n = strspn(s->text + begin, " \t");
	const char *p = memchr(s->text + begin, '\t', n);

	if (!p)
		return false;
	*tab = m;
	tab->column = (uint32_t)(p - (s->text + begin)) + 1;
	tab->width = (uint32_t)n - tab->column + 1;
	return true;
}

static bool explain_tab(const struct source *s, struct mark m, struct diags *d)
{
	struct mark tab;

	if (!tab_in_indent(s, m, &tab) &&
		!(m.line > 1 && m.column == 1 && (m.line--, tab_in_indent(s, m, &tab))))
		return false;
	diag_error(d, tab, "replace each tab with spaces, as the lines around it have",
		"YAML forbids tabs for indentation");
	return true;
}

static bool explain_char(const struct source *s, struct mark m, struct diags *d)
{
	char c = s->text[source_offset(s, m)];

	if (c != '@' && c != '`' && c != '%')
		return false;
	diag_error(d, m, "put the text in quotes", "no value can begin with `%c`", c);
	return true;
}

/* A map's next key was expected, but the line went on, or the key was left out. */
static bool explain_rest(const struct source *s, struct mark m, struct diags *d)
{
	size_t begin = s->lines[m.line - 1], at = source_offset(s, m);

	if (s->text[at] == ':') {
		diag_error(d, m, "write the key before the `:`", "a key is missing here");
		return true;
	}
	if (s->text[at] == '}' || s->text[at] == ']') {
		diag_error(d, m, "remove it, or add the bracket that it is to close",
			"this `%c` closes nothing", s->text[at]);
		return true;
	}
	if (begin + strspn(s->text + begin, " ") >= at)
		return false;
	diag_error(d, m,
		"quote the value as a whole; inside single quotes a ' is written twice, inside "
		"double quotes a \" as \\\"",
		"the value ends before this place, but its line goes on");
	return true;
}

static bool explain_end(const struct source *s, struct mark m, struct diags *d)
{
	if (source_offset(s, m) < s->len)
		return false;
	diag_error(d, m, "close it with `]` or `}`", "the text ends inside a list or map");
	return true;
}

/* libyaml looks no further for the `:`. */
static bool explain_long_key(
	const yaml_parser_t *p, const struct source *s, struct mark key, struct diags *d)
{
	enum { KEY_MAX = 1024 };
	const char *begin = s->text + source_offset(s, key);

	if (!startswith(p->problem, "could not find expected ':'") ||
		strcspn(begin, "\n:") <= KEY_MAX)
		return false;
	diag_error(d, key, "write a shorter one", "a key has at most %d bytes", KEY_MAX);
	return true;
}

static bool explain_special(const yaml_parser_t *p, const struct source *s, struct mark problem,
	struct mark context, struct diags *d)
{
	if (explain_tab(s, problem, d) || explain_tab(s, context, d))
		return true;
	if (!p->problem)
		return false;
	if (explain_long_key(p, s, context, d))
		return true;
	if (startswith(p->problem, "found character that"))
		return explain_char(s, problem, d);
	if (startswith(p->problem, "did not find expected key"))
		return explain_rest(s, problem, d);
	if (startswith(p->problem, "did not find expected node content"))
		return explain_end(s, problem, d);
	return false;
}

void compose_error(const yaml_parser_t *p, const struct source *s, struct diags *d)
{
	static const struct words other = { .text = NULL };
	const struct words *w = &other;
	struct mark problem, context;
	struct diag *new;

	if (!s) { /* a text of our own */
		diag_error(d, (struct mark){ 0 }, NULL, "%s", p->problem ? p->problem : "YAML");
		return;
	}
	problem = place(s, p->problem_mark);
	context = place(s, p->context_mark);
	for (size_t i = 0; i < ARRAY_SIZE(table) && w == &other; i++)
		if (matches(&table[i], p))
			w = &table[i];
	if (explain_special(p, s, problem, w->at_context ? context : problem, d))
		return;
	if (!w->text) {
		diag_error(d, problem, NULL, "this is not valid YAML: %s",
			p->problem ? p->problem : "the parser ran out of memory");
		return;
	}
	new = diag_error(d, w->at_context ? context : problem, w->hint, "%s", w->text);
	if (w->relation && context.line != problem.line)
		diag_relate(new, context, w->relation);
}
