/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether an installation is done. Its guest runs with `-action
 * reboot=shutdown,shutdown=pause`: at its reboot or power off QEMU stands
 * still, and the runner asks it whether any disk was written to (wr_operations
 * of query-blockstats, qapi/block-core.json).
 *
 *	written    done, which is noted; the guest starts again, by its boot order
 *	nothing    it boots the medium again, or stays off; the next start boots it too
 *
 * Nor is it done when somebody else reset it, or it crashed before. A guest
 * whose writes QEMU does not see (no disk of its own, a LUN, a device of the
 * host's) is taken at its word.
 */
#ifndef KVMHOST_RUN_INSTALL_H
#define KVMHOST_RUN_INSTALL_H

#include "runner/supervise.h"

/* An event of QEMU's; data may be NULL. True: it is dealt with, and is nobody else's concern. */
bool run_install_event(struct runner *r, const char *event, json_t *data);

#endif
