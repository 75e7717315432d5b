/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's command line as the kernel reads it: next_arg() and parse_args()
 * in lib/cmdline.c and kernel/params.c. Words are separated by blanks outside
 * of double quotes; quotes around a word or a value are no part of it; - and _
 * are the same in a name; a name may be repeated; what follows `--` is for
 * init. Nothing is ever found by looking for a piece of text.
 */
#ifndef KVMHOST_CMDLINE_TOKEN_H
#define KVMHOST_CMDLINE_TOKEN_H

#include "base/arena.h"
#include "config/field.h"

struct token {
	const char *key;
	const char *value; /* NULL: there is no = */
	/*
	 * The word that must stand right behind, as it says how many of what this one says the
	 * size: hugepagesz=1G hugepages=4. NULL: none. Lists that were read have single words, but
	 * for what is our own.
	 */
	const char *next;
	const char *file; /* as people see it; NULL: from nowhere in particular */
	unsigned line;
};

struct tokens {
	struct arena *arena;
	struct token *v;
	size_t n;
};

/* One word as next_arg() delimits it: *n is its length with all quotes. */
const char *token_next(const char **s, size_t *n);
/* Adds what a text says, as the kernel reads it. file may be NULL. */
void tokens_read(struct tokens *t, const char *text);
/* Adds one word without quotes around it or its value. */
struct token *tokens_add(struct tokens *t, const char *word, size_t n);
bool token_same_key(const struct token *a, const struct token *b);
bool token_same(const struct token *a, const struct token *b);
size_t tokens_count(const struct tokens *t, const struct token *wanted);
/* One with the same name and another value, where the kernel would listen to one alone; or NULL. */
const struct token *tokens_against(const struct tokens *t, const struct token *wanted);
void tokens_drop(struct tokens *t, const struct token *gone);
/* Drops from single words what stands for `gone`, with its number where it has one. */
void tokens_take(struct tokens *t, const struct token *gone);
/* The text without the words of `drop`, and with those of `add` that it lacks at the end of its
 * last line, or before the `--` of what is for init; all other bytes stay. */
void tokens_edit(
	const char *text, const struct tokens *drop, const struct tokens *add, struct strbuf *out);
/* The one word of text, which is a valid parameter, or a size with its number: its name in the
 * plan.
 */
struct token token_of(struct arena *a, const char *text);
/* The last two of a list become one where they are a size and its number. */
void tokens_join(struct tokens *t);
/* KEY=VALUE without quotes; as people and the kernel write it: with quotes where there are blanks.
 */
char *token_word(const struct token *t);
char *token_text(const struct token *t);

/* One kernel parameter in the document; const char *. */
extern const struct type type_token;

#endif
