/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reconcile/config.h"
#include "base/sums.h"
#include <fcntl.h>
#include <sys/stat.h>

enum { SWAP_TRIES = 5 };

/* Most runs have no use for it, and the whole document must be written out for it. */
const char *config_hash(struct config *c)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct sha256_ctx ctx;

	if (!c->valid || *c->hash || sums_load(NULL) < 0)
		return c->hash;
	document_write(&c->document, false, &text);
	sym_nettle_sha256_init(&ctx);
	sym_nettle_sha256_update(&ctx, text.len, (const uint8_t *)sb_str(&text));
	sym_nettle_sha256_digest(&ctx, sizeof(digest), digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(c->hash + 2 * i, 3, "%02x", digest[i]);
	return c->hash;
}

static void begin(struct config *c)
{
	*c = (struct config){ .arena = arena_new() };
	c->diags.arena = c->arena;
	obj_share_defaults(&c->diags);
}

static void finish(struct config *c)
{
	/* A tree that is missing a file is not half a document: what it would say is unknown. */
	if (c->document.root)
		c->valid = wants_build(&c->wants, c->document.root, &c->diags);
}

/* The directory that a path is, or is in; all zero where there is none. */
static void place_of(int root, const char *path, struct stat *out)
{
	_cleanup_free_ char *dir = xstrdup(path);
	char *slash = strrchr(dir, '/');

	if (file_stat(root, dir, out) >= 0 && S_ISDIR(out->st_mode))
		return;
	if (slash)
		slash[slash == dir] = '\0';
	if (file_stat(root, slash ? dir : ".", out) < 0)
		*out = (struct stat){ 0 };
}

/*
 * A directory may be put in the place of another one while both are read, by a link or a rename:
 * what comes of that is nobody's document, and is read once more.
 */
static void load(struct config *c, int root, const char *const *paths, size_t n, int flags)
{
	_cleanup_free_ struct stat *places = xmalloc((n + 1) * sizeof(*places));
	bool same = false;

	for (int i = 0; i < SWAP_TRIES && !same; i++) {
		if (i)
			config_free(c);
		begin(c);
		for (size_t k = 0; k < n; k++)
			place_of(root, paths[k], &places[k]);
		document_load(&c->document, root, paths, n, flags, &c->diags);
		same = true;
		for (size_t k = 0; k < n; k++) {
			struct stat now;

			place_of(root, paths[k], &now);
			same &= now.st_dev == places[k].st_dev && now.st_ino == places[k].st_ino;
		}
	}
	finish(c);
}

void config_load(struct config *c, struct host *h, const char *const *paths, size_t n, int flags)
{
	static const char *const defaults[] = { CONFIG_FILE, CONFIG_DIR "?" };

	if (n)
		load(c, AT_FDCWD, paths, n, flags);
	else
		load(c, h->root, defaults, ARRAY_SIZE(defaults), flags);
}

void config_load_text(struct config *c, const char *name, const char *text, size_t len)
{
	begin(c);
	document_load_text(&c->document, name, text, len, &c->diags);
	finish(c);
}

void config_free(struct config *c)
{
	wants_free(&c->wants);
	arena_free(c->arena);
	*c = (struct config){ 0 };
}
