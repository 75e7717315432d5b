/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a guest's unit has beyond its template: the order among guests, the
 * file systems of its disks, block devices. A file that systemd reads when it
 * loads the unit, DROPIN_DIR/kvmhost-guest@NAME.service.d/50-kvmhost.conf.
 */
#ifndef KVMHOST_GUEST_DROPIN_H
#define KVMHOST_GUEST_DROPIN_H

#include "base/strbuf.h"
#include "reconcile/host.h"
#include "runner/guest.h"

#define DROPIN_DIR "/run/systemd/system"

/* Pure: the file's text. */
void guest_dropin_text(const struct guest *g, struct strbuf *out);

/*
 * Writes it where it is not so yet. 1: systemd has the unit loaded with
 * another one, and must load its units again (units_reload); 0; -errno.
 */
int guest_dropin_write(struct host *h, const char *name, const struct guest *g, struct error *e);
int guest_dropin_remove(struct host *h, const char *name, struct error *e);

#endif
