/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What QEMU says on stdout and stderr: to the journal, and its tail to state.json. */
#ifndef KVMHOST_RUN_OUTPUT_H
#define KVMHOST_RUN_OUTPUT_H

#include "runner/supervise.h"

void output_read(struct runner *r);
/* QEMU has ended, and what it said before is still in the pipes. */
void output_drain(struct runner *r);
/* The end of the lines that it wrote together, in words of the document. */
void output_last_words(struct runner *r, struct strbuf *out);

#endif
