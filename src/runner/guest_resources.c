/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `resources`: properties of the guest's unit, set at run time. systemd keeps
 * them in CONTROL_DIR until the machine reboots, also while the guest is down.
 */
#include "config/obj.h"
#include "runner/guest_kind.h"
#include <fcntl.h>

#define CONTROL_DIR "/run/systemd/system.control"
#define NOT_SET UINT64_MAX /* infinity, or the kernel's default */

enum { PROPERTIES = 4 };

static const char *const names[PROPERTIES] = { "CPUWeight", "CPUQuotaPerSecUSec", "MemoryMax",
	"IOWeight" };
/* Under which systemd keeps them. */
static const char *const files[] = { "50-CPUWeight.conf", "50-CPUQuota.conf", "50-MemoryMax.conf",
	"50-IOWeight.conf", "50-DeviceAllow.conf" };

static void values(const struct guest *g, uint64_t out[static PROPERTIES])
{
	const struct guest_resources *r = g && obj_has(g, "resources") ? &g->resources : NULL;

	out[0] = r && obj_has(r, "cpu_weight") ? (uint64_t)r->cpu_weight : NOT_SET;
	out[1] = r && obj_has(r, "cpu_quota") ? (uint64_t)r->cpu_quota * (USEC_PER_SEC / 100)
					      : NOT_SET;
	out[2] = r && obj_has(r, "memory_max") ? r->memory_max : NOT_SET;
	out[3] = r && obj_has(r, "io_weight") ? (uint64_t)r->io_weight : NOT_SET;
}

int guest_resources_set(struct host *h, const char *name, const struct guest *want,
	const struct guest *applied, struct error *e)
{
	struct unit_property v[PROPERTIES];
	uint64_t new[PROPERTIES], old[PROPERTIES];
	size_t n = 0;

	values(want, new);
	values(applied, old);
	for (size_t i = 0; i < PROPERTIES; i++)
		if (new[i] != old[i])
			v[n++] = (struct unit_property){ names[i], new[i] };
	return n ? units_set(h, guest_unit(name).s, v, n, e) : 0;
}

int guest_resources_forget(struct host *h, const char *name, struct error *e)
{
	_cleanup_close_ int control = file_open(h->root, CONTROL_DIR, O_PATH | O_DIRECTORY, 0);
	_cleanup_close_ int dir = -1;
	char unit[GUEST_PATH_MAX + 8];

	snprintf(unit, sizeof(unit), "%s.d", guest_unit(name).s);
	if (control >= 0)
		dir = openat(control, unit, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (unlinkat(dir, files[i], 0) < 0 && errno != ENOENT)
			return error_set(e, -errno, "cannot remove %s/%s/%s: %s", CONTROL_DIR, unit,
				files[i], strerror(errno));
	/* Others may have set something too (systemctl set-property --runtime): theirs to keep. */
	unlinkat(control, unit, AT_REMOVEDIR);
	return 0;
}
