/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values as the kernel reads them: what a user writes is seldom what it shows. */
#ifndef KVMHOST_VALUE_H
#define KVMHOST_VALUE_H

#include "base/util.h"

/* Equal but for blanks and the spelling of integers: the kernel shows 0x10 as 16. */
bool value_same(const char *a, const char *b);
/* The same for module parameters, whose booleans are shown as Y and N. */
bool value_same_param(const char *a, const char *b);

#endif
