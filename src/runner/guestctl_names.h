/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of guestctl share; nobody else includes it. */
#ifndef KVMHOST_GUESTCTL_NAMES_H
#define KVMHOST_GUESTCTL_NAMES_H

#include "base/strbuf.h"
#include "reconcile/host.h"
#include <jansson.h>

/* 0 when the guest was applied; else -ENOENT with a suggestion in e. */
int guestctl_known(struct host *h, const char *name, struct error *e);
/* Its unit is active, or on its way up or down. Not knowing counts as down. */
bool guestctl_is_up(struct host *h, const char *name);
/* Why its last run ended badly; NULL: it did not, or nobody knows. The caller frees. */
char *guestctl_why(struct host *h, const char *name);

/* guestctl_table.c: guests as guestctl_status() has them, in a table for people. */
void guestctl_table(struct host *h, struct strbuf *b, json_t *guests);

#endif
