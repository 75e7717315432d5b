/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Systems that are replaced as a whole. The new deployment's entry is made as
 * late as at shutdown: nothing is read back before. rpm-ostree is told words
 * to add and to take away; bootc keeps words by whose they are and is told all
 * of ours, each time.
 */
#include "base/strbuf.h"
#include "base/tool.h"
#include "hostprep/boot_args.h"
#include "hostprep/kernel_cmdline.h"
#include "reconcile/dropin.h"

#define OSTREE "/run/ostree-booted"
#define RPM_OSTREE "/usr/bin/rpm-ostree"
#define BOOTC "/usr/bin/bootc"
#define SYSTEMD_RUN "/usr/bin/systemd-run"

static bool ostree_detect(struct host *h, const char *info _unused_)
{
	return file_exists(h->root, OSTREE) && file_exists(h->root, RPM_OSTREE);
}

static char *option(struct arena *a, const char *name, const struct token *t)
{
	_cleanup_free_ char *text = token_text(t);

	return arena_printf(a, "%s%s", name, text);
}

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
	char *tool = host_shown(h, RPM_OSTREE);
	char **argv;
	size_t n = 0, i;
	int r = args_gone(h, b, &drop, e);

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
		r = tool_run(argv, h->lock, e);
	free(tool);
	return r < 0 ? r : kernel_cmdline_write_own(h, &b->own, false, e);
}

const struct boot_loader boot_ostree = {
	.name = "rpm-ostree",
	.evidence = OSTREE ", " RPM_OSTREE,
	.file = KERNEL_CMDLINE_OWN,
	.mark = KERNEL_CMDLINE_OWN,
	.short_file = "rpm-ostree",
	.tool = "rpm-ostree kargs",
	.detect = ostree_detect,
	.read = ostree_read,
	.write = args_write,
	.install = ostree_install,
};

/*
 * bootc
 */

/* What composefs boots has no ostree, and says so on the command line. */
static bool by_composefs(struct host *h)
{
	const struct token word = { .key = "composefs" };
	struct tokens running = { .arena = h->pass };
	_cleanup_free_ char *text = NULL;
	size_t i;

	if (!h->live || file_read(h->root, "/proc/cmdline", 1 << 20, &text, NULL) < 0)
		return false;
	tokens_read(&running, text);
	for (i = 0; i < running.n; i++)
		if (token_same_key(&running.v[i], &word))
			return true;
	return false;
}

static bool bootc_detect(struct host *h, const char *info _unused_)
{
	return file_exists(h->root, BOOTC) && (file_exists(h->root, OSTREE) || by_composefs(h));
}

/* A word that is there already is not added again: a number would be that of another size. */
static int refuse_shared(const struct boot *b, struct error *e)
{
	size_t i;

	for (i = 0; i < b->own.n; i++) {
		const char *next = b->own.v[i].next;
		struct token number = next ? token_of(b->arena, next) : b->own.v[i];
		_cleanup_free_ char *text = token_text(&b->own.v[i]);

		if (!next || !tokens_count(&b->others, &number))
			continue;
		error_set(e, -EOPNOTSUPP,
			"bootc has each word once on the command line, and somebody else's %s is "
			"there already: it cannot be given %s too",
			next, text);
		return error_cure(e, "ask for another number of pages, or take the other out");
	}
	return 0;
}

static int bootc_write(struct host *h, const struct boot *b, struct error *e)
{
	int r = refuse_shared(b, e);

	return r < 0 ? r : args_write(h, b, e);
}

/* It mounts in a namespace of its own, which kvmhostd's sandbox forbids: systemd runs it. */
static int bootc_install(struct host *h, struct boot *b, struct error *e)
{
	_cleanup_free_ char *tool = host_shown(h, SYSTEMD_RUN);
	_cleanup_strbuf_ struct strbuf words = { 0 };
	char *argv[] = { tool, "--quiet", "--wait", "--pipe", "--collect", BOOTC, "loader-entries",
		"set-options-for-source", "--source=kvmhost", NULL, NULL };
	int r;

	sb_add(&words, "--options=");
	args_text(&words, &b->own);
	if (b->own.n)
		argv[ARRAY_SIZE(argv) - 2] = words.s;
	r = tool_run(argv, h->lock, e);
	if (r < 0)
		return error_cure(e,
			"bootc needs the command `loader-entries`, and ostree 2026.1 or later; "
			"where they are older, put the parameters into the image's "
			"/usr/lib/bootc/kargs.d (kvmhostctl --root DIR apply does), and update");
	return kernel_cmdline_write_own(h, &b->own, false, e);
}

const struct boot_loader boot_bootc = {
	.name = "bootc",
	.evidence = BOOTC ", " OSTREE " or composefs=",
	.file = KERNEL_CMDLINE_OWN,
	.mark = KERNEL_CMDLINE_OWN,
	.short_file = "bootc",
	.tool = "bootc loader-entries",
	.detect = bootc_detect,
	.read = ostree_read,
	.write = bootc_write,
	.install = bootc_install,
};
