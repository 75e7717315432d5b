/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Paths to sources, sources to one tree. */
#include "config/document.h"
#include "base/file.h"
#include "config/compose.h"
#include "config/merge.h"
#include "config/source.h"
#include <fcntl.h>
#include <signal.h>

enum { LONGEST_FILE = 16 << 20, WRITER_TRIES = 50, WRITER_MS = 20 };

struct loader {
	struct document *doc;
	struct diags *d;
	int root, flags;
	size_t nodes;
};

/* The source that stands for a file from the moment it is named, so that errors keep its turn. */
static struct source *add_source(struct loader *l, const char *name, const char *text, size_t len)
{
	struct source *s = source_new(l->d->arena, name, text, len);

	s->index = (unsigned)l->doc->n_sources;
	*ARENA_PUSH(l->d->arena, l->doc->sources, l->doc->n_sources) = s;
	return s;
}

static void refuse_file(struct loader *l, const char *name, const char *hint, const char *why)
{
	struct source *s = add_source(l, name, "", 0);

	diag_error(l->d, source_whole(s), hint, "%s", why);
	l->d->incomplete = true;
}

static void refuse_errno(struct loader *l, const char *name, int error)
{
	const char *hint = NULL;

	if (error == ENOENT && streq(name, "-"))
		hint = "standard input is not read: write the document to a file, and name that";
	else if (error == ENOENT)
		hint = "create it, or name the right path with --config";
	else if (error == EACCES || error == EPERM)
		hint = "run as root, or let this user read it";
	else if (error == ELOOP)
		hint = "the links lead back to one another: ls -l tells where to";
	else
		hint = "name a regular file, or a directory of *.yaml";
	refuse_file(l, name, hint,
		arena_printf(l->d->arena, "the file cannot be read: %s", strerror(error)));
}

/* Who else than root and the caller may write it, or NULL. */
static const char *foreign_writer(struct arena *a, const struct stat *st)
{
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return arena_printf(a, "its owner, user %u", (unsigned)st->st_uid);
	if (st->st_mode & S_IWOTH && !(S_ISDIR(st->st_mode) && st->st_mode & S_ISVTX))
		return "every user";
	if (st->st_mode & S_IWGRP && st->st_gid != 0 && st->st_gid != getegid())
		return arena_printf(a, "group %u", (unsigned)st->st_gid);
	return NULL;
}

/* What they can write they can use to become root, once it is applied. */
static void check_writer(struct loader *l, const struct source *s, const char *what,
	const char *path, const struct stat *st)
{
	struct arena *a = l->d->arena;
	const char *who = foreign_writer(a, st);
	const char *hint;

	if (!who)
		return;
	hint = arena_printf(a, "chown root:root %s; chmod go-w %s", path, path);
	if (l->flags & DOCUMENT_STRICT_OWNER)
		diag_error(l->d, source_whole(s), hint,
			"%s can be written by %s, not by root alone", what, who);
	else
		diag_warning(l->d, source_whole(s), hint,
			"%s can be written by %s, not by root alone", what, who);
}

static void check_parent(struct loader *l, const struct source *s, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *dir = !slash ? "."
			  : slash == path
				  ? "/"
				  : arena_strndup(l->d->arena, path, (size_t)(slash - path));
	struct stat st;

	if (file_stat(l->root, dir, &st) == 0)
		check_writer(l, s, "the directory of this file", dir, &st);
}

/* Behind a symbolic link there is another directory, whose writers can put another file there. */
static void check_target(struct loader *l, const struct source *s, const char *path, int fd)
{
	_cleanup_free_ char *self = xprintf("/proc/self/fd/%d", fd), *real = NULL;
	_cleanup_close_ int link = file_open(l->root, path, O_PATH | O_NOFOLLOW, 0);
	char *slash;
	struct stat st;

	if (link < 0 || fstat(link, &st) < 0 || !S_ISLNK(st.st_mode))
		return;
	real = realpath(self, NULL);
	slash = real ? strrchr(real, '/') : NULL;
	if (!slash)
		return;
	slash[slash == real] = '\0';
	if (stat(real, &st) == 0)
		check_writer(l, s, "the directory that this link leads to", real, &st);
}

static void add_tree(struct loader *l, const struct source *s)
{
	struct node *tree = NULL;

	if (!compose(s, &l->nodes, l->d, &tree)) {
		l->d->incomplete = true;
		return;
	}
	if (!tree) {
		/* Nothing in it: a map without keys, so that what is missing has a place. */
		tree = arena_alloc(l->d->arena, sizeof(*tree));
		tree->type = NODE_MAP;
		tree->mark = (struct mark){ .source = s, .line = 1, .column = 1, .width = 1 };
	}
	if (tree->type != NODE_MAP) {
		diag_error(l->d, tree->mark, "begin with `version: 1`",
			"a document is a map of keys, not %s", node_describe(l->d->arena, tree));
		l->d->incomplete = true;
		return;
	}
	l->doc->root = l->doc->root ? merge(l->d->arena, l->doc->root, tree) : tree;
}

/*
 * Whoever writes a file in place may be in the middle. With a lease nobody has
 * it open for writing, and nobody can open it so before the lease ends. True
 * where the file system, or another's file, has no leases.
 */
static bool lease(int fd)
{
	/* The kernel's signal to who keeps an opener waiting: one that nobody minds. */
	return fcntl(fd, F_SETSIG, SIGURG) < 0 || fcntl(fd, F_SETLEASE, F_RDLCK) == 0 ||
	       errno != EAGAIN;
}

static bool wait_for_writer(int fd)
{
	for (int i = 0; i < WRITER_TRIES; i++) {
		if (lease(fd))
			return true;
		usleep(1000 * WRITER_MS);
	}
	return false;
}

static void read_file(struct loader *l, const char *path, int fd, bool named)
{
	_cleanup_free_ char *text = NULL;
	struct source *s;
	struct stat st;
	size_t len;
	int r;

	if (!wait_for_writer(fd)) {
		refuse_file(l, path,
			arena_printf(l->d->arena,
				"wait until it is written; `fuser %s` tells by whom", path),
			"somebody has this file open for writing");
		return;
	}
	if (fstat(fd, &st) < 0) {
		refuse_errno(l, path, errno);
		return;
	}
	r = st.st_size > LONGEST_FILE ? -EFBIG : file_read_fd(fd, LONGEST_FILE, &text, &len);
	if (r == -EFBIG) {
		refuse_file(l, path, "check that this is the right file",
			"the file is larger than 16 MiB");
		return;
	}
	if (r < 0) {
		refuse_errno(l, path, -r);
		return;
	}
	s = add_source(l, path, text, len);
	check_writer(l, s, "the file", path, &st);
	if (named)
		check_parent(l, s, path);
	check_target(l, s, path, fd);
	add_tree(l, s);
}

/*
 * The type is looked at before the file is opened: opening a device can do
 * something, and opening a FIFO can wait for ever. `named`: by the user, not
 * found in a directory, which was judged already.
 */
static void load_file(struct loader *l, const char *path, const struct stat *st, bool named)
{
	_cleanup_close_ int fd = -1;

	if (!S_ISREG(st->st_mode)) {
		refuse_file(l, path, "name a regular file, or a directory of *.yaml",
			S_ISDIR(st->st_mode)    ? "this is a directory, not a file"
			: S_ISFIFO(st->st_mode) ? "this is a FIFO, not a file"
						: "this is not a regular file");
		return;
	}
	fd = file_open(l->root, path, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0);
	if (fd < 0)
		refuse_errno(l, path, -fd);
	else
		read_file(l, path, fd, named);
}

static void load_entry(struct loader *l, const char *path)
{
	struct stat st;
	int r = file_stat(l->root, path, &st);

	if (r < 0)
		refuse_errno(l, path, -r);
	else
		load_file(l, path, &st, false);
}

static void load_directory(struct loader *l, const char *path, const struct stat *st)
{
	_cleanup_free_ char **names = NULL;
	const char *name;
	size_t n = 0;
	int r;

	r = file_list(l->root, path, &names, &n);
	if (r < 0) {
		refuse_errno(l, path, -r);
		return;
	}
	if (foreign_writer(l->d->arena, st))
		check_writer(l, add_source(l, path, "", 0), "the directory", path, st);
	for (size_t i = 0; i < n; i++) {
		name = arena_printf(
			l->d->arena, "%s%s%s", path, endswith(path, "/") ? "" : "/", names[i]);
		if (endswith(name, ".yaml"))
			load_entry(l, name);
		else if (endswith(name, ".yml") || endswith(name, ".json"))
			diag_warning(l->d, source_whole(add_source(l, name, "", 0)),
				"rename it to *.yaml, or move it elsewhere",
				"this file is not read: only *.yaml are");
	}
}

static void load_path(struct loader *l, const char *path)
{
	bool optional = endswith(path, "?");
	struct stat st;
	int r;

	if (optional)
		path = arena_strndup(l->d->arena, path, strlen(path) - 1);
	r = file_stat(l->root, path, &st);
	if (r == -ENOENT && optional)
		return;
	if (r < 0)
		refuse_errno(l, path, -r);
	else if (S_ISDIR(st.st_mode))
		load_directory(l, path, &st);
	else
		load_file(l, path, &st, true);
}

void document_load(struct document *doc, int root, const char *const *paths, size_t n, int flags,
	struct diags *d)
{
	struct loader l = { .doc = doc, .d = d, .root = root, .flags = flags };

	*doc = (struct document){ 0 };
	for (size_t i = 0; i < n; i++)
		load_path(&l, paths[i]);
	if (!doc->root && !d->errors)
		diag_error(d, (struct mark){ 0 },
			"write one, beginning with `version: 1`, or name it with --config",
			"there is no configuration file%s%s", n ? ": looked at " : "",
			n ? paths[0] : "");
}

void document_load_text(
	struct document *doc, const char *name, const char *text, size_t len, struct diags *d)
{
	struct loader l = { .doc = doc, .d = d, .root = -1 };
	const struct source *s;

	*doc = (struct document){ 0 };
	s = add_source(&l, name, text, len);
	if (len > LONGEST_FILE) {
		diag_error(d, source_whole(s), NULL, "the text is larger than 16 MiB");
		d->incomplete = true;
		return;
	}
	add_tree(&l, s);
}
