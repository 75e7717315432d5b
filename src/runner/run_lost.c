/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/run_lost.h"
#include "base/log.h"

/* By the ids that qemu_args() gives; NULL: it is nothing of the host's. */
static const struct assigned *assigned_as(const struct spec *s, const char *id)
{
	const struct guest *g = s->guest;
	char name[32];

	for (size_t i = 0; s->assigned.devices && i < g->devices.n; i++) {
		snprintf(name, sizeof(name), "device%zu", i);
		if (s->assigned.devices[i].what && streq(name, id))
			return &s->assigned.devices[i];
	}
	for (size_t i = 0; s->assigned.interfaces && i < g->interfaces.n; i++) {
		snprintf(name, sizeof(name), "net%zu", i);
		if (s->assigned.interfaces[i].what && streq(name, id))
			return &s->assigned.interfaces[i];
	}
	return NULL;
}

bool run_lost(struct runner *r, const char *id)
{
	const struct assigned *x = assigned_as(&r->spec, id);
	size_t len = strlen(r->lost);

	if (!x || r->told)
		return false;
	snprintf(r->lost + len, sizeof(r->lost) - len, "%s%s (%s)", len ? ", " : "", x->what,
		x->address);
	r->state.lost = r->lost;
	log_error("the device %s (%s) is gone from the guest, which runs on without it", x->what,
		x->address);
	return true;
}
