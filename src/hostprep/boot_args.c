/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostprep/boot_args.h"
#include "base/strbuf.h"
#include "hostprep/kernel_cmdline.h"
#include "base/tool.h"
#include "reconcile/dropin.h"

#define GRUBBY "/usr/sbin/grubby"

int args_read(struct host *h, struct boot *b, struct error *e)
{
	struct tokens left = { .arena = b->arena };
	bool made;
	size_t i, k;
	int r = kernel_cmdline_read_own(h, &b->own, &made, e);

	if (r == 0)
		r = boot_entries_read(h, b, e);
	for (i = 0; r == 0 && b->n && i < b->entries[0].tokens.n; i++)
		*ARENA_PUSH(left.arena, left.v, left.n) = b->entries[0].tokens.v[i];
	for (k = 0; k < b->own.n; k++)
		tokens_take(&left, &b->own.v[k]);
	for (i = 0; i < left.n; i++) {
		left.v[i].file = arena_printf(b->arena, "boot entry `%s`", b->entries[0].title);
		left.v[i].line = 1;
		*ARENA_PUSH(b->arena, b->others.v, b->others.n) = left.v[i];
	}
	return r;
}

int args_write(struct host *h, const struct boot *b, struct error *e)
{
	struct tokens all = { .arena = b->arena };
	bool made;
	size_t i;
	int r = kernel_cmdline_read_own(h, &all, &made, e);

	for (i = 0; r == 0 && i < b->own.n; i++)
		if (!tokens_count(&all, &b->own.v[i]))
			*ARENA_PUSH(all.arena, all.v, all.n) = b->own.v[i];
	return r < 0 ? r : kernel_cmdline_write_own(h, &all, false, e);
}

int args_gone(struct host *h, const struct boot *b, struct tokens *out, struct error *e)
{
	struct tokens all = { .arena = b->arena };
	bool made;
	size_t i;
	int r = kernel_cmdline_read_own(h, &all, &made, e);

	for (i = 0; i < all.n; i++)
		if (!tokens_count(&b->own, &all.v[i]))
			*ARENA_PUSH(out->arena, out->v, out->n) = all.v[i];
	return r;
}

static bool in_each(const struct boot *b, const struct token *t)
{
	size_t i;

	for (i = 0; i < b->n; i++)
		if (!tokens_count(&b->entries[i].tokens, t))
			return false;
	return true;
}

static void missing(const struct boot *b, struct tokens *out)
{
	size_t i;

	for (i = 0; i < b->own.n; i++)
		if (!in_each(b, &b->own.v[i]))
			*ARENA_PUSH(out->arena, out->v, out->n) = b->own.v[i];
}

static int finish(struct host *h, struct boot *b, struct error *e)
{
	int r = boot_entries_read(h, b, e);

	if (r == 0)
		r = boot_check(b, e);
	return r < 0 ? r : kernel_cmdline_write_own(h, &b->own, false, e);
}

void args_text(struct strbuf *out, const struct tokens *t)
{
	size_t i;

	for (i = 0; i < t->n; i++) {
		_cleanup_free_ char *text = token_text(&t->v[i]);

		sb_addf(out, "%s%s", out->len && out->s[out->len - 1] != '=' ? " " : "", text);
	}
}

static bool grubby_detect(struct host *h, const char *info _unused_)
{
	return file_exists(h->root, GRUBBY);
}

/* Its name, or that of its number, is one that is added. */
static bool is_named(const struct token *t, const struct tokens *add)
{
	const struct token number = { .key = "hugepages" };
	size_t i;

	for (i = 0; i < add->n; i++)
		if (token_same_key(t, &add->v[i]) || (add->v[i].next && token_same_key(t, &number)))
			return true;
	return false;
}

/*
 * --args takes all away that have the name of one that it adds, other people's console= and
 * hugepages= too: these are named again, before ours.
 */
static void with_namesakes(const struct boot *b, const struct tokens *add,
	const struct tokens *drop, struct tokens *out)
{
	struct tokens left = { .arena = out->arena };
	size_t i;

	for (i = 0; b->n && i < b->entries[0].tokens.n; i++)
		*ARENA_PUSH(left.arena, left.v, left.n) = b->entries[0].tokens.v[i];
	for (i = 0; i < drop->n; i++)
		tokens_take(&left, &drop->v[i]);
	for (i = 0; i < add->n; i++)
		tokens_take(&left, &add->v[i]);
	for (i = 0; i < left.n; i++)
		if (is_named(&left.v[i], add))
			*ARENA_PUSH(out->arena, out->v, out->n) = left.v[i];
	for (i = 0; i < add->n; i++)
		*ARENA_PUSH(out->arena, out->v, out->n) = add->v[i];
}

/* It cuts its arguments up at each blank. */
static int refuse_blanks(const struct tokens *t, struct error *e)
{
	size_t i;

	for (i = 0; i < t->n; i++) {
		_cleanup_free_ char *text = token_text(&t->v[i]);

		if (!t->v[i].value || !t->v[i].value[strcspn(t->v[i].value, " \t")])
			continue;
		error_set(e, -EOPNOTSUPP, "grubby cannot keep %s together, which has a blank in it",
			text);
		return error_cure(e,
			"say it in another way: options of a module, for instance, can "
			"stand in host.kernel.modules");
	}
	return 0;
}

/* It also writes /etc/kernel/cmdline and /etc/default/grub, for kernels to come. */
static int grubby_install(struct host *h, struct boot *b, struct error *e)
{
	struct tokens add = { .arena = b->arena }, drop = { .arena = b->arena };
	struct tokens all = { .arena = b->arena };
	_cleanup_strbuf_ struct strbuf more = { 0 }, less = { 0 };
	_cleanup_free_ char *tool = host_shown(h, GRUBBY);
	int r = args_gone(h, b, &drop, e);

	missing(b, &add);
	with_namesakes(b, &add, &drop, &all);
	if (r == 0)
		r = refuse_blanks(&all, e);
	if (r < 0)
		return r;
	sb_add(&more, "--args=");
	args_text(&more, &all);
	sb_add(&less, "--remove-args=");
	args_text(&less, &drop);
	if (drop.n)
		r = tool_run(
			(char *const[]){ tool, "--update-kernel=ALL", less.s, NULL }, h->lock, e);
	if (r == 0 && add.n)
		r = tool_run(
			(char *const[]){ tool, "--update-kernel=ALL", more.s, NULL }, h->lock, e);
	return r < 0 ? r : finish(h, b, e);
}

const struct boot_loader boot_grubby = {
	.name = "grubby",
	.evidence = GRUBBY,
	.file = KERNEL_CMDLINE_OWN,
	.mark = KERNEL_CMDLINE_OWN,
	.short_file = "grubby",
	.menu = "/boot/loader/entries",
	.short_menu = "loader/entries",
	.tool = "grubby",
	.detect = grubby_detect,
	.read = args_read,
	.write = args_write,
	.install = grubby_install,
};
