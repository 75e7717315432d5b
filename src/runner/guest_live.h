/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changes that a running guest takes. */
#ifndef KVMHOST_GUEST_LIVE_H
#define KVMHOST_GUEST_LIVE_H

#include "reconcile/host.h"
#include "runner/spec.h"

/*
 * What a guest that was started as `started` becomes when it is changed towards `want` as far as
 * that is done while it runs. What still differs from `want` then needs a restart.
 */
const struct guest *guest_live(
	struct arena *a, const struct guest *want, const struct guest *started);

/* Both are drives, and b has another disc. */
bool guest_medium_differs(const struct guest_disk *a, const struct guest_disk *b);
/* `to` has the medium of `from`, or none. */
void guest_medium_take(struct guest_disk *to, const struct guest_disk *from);
/* Only their limits are others. */
bool guest_limits_differ(const struct guest_disk *a, const struct guest_disk *b);

/* There is something that guest_live_apply() would do. */
bool guest_live_differs(const struct guest *live, const struct guest *started);

/*
 * Does it. started.json says after each part what the guest has, so that the run after a kill goes
 * on from there. lost: ids of devices of the host that it is to have again, up to a NULL.
 * -ETIMEDOUT, -EBUSY: the guest does not let go of something.
 */
int guest_live_apply(struct host *h, const struct spec *want, const struct guest *live,
	const char *const *lost, struct error *e);

#endif
