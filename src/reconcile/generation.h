/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Generations: every accepted document, merged, as STATE_DIR/generations/N.yaml
 * with the origin of each value as a comment. The record names the current one
 * and keeps a short history. The daemon falls back on the current one when the
 * files in /etc are not valid.
 */
#ifndef KVMHOST_GENERATION_H
#define KVMHOST_GENERATION_H

#include "reconcile/config.h"
#include <jansson.h>

enum { GENERATIONS_KEPT = 20 };

/* Stores the document when it differs from the current one. The record is loaded. */
int generation_accept(struct host *h, struct config *c, struct error *e);
/*
 * A document that waits to be confirmed is set aside until it is: whoever confirms it may be
 * another process than the one that knows it. accept_aside makes it the current one if it has that
 * hash; it is gone afterwards.
 */
int generation_set_aside(struct host *h, struct config *c, struct error *e);
int generation_accept_aside(struct host *h, const char *hash, struct error *e);
void generation_drop_aside(struct host *h);
/* Loads the current one; -ENOENT: there is none yet. c->valid as in config_load. */
int generation_load(struct host *h, struct config *c, struct error *e);
/* The one with that number, as long as it is kept. */
int generation_load_number(struct host *h, long long number, struct config *c, struct error *e);
/* {"number", "hash", "git", "time"} of the current one, or NULL; borrowed. */
json_t *generation_current(const struct host *h);
/* The commit checked out in the repository that holds `path`, or NULL; the caller frees. */
char *git_revision(int root, const char *path);

#endif
