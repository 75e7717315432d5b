/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostprep/kernel_cmdline.h"
#include "base/strbuf.h"
#include "reconcile/dropin.h"

enum { CMDLINE_MAX = 64 << 10 };

/* In our list: kvmhost made the file itself. */
#define MADE "# made " KERNEL_CMDLINE

int kernel_cmdline_read_own(struct host *h, struct tokens *own, bool *made, struct error *e)
{
	_cleanup_free_ char *text = NULL;
	char *line, *next;
	int r = dropin_read(h, KERNEL_CMDLINE_OWN, &text, e);

	*made = false;
	for (next = text; r == 0 && (line = strsep(&next, "\n"));) {
		*made |= streq(line, MADE);
		if (*line && *line != '#')
			*ARENA_PUSH(own->arena, own->v, own->n) = token_of(own->arena, line);
	}
	return r;
}

int kernel_cmdline_write_own(struct host *h, const struct tokens *own, bool made, struct error *e)
{
	_cleanup_strbuf_ struct strbuf body = { 0 };
	size_t i;

	for (i = 0; i < own->n; i++) {
		_cleanup_free_ char *text = token_text(&own->v[i]);

		sb_addf(&body, "%s\n", text);
	}
	if (made && own->n)
		sb_add(&body, MADE "\n");
	return dropin_write(h, KERNEL_CMDLINE_OWN, sb_str(&body), e);
}

static int refuse_read(struct host *h, int code, struct error *e)
{
	_cleanup_free_ char *shown = host_shown(h, KERNEL_CMDLINE);

	error_set(e, code, "cannot read %s: %s", shown, strerror(-code));
	return code == -EACCES ? error_cure(e, "run as root") : code;
}

/* What kernel-install takes where there is no such file: the vendor's, or the running kernel's. */
static char *default_text(struct host *h)
{
	struct tokens running = { .arena = h->pass };
	struct strbuf out = { 0 };
	char *text = NULL;
	size_t i;

	if (file_read(h->root, "/usr/lib/kernel/cmdline", CMDLINE_MAX, &text, NULL) == 0)
		return text;
	if (file_read(h->root, "/proc/cmdline", CMDLINE_MAX, &text, NULL) < 0)
		return xstrdup("\n");
	tokens_read(&running, text);
	free(text);
	for (i = 0; i < running.n; i++) {
		_cleanup_free_ char *word = token_text(&running.v[i]);

		if (!streq(running.v[i].key, "initrd") && !streq(running.v[i].key, "BOOT_IMAGE"))
			sb_addf(&out, "%s%s", out.len ? " " : "", word);
	}
	sb_addc(&out, '\n');
	return sb_steal(&out);
}

/* *there: the file itself, not what would be taken without it. */
static int read_text(struct host *h, char **text, bool *there, struct error *e)
{
	int r = file_read(h->root, KERNEL_CMDLINE, CMDLINE_MAX, text, NULL);

	*there = r == 0;
	if (r == -ENOENT)
		*text = default_text(h);
	return r < 0 && r != -ENOENT ? refuse_read(h, r, e) : 0;
}

int kernel_cmdline_read(struct host *h, struct boot *b, struct error *e)
{
	struct tokens listed = { .arena = b->arena }, words = { .arena = b->arena };
	_cleanup_free_ char *text = NULL, *shown = host_shown(h, KERNEL_CMDLINE);
	bool there = false, made = false;
	size_t i;
	int r = kernel_cmdline_read_own(h, &listed, &made, e);

	if (r == 0)
		r = read_text(h, &text, &there, e);
	if (r < 0)
		return r;
	tokens_read(&words, text);
	/* A list written before a power cut may name what never got there. */
	for (i = 0; there && i < listed.n; i++)
		if (tokens_count(&words, &listed.v[i]))
			*ARENA_PUSH(b->arena, b->own.v, b->own.n) = listed.v[i];
	for (i = 0; i < b->own.n; i++)
		tokens_take(&words, &b->own.v[i]);
	for (i = 0; i < words.n; i++) {
		words.v[i].file = arena_strdup(b->arena, there ? shown : "/proc/cmdline");
		words.v[i].line = 1;
		*ARENA_PUSH(b->arena, b->others.v, b->others.n) = words.v[i];
	}
	return 0;
}

static int replace(struct host *h, const char *text, struct error *e)
{
	int r = file_edit_atomic(h->root, KERNEL_CMDLINE, text, strlen(text), 0644);

	if (r == 0)
		return 0;
	error_set(e, r, "cannot write " KERNEL_CMDLINE ": %s", strerror(-r));
	return r == -EACCES || r == -EPERM ? error_cure(e, "run as root") : r;
}

/*
 * Without the file its readers take the running kernel's line. That may have what was ours until
 * the next boot, or lack what somebody wrote into the file since: then the file has to stay.
 */
static bool goes_without(struct host *h, struct arena *a, const char *text)
{
	struct tokens said = { .arena = a }, instead = { .arena = a };
	_cleanup_free_ char *other = default_text(h);
	size_t i;

	tokens_read(&said, text);
	tokens_read(&instead, other);
	for (i = 0; i < said.n && i < instead.n; i++)
		if (!token_same(&said.v[i], &instead.v[i]))
			return false;
	return said.n == instead.n;
}

/* Our list goes first, with what was ours beside: what stands in the file is always in it. */
int kernel_cmdline_write(struct host *h, const struct boot *b, struct error *e)
{
	struct tokens was = { .arena = b->arena }, all = { .arena = b->arena };
	_cleanup_strbuf_ struct strbuf out = { 0 };
	_cleanup_free_ char *text = NULL;
	bool there = false, made = false;
	size_t i;
	int r = kernel_cmdline_read_own(h, &was, &made, e);

	if (r == 0)
		r = read_text(h, &text, &there, e);
	if (r < 0)
		return r;
	made |= !there;
	for (i = 0; i < was.n; i++)
		*ARENA_PUSH(all.arena, all.v, all.n) = was.v[i];
	for (i = 0; i < b->own.n; i++)
		if (!tokens_count(&was, &b->own.v[i]))
			*ARENA_PUSH(all.arena, all.v, all.n) = b->own.v[i];
	tokens_edit(text, &was, &b->own, &out);
	r = kernel_cmdline_write_own(h, &all, made, e);
	if (r == 0 && made && !b->own.n && goes_without(h, b->arena, sb_str(&out)))
		r = file_remove(h->root, KERNEL_CMDLINE);
	else if (r == 0)
		r = replace(h, sb_str(&out), e);
	return r < 0 ? r : kernel_cmdline_write_own(h, &b->own, made, e);
}
