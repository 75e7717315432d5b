/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GRUB. grub-mkconfig sources /etc/default/grub and, as Debian and Ubuntu have
 * it, then /etc/default/grub.d/NAME.cfg in the order of their names. Ours adds
 * to GRUB_CMDLINE_LINUX, which every entry has, the recovery ones too: in a
 * file of our own there, elsewhere (Arch, SUSE) in a marked block at the end.
 *
 * update-grub is `grub-mkconfig -o /boot/grub/grub.cfg`, and that ends with
 * `cat new > grub.cfg`: a power cut there leaves half a menu. So the same tool
 * writes beside it; that file is read back, and when our tokens are in each of
 * its entries it takes the other's place in one instant.
 */
#include "hostprep/boot_grub.h"
#include "base/strbuf.h"
#include "base/tool.h"
#include "reconcile/dropin.h"

#define OWN_BEGIN "GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX "
#define BLOCK_HEAD GRUB_BLOCK_BEGIN ": what you change in here is lost\n"

static bool detect(struct host *h, const char *info, const struct grub_layout *l)
{
	_cleanup_free_ char *script = NULL;

	/* GRUB says it only from 2.12 on, the others that say it always do. */
	if (info && !startswith(info, "GRUB"))
		return false;
	if (file_read(h->root, l->script, GRUB_FILE_MAX, &script, NULL) < 0 ||
		!strstr(script, "default/grub"))
		return false;
	/* Only the script of Debian and those who come from it reads the directory. */
	if (!strstr(script, "default/grub.d/") != !l->own)
		return false;
	return !h->live || file_exists(h->root, l->menu);
}

/*
 * The block
 */

static int refuse_defaults(int code, const char *verb, struct error *e)
{
	error_set(e, code, "cannot %s " GRUB_DEFAULTS ": %s", verb, strerror(-code));
	return code == -EACCES || code == -EPERM ? error_cure(e, "run as root") : code;
}

/* From the line that begins it to behind the one that ends it; NULL: there is none. */
static char *find_block(char *text, char **end)
{
	char *begin = text, *last;

	while (begin && !startswith(begin, GRUB_BLOCK_BEGIN)) {
		begin = strchr(begin, '\n');
		begin = begin ? begin + 1 : NULL;
	}
	last = begin ? strstr(begin, "\n" GRUB_BLOCK_END) : NULL;
	if (!last)
		return NULL;
	*end = last + 1 + strcspn(last + 1, "\n");
	*end += **end == '\n';
	return begin;
}

static int read_block(struct host *h, char **out, struct error *e)
{
	_cleanup_free_ char *text = NULL;
	char *begin, *end;
	int r = file_read(h->root, GRUB_DEFAULTS, GRUB_FILE_MAX, &text, NULL);

	if (r < 0)
		return r == -ENOENT ? 0 : refuse_defaults(r, "read", e);
	begin = find_block(text, &end);
	if (begin) {
		*end = '\0';
		*out = xstrdup(begin);
	}
	return 0;
}

static int write_block(struct host *h, const char *body, struct error *e)
{
	_cleanup_strbuf_ struct strbuf out = { 0 };
	_cleanup_free_ char *text = NULL;
	char *begin, *end;
	int r = file_read(h->root, GRUB_DEFAULTS, GRUB_FILE_MAX, &text, NULL);

	if (r < 0 && r != -ENOENT)
		return refuse_defaults(r, "read", e);
	begin = text ? find_block(text, &end) : NULL;
	if (begin)
		memmove(begin, end, strlen(end) + 1);
	if (text)
		sb_add(&out, text);
	if (*body)
		sb_addf(&out, "%s" BLOCK_HEAD "%s" GRUB_BLOCK_END "\n",
			out.len && out.s[out.len - 1] != '\n' ? "\n" : "", body);
	r = file_edit_atomic(h->root, GRUB_DEFAULTS, sb_str(&out), out.len, 0644);
	return r < 0 ? refuse_defaults(r, "write", e) : 0;
}

/*
 * What is ours
 */

/* One line for each token, a size's number in its own line, as write makes them. */
static int read_own(struct host *h, struct boot *b, struct error *e)
{
	const struct grub_layout *l = grub_layout(b);
	_cleanup_free_ char *text = NULL;
	const char *p;
	int r = l->own ? dropin_read(h, l->own, &text, e) : read_block(h, &text, e);

	if (r < 0 || !text)
		return r;
	for (p = text; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		_cleanup_strbuf_ struct strbuf value = { 0 };
		size_t before = b->own.n;
		bool keeps = false;

		if (!startswith(p, OWN_BEGIN))
			continue;
		grub_shell_value(
			p + strlen("GRUB_CMDLINE_LINUX="), "GRUB_CMDLINE_LINUX", &value, &keeps);
		grub_add_words(&b->own, sb_str(&value), l->loader.file, 0);
		if (b->own.n == before + 2)
			tokens_join(&b->own);
	}
	return 0;
}

static void grub_quote(struct strbuf *out, const char *word)
{
	bool blanks = word[strcspn(word, " \t")] != '\0';
	const char *p;

	if (blanks)
		sb_addc(out, '"');
	for (p = word; *p; p++) {
		if (strchr(blanks ? "$\\\"" : "$\\\";&|<>{}'", *p))
			sb_addc(out, '\\');
		sb_addc(out, *p);
	}
	if (blanks)
		sb_addc(out, '"');
}

static int grub_write(struct host *h, const struct boot *b, struct error *e)
{
	const struct grub_layout *l = grub_layout(b);
	_cleanup_strbuf_ struct strbuf body = { 0 };
	size_t i;

	for (i = 0; i < b->own.n; i++) {
		_cleanup_strbuf_ struct strbuf quoted = { 0 };
		_cleanup_free_ char *word = token_word(&b->own.v[i]);
		const char *p;

		grub_quote(&quoted, word);
		if (b->own.v[i].next)
			sb_addf(&quoted, " %s", b->own.v[i].next);
		sb_add(&body, OWN_BEGIN);
		for (p = sb_str(&quoted); *p; p++) {
			if (strchr("$`\"\\", *p))
				sb_addc(&body, '\\');
			sb_addc(&body, *p);
		}
		sb_add(&body, "\"\n");
	}
	return l->own ? dropin_write(h, l->own, sb_str(&body), e)
		      : write_block(h, sb_str(&body), e);
}

static int grub_read(struct host *h, struct boot *b, struct error *e)
{
	int r = read_own(h, b, e);

	if (r < 0)
		return r;
	grub_read_settings(h, b);
	return h->live ? grub_read_menu_file(h, b, grub_layout(b)->menu, e) : 0;
}

static int grub_install(struct host *h, struct boot *b, struct error *e)
{
	const struct grub_layout *l = grub_layout(b);
	_cleanup_free_ char *tool = host_shown(h, l->script), *to = host_shown(h, l->menu_new);
	_cleanup_free_ char *half = xprintf("%s.new", l->menu_new);
	int r;

	r = tool_run((char *const[]){ tool, "-o", to, NULL }, h->lock, e);
	if (r == 0)
		r = grub_read_menu_file(h, b, l->menu_new, e);
	if (r == 0)
		r = boot_check(b, e);
	if (r == 0)
		r = grub_replace_menu(h, l, e);
	if (r < 0) {
		file_remove(h->root, l->menu_new);
		file_remove(h->root, half);
	}
	return r;
}

static bool block_is_there(struct host *h)
{
	_cleanup_free_ char *block = NULL;

	return read_block(h, &block, NULL) == 0 && block;
}

#define OWN_PATH GRUB_DIRECTORY "/" GRUB_OWN_NAME

static bool detect_debian(struct host *h, const char *info);
static bool detect_arch(struct host *h, const char *info);
static bool detect_suse(struct host *h, const char *info);

#define LAYOUT(variable, dir, tool_path, tool_name, own_path, ...) \
	const struct grub_layout variable = { \
		.loader = { .name = "GRUB", \
			.evidence = tool_path ", " dir "/grub.cfg", \
			.menu = dir "/grub.cfg", \
			.short_menu = "grub.cfg", \
			.tool = tool_name, \
			.read = grub_read, \
			.write = grub_write, \
			.install = grub_install, \
			__VA_ARGS__ }, \
		.script = tool_path, \
		.directory = dir, \
		.menu = dir "/grub.cfg", \
		.menu_new = dir "/grub.cfg.kvmhost", \
		.own = own_path, \
	}

static LAYOUT(debian, "/boot/grub", "/usr/sbin/grub-mkconfig", "grub-mkconfig", OWN_PATH,
	.file = OWN_PATH, .mark = OWN_PATH, .short_file = GRUB_OWN_NAME, .detect = detect_debian);
static LAYOUT(arch, "/boot/grub", "/usr/bin/grub-mkconfig", "grub-mkconfig", NULL,
	.file = GRUB_DEFAULTS, .wrote = block_is_there, .short_file = "default/grub",
	.detect = detect_arch);
static LAYOUT(suse, "/boot/grub2", "/usr/sbin/grub2-mkconfig", "grub2-mkconfig", NULL,
	.file = GRUB_DEFAULTS, .wrote = block_is_there, .short_file = "default/grub",
	.detect = detect_suse);

static bool detect_debian(struct host *h, const char *info)
{
	return detect(h, info, &debian);
}

static bool detect_arch(struct host *h, const char *info)
{
	return detect(h, info, &arch);
}

static bool detect_suse(struct host *h, const char *info)
{
	return detect(h, info, &suse);
}

const struct boot_loader *const boot_grubs[] = { &debian.loader, &arch.loader, &suse.loader, NULL };
