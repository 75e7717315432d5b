/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What /etc/default/grub and the files beside it say, as far as a shell need not be asked. */
#include "base/strbuf.h"
#include "hostprep/boot_grub.h"
#include "reconcile/dropin.h"
#include <ctype.h>

/*
 * The shell's words in /etc/default
 */

struct settings {
	struct host *h;
	struct boot *b;
	struct tokens linux_, normal; /* GRUB_CMDLINE_LINUX, and _DEFAULT, which recovery has not */
	bool later; /* sourced after ours */
};

/*
 * The last character of $NAME, ${NAME...} or $(command). What it stands for is not known here and
 * left out; *keeps is set when it is the variable `name` itself.
 */
static const char *skip_expansion(const char *s, const char *name, bool *keeps)
{
	bool braces = s[1] == '{';
	const char *word = s + 1 + braces, *end = word;
	unsigned depth = 0;

	if (s[1] == '(') {
		for (end = s + 1; *end; end++) {
			depth += *end == '(';
			depth -= *end == ')';
			if (!depth)
				return end;
		}
		return end - 1;
	}
	while (isalnum((unsigned char)*end) || *end == '_')
		end++;
	*keeps |= (size_t)(end - word) == strlen(name) && startswith(word, name);
	if (!braces)
		return end - 1;
	end += strcspn(end, "}\n");
	return *end == '}' ? end : end - 1;
}

/* The value of an assignment with its quotes gone; *keeps: the former value is part of it. */
void grub_shell_value(const char *s, const char *name, struct strbuf *out, bool *keeps)
{
	char quote = 0;

	for (; *s && *s != '\n' && (quote || !strchr(" \t;&#", *s)); s++) {
		if (quote ? *s == quote : *s == '\'' || *s == '"') {
			quote = quote ? 0 : *s;
		} else if (*s == '\\' && quote != '\'' && s[1]) {
			s++;
			if (quote && !strchr("$`\"\\\n", *s))
				sb_addc(out, '\\');
			if (*s != '\n')
				sb_addc(out, *s);
		} else if (*s == '$' && quote != '\'') {
			s = skip_expansion(s, name, keeps);
		} else if (*s == '`' && quote != '\'') {
			s += 1 + strcspn(s + 1, "`\n");
			if (*s != '`')
				return;
		} else {
			sb_addc(out, *s);
		}
	}
}

/* What is inside of `if` counts as done. */
static void read_assignment(struct settings *c, const char *s, const char *file, unsigned line)
{
	_cleanup_strbuf_ struct strbuf value = { 0 };
	struct tokens *t = &c->linux_;
	const char *rest, *name = "GRUB_CMDLINE_LINUX";
	bool keeps;

	while (*s == ' ' || *s == '\t')
		s++;
	if ((rest = startswith(s, "export ")))
		s = rest;
	s = startswith(s, name);
	if (!s)
		return;
	if ((rest = startswith(s, "_DEFAULT"))) {
		name = "GRUB_CMDLINE_LINUX_DEFAULT";
		t = &c->normal;
		s = rest;
	}
	keeps = s[0] == '+' && s[1] == '=';
	if (!keeps && s[0] != '=')
		return;
	grub_shell_value(s + 1 + keeps, name, &value, &keeps);
	if (!keeps)
		t->n = 0;
	if (!keeps && c->later && t == &c->linux_)
		c->b->dropped_by = (struct token){ .file = file, .line = line };
	grub_add_words(t, sb_str(&value), file, line);
}

static void read_settings(struct settings *c, const char *path)
{
	_cleanup_free_ char *text = NULL, *shown = host_shown(c->h, path);
	const char *p, *file;
	bool ours = false;
	unsigned line;

	if (file_read(c->h->root, path, GRUB_FILE_MAX, &text, NULL) < 0)
		return;
	file = arena_strdup(c->b->arena, shown);
	for (p = text, line = 1; *p; line++) {
		size_t n = strcspn(p, "\n");

		ours |= startswith(p, GRUB_BLOCK_BEGIN) != NULL;
		if (!ours)
			read_assignment(c, p, file, line);
		ours &= !startswith(p, GRUB_BLOCK_END);
		p += n + (p[n] == '\n');
	}
}

void grub_read_settings(struct host *h, struct boot *b)
{
	struct settings c = { .h = h, .b = b, .linux_.arena = b->arena, .normal.arena = b->arena };
	_cleanup_free_ char **names = NULL;
	size_t n = 0, i;

	read_settings(&c, GRUB_DEFAULTS);
	if (!grub_layout(b)->own || file_list(h->root, GRUB_DIRECTORY, &names, &n) < 0)
		n = 0;
	for (i = 0; i < n; i++) {
		_cleanup_free_ char *path = xprintf(GRUB_DIRECTORY "/%s", names[i]);

		c.later |= strcmp(names[i], GRUB_OWN_NAME) > 0;
		if (endswith(names[i], ".cfg") && !streq(names[i], GRUB_OWN_NAME))
			read_settings(&c, path);
	}
	for (i = 0; i < c.linux_.n; i++)
		*ARENA_PUSH(b->arena, b->others.v, b->others.n) = c.linux_.v[i];
	for (i = 0; i < c.normal.n; i++)
		*ARENA_PUSH(b->arena, b->others.v, b->others.n) = c.normal.v[i];
}
