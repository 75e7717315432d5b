/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parts of a running guest's machine, by the same words as on QEMU's command line. */
#ifndef KVMHOST_GUEST_PLUG_H
#define KVMHOST_GUEST_PLUG_H

#include "runner/guestctl_qmp.h"

/*
 * args: of one part, as qemu_args_disk() gives them; descriptors in them are this process's. A
 * device `id` that is there already stays; of a part that was begun nothing is left after an error.
 */
int plug_in(struct guest_qmp *q, const char *id, char *const *args, struct error *e);
/*
 * Asks the guest to let go of it, and waits. -ETIMEDOUT: it does not; -EBUSY: it refuses. What is
 * not there is out.
 */
int plug_out(struct guest_qmp *q, const char *id, char *const *args, struct error *e);
/*
 * The medium `node` of the new parts instead of that of the old in drive `id`; NULL: none, and the
 * drive is empty. Errors as above.
 */
int plug_medium(struct guest_qmp *q, const char *id, const char *node, char *const *old,
	char *const *new, struct error *e);

#endif
