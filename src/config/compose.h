/* SPDX-License-Identifier: GPL-2.0-or-later */
/* YAML text to nodes, inside this folder. */
#ifndef KVMHOST_COMPOSE_H
#define KVMHOST_COMPOSE_H

#include "config/diag.h"

enum {
	COMPOSE_DEPTH = 64,
	COMPOSE_NODES = 500000, /* of all files of a document together, aliases expanded */
};

/*
 * Adds to *nodes as it goes. *root becomes NULL for a text that holds no
 * document. False when the text could not be read to its end: what was read
 * is then no basis for further checks. Other faults are reported and true is
 * returned.
 */
bool compose(const struct source *s, size_t *nodes, struct diags *d, struct node **root);

/* A text of our own, such as a default. Its nodes have no places. NULL when it is not valid. */
struct node *compose_text(struct arena *a, const char *text);

/* The error of libyaml's parser in words that say what to do. compose_error.c */
struct yaml_parser_s;
void compose_error(const struct yaml_parser_s *parser, const struct source *s, struct diags *d);

#endif
