/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * JSON text member by member, without a copy or a tree of it: for large texts of which little is
 * looked at. It knows the JSON that kvmhost writes of plain things: no bytes beyond ASCII, no \u,
 * integers alone, few levels. What it passes jansson reads as well; of what it refuses jansson is
 * to say whether it is JSON.
 */
#ifndef KVMHOST_JSON_WALK_H
#define KVMHOST_JSON_WALK_H

#include "base/util.h"

/* "name": value, as they stand in the text: the name without its quotes, its escapes unread. */
struct json_member {
	const char *name, *value;
	size_t name_len, value_len;
};

struct json_walk {
	const char *at; /* before: the object, NUL-terminated; after its end: what follows */
	bool inside; /* false before the first member */
};

/* 1: a member, 0: the object has ended, -EBADMSG: not what it knows. */
int json_walk(struct json_walk *w, struct json_member *out);

#endif
