/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Helpers for tests over the sample language. */
#ifndef KVMHOST_TEST_SAMPLE_H
#define KVMHOST_TEST_SAMPLE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "config/document.h"
#include "config/reference.h"
#include "sample_tables.h"

/* One document loaded and parsed. */
struct loaded {
	struct arena *arena;
	struct diags diags;
	struct document doc;
	struct sample *sample;
	bool ok;
};
void load(struct loaded *l, const char *text);
void load_bytes(struct loaded *l, const char *text, size_t len);
void unload(struct loaded *l);
#define _cleanup_loaded_ _cleanup_(unload)
/* All diagnostics as printed. The caller frees. */
char *messages(struct loaded *l);

/* Fails unless the document is refused with these words, in this order, somewhere in the messages.
 */
void assert_refused(const char *text, ...) __attribute__((sentinel));
void assert_accepted(const char *text);

#endif
