/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostprep/sysctl_files.h"
#include "reconcile/dropin.h"
#include "base/strbuf.h"
#include <ctype.h>

enum { SYSCTL_FILE_MAX = 1 << 20 };

static char *swap_separators(const char *s)
{
	char *out = xstrdup(s), *p;

	for (p = out; *p; p++)
		*p = *p == '.' ? '/' : *p == '/' ? '.' : *p;
	return out;
}

char *sysctl_name_to_path(const char *name)
{
	size_t first = strcspn(name, "./");

	return name[first] == '/' ? xstrdup(name) : swap_separators(name);
}

char *sysctl_path_to_name(const char *path)
{
	return swap_separators(path);
}

static char *trimmed(struct arena *a, const char *s, size_t n)
{
	while (n && isspace((unsigned char)*s))
		s++, n--;
	while (n && isspace((unsigned char)s[n - 1]))
		n--;
	return arena_strndup(a, s, n);
}

/* One line of sysctl.d(5). A leading dash only hushes errors; globs yield to names. */
static void add_line(
	struct sysctl_lines *l, const char *s, size_t n, const char *file, unsigned number)
{
	_cleanup_free_ char *path = NULL;
	const char *equals, *key;

	while (n && isspace((unsigned char)*s))
		s++, n--;
	if (n == 0 || *s == '#' || *s == ';')
		return;
	if (*s == '-')
		s++, n--;
	equals = memchr(s, '=', n);
	if (!equals)
		return;
	key = trimmed(l->arena, s, (size_t)(equals - s));
	if (!*key || strpbrk(key, "*?["))
		return;
	path = sysctl_name_to_path(key);
	*ARENA_PUSH(l->arena, l->v, l->n) = (struct sysctl_line){
		.name = arena_strdup(l->arena, path),
		.value = trimmed(l->arena, equals + 1, n - (size_t)(equals + 1 - s)),
		.file = file,
		.line = number,
	};
}

static void add_text(struct sysctl_lines *l, const char *text, const char *file)
{
	unsigned number = 1;
	size_t n;

	for (; *text; text += n + (text[n] == '\n'), number++) {
		n = strcspn(text, "\n");
		add_line(l, text, n, file, number);
	}
}

int sysctl_read_own(struct host *h, struct sysctl_lines *own, struct error *e)
{
	_cleanup_free_ char *text = NULL;
	int r;

	r = dropin_read(h, SYSCTL_PATH, &text, e);
	if (r < 0)
		return r;
	if (text)
		add_text(own, text, SYSCTL_FILE);
	return 0;
}

static void add_file(struct host *h, struct sysctl_lines *l, const char *path)
{
	_cleanup_free_ char *text = NULL, *shown = NULL;

	if (file_read(h->root, path, SYSCTL_FILE_MAX, &text, NULL) < 0)
		return;
	shown = host_shown(h, path);
	add_text(l, text, arena_strdup(l->arena, shown));
}

/* In the order in which an earlier directory hides the names of a later one. */
static const char *const directories[] = { "/etc/sysctl.d", "/run/sysctl.d",
	"/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d" };

/* The least *.conf name that sorts after `last`, with the directory that gives it. */
static const char *next_name(char **const names[], const char *last, size_t *dir)
{
	const char *best = NULL;
	size_t d, i;

	for (d = 0; d < ARRAY_SIZE(directories); d++)
		for (i = 0; names[d] && names[d][i]; i++) {
			const char *name = names[d][i];

			if (!endswith(name, ".conf") || strcmp(name, last) <= 0)
				continue;
			if (!best || strcmp(name, best) < 0) {
				best = name;
				*dir = d;
			}
			break;
		}
	return best;
}

void sysctl_read_later(struct host *h, struct sysctl_lines *later)
{
	char **names[ARRAY_SIZE(directories)] = { NULL };
	const char *name = SYSCTL_FILE;
	size_t d, n;

	for (d = 0; d < ARRAY_SIZE(directories); d++)
		if (file_list(h->root, directories[d], &names[d], &n) < 0)
			names[d] = NULL;
	while ((name = next_name(names, name, &d))) {
		_cleanup_free_ char *path = xprintf("%s/%s", directories[d], name);

		add_file(h, later, path);
	}
	add_file(h, later, "/etc/sysctl.conf");
	for (d = 0; d < ARRAY_SIZE(directories); d++)
		free(names[d]);
}

const struct sysctl_line *sysctl_line(const struct sysctl_lines *l, const char *path)
{
	size_t i;

	for (i = l->n; i > 0; i--)
		if (streq(l->v[i - 1].name, path))
			return &l->v[i - 1];
	return NULL;
}

void sysctl_edit(struct sysctl_lines *own, const char *path, const char *value)
{
	size_t i, n = 0;

	for (i = 0; i < own->n; i++)
		if (!streq(own->v[i].name, path))
			own->v[n++] = own->v[i];
	own->n = n;
	if (value)
		*ARENA_PUSH(own->arena, own->v, own->n) = (struct sysctl_line){
			.name = arena_strdup(own->arena, path),
			.value = arena_strdup(own->arena, value),
		};
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct sysctl_line *)a)->name, ((const struct sysctl_line *)b)->name);
}

int sysctl_write_own(struct host *h, const struct sysctl_lines *own, struct error *e)
{
	_cleanup_strbuf_ struct strbuf body = { 0 };
	size_t i;

	if (own->n)
		qsort(own->v, own->n, sizeof(*own->v), by_name);
	for (i = 0; i < own->n; i++) {
		_cleanup_free_ char *name = sysctl_path_to_name(own->v[i].name);

		sb_addf(&body, "%s = %s\n", name, own->v[i].value);
	}
	return dropin_write(h, SYSCTL_PATH, sb_str(&body), e);
}
