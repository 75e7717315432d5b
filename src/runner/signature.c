/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/signature.h"
#include "base/library.h"
#include <blkid/blkid.h>

#define BLKID_FUNCTIONS(X) \
	X(blkid_do_fullprobe) \
	X(blkid_free_probe) \
	X(blkid_new_probe) \
	X(blkid_probe_enable_partitions) \
	X(blkid_probe_lookup_value) \
	X(blkid_probe_set_device) \
	X(blkid_probe_set_superblocks_flags)
LIBRARY_DECLARE(BLKID_FUNCTIONS)
LIBRARY_DEFINE(BLKID_FUNCTIONS);

static int load(struct error *e)
{
	static struct library library = {
		.file = "libblkid.so.1",
		.cure = "install it: apt install libblkid1, or dnf install libblkid",
		.functions = functions,
	};

	return library_load(&library, "see what a block device carries", e);
}

static const char *value(blkid_probe p, const char *name)
{
	const char *text = NULL;

	return sym_blkid_probe_lookup_value(p, name, &text, NULL) == 0 ? text : NULL;
}

/* What stands in the device is a stranger's text. */
static const char *shown(struct arena *a, const char *text)
{
	char *copy = arena_strdup(a, text);

	for (char *c = copy; *c; c++)
		if ((unsigned char)*c < ' ' || (unsigned char)*c > '~')
			*c = '?';
	return copy;
}

static const char *describe(struct arena *a, blkid_probe p)
{
	const char *usage = value(p, "USAGE"), *type = value(p, "TYPE"), *label = value(p, "LABEL");
	const char *table = value(p, "PTTYPE");
	bool fs = usage && streq(usage, "filesystem");

	if (type)
		return arena_printf(a, "%s%s%s%s%s", fs ? "the file system " : "", shown(a, type),
			label ? " (label " : "", label ? shown(a, label) : "", label ? ")" : "");
	return table ? arena_printf(a, "a partition table (%s)", shown(a, table)) : NULL;
}

int signature_read(struct arena *a, int fd, const char **out, struct error *e)
{
	blkid_probe p;
	int r = load(e);

	if (r < 0)
		return r;
	p = sym_blkid_new_probe();
	*out = NULL;
	if (p && sym_blkid_probe_set_device(p, fd, 0, 0) == 0) {
		sym_blkid_probe_set_superblocks_flags(
			p, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_LABEL | BLKID_SUBLKS_USAGE);
		sym_blkid_probe_enable_partitions(p, 1);
		if (sym_blkid_do_fullprobe(p) == 0)
			*out = describe(a, p);
	}
	if (p)
		sym_blkid_free_probe(p);
	return 0;
}
