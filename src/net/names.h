/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists of links' names: const char *. */
#ifndef KVMHOST_NAMES_H
#define KVMHOST_NAMES_H

#include "config/field.h"

/* The n names, put in order where they stand. */
struct list names_sorted(const char **v, size_t n);
bool names_have(const struct list *names, const char *name);

#endif
