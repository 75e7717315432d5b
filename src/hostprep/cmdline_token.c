/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostprep/cmdline_token.h"
#include <ctype.h>

const char *token_next(const char **s, size_t *n)
{
	bool quoted = false;
	const char *word;

	while (isspace((unsigned char)**s))
		(*s)++;
	word = *s;
	for (; **s && (quoted || !isspace((unsigned char)**s)); (*s)++)
		if (**s == '"')
			quoted = !quoted;
	*n = (size_t)(*s - word);
	return *n ? word : NULL;
}

/* Takes the quotes away that the kernel takes: around the word, or around the value. */
static char *bare_word(struct arena *a, const char *s, size_t n)
{
	char *word, *equals, *value;
	bool quoted = *s == '"';
	size_t len;

	word = arena_strndup(a, s + quoted, n - quoted);
	len = strlen(word);
	equals = *word ? strchr(word + 1, '=') : NULL;
	value = equals ? equals + 1 : NULL;
	if (value && *value == '"') {
		memmove(value, value + 1, strlen(value));
		len--;
		if (len && word[len - 1] == '"')
			word[--len] = '\0';
	}
	if (quoted && len && word[len - 1] == '"')
		word[--len] = '\0';
	return word;
}

struct token *tokens_add(struct tokens *t, const char *word, size_t n)
{
	struct token *new = ARENA_PUSH(t->arena, t->v, t->n);
	const char *equals = n > 1 ? memchr(word + 1, '=', n - 1) : NULL;
	size_t key = equals ? (size_t)(equals - word) : n;

	new->key = arena_strndup(t->arena, word, key);
	new->value = equals ? arena_strndup(t->arena, equals + 1, n - key - 1) : NULL;
	return new;
}

void tokens_read(struct tokens *t, const char *text)
{
	const char *s;
	size_t n;

	while ((s = token_next(&text, &n))) {
		char *word = bare_word(t->arena, s, n);

		if (streq(word, "--"))
			return;
		tokens_add(t, word, strlen(word));
	}
}

static char dash(char c)
{
	return c == '-' ? '_' : c;
}

bool token_same_key(const struct token *a, const struct token *b)
{
	const char *x = a->key, *y = b->key;

	while (*x && dash(*x) == dash(*y))
		x++, y++;
	return *x == *y;
}

static bool same_word(const struct token *a, const struct token *b)
{
	return token_same_key(a, b) && streq_null(a->value, b->value);
}

bool token_same(const struct token *a, const struct token *b)
{
	return same_word(a, b) && streq_null(a->next, b->next);
}

static bool is_word(const struct token *t, const char *text)
{
	_cleanup_free_ char *word = token_word(t);

	return streq(word, text);
}

size_t tokens_count(const struct tokens *t, const struct token *wanted)
{
	size_t i, n = 0;

	for (i = 0; i < t->n; i++)
		if (wanted->next && !t->v[i].next)
			n += same_word(&t->v[i], wanted) && i + 1 < t->n &&
			     is_word(&t->v[i + 1], wanted->next);
		else
			n += token_same(&t->v[i], wanted);
	return n;
}

/* Of these the kernel, or who reads them, takes each one that stands there. */
static bool repeatable(const struct token *t)
{
	static const char *const keys[] = { "acpi_osi", "cgroup_disable", "console", "dyndbg",
		"earlycon", "hugepages", "hugepagesz", "ip", "memmap", "nameserver", "netconsole",
		"pci", "systemd.mask", "systemd.setenv", "systemd.wants", "video" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(keys); i++)
		if (token_same_key(t, &(struct token){ .key = keys[i] }))
			return true;
	return startswith(t->key, "rd.") != NULL;
}

const struct token *tokens_against(const struct tokens *t, const struct token *wanted)
{
	size_t i;

	for (i = 0; !repeatable(wanted) && i < t->n; i++)
		if (token_same_key(&t->v[i], wanted) && !token_same(&t->v[i], wanted))
			return &t->v[i];
	return NULL;
}

void tokens_drop(struct tokens *t, const struct token *gone)
{
	size_t i, n = 0;

	for (i = 0; i < t->n; i++)
		if (!token_same(&t->v[i], gone))
			t->v[n++] = t->v[i];
	t->n = n;
}

/* How many words from here stand for it: 0, 1, or 2 with its number. */
static size_t stands_for(const struct tokens *t, size_t i, const struct token *wanted)
{
	if (!same_word(&t->v[i], wanted))
		return 0;
	if (!wanted->next)
		return 1;
	return i + 1 < t->n && is_word(&t->v[i + 1], wanted->next) ? 2 : 0;
}

void tokens_take(struct tokens *t, const struct token *gone)
{
	size_t i, n = 0;

	for (i = 0; i < t->n;) {
		size_t taken = stands_for(t, i, gone);

		if (taken)
			i += taken;
		else
			t->v[n++] = t->v[i++];
	}
	t->n = n;
}

static size_t dropped(
	const struct tokens *words, size_t i, const struct tokens *drop, const struct tokens *keep)
{
	size_t k, n;

	for (k = 0; k < drop->n; k++) {
		n = stands_for(words, i, &drop->v[k]);
		if (n && !tokens_count(keep, &drop->v[k]))
			return n;
	}
	return 0;
}

/* Where `--` stands, behind which all is for init; or the end. */
static const char *for_init(struct arena *a, const char *text)
{
	const char *word;
	size_t n;

	while ((word = token_next(&text, &n)))
		if (streq(bare_word(a, word, n), "--"))
			return word;
	return text;
}

/* A word goes with the blanks before it, or, as the first, with those behind. */
static void drop_words(const char *text, const struct tokens *words, const struct tokens *drop,
	const struct tokens *keep, struct strbuf *out)
{
	const char *p = text, *from = text;
	size_t i = 0, n, skip = 0;

	while (token_next(&p, &n)) {
		skip = skip ? skip : dropped(words, i, drop, keep);
		i++;
		if (skip) {
			skip--;
			if (!out->len)
				p += strspn(p, " \t");
		} else {
			sb_addn(out, from, (size_t)(p - from));
		}
		from = p;
	}
	sb_add(out, from);
}

void tokens_edit(
	const char *text, const struct tokens *drop, const struct tokens *add, struct strbuf *out)
{
	struct tokens words = { .arena = add->arena };
	const char *rest = for_init(add->arena, text), *blanks;
	size_t k, end;

	tokens_read(&words, text);
	drop_words(arena_strndup(add->arena, text, (size_t)(rest - text)), &words, drop, add, out);
	for (end = out->len; end && isspace((unsigned char)out->s[end - 1]); end--)
		;
	blanks = arena_strdup(add->arena, sb_str(out) + end);
	if (out->s) {
		out->s[end] = '\0';
		out->len = end;
	}
	for (k = 0; k < add->n; k++) {
		_cleanup_free_ char *token = token_text(&add->v[k]);

		if (!tokens_count(&words, &add->v[k]))
			sb_addf(out, "%s%s", out->len ? " " : "", token);
	}
	if (*rest && out->len && !*blanks)
		sb_addc(out, ' ');
	sb_add(out, blanks);
	sb_add(out, rest);
}

struct token token_of(struct arena *a, const char *text)
{
	struct tokens t = { .arena = a };

	tokens_read(&t, text);
	tokens_join(&t);
	return t.n ? t.v[0] : (struct token){ .key = text };
}

void tokens_join(struct tokens *t)
{
	_cleanup_free_ char *number = NULL;

	if (t->n < 2 || !streq(t->v[t->n - 2].key, "hugepagesz") ||
		!streq(t->v[t->n - 1].key, "hugepages"))
		return;
	number = token_word(&t->v[--t->n]);
	t->v[t->n - 1].next = arena_strdup(t->arena, number);
}

char *token_word(const struct token *t)
{
	return t->value ? xprintf("%s=%s", t->key, t->value) : xstrdup(t->key);
}

char *token_text(const struct token *t)
{
	if (!t->value)
		return xstrdup(t->key);
	if (t->next)
		return xprintf("%s=%s %s", t->key, t->value, t->next);
	return xprintf(
		t->value[strcspn(t->value, " \t")] ? "%s=\"%s\"" : "%s=%s", t->key, t->value);
}
