/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Configuration files of our own in the .d directories of others. The first
 * line says that they are ours; a file of that name without it belongs to
 * somebody else and is never written.
 */
#ifndef KVMHOST_DROPIN_H
#define KVMHOST_DROPIN_H

#include "reconcile/plan.h"

#define DROPIN_MARK "# Written by kvmhost"

/* The file's text, freed by the caller; NULL when there is none. -EPERM: it is not ours. */
int dropin_read(struct host *h, const char *path, char **text, struct error *e);

/*
 * Replaces the file by our header and the body, atomically; an empty body
 * removes it. A file that says the same already is left alone.
 */
int dropin_write(struct host *h, const char *path, const char *body, struct error *e);
/* The same for settings that stand in another section of the document than host.kernel. */
int dropin_write_for(
	struct host *h, const char *path, const char *section, const char *body, struct error *e);

/* The file could not be read or written: so none of the steps has done its work. */
void dropin_failed(struct step *const *steps, size_t n, const struct error *e);

#endif
