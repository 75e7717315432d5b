/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Isolated CPUs: what is no guest runs below system.slice, user.slice and
 * init.scope, and these get AllowedCPUs= without them. systemd owns the
 * cgroups, so it is told; what it made of it is read from the cgroups.
 */
#include "config/cpus.h"
#include "hostprep/cpu.h"
#include "reconcile/record.h"
#include "reconcile/units.h"

#define CGROUPS "/sys/fs/cgroup"

static const char *const units[] = { "init.scope", "system.slice", "user.slice" };

static const char *online(struct host *h)
{
	_cleanup_free_ char *text = NULL;

	if (file_read_line(h->root, "/sys/devices/system/cpu/online", &text) < 0)
		return "";
	return arena_strdup(h->pass, text);
}

/* The CPUs that are left; "" where none would be. In the pass arena. */
static const char *others(struct host *h, const char *isolated)
{
	_cleanup_strbuf_ struct strbuf out = { 0 };
	struct cpus all, taken;
	size_t i;

	if (!cpus_parse(online(h), &all) || !cpus_parse(isolated, &taken))
		return "";
	for (i = 0; i < sizeof(all.b); i++)
		all.b[i] &= (uint8_t)~taken.b[i];
	cpus_format(&all, &out);
	return arena_strdup(h->pass, sb_str(&out));
}

int cpu_slices_check(struct host *h, const char *isolated, struct error *e)
{
	if (!file_exists(h->root, CGROUPS "/cgroup.controllers")) {
		error_set(e, -EOPNOTSUPP,
			"isolated: this machine has no unified cgroup hierarchy in " CGROUPS);
		return error_cure(e, "boot with systemd.unified_cgroup_hierarchy=1, or take "
				     "`isolated` out");
	}
	if (*others(h, isolated))
		return 0;
	error_set(e, -EINVAL, "isolated: %s leaves no CPU for the host, which has %s online",
		isolated, online(h));
	return error_cure(e, "leave it one CPU at least");
}

/* "": no limit. In the pass arena. */
static const char *allowed(struct host *h, const char *unit)
{
	_cleanup_free_ char *path = xprintf(CGROUPS "/%s/cpuset.cpus", unit), *text = NULL;

	if (file_read_line(h->root, path, &text) < 0)
		return "";
	return arena_strdup(h->pass, text);
}

/* {"system.slice": "", ...}: what each was before; NULL: never touched. */
static json_t *kept(struct host *h, const struct step *s, bool make)
{
	json_t *all, *slices;

	if (!record_has(h, s->r->id))
		return NULL;
	all = record_kept(h, s->r->id);
	slices = json_object_get(all, "slices");
	if (!slices && make) {
		slices = json_object();
		json_object_set_new(all, "slices", slices);
	}
	return slices;
}

/* What the unit should have; NULL: nothing is asked of it and never was. */
static const char *wish(
	struct host *h, const struct step *s, const char *unit, const char *isolated)
{
	if (isolated)
		return others(h, isolated);
	return json_string_value(json_object_get(kept(h, s, false), unit));
}

void cpu_slices_diff(struct host *h, struct step *s, const char *isolated)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(units); i++) {
		const char *want = wish(h, s, units[i], isolated), *have = allowed(h, units[i]);

		if (want && !streq(have, want))
			step_change(h, s, "isolated",
				arena_printf(h->pass, "AllowedCPUs of %s", units[i]),
				*have ? have : "all", *want ? want : "all");
	}
}

static int set(struct host *h, const char *unit, const char *list, struct error *e)
{
	struct cpus cpus = { 0 };
	size_t n = sizeof(cpus.b);

	if (*list)
		cpus_parse(list, &cpus);
	while (n && !cpus.b[n - 1])
		n--;
	return units_set_bytes(h, unit, "AllowedCPUs", cpus.b, n, e);
}

int cpu_slices_apply(struct host *h, struct step *s, const char *isolated, struct error *e)
{
	json_t *slices = kept(h, s, isolated != NULL);
	size_t i;
	int r;

	for (i = 0; isolated && i < ARRAY_SIZE(units); i++)
		if (!json_object_get(slices, units[i])) {
			json_object_set_new(slices, units[i], json_string(allowed(h, units[i])));
			record_touch(h);
		}
	r = record_save(h, e);
	for (i = 0; i < ARRAY_SIZE(units) && r == 0; i++) {
		const char *want = wish(h, s, units[i], isolated);

		if (want && !streq(allowed(h, units[i]), want))
			r = set(h, units[i], want, e);
	}
	if (r == 0 && slices && !isolated) {
		json_object_del(record_kept(h, s->r->id), "slices");
		record_touch(h);
	}
	return r;
}
