/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Small archives of files in memory, by libarchive, which is loaded when it is needed: it brings
 * the libraries of ten compressions.
 */
#ifndef KVMHOST_PACK_H
#define KVMHOST_PACK_H

#include "base/library.h"
#include "base/strbuf.h"

struct pack_file {
	const char *name;
	const char *data;
	size_t len;
};

/*
 * Appends to out. options as in archive_write_set_options(3), may be NULL. A file without data
 * (NULL) is left out.
 */
int pack_iso9660(struct strbuf *out, const char *options, const struct pack_file *files, size_t n,
	struct error *e);
/* As the kernel takes it for an initial RAM disk. */
int pack_cpio(struct strbuf *out, const struct pack_file *files, size_t n, struct error *e);

#endif
