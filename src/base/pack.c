/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/pack.h"
#include <archive.h>
#include <archive_entry.h>
#include <time.h>

#define ARCHIVE_FUNCTIONS(X) \
	X(archive_entry_free) \
	X(archive_entry_new) \
	X(archive_entry_set_filetype) \
	X(archive_entry_set_mtime) \
	X(archive_entry_set_pathname) \
	X(archive_entry_set_perm) \
	X(archive_entry_set_size) \
	X(archive_error_string) \
	X(archive_write_close) \
	X(archive_write_data) \
	X(archive_write_free) \
	X(archive_write_header) \
	X(archive_write_new) \
	X(archive_write_open) \
	X(archive_write_set_bytes_in_last_block) \
	X(archive_write_set_bytes_per_block) \
	X(archive_write_set_format_cpio_newc) \
	X(archive_write_set_format_iso9660) \
	X(archive_write_set_options)
LIBRARY_DECLARE(ARCHIVE_FUNCTIONS)
LIBRARY_DEFINE(ARCHIVE_FUNCTIONS);

static int load(struct error *e)
{
	static struct library library = {
		.file = "libarchive.so.13",
		.cure = "install it: apt install libarchive13, or dnf install libarchive",
		.functions = functions,
	};

	return library_load(&library, "make an archive", e);
}

static la_ssize_t take(_unused_ struct archive *a, void *arg, const void *data, size_t len)
{
	sb_addn(arg, data, len);
	return (la_ssize_t)len;
}

static int add(struct archive *a, const struct pack_file *f)
{
	struct archive_entry *entry = sym_archive_entry_new();
	bool well;

	sym_archive_entry_set_pathname(entry, f->name);
	sym_archive_entry_set_filetype(entry, AE_IFREG);
	sym_archive_entry_set_perm(entry, 0644);
	sym_archive_entry_set_mtime(entry, time(NULL), 0);
	sym_archive_entry_set_size(entry, (la_int64_t)f->len);
	well = sym_archive_write_header(a, entry) == ARCHIVE_OK &&
	       (!f->len || sym_archive_write_data(a, f->data, f->len) == (la_ssize_t)f->len);
	sym_archive_entry_free(entry);
	return well ? 0 : -EIO;
}

static int fill(struct archive *a, struct strbuf *out, const char *options,
	const struct pack_file *files, size_t n)
{
	/* No padding to the blocks of tapes. */
	sym_archive_write_set_bytes_per_block(a, 0);
	sym_archive_write_set_bytes_in_last_block(a, 1);
	if (options && sym_archive_write_set_options(a, options) != ARCHIVE_OK)
		return -EINVAL;
	if (sym_archive_write_open(a, out, NULL, take, NULL) != ARCHIVE_OK)
		return -EIO;
	for (size_t i = 0; i < n; i++)
		if (files[i].data && add(a, &files[i]) < 0)
			return -EIO;
	return sym_archive_write_close(a) == ARCHIVE_OK ? 0 : -EIO;
}

static int make(struct archive *a, struct strbuf *out, const char *options,
	const struct pack_file *files, size_t n, struct error *e)
{
	size_t before = out->len;
	int r = fill(a, out, options, files, n);

	if (r < 0) {
		const char *why = sym_archive_error_string(a);

		error_set(e, r, "libarchive: %s", why ? why : "failed without a word");
		out->len = before;
	}
	sym_archive_write_free(a);
	return r;
}

int pack_iso9660(struct strbuf *out, const char *options, const struct pack_file *files, size_t n,
	struct error *e)
{
	struct archive *a;
	int r = load(e);

	if (r < 0)
		return r;
	a = sym_archive_write_new();
	sym_archive_write_set_format_iso9660(a);
	return make(a, out, options, files, n, e);
}

int pack_cpio(struct strbuf *out, const struct pack_file *files, size_t n, struct error *e)
{
	struct archive *a;
	int r = load(e);

	if (r < 0)
		return r;
	a = sym_archive_write_new();
	sym_archive_write_set_format_cpio_newc(a);
	return make(a, out, NULL, files, n, e);
}
