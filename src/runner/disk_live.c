/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/disk_live.h"
#include "reconcile/units.h"
#include "runner/guestctl_qmp.h"
#include "runner/spec.h"

/* Which of the disks that it was started with; -1: none. */
static int number_of(struct host *h, const char *guest, const char *path)
{
	struct spec spec;

	if (spec_load(h->root, guest, FILE_STARTED, h->pass, &spec, NULL) < 0)
		return -1;
	for (size_t i = 0; i < spec.guest->disks.n; i++)
		if (streq_null(LIST_AT(&spec.guest->disks, const struct guest_disk, i).path, path))
			return (int)i;
	return -1;
}

bool disk_is_open(struct host *h, const char *guest, const char *path)
{
	struct unit unit;

	return units_state(h, guest_unit(guest).s, &unit, NULL) >= 0 &&
	       unit.state != UNIT_INACTIVE && unit.state != UNIT_FAILED &&
	       number_of(h, guest, path) >= 0;
}

int disk_grow_open(
	struct host *h, const char *guest, const char *path, uint64_t size, struct error *e)
{
	_cleanup_guest_qmp_ struct guest_qmp q = { .fd = -1 };
	int i = number_of(h, guest, path), r;

	if (i < 0)
		return error_set(e, -EAGAIN, "%s does not run with %s any more", guest, path);
	r = guest_qmp_open(h, guest, &q, e);
	if (r < 0)
		return r;
	return guest_qmp_command(&q, "block_resize",
		json_pack("{s:o, s:I}", "node-name", json_sprintf("disk%d", i), "size",
			(json_int_t)size),
		-1, NULL, e);
}
