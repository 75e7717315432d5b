/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loaders whose tool edits the entries itself, word by word: grubby of RHEL
 * and Fedora, rpm-ostree, bootc. It is told what to add and what to take away;
 * what is ours is kept in a list, because the entries have no place to say so.
 */
#ifndef KVMHOST_BOOT_ARGS_H
#define KVMHOST_BOOT_ARGS_H

#include "hostprep/boot.h"

/* Ours, and what all entries have beside: theirs. An entry that lacks one of ours is no matter. */
int args_read(struct host *h, struct boot *b, struct error *e);
/* Until the tool has run, what goes stays in the list: a kill leaves nothing unknown behind. */
int args_write(struct host *h, const struct boot *b, struct error *e);
/* Adds what is listed and not ours any more. */
int args_gone(struct host *h, const struct boot *b, struct tokens *out, struct error *e);
/* Adds them in one line, as the kernel would read it. */
void args_text(struct strbuf *out, const struct tokens *t);

#endif
