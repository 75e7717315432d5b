/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GRUB as Debian and Ubuntu have it: grub-mkconfig sources /etc/default/grub
 * and then /etc/default/grub.d/NAME.cfg in the order of their names. Ours adds to
 * GRUB_CMDLINE_LINUX, which every entry has, the recovery ones too.
 *
 * update-grub is `grub-mkconfig -o /boot/grub/grub.cfg`, and that ends with
 * `cat new > grub.cfg`: a power cut there leaves half a menu. So the same tool
 * writes beside it; that file is read back, and when our tokens are in each of
 * its entries it takes the other's place in one instant.
 */
#include "hostprep/boot.h"
#include "hostprep/boot_grub.h"
#include "reconcile/dropin.h"
#include "hostprep/tool.h"
#include "base/strbuf.h"
#include <ctype.h>
#include <fcntl.h>

#define DEFAULTS "/etc/default/grub"
#define DIRECTORY "/etc/default/grub.d"
#define OWN_NAME "90-kvmhost.cfg"
#define OWN_PATH DIRECTORY "/" OWN_NAME
#define MKCONFIG "/usr/sbin/grub-mkconfig"
#define MENU "/boot/grub/grub.cfg"
#define MENU_NEW "/boot/grub/grub.cfg.kvmhost"
#define OWN_BEGIN "GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX "

enum { GRUB_FILE_MAX = 16 << 20 };

/* Only the script of Debian and those who come from it reads the directory. */
static bool grub_detect(struct host *h, const char *info)
{
	_cleanup_free_ char *script = NULL;

	/* GRUB says it only from 2.12 on, the others that say it always do. */
	if (info && !startswith(info, "GRUB"))
		return false;
	if (file_read(h->root, MKCONFIG, GRUB_FILE_MAX, &script, NULL) < 0 ||
		!strstr(script, "default/grub.d/"))
		return false;
	return !h->live || file_exists(h->root, MENU);
}

/*
 * GRUB's own words, as they stand in grub.cfg and in the variables that end up there
 */

/* A word without its quotes and backslashes; NULL at the end of the line. */
static char *grub_word(struct arena *a, const char **s)
{
	struct strbuf out = { 0 };
	const char *p = *s;
	char quote = 0, *word;

	while (*p == ' ' || *p == '\t')
		p++;
	if (!*p || *p == '\n') {
		*s = p;
		return NULL;
	}
	for (; *p && *p != '\n' && (quote || (*p != ' ' && *p != '\t')); p++) {
		if (quote ? *p == quote : *p == '\'' || *p == '"')
			quote = quote ? 0 : *p;
		else if (*p == '\\' && quote != '\'' && p[1] && p[1] != '\n')
			sb_addc(&out, *++p);
		else
			sb_addc(&out, *p);
	}
	*s = p;
	word = arena_strdup(a, sb_str(&out));
	sb_free(&out);
	return word;
}

static void add_words(struct tokens *t, const char *s, const char *file, unsigned line)
{
	const char *word;

	while ((word = grub_word(t->arena, &s)) && !streq(word, "--")) {
		struct token *new;

		if (!*word)
			continue;
		new = tokens_add(t, word, strlen(word));
		new->file = file;
		new->line = line;
	}
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

/*
 * The shell's words in /etc/default
 */

struct settings {
	struct host *h;
	struct boot *b;
	struct tokens linux_, normal; /* GRUB_CMDLINE_LINUX, and _DEFAULT, which recovery has not */
	bool later; /* sourced after ours */
};

/*
 * The last character of $NAME, ${NAME...} or $(command). What it stands for is not known here and
 * left out; *keeps is set when it is the variable `name` itself.
 */
static const char *skip_expansion(const char *s, const char *name, bool *keeps)
{
	bool braces = s[1] == '{';
	const char *word = s + 1 + braces, *end = word;
	unsigned depth = 0;

	if (s[1] == '(') {
		for (end = s + 1; *end; end++) {
			depth += *end == '(';
			depth -= *end == ')';
			if (!depth)
				return end;
		}
		return end - 1;
	}
	while (isalnum((unsigned char)*end) || *end == '_')
		end++;
	*keeps |= (size_t)(end - word) == strlen(name) && startswith(word, name);
	if (!braces)
		return end - 1;
	end += strcspn(end, "}\n");
	return *end == '}' ? end : end - 1;
}

/* The value of an assignment with its quotes gone; *keeps: the former value is part of it. */
static void shell_value(const char *s, const char *name, struct strbuf *out, bool *keeps)
{
	char quote = 0;

	for (; *s && *s != '\n' && (quote || !strchr(" \t;&#", *s)); s++) {
		if (quote ? *s == quote : *s == '\'' || *s == '"') {
			quote = quote ? 0 : *s;
		} else if (*s == '\\' && quote != '\'' && s[1]) {
			s++;
			if (quote && !strchr("$`\"\\\n", *s))
				sb_addc(out, '\\');
			if (*s != '\n')
				sb_addc(out, *s);
		} else if (*s == '$' && quote != '\'') {
			s = skip_expansion(s, name, keeps);
		} else if (*s == '`' && quote != '\'') {
			s += 1 + strcspn(s + 1, "`\n");
			if (*s != '`')
				return;
		} else {
			sb_addc(out, *s);
		}
	}
}

/* What is inside of `if` counts as done. */
static void read_assignment(struct settings *c, const char *s, const char *file, unsigned line)
{
	_cleanup_strbuf_ struct strbuf value = { 0 };
	struct tokens *t = &c->linux_;
	const char *rest, *name = "GRUB_CMDLINE_LINUX";
	bool keeps;

	while (*s == ' ' || *s == '\t')
		s++;
	if ((rest = startswith(s, "export ")))
		s = rest;
	s = startswith(s, name);
	if (!s)
		return;
	if ((rest = startswith(s, "_DEFAULT"))) {
		name = "GRUB_CMDLINE_LINUX_DEFAULT";
		t = &c->normal;
		s = rest;
	}
	keeps = s[0] == '+' && s[1] == '=';
	if (!keeps && s[0] != '=')
		return;
	shell_value(s + 1 + keeps, name, &value, &keeps);
	if (!keeps)
		t->n = 0;
	if (!keeps && c->later && t == &c->linux_)
		c->b->dropped_by = (struct token){ .file = file, .line = line };
	add_words(t, sb_str(&value), file, line);
}

static void read_settings(struct settings *c, const char *path)
{
	_cleanup_free_ char *text = NULL, *shown = dropin_shown(c->h, path);
	const char *p, *file;
	unsigned line;

	if (file_read(c->h->root, path, GRUB_FILE_MAX, &text, NULL) < 0)
		return;
	file = arena_strdup(c->b->arena, shown);
	for (p = text, line = 1; *p; line++) {
		size_t n = strcspn(p, "\n");

		read_assignment(c, p, file, line);
		p += n + (p[n] == '\n');
	}
}

static void read_others(struct host *h, struct boot *b)
{
	struct settings c = { .h = h, .b = b, .linux_.arena = b->arena, .normal.arena = b->arena };
	_cleanup_free_ char **names = NULL;
	size_t n = 0, i;

	read_settings(&c, DEFAULTS);
	if (file_list(h->root, DIRECTORY, &names, &n) < 0)
		n = 0;
	for (i = 0; i < n; i++) {
		_cleanup_free_ char *path = xprintf(DIRECTORY "/%s", names[i]);

		c.later |= strcmp(names[i], OWN_NAME) > 0;
		if (endswith(names[i], ".cfg") && !streq(names[i], OWN_NAME))
			read_settings(&c, path);
	}
	for (i = 0; i < c.linux_.n; i++)
		*ARENA_PUSH(b->arena, b->others.v, b->others.n) = c.linux_.v[i];
	for (i = 0; i < c.normal.n; i++)
		*ARENA_PUSH(b->arena, b->others.v, b->others.n) = c.normal.v[i];
}

/* One line for each token, a size's number in its own line, as write makes them. */
static int read_own(struct host *h, struct boot *b, struct error *e)
{
	_cleanup_free_ char *text = NULL;
	const char *p;
	int r;

	r = dropin_read(h, OWN_PATH, &text, e);
	if (r < 0 || !text)
		return r;
	for (p = text; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		_cleanup_strbuf_ struct strbuf value = { 0 };
		size_t before = b->own.n;
		bool keeps = false;

		if (!startswith(p, OWN_BEGIN))
			continue;
		shell_value(
			p + strlen("GRUB_CMDLINE_LINUX="), "GRUB_CMDLINE_LINUX", &value, &keeps);
		add_words(&b->own, sb_str(&value), OWN_PATH, 0);
		if (b->own.n == before + 2)
			tokens_join(&b->own);
	}
	return 0;
}

static int grub_write(struct host *h, const struct boot *b, struct error *e)
{
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
	return dropin_write(h, OWN_PATH, sb_str(&body), e);
}

/*
 * The menu
 */

/* The kernel's words of `linux PATH ...`; NULL: another line. */
static const char *linux_line(struct arena *a, const char *s)
{
	const char *command = grub_word(a, &s);

	if (!command || !(streq(command, "linux") || streq(command, "linux16") ||
				streq(command, "linuxefi")))
		return NULL;
	return grub_word(a, &s) ? s : NULL;
}

/*
 * Only what 10_linux made: os-prober's entries are other systems, 40_custom is the
 * administrator's, and neither takes GRUB_CMDLINE_LINUX.
 */
void grub_read_menu(struct boot *b, const char *text)
{
	const char *p, *title = "", *args;
	bool inside = false;

	for (p = text; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		const char *s = p, *word = grub_word(b->arena, &s);

		if (startswith(p, "### BEGIN /etc/grub.d/10_linux ###"))
			inside = true;
		else if (startswith(p, "### END "))
			inside = false;
		if (!inside || !word)
			continue;
		if (streq(word, "menuentry")) {
			word = grub_word(b->arena, &s);
			title = word ? word : "";
		} else if ((args = linux_line(b->arena, p))) {
			struct boot_entry *entry = ARENA_PUSH(b->arena, b->entries, b->n);

			entry->title = title;
			entry->tokens.arena = b->arena;
			add_words(&entry->tokens, args, NULL, 0);
		}
	}
}

static int read_menu(struct host *h, struct boot *b, const char *path, struct error *e)
{
	_cleanup_free_ char *text = NULL, *shown = dropin_shown(h, path);
	int r = file_read(h->root, path, GRUB_FILE_MAX, &text, NULL);

	b->entries = NULL;
	b->n = 0;
	if (r == -ENOENT)
		return 0;
	if (r < 0) {
		error_set(e, r, "cannot read %s: %s", shown, strerror(-r));
		return r == -EACCES ? error_cure(e, "run as root") : r;
	}
	grub_read_menu(b, text);
	return 0;
}

static int grub_read(struct host *h, struct boot *b, struct error *e)
{
	int r = read_own(h, b, e);

	if (r < 0)
		return r;
	read_others(h, b);
	return h->live ? read_menu(h, b, MENU, e) : 0;
}

static int replace_failed(int code, struct error *e)
{
	error_set(e, code, "cannot replace " MENU ": %s", strerror(-code));
	if (code == -EROFS)
		error_cure(e, "/boot is mounted read-only: mount -o remount,rw /boot");
	else if (code == -ENOSPC)
		error_cure(e, "make room: df /boot");
	return code == -ENOENT ? -EIO : code;
}

/* The new menu is on the disk before its name is; it keeps the old one's rights. */
static int replace_menu(struct host *h, struct error *e)
{
	_cleanup_close_ int dir = file_open(h->root, "/boot/grub", O_RDONLY | O_DIRECTORY, 0);
	_cleanup_close_ int new = file_open(h->root, MENU_NEW, O_RDONLY, 0);
	struct stat old;

	if (dir < 0 || new < 0)
		return replace_failed(MIN_OF(dir, new), e);
	if (fstatat(dir, "grub.cfg", &old, AT_SYMLINK_NOFOLLOW) == 0) {
		if (!S_ISREG(old.st_mode)) {
			error_set(e, -EOPNOTSUPP, MENU " is not a plain file");
			return error_cure(e, "run update-grub by hand; kvmhost then sees it");
		}
		if (fchmod(new, old.st_mode & 07777) < 0)
			return replace_failed(-errno, e);
	}
	if (fsync(new) < 0 || renameat(dir, "grub.cfg.kvmhost", dir, "grub.cfg") < 0 ||
		fsync(dir) < 0)
		return replace_failed(-errno, e);
	return 0;
}

static int grub_install(struct host *h, struct boot *b, struct error *e)
{
	_cleanup_free_ char *tool = dropin_shown(h, MKCONFIG), *to = dropin_shown(h, MENU_NEW);
	int r;

	r = tool_run((char *const[]){ tool, "-o", to, NULL }, e);
	if (r == 0)
		r = read_menu(h, b, MENU_NEW, e);
	if (r == 0)
		r = boot_check(b, e);
	if (r == 0)
		r = replace_menu(h, e);
	if (r < 0) {
		file_remove(h->root, MENU_NEW);
		file_remove(h->root, MENU_NEW ".new");
	}
	return r;
}

const struct boot_loader boot_grub = {
	.name = "GRUB",
	.file = OWN_PATH,
	.mark = OWN_PATH,
	.short_file = OWN_NAME,
	.menu = MENU,
	.short_menu = "grub.cfg",
	.tool = "grub-mkconfig",
	.detect = grub_detect,
	.read = grub_read,
	.write = grub_write,
	.install = grub_install,
};
