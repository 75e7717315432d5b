/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kind `tree` wants, and getting it into the directory of a guest. */
#ifndef KVMHOST_TREE_FETCH_H
#define KVMHOST_TREE_FETCH_H

#include "config/obj.h"
#include "reconcile/host.h"
#include "runner/tree.h"

enum { SHA256_TEXT = 65 };

struct tree_want {
	struct obj obj;
	const char *location, *answers;
	const char *kernel_sha256, *initrd_sha256;
	const char *answers_sha256; /* of what was fetched */
};

struct answers {
	char *text; /* NULL: none */
	size_t len;
	char sha256[SHA256_TEXT];
};

/* As sha256sum(1) writes it; sums_load() comes before. */
void tree_sha256(const char *data, size_t len, char out[static SHA256_TEXT]);

/*
 * Kernel, initial RAM disk with the answers in it, arguments, and tree.json, which says what they
 * are: all of them, or nothing.
 */
int tree_fetch(struct host *h, const char *guest, const struct tree_want *want,
	const struct answers *a, struct error *e);
int tree_remove(struct host *h, const char *guest, struct error *e);

#endif
