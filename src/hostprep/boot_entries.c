/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Boot entries as the Boot Loader Specification has them: one file for each, `options` lines. */
#include "hostprep/kernel_cmdline.h"
#include <ctype.h>

enum { ENTRY_MAX = 64 << 10, GRUBENV_MAX = 64 << 10, ID_LENGTH = 32 };

static const char *const directories[] = { "/boot/loader/entries", "/efi/loader/entries",
	"/boot/efi/loader/entries" };

/* What follows the key and its blanks, without the newline; NULL: another line. In the arena. */
static const char *value(struct arena *a, const char *line, const char *key)
{
	const char *rest = startswith(line, key);

	if (!rest || (*rest != ' ' && *rest != '\t'))
		return NULL;
	rest += strspn(rest, " \t");
	return arena_strndup(a, rest, strcspn(rest, "\n"));
}

/* RHEL 8 keeps options of all entries in GRUB's environment. */
static const char *kernelopts(struct host *h, struct arena *a)
{
	_cleanup_free_ char *text = NULL;
	const char *p;

	if (file_read(h->root, "/boot/grub2/grubenv", GRUBENV_MAX, &text, NULL) < 0)
		return "";
	for (p = text; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		const char *rest = startswith(p, "kernelopts=");

		if (rest)
			return arena_strndup(a, rest, strcspn(rest, "\n"));
	}
	return "";
}

static void add_options(struct host *h, struct boot_entry *entry, const char *options)
{
	struct tokens words = { .arena = entry->tokens.arena };
	size_t i;

	tokens_read(&words, options);
	for (i = 0; i < words.n; i++)
		if (streq(words.v[i].key, "$kernelopts"))
			tokens_read(&entry->tokens, kernelopts(h, words.arena));
		else
			*ARENA_PUSH(words.arena, entry->tokens.v, entry->tokens.n) = words.v[i];
}

/* Another installation's on the same disk: by its line, or by its name, which begins with the id.
 */
static bool is_foreign(const char *id, const char *said, const char *name)
{
	size_t n = 0;

	if (!id)
		return false;
	if (said)
		return !streq(said, id);
	while (isxdigit((unsigned char)name[n]))
		n++;
	return n == ID_LENGTH && !startswith(name, id);
}

static void read_entry(
	struct host *h, struct boot *b, const char *text, const char *name, const char *id)
{
	struct boot_entry entry = { .title = arena_strdup(b->arena, name),
		.tokens.arena = b->arena };
	const char *p, *got, *machine = NULL;
	bool linux_ = false;

	for (p = text; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		linux_ |= value(b->arena, p, "linux") != NULL;
		if ((got = value(b->arena, p, "title")))
			entry.title = got;
		if ((got = value(b->arena, p, "version")))
			entry.version = got;
		if ((got = value(b->arena, p, "machine-id")))
			machine = got;
		if ((got = value(b->arena, p, "options")))
			add_options(h, &entry, got);
	}
	if (linux_ && !is_foreign(id, machine, name))
		*ARENA_PUSH(b->arena, b->entries, b->n) = entry;
}

static int read_directory(
	struct host *h, struct boot *b, const char *dir, const char *id, struct error *e)
{
	_cleanup_free_ char **names = NULL;
	size_t n, i;
	int r = file_list(h->root, dir, &names, &n);

	if (r == -ENOENT)
		return 0;
	if (r < 0) {
		error_set(e, r, "cannot read %s: %s", dir, strerror(-r));
		return r == -EACCES ? error_cure(e, "run as root") : r;
	}
	for (i = 0; i < n; i++) {
		_cleanup_free_ char *path = xprintf("%s/%s", dir, names[i]), *text = NULL;

		if (endswith(names[i], ".conf") &&
			file_read(h->root, path, ENTRY_MAX, &text, NULL) == 0)
			read_entry(h, b, text, names[i], id);
	}
	return 0;
}

int boot_entries_read(struct host *h, struct boot *b, struct error *e)
{
	_cleanup_free_ char *id = NULL;
	size_t i;
	int r = 0;

	b->entries = NULL;
	b->n = 0;
	(void)file_read_line(h->root, "/etc/machine-id", &id);
	for (i = 0; i < ARRAY_SIZE(directories) && r == 0 && !b->n; i++)
		r = read_directory(h, b, directories[i], id, e);
	return r;
}
