/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loading: files to one merged tree.
 *
 * Limits keep bad input bounded: 16 MiB a file, 64 levels, 500,000 nodes with
 * aliases expanded. NUL bytes, other encodings than UTF-8, several documents
 * in a file, tags, merge keys, complex keys and duplicate keys are errors.
 */
#ifndef KVMHOST_DOCUMENT_H
#define KVMHOST_DOCUMENT_H

#include "config/diag.h"
#include "config/node.h"

struct document {
	struct node *root; /* a map; NULL when nothing could be loaded */
	const struct source **sources;
	size_t n_sources;
};

enum {
	/* A file or directory that another user than root or the caller can write is an error
	 * (DOCUMENT_STRICT_OWNER) or a warning. */
	DOCUMENT_STRICT_OWNER = 1 << 0,
};

/*
 * Loads the paths in order, a directory standing for its *.yaml in name order,
 * and merges: maps merge, scalars and lists of a later file win. Paths are
 * resolved below `root` (directory descriptor; AT_FDCWD: as the process sees them). Errors go to d,
 * nodes to d->arena. A missing path is an error unless it ends in "?": that one may be missing.
 */
void document_load(struct document *doc, int root, const char *const *paths, size_t n, int flags,
	struct diags *d);
/* The same from memory, for tests, fuzzing and stored generations. */
void document_load_text(
	struct document *doc, const char *name, const char *text, size_t len, struct diags *d);

/* The merged document as YAML; with origins, each value followed by "# file:line:col". */
void document_write(const struct document *doc, bool origins, struct strbuf *out);

#endif
