/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The last-applied record, STATE_DIR/record.json: for every resource under
 * management how it was before (null: absent, so we made it), which resources
 * it came after, and what its kind keeps with it. Written before the first
 * change to a resource and after the last, atomically.
 *
 *	{"format": 1, "generation": {...}, "resources": {
 *	"sysctl/vm.swappiness": {"before": {"value": "60"}, "after": [], "derived": true,
 *	  "kept": {...}}
 *	}}
 */
#ifndef KVMHOST_RECORD_H
#define KVMHOST_RECORD_H

#include "reconcile/kind.h"
#include <jansson.h>

struct record_entry;

struct record {
	json_t *root; /* all of it but the resources */
	bool dirty;
	/* Private. An entry is parsed when it is asked for: a plan with nothing to do needs ids. */
	struct arena *arena;
	char *text;
	struct record_entry **v;
	size_t n;
	struct strmap by_id;
};

#define RECORD_PATH STATE_DIR "/record.json"

/* Of the files in STATE_DIR, which outlive the version of kvmhost that wrote them. */
enum { STATE_FORMAT = 1 };
/*
 * -EPROTONOSUPPORT, told with the cure, where the file says that it has another format; what is
 * the file in words: "the record".
 */
int state_format(const struct host *h, const json_t *root, const char *what, const char *path,
	struct error *e);

/* An absent file is an empty record; a damaged one is an error that names it. */
int record_load(struct host *h, struct error *e);
/* The same from its text, which is taken over. */
int record_read(struct host *h, char *text, size_t len, struct error *e);
/* Bytes of it on disk, from which who has not loaded it guesses how much is managed; 0: none. */
size_t record_size(const struct host *h);
int record_save(struct host *h, struct error *e);
void record_free(struct record *r);

bool record_has(const struct host *h, const char *id);
/* Recorded, and absent before: kvmhost made it. */
bool record_made(const struct host *h, const char *id);
/* The state before management as an object of the kind, in h->pass; NULL: absent then. */
int record_before(struct host *h, const struct kind *k, const char *name, const char *id,
	const void **before, struct error *e);
/*
 * Takes the resource under management, remembering how it was (NULL: absent). Of one that is
 * there already only what it comes after is brought up to date.
 */
void record_take(struct host *h, const struct resource *r, const void *before);
void record_drop(struct host *h, const char *id);
/* The next id after *at, which begins as 0; NULL: that was the last. */
const char *record_next(const struct host *h, size_t *at);
/* What is recorded of a resource; NULL: nothing. Borrowed. */
json_t *record_entry(const struct host *h, const char *id);

/* An object as JSON (NULL: null), and back from there into the arena (null: NULL). */
json_t *record_json(const void *obj);
int record_object(struct arena *a, const struct kind *k, const char *name, json_t *json,
	const void **out, struct error *e);

/*
 * A JSON object that the kind keeps with the resource ("kept"); made when
 * missing. Borrowed. Changes are saved with the next record_save after
 * record_touch.
 */
json_t *record_kept(struct host *h, const char *id);
/* The same where it is; NULL: nothing is kept, or there is no record. */
json_t *record_kept_any(const struct host *h, const char *id);
void record_touch(struct host *h);

#endif
