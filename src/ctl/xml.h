/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An XML file as a tree, by libexpat, which is loaded when there is one to be read. */
#ifndef KVMHOST_XML_H
#define KVMHOST_XML_H

#include "base/arena.h"
#include "base/error.h"

struct xml {
	const char *name;
	const char *const *attributes; /* name, value, ..., NULL */
	const char *text; /* what stands in it beside elements, without outer blanks */
	struct xml *first, *next, *parent; /* its children; its sibling */
	unsigned line;
	bool used; /* the reader's own note */
};

/* The root element, in the arena. */
int xml_parse(struct arena *a, const char *data, size_t len, struct xml **root, struct error *e);
/* NULL: there is none. */
const char *xml_attribute(const struct xml *x, const char *name);
/* The first child of the name, or the next one like it. NULL-safe. */
struct xml *xml_child(const struct xml *x, const char *name);
struct xml *xml_again(const struct xml *x);

#endif
