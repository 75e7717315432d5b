/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KVMHOST_CTL_STATUS_REPORT_H
#define KVMHOST_CTL_STATUS_REPORT_H

#include "ctl/ctl.h"
#include "net/fw_foreign.h"
#include "net/ties.h"
#include "reconcile/plan.h"

/* What status shows; every part may be missing, and then says why. */
struct status_report {
	int daemon; /* pid or negative errno */
	struct error daemon_error;
	json_t *last; /* the status file; NULL: nothing was applied since boot */
	json_t *guests;
	json_t *networks; /* those that hand out addresses, with their leases */
	bool drift_known;
	struct error not_compared; /* why drift is not known */
	struct plan plan;
	struct config config;
	struct fw_foreign *foreign; /* who else drops what guests send */
	size_t n_foreign;
	struct tie *ties; /* what of others goes by the name of a port */
	size_t n_ties;
};

void status_print(struct ctl *c, const struct status_report *r);
/* Shows one, named as in plans: "bridge/br0". Returns the exit status. */
int status_resource(struct ctl *c, struct status_report *r, const char *id);

#endif
