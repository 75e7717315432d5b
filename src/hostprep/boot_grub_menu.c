/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/strbuf.h"
#include "hostprep/boot_grub.h"
#include "reconcile/dropin.h"
#include <fcntl.h>

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

void grub_add_words(struct tokens *t, const char *s, const char *file, unsigned line)
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

/* The kernel's words of `linux PATH ...`; NULL: another line. */
static const char *linux_line(struct arena *a, const char *s)
{
	const char *command = grub_word(a, &s);

	if (!command || !(streq(command, "linux") || streq(command, "linux16") ||
				streq(command, "linuxefi")))
		return NULL;
	return grub_word(a, &s) ? s : NULL;
}

/* `### BEGIN /etc/grub.d/10_linux ###`; under another number when it has been moved in the menu. */
static bool begins_linux(const char *line, bool moved)
{
	const char *name = startswith(line, "### BEGIN /etc/grub.d/");

	if (name)
		name = moved ? name + strspn(name, "0123456789") : startswith(name, "10");
	return name && startswith(name, "_linux ###");
}

static void read_entries(struct boot *b, const char *text, bool moved)
{
	const char *p, *title = "", *args;
	bool inside = false, section = false;

	for (p = text; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		const char *s = p, *word = grub_word(b->arena, &s);

		if (begins_linux(p, moved))
			inside = true;
		else if (startswith(p, "### END "))
			inside = section = false;
		section |= startswith(p, "### BEGIN ") != NULL;
		if (!inside || !word)
			continue;
		if (streq(word, "menuentry")) {
			word = grub_word(b->arena, &s);
			title = word ? word : "";
		} else if ((args = linux_line(b->arena, p))) {
			struct boot_entry *entry = ARENA_PUSH(b->arena, b->entries, b->n);

			entry->title = title;
			entry->tokens.arena = b->arena;
			grub_add_words(&entry->tokens, args, NULL, 0);
		}
	}
	b->half |= section;
}

/*
 * Only what 10_linux made: os-prober's entries are other systems, 40_custom is the
 * administrator's, and neither takes GRUB_CMDLINE_LINUX.
 */
void grub_read_menu(struct boot *b, const char *text)
{
	size_t before = b->n;

	read_entries(b, text, false);
	if (b->n == before)
		read_entries(b, text, true);
}

int grub_read_menu_file(struct host *h, struct boot *b, const char *path, struct error *e)
{
	_cleanup_free_ char *text = NULL, *shown = host_shown(h, path);
	int r = file_read(h->root, path, GRUB_FILE_MAX, &text, NULL);

	b->entries = NULL;
	b->n = 0;
	b->half = false;
	if (r == -ENOENT)
		return 0;
	if (r < 0) {
		error_set(e, r, "cannot read %s: %s", shown, strerror(-r));
		return r == -EACCES ? error_cure(e, "run as root") : r;
	}
	grub_read_menu(b, text);
	return 0;
}

static int replace_failed(const struct grub_layout *l, int code, struct error *e)
{
	error_set(e, code, "cannot replace %s: %s", l->menu, strerror(-code));
	if (code == -EROFS)
		error_cure(e, "/boot is mounted read-only: mount -o remount,rw /boot");
	else if (code == -ENOSPC)
		error_cure(e, "make room: df /boot");
	return code == -ENOENT ? -EIO : code;
}

/*
 * The new menu is on the disk before its name is; it is to others what the old one was. The old one
 * is kept open, so that its blocks go to nobody while GRUB would still find them under the name.
 */
int grub_replace_menu(struct host *h, const struct grub_layout *l, struct error *e)
{
	_cleanup_close_ int dir = file_open(h->root, l->directory, O_RDONLY | O_DIRECTORY, 0);
	_cleanup_close_ int new = file_open(h->root, l->menu_new, O_RDONLY, 0);
	_cleanup_close_ int kept = file_open(h->root, l->menu, O_RDONLY, 0);
	struct stat old;
	int r;

	if (dir < 0 || new < 0)
		return replace_failed(l, MIN_OF(dir, new), e);
	if (fstatat(dir, "grub.cfg", &old, AT_SYMLINK_NOFOLLOW) == 0) {
		if (!S_ISREG(old.st_mode)) {
			error_set(e, -EOPNOTSUPP, "%s is not a plain file", l->menu);
			return error_cure(e, "run update-grub by hand; kvmhost then sees it");
		}
		r = kept < 0 ? kept : file_copy_attributes(kept, new);
		if (r < 0)
			return replace_failed(l, r, e);
	}
	if (fsync(new) < 0)
		return replace_failed(l, -errno, e);
	boot_flush(h);
	if (renameat(dir, "grub.cfg.kvmhost", dir, "grub.cfg") < 0 || fsync(dir) < 0)
		return replace_failed(l, -errno, e);
	boot_flush(h);
	return 0;
}
