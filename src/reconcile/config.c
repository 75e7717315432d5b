/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reconcile/config.h"
#include "base/sums.h"
#include <fcntl.h>

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

void config_load(struct config *c, struct host *h, const char *const *paths, size_t n, int flags)
{
	static const char *const defaults[] = { CONFIG_FILE, CONFIG_DIR "?" };

	begin(c);
	if (n)
		document_load(&c->document, AT_FDCWD, paths, n, flags, &c->diags);
	else
		document_load(
			&c->document, h->root, defaults, ARRAY_SIZE(defaults), flags, &c->diags);
	finish(c);
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
