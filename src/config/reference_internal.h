/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the renderings of the schema share, inside this folder. */
#ifndef KVMHOST_REFERENCE_INTERNAL_H
#define KVMHOST_REFERENCE_INTERNAL_H

#include "config/obj_internal.h"
#include "config/reference.h"

/* "one of virtio, scsi", "a list of maps", ... */
void type_words(const struct field *f, struct strbuf *out);
/* What a change of the value takes, as a sentence without its subject. */
const char *change_words(const struct field *f);
/* The word for an entry's key: "NAME". */
const char *key_word(const struct table *t);
/* A text for a key of the map that is valid and tells something. */
const char *sample_key(struct arena *a, const struct field *f);
/* The text of a scalar, or of one element of a list of scalars, that is valid. */
const char *sample_text(struct arena *a, const struct field *f);
struct found {
	const struct field *field;
	const char *path; /* "guests.NAME.disks" */
	bool entry; /* the path ended at an entry of the field's map */
};
/* -ENOENT with the cure in e. The path has at least one part. */
int reference_find(const struct table *root, const char *path, struct arena *a, struct found *out,
	struct error *e);

/* A node as JSON. */
void node_json(const struct node *n, struct strbuf *out);
/* The length of the first sentence, its full stop included. */
size_t first_sentence(const char *doc);

#endif
