/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KVMHOST_MERGE_H
#define KVMHOST_MERGE_H

#include "config/node.h"

/*
 * Two trees as one: maps merge key by key, of anything else the later wins.
 * Nodes keep their places; a merged map has that of the earlier one.
 */
struct node *merge(struct arena *a, struct node *earlier, struct node *later);

#endif
