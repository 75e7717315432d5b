/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A run that an event asked for: the document in force, by the same pipeline.
 * It does only what nobody needs to be asked about. What would release
 * something, restart a guest, wait for a reboot, or start again what systemd
 * gave up, stays for a reload or `kvmhostctl apply`; so does everything while
 * a rollback holds the document or an apply waits to be confirmed.
 */
#ifndef KVMHOST_DRIFT_H
#define KVMHOST_DRIFT_H

#include "reconcile/apply.h"

/* host.drift */
enum drift_policy { DRIFT_REPAIR, DRIFT_REPORT };
enum drift_policy document_drift(const void *document);

struct drift {
	enum drift_policy policy;
	size_t found; /* resources that differ and that an event may put right */
	/* With policy DRIFT_REPAIR and something found: what became of it. */
	struct outcome out;
};
void drift_free(struct drift *d);
#define _cleanup_drift_ _cleanup_(drift_free)

/*
 * Returns how many resources were put right; with DRIFT_REPORT, `told` hears
 * of each that differs. -EBUSY: somebody else is at work, or a change waits to
 * be confirmed: later. -ENOENT: no document is in force. -EIO: some could not
 * be put right. `cause`, what the event was, goes to the status file.
 */
int drift_run(struct host *h, const char *cause, void (*told)(const struct step *s, void *arg),
	void *arg, struct drift *out, struct error *e);

#endif
