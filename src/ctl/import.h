/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of kvmhostctl import share. */
#ifndef KVMHOST_CTL_IMPORT_H
#define KVMHOST_CTL_IMPORT_H

#include "base/strbuf.h"
#include "base/strmap.h"
#include "ctl/xml.h"

struct import {
	struct arena *arena;
	struct strbuf text, remarks;
	size_t n_remarks;
	struct strmap names; /* of guests, each once */
	struct strbuf warnings; /* for standard error */
};

/* A comment on what is not carried over. */
void import_remark(struct import *o, const char *fmt, ...) _printf_(2, 3);
/* What is used, and all that it stands in, needs no remark. */
void import_use(struct xml *x);
/* A child, used; or NULL. */
struct xml *import_taken(const struct xml *x, const char *name);
bool import_is(const char *value, const char *word);
/* False, and a remark: a line's end or the like is in it, which no text of ours has. */
bool import_is_line(struct import *o, const struct xml *x, const char *value);
/* A scalar that YAML takes for nothing else. */
void import_text(struct strbuf *b, const char *key, const char *value);
/* A comment on each child that nobody has used. */
void import_rest(struct import *o, const struct xml *x);
/* import_plain.c: what every guest here has too */
void import_plain(struct import *o, const struct xml *domain);
void import_cpu(struct import *o, const struct xml *domain);
/* With the nodes that it is in. */
void import_memory(struct import *o, const struct xml *domain);
/* import_disk.c */
void import_disk(struct import *o, struct xml *disk);
void import_devices(struct import *o, const struct xml *devices);

#endif
