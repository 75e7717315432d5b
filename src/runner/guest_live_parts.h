/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of changes of a running guest share; nobody else includes it. */
#ifndef KVMHOST_GUEST_LIVE_PARTS_H
#define KVMHOST_GUEST_LIVE_PARTS_H

#include "runner/guest_live.h"
#include "runner/guest_plug.h"
#include "runner/handover.h"

struct change_of {
	struct host *h;
	struct arena *arena;
	struct guest_qmp q;
	const struct spec *want;
	struct spec now; /* what the guest has; now.guest is &guest */
	struct guest guest;
};

/* To started.json: where another part than the last is changed, what a kill leaves behind. */
int change_save(struct change_of *c, struct error *e);
struct machine change_machine(struct change_of *c, struct spec *spec);

/* guest_live_assigned.c */
/* Room in now.assigned for what the guest is to have. */
void change_widen(struct change_of *c, const struct guest *live);
/*
 * The device of the host that interface, or device, i of `with` is, into the guest; noted in
 * now.assigned, not saved.
 */
int change_plug_interface(struct change_of *c, const struct spec *with, size_t i, struct error *e);
int change_plug_devices(struct change_of *c, const struct guest *live, struct error *e);
int change_unplug_devices(struct change_of *c, const struct guest *live, struct error *e);
/* Those of `lost` that the guest is still to have, in their places. */
int change_plug_lost(struct change_of *c, const char *const *lost, struct error *e);

#endif
