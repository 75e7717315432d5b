/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Trees to install from, in a directory or on a server: finding kernel and initial RAM disk there,
 * and fetching them.
 */
#ifndef KVMHOST_TREE_H
#define KVMHOST_TREE_H

#include "base/arena.h"
#include "base/error.h"
#include "runner/guest_files.h"

/* What was fetched for a guest, and what the installer is told; see tree_kind.c. */
#define TREES_DIR "/var/lib/kvmhost/trees"
#define TREE_KERNEL "kernel"
#define TREE_INITRD "initrd"
#define TREE_ARGUMENTS "arguments"
#define TREE_RECORD "tree.json"

static inline struct guest_path tree_path(const char *guest, const char *file)
{
	struct guest_path p;

	snprintf(p.s, sizeof(p.s), TREES_DIR "/%s%s%s", guest, *file ? "/" : "", file);
	return p;
}

/* Whose installer it is: each looks for its answers elsewhere. */
enum tree_family { TREE_DEBIAN, TREE_UBUNTU, TREE_FEDORA, TREE_SUSE };

struct tree {
	const char *kernel, *initrd; /* relative to the tree */
	const char *kernel_sha256, *initrd_sha256; /* what the tree says of them; NULL: nothing */
	enum tree_family family;
};

struct tree_source {
	struct arena *arena;
	const char *location;
	int dir; /* the directory, also of NFS; -1: a server's */
	/* Of a long copy from NFS; NULL: nobody watches. */
	void (*progress)(void *arg, const char *what, unsigned percent);
	void *progress_arg;
};

/* "http://...", what curl fetches from: else a directory, of the host or of NFS. */
bool tree_is_url(const char *location);
/* root: where a directory is. */
int tree_open(
	struct tree_source *s, struct arena *a, int root, const char *location, struct error *e);
void tree_close(struct tree_source *s);

/* 1: it is there, 0: it is not. */
int tree_has(const struct tree_source *s, const char *path, struct error *e);
/* Into the new file `name` of the directory dir. */
int tree_get(
	const struct tree_source *s, const char *path, int dir, const char *name, struct error *e);
/* A small file, freed by the caller; -ENOENT: it is not there, e is left alone. */
int tree_read(const struct tree_source *s, const char *path, char **text, struct error *e);

/* By .treeinfo, or by the layouts that are known. */
int tree_find(const struct tree_source *s, struct tree *out, struct error *e);
/* What .treeinfo says; false: nothing of use. */
bool tree_info(struct arena *a, const char *text, struct tree *out);
/*
 * The name of the answers in the initial RAM disk, and how the installer is told of them and of
 * the tree: "inst.ks=file:/ks.cfg inst.repo=http://...". *name NULL: it takes none there.
 */
const char *tree_arguments(
	struct arena *a, enum tree_family f, const char *location, bool answers, const char **name);

#endif
