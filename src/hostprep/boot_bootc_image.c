/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tree of a bootc image: what its machines are booted with stands in TOML
 * files of its own, kargs = ["KEY=VALUE"], all of which bootc reads when it
 * installs the image or updates to it.
 */
#include "base/strbuf.h"
#include "hostprep/boot.h"
#include "reconcile/dropin.h"
#include <ctype.h>

#define BOOTC "/usr/bin/bootc"
#define DIRECTORY "/usr/lib/bootc/kargs.d"
#define OWN_NAME "90-kvmhost.toml"
#define OWN_PATH DIRECTORY "/" OWN_NAME

enum { TEXT_MAX = 1 << 20 };

static bool bootc_image_detect(struct host *h, const char *info _unused_)
{
	return !h->live && file_exists(h->root, BOOTC);
}

/* The string that begins here, and its last character; only "..." has escapes. */
static const char *read_string(const char *p, struct strbuf *out)
{
	char quote = *p++;

	for (; *p && *p != quote && *p != '\n'; p++) {
		if (*p == '\\' && quote == '"' && p[1])
			p++;
		sb_addc(out, *p);
	}
	return *p == quote ? p : p - 1;
}

/* The words of `kargs = [...]`, and on which line each stands. */
static void read_kargs(struct tokens *t, const char *text, const char *file)
{
	bool named = false, inside = false;
	unsigned line = 1;
	const char *p;

	for (p = text; *p; p++) {
		_cleanup_strbuf_ struct strbuf word = { 0 };
		size_t before = t->n, n = strspn(p, "abcdefghijklmnopqrstuvwxyz-_");

		if (*p == '\n') {
			line++;
		} else if (*p == '#') {
			p += strcspn(p, "\n") - 1;
		} else if (*p == '"' || *p == '\'') {
			p = read_string(p, &word);
			if (inside)
				tokens_read(t, sb_str(&word));
			for (; before < t->n; before++) {
				t->v[before].file = file;
				t->v[before].line = line;
			}
		} else if (*p == '[' || *p == ']') {
			inside = *p == '[' && named;
		} else if (n) {
			named = n == strlen("kargs") && startswith(p, "kargs");
			p += n - 1;
		}
	}
}

/* A size and its number are on one line of ours. */
static int read_own(struct host *h, struct boot *b, struct error *e)
{
	struct tokens words = { .arena = b->arena };
	_cleanup_free_ char *text = NULL;
	size_t i;
	int r = dropin_read(h, OWN_PATH, &text, e);

	if (r < 0 || !text)
		return r;
	read_kargs(&words, text, NULL);
	for (i = 0; i < words.n; i++) {
		*ARENA_PUSH(b->arena, b->own.v, b->own.n) = words.v[i];
		if (i && words.v[i - 1].line == words.v[i].line)
			tokens_join(&b->own);
	}
	for (i = 0; i < b->own.n; i++)
		b->own.v[i].line = 0;
	return 0;
}

static int bootc_image_read(struct host *h, struct boot *b, struct error *e)
{
	_cleanup_free_ char **names = NULL;
	size_t n = 0, i;
	int r = read_own(h, b, e);

	if (r < 0 || file_list(h->root, DIRECTORY, &names, &n) < 0)
		return r;
	for (i = 0; i < n; i++) {
		_cleanup_free_ char *path = xprintf(DIRECTORY "/%s", names[i]), *text = NULL;
		_cleanup_free_ char *shown = host_shown(h, path);

		if (endswith(names[i], ".toml") && !streq(names[i], OWN_NAME) &&
			file_read(h->root, path, TEXT_MAX, &text, NULL) == 0)
			read_kargs(&b->others, text, arena_strdup(b->arena, shown));
	}
	return 0;
}

static void add_string(struct strbuf *out, const char *text)
{
	sb_addc(out, '"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			sb_addc(out, '\\');
		sb_addc(out, *text);
	}
	sb_add(out, "\",");
}

static int bootc_image_write(struct host *h, const struct boot *b, struct error *e)
{
	_cleanup_strbuf_ struct strbuf body = { 0 };
	size_t i;

	for (i = 0; i < b->own.n; i++) {
		struct token word = b->own.v[i];
		_cleanup_free_ char *text = NULL;

		word.next = NULL;
		text = token_text(&word);
		sb_add(&body, i ? "  " : "kargs = [\n  ");
		add_string(&body, text);
		if (b->own.v[i].next) {
			sb_addc(&body, ' ');
			add_string(&body, b->own.v[i].next);
		}
		sb_addc(&body, '\n');
	}
	if (b->own.n)
		sb_add(&body, "]\n");
	return dropin_write(h, OWN_PATH, sb_str(&body), e);
}

/* bootc itself is run where the image is installed: here nothing is. */
const struct boot_loader boot_bootc_image = {
	.name = "bootc, of an image",
	.evidence = BOOTC,
	.file = OWN_PATH,
	.mark = OWN_PATH,
	.short_file = "kargs.d/" OWN_NAME,
	.tool = "bootc",
	.detect = bootc_image_detect,
	.read = bootc_image_read,
	.write = bootc_image_write,
};
