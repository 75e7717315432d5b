/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From paths to wants in one call, and the default places. */
#ifndef KVMHOST_CONFIG_H
#define KVMHOST_CONFIG_H

#include "config/document.h"
#include "reconcile/kind.h"

#define CONFIG_FILE "/etc/kvmhost/host.yaml"
#define CONFIG_DIR "/etc/kvmhost/conf.d"

struct config {
	struct arena *arena; /* everything below lives in it */
	struct diags diags;
	struct document document;
	struct wants wants;
	bool valid;
	char hash[65]; /* private to config_hash() */
};

/*
 * Loads and checks. Paths given are the caller's own (kvmhostctl --config);
 * n == 0: the default places below h->root. flags: DOCUMENT_*. c->valid says
 * whether c->wants may be used.
 */
void config_load(struct config *c, struct host *h, const char *const *paths, size_t n, int flags);
/* The same from the text of a stored generation. */
void config_load_text(struct config *c, const char *name, const char *text, size_t len);
/* SHA-256 of the merged document, hex; "" when it is not valid. */
const char *config_hash(struct config *c);
void config_free(struct config *c);
#define _cleanup_config_ _cleanup_(config_free)

#endif
