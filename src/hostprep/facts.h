/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What /proc says of the machine, in the words that it uses. */
#ifndef KVMHOST_FACTS_H
#define KVMHOST_FACTS_H

#include "reconcile/host.h"

/* Whether a word is among those of a list with blanks between them; list may be NULL. */
bool has_word(const char *list, const char *word);
/* The first processor's value of a key of /proc/cpuinfo, in the pass arena; NULL: none. */
const char *cpuinfo(struct host *h, const char *key);
bool cpuinfo_flag(struct host *h, const char *flag);
/* Bytes by /proc/meminfo; 0: it does not say. */
uint64_t meminfo(struct host *h, const char *key);

#endif
