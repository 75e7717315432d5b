/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loaders whose tool edits the entries itself, word by word: grubby of RHEL
 * and Fedora, rpm-ostree. It is told what to add and what to take away; what
 * is ours is kept in a list, because the entries have no place to say so.
 */
#include "base/strbuf.h"
#include "hostprep/kernel_cmdline.h"
#include "base/tool.h"
#include "reconcile/dropin.h"

#define GRUBBY "/usr/sbin/grubby"
#define RPM_OSTREE "/usr/bin/rpm-ostree"

/* Ours, and what all entries have beside: theirs. An entry that lacks one of ours is no matter. */
static int args_read(struct host *h, struct boot *b, struct error *e)
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

/* Until the tool has run, what goes stays in the list: a kill leaves nothing unknown behind. */
static int args_write(struct host *h, const struct boot *b, struct error *e)
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

/* Listed and not ours any more. */
static int gone(struct host *h, const struct boot *b, struct tokens *out, struct error *e)
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

static void add_words(struct strbuf *out, const struct tokens *t)
{
	size_t i;

	for (i = 0; i < t->n; i++) {
		_cleanup_free_ char *text = token_text(&t->v[i]);

		sb_addf(out, "%s%s", out->len && out->s[out->len - 1] != '=' ? " " : "", text);
	}
}

static char *option(struct arena *a, const char *name, const struct token *t)
{
	_cleanup_free_ char *text = token_text(t);

	return arena_printf(a, "%s%s", name, text);
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
	_cleanup_free_ char *tool = dropin_shown(h, GRUBBY);
	int r = gone(h, b, &drop, e);

	missing(b, &add);
	with_namesakes(b, &add, &drop, &all);
	if (r == 0)
		r = refuse_blanks(&all, e);
	if (r < 0)
		return r;
	sb_add(&more, "--args=");
	add_words(&more, &all);
	sb_add(&less, "--remove-args=");
	add_words(&less, &drop);
	if (drop.n)
		r = tool_run((char *const[]){ tool, "--update-kernel=ALL", less.s, NULL }, e);
	if (r == 0 && add.n)
		r = tool_run((char *const[]){ tool, "--update-kernel=ALL", more.s, NULL }, e);
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

static bool ostree_detect(struct host *h, const char *info _unused_)
{
	return file_exists(h->root, "/run/ostree-booted") && file_exists(h->root, RPM_OSTREE);
}

/* The new deployment's entry is made as late as at shutdown: nothing is read back before. */
static int ostree_read(struct host *h, struct boot *b, struct error *e)
{
	int r = args_read(h, b, e);

	b->n = 0;
	return r;
}

/* The word itself, or, of a size and its number, both: an option each. */
static void add_options(
	char **argv, size_t *n, struct arena *a, const char *name, const struct token *t)
{
	struct token size = *t;

	size.next = NULL;
	argv[(*n)++] = option(a, name, &size);
	if (t->next)
		argv[(*n)++] = arena_printf(a, "%s%s", name, t->next);
}

/* It makes a new deployment; the entry of the one that runs stays as it is, to go back to. */
static int ostree_install(struct host *h, struct boot *b, struct error *e)
{
	struct tokens drop = { .arena = b->arena };
	char *tool = dropin_shown(h, RPM_OSTREE);
	char **argv;
	size_t n = 0, i;
	int r = gone(h, b, &drop, e);

	argv = arena_alloc(b->arena, (4 * b->own.n + 2 * drop.n + 3) * sizeof(*argv));
	argv[n++] = tool;
	argv[n++] = arena_strdup(b->arena, "kargs");
	for (i = 0; i < drop.n; i++)
		add_options(argv, &n, b->arena, "--delete-if-present=", &drop.v[i]);
	for (i = 0; i < b->own.n; i++) {
		/* A number that is there already may be that of another size. */
		if (b->own.v[i].next)
			add_options(argv, &n, b->arena, "--delete-if-present=", &b->own.v[i]);
		add_options(argv, &n, b->arena,
			b->own.v[i].next ? "--append=" : "--append-if-missing=", &b->own.v[i]);
	}
	if (r == 0 && n > 2)
		r = tool_run(argv, e);
	free(tool);
	return r < 0 ? r : kernel_cmdline_write_own(h, &b->own, false, e);
}

const struct boot_loader boot_ostree = {
	.name = "rpm-ostree",
	.evidence = "/run/ostree-booted, " RPM_OSTREE,
	.file = KERNEL_CMDLINE_OWN,
	.mark = KERNEL_CMDLINE_OWN,
	.short_file = "rpm-ostree",
	.tool = "rpm-ostree kargs",
	.detect = ostree_detect,
	.read = ostree_read,
	.write = args_write,
	.install = ostree_install,
};
