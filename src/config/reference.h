/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is told of the schema, all from the field tables. */
#ifndef KVMHOST_REFERENCE_H
#define KVMHOST_REFERENCE_H

#include "config/field.h"

/* JSON Schema 2020-12 of the document whose root the table describes. */
void reference_schema(const struct table *root, struct strbuf *out);

/*
 * `kvmhostctl explain PATH`: "guest.disks.bus", "guests.web1.disks.0.bus" and
 * "bridges" all work; a kind's name stands for its section. NULL or "" lists
 * the sections. -ENOENT with a suggestion in e when there is no such key.
 */
struct error;
int reference_explain(const struct table *root, const char *path, bool color, struct strbuf *out,
	struct error *e);

/* Every key's path on a line of its own, "guests.disks.path", for completion. */
void reference_keys(const struct table *root, struct strbuf *out);

/* The reference section of kvmhost.yaml(5) in man(7) macros. */
void reference_man(const struct table *root, struct strbuf *out);

/* One document that uses every key once, with defaults and examples: a fuzz seed and a test. */
void reference_seed(const struct table *root, struct strbuf *out);

#endif
