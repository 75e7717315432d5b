/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostprep/module_files.h"
#include "reconcile/dropin.h"
#include "base/strbuf.h"
#include <ctype.h>

enum { MODULE_FILE_MAX = 1 << 20 };

struct reader {
	struct module_lines *lines;
	const char *file;
	unsigned line;
	bool later;
};

/* The kernel takes - and _ in names for the same. */
static char *plain_name(struct arena *a, const char *s, size_t n)
{
	char *name = arena_strndup(a, s, n), *p;

	for (p = name; *p; p++)
		if (*p == '-')
			*p = '_';
	return name;
}

/* The next blank-separated word, quotes kept together; NULL at the end. */
static const char *next_word(const char **s, const char *end, size_t *n)
{
	const char *word;
	bool quoted = false;

	while (*s < end && isspace((unsigned char)**s))
		(*s)++;
	word = *s;
	for (; *s < end && (quoted || !isspace((unsigned char)**s)); (*s)++)
		if (**s == '"')
			quoted = !quoted;
	*n = (size_t)(*s - word);
	return *n ? word : NULL;
}

static const char *unquoted(struct arena *a, const char *s, size_t n)
{
	if (n >= 2 && s[0] == '"' && s[n - 1] == '"')
		return arena_strndup(a, s + 1, n - 2);
	return arena_strndup(a, s, n);
}

static struct module_line *add_fact(
	const struct reader *r, enum module_word word, const char *module, size_t n)
{
	struct module_line *l = ARENA_PUSH(r->lines->arena, r->lines->v, r->lines->n);

	l->word = word;
	l->module = plain_name(r->lines->arena, module, n);
	l->file = r->file;
	l->line = r->line;
	l->later = r->later;
	return l;
}

static void add_option(
	const struct reader *r, const char *module, size_t module_n, const char *option, size_t n)
{
	struct module_line *l = add_fact(r, MODULE_OPTION, module, module_n);
	const char *equals = memchr(option, '=', n);
	size_t name = equals ? (size_t)(equals - option) : n;

	l->param = plain_name(r->lines->arena, option, name);
	l->value = equals ? unquoted(r->lines->arena, equals + 1, n - name - 1) : "1";
}

static bool word_is(const char *word, size_t n, const char *s)
{
	return strlen(s) == n && memcmp(word, s, n) == 0;
}

static void read_modprobe_line(struct reader *r, const char *s, size_t n)
{
	const char *end = s + n, *word, *module, *option;
	size_t word_n, module_n, option_n;

	word = next_word(&s, end, &word_n);
	if (!word || *word == '#')
		return;
	module = next_word(&s, end, &module_n);
	if (!module)
		return;
	if (word_is(word, word_n, "blacklist"))
		add_fact(r, MODULE_BLACKLIST, module, module_n);
	else if (word_is(word, word_n, "install"))
		add_fact(r, MODULE_INSTALL, module, module_n);
	else if (word_is(word, word_n, "options"))
		while ((option = next_word(&s, end, &option_n)))
			add_option(r, module, module_n, option, option_n);
}

static void read_load_line(struct reader *r, const char *s, size_t n)
{
	const char *word = next_word(&(const char *){ s }, s + n, &n);

	if (word && *word != '#' && *word != ';')
		add_fact(r, MODULE_LOAD, word, n);
}

/* A backslash at the end of a line goes on in the next one. */
static size_t line_length(const char *s, unsigned *lines)
{
	size_t n = 0;

	for (*lines = 1; s[n] && (s[n] != '\n' || (n && s[n - 1] == '\\')); n++)
		*lines += s[n] == '\n';
	return n;
}

static void read_text(
	struct reader *r, char *text, void (*read_line)(struct reader *r, const char *s, size_t n))
{
	unsigned lines;
	size_t n, i;

	for (r->line = 1; *text; text += n + (text[n] == '\n'), r->line += lines) {
		n = line_length(text, &lines);
		for (i = 0; lines > 1 && i + 1 < n; i++)
			if (text[i] == '\\' && text[i + 1] == '\n')
				text[i] = text[i + 1] = ' ';
		read_line(r, text, n);
	}
}

int module_read_own(struct host *h, struct module_lines *own, struct error *e)
{
	static const struct {
		const char *path;
		void (*read_line)(struct reader *r, const char *s, size_t n);
	} files[] = {
		{ MODPROBE_PATH, read_modprobe_line },
		{ MODULES_LOAD_PATH, read_load_line },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(files); i++) {
		struct reader reader = { .lines = own, .file = files[i].path };
		_cleanup_free_ char *text = NULL;
		int r = dropin_read(h, files[i].path, &text, e);

		if (r < 0)
			return r;
		if (text)
			read_text(&reader, text, files[i].read_line);
	}
	return 0;
}

/* In the order in which an earlier directory hides the names of a later one. */
static const char *const directories[] = { "/etc/modprobe.d", "/run/modprobe.d",
	"/usr/local/lib/modprobe.d", "/usr/lib/modprobe.d", "/lib/modprobe.d" };

static bool hidden(struct host *h, size_t dir, const char *name)
{
	size_t i;

	for (i = 0; i < dir; i++) {
		_cleanup_free_ char *path = xprintf("%s/%s", directories[i], name);

		if (file_exists(h->root, path))
			return true;
	}
	return false;
}

static void read_directory(struct host *h, size_t dir, struct module_lines *foreign)
{
	_cleanup_free_ char **names = NULL;
	size_t n, i;

	if (file_list(h->root, directories[dir], &names, &n) < 0)
		return;
	for (i = 0; i < n; i++) {
		_cleanup_free_ char *path = xprintf("%s/%s", directories[dir], names[i]);
		_cleanup_free_ char *text = NULL, *shown = host_shown(h, path);
		struct reader reader = { .lines = foreign };

		if (!endswith(names[i], ".conf") || streq(names[i], MODPROBE_FILE) ||
			hidden(h, dir, names[i]) ||
			file_read(h->root, path, MODULE_FILE_MAX, &text, NULL) < 0)
			continue;
		reader.file = arena_strdup(foreign->arena, shown);
		reader.later = strcmp(names[i], MODPROBE_FILE) > 0;
		read_text(&reader, text, read_modprobe_line);
	}
}

/* modprobe takes MODULE.PARAMETER=VALUE from there, after all files. */
static void read_command_line(struct host *h, struct module_lines *foreign)
{
	struct reader reader = { .lines = foreign, .file = "/proc/cmdline", .later = true };
	_cleanup_free_ char *text = NULL;
	const char *s, *end, *word;
	size_t n, len;

	if (!h->live || file_read(h->root, "/proc/cmdline", MODULE_FILE_MAX, &text, &len) < 0)
		return;
	for (s = text, end = text + len; (word = next_word(&s, end, &n));) {
		const char *equals = memchr(word, '=', n);
		const char *dot = equals ? memchr(word, '.', (size_t)(equals - word)) : NULL;

		if (dot && dot > word)
			add_option(&reader, word, (size_t)(dot - word), dot + 1,
				n - (size_t)(dot + 1 - word));
	}
}

void module_read_foreign(struct host *h, struct module_lines *foreign)
{
	size_t dir;

	for (dir = 0; dir < ARRAY_SIZE(directories); dir++)
		read_directory(h, dir, foreign);
	read_command_line(h, foreign);
}

const struct module_line *module_line(
	const struct module_lines *l, const char *module, enum module_word word, const char *param)
{
	size_t i;

	for (i = l->n; i > 0; i--) {
		const struct module_line *line = &l->v[i - 1];

		if (line->word == word && streq(line->module, module) &&
			(!param || streq(line->param, param)))
			return line;
	}
	return NULL;
}

void module_drop(struct module_lines *own, const char *module)
{
	size_t i, n = 0;

	for (i = 0; i < own->n; i++)
		if (!streq(own->v[i].module, module))
			own->v[n++] = own->v[i];
	own->n = n;
}

void module_add(struct module_lines *own, const char *module, enum module_word word,
	const char *param, const char *value)
{
	*ARENA_PUSH(own->arena, own->v, own->n) = (struct module_line){
		.word = word,
		.module = arena_strdup(own->arena, module),
		.param = param ? arena_strdup(own->arena, param) : NULL,
		.value = value ? arena_strdup(own->arena, value) : NULL,
	};
}

static int by_module(const void *a, const void *b)
{
	const struct module_line *x = a, *y = b;
	int r = strcmp(x->module, y->module);

	if (r == 0)
		r = (int)x->word - (int)y->word;
	return r || !x->param || !y->param ? r : strcmp(x->param, y->param);
}

static void write_option(struct strbuf *b, const struct module_line *l, bool first)
{
	bool quote = !*l->value || l->value[strcspn(l->value, " \t")];

	if (first)
		sb_addf(b, "options %s", l->module);
	sb_addf(b, quote ? " %s=\"%s\"" : " %s=%s", l->param, l->value);
}

static bool same_options_line(const struct module_line *a, const struct module_line *b)
{
	return a->word == MODULE_OPTION && b->word == MODULE_OPTION && streq(a->module, b->module);
}

static void write_modprobe(const struct module_lines *own, struct strbuf *b)
{
	size_t i;

	for (i = 0; i < own->n; i++) {
		const struct module_line *l = &own->v[i];

		if (l->word == MODULE_OPTION) {
			write_option(b, l, i == 0 || !same_options_line(l, l - 1));
			if (i + 1 == own->n || !same_options_line(l, l + 1))
				sb_addc(b, '\n');
		} else if (l->word == MODULE_BLACKLIST) {
			sb_addf(b, "blacklist %s\n", l->module);
		} else if (l->word == MODULE_INSTALL) {
			sb_addf(b, "install %s /bin/false\n", l->module);
		}
	}
}

int module_write_own(struct host *h, struct module_lines *own, struct error *e)
{
	_cleanup_strbuf_ struct strbuf modprobe = { 0 }, load = { 0 };
	size_t i;
	int r;

	if (own->n)
		qsort(own->v, own->n, sizeof(*own->v), by_module);
	write_modprobe(own, &modprobe);
	for (i = 0; i < own->n; i++)
		if (own->v[i].word == MODULE_LOAD)
			sb_addf(&load, "%s\n", own->v[i].module);
	r = dropin_write(h, MODPROBE_PATH, sb_str(&modprobe), e);
	return r < 0 ? r : dropin_write(h, MODULES_LOAD_PATH, sb_str(&load), e);
}
