/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kvmhostctl reload: what `systemctl reload kvmhostd` runs. */
#include "ctl/ctl.h"
#include "ctl/daemon.h"

int verb_reload(struct ctl *c, int argc _unused_, char **argv _unused_)
{
	_cleanup_error_ struct error e = { 0 };
	_cleanup_free_ char *summary = NULL;

	if (daemon_reload(&summary, &e) < 0)
		return ctl_fail(c, &e);
	puts(summary);
	return 0;
}
