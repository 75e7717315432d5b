/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One resource of the record: what record.c reads and writes and record_entry.c answers for. */
#ifndef KVMHOST_RECORD_ENTRY_H
#define KVMHOST_RECORD_ENTRY_H

#include "reconcile/record.h"

struct record_entry {
	const char *id;
	const char *text; /* in the record's text, as long as json is NULL */
	size_t len;
	json_t *json;
	bool dropped;
};

/* Of an id that stands there twice the last one counts, as for jansson. `id` is borrowed. */
struct record_entry *record_add(struct record *r, const char *id);

#endif
