/* SPDX-License-Identifier: GPL-2.0-or-later */
/* File systems that systemd mounts, by the names of their units (systemd.mount(5)). */
#include "base/strbuf.h"
#include "reconcile/units_bus.h"
#include <ctype.h>

enum { SECONDS = 95 }; /* DefaultTimeoutStartSec=, and a little */

/* systemd.unit(5), "String Escaping for Inclusion in Unit Names". Of a path without its first /. */
static const char *unit_of(struct arena *a, const char *path, size_t len)
{
	_cleanup_strbuf_ struct strbuf name = { 0 };

	for (size_t i = 0; i < len; i++) {
		bool usual = isalnum((unsigned char)path[i]) || strchr(":_.", path[i]);

		if (path[i] == '/')
			sb_addc(&name, '-');
		else if (!usual || (path[i] == '.' && i == 0))
			sb_addf(&name, "\\x%02x", (unsigned char)path[i]);
		else
			sb_addc(&name, path[i]);
	}
	sb_add(&name, ".mount");
	return arena_strdup(a, sb_str(&name));
}

int units_mount(struct host *h, const char *path, struct error *e)
{
	struct unit_job *jobs = NULL;
	size_t n = 0;
	int r;

	for (const char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/'))
		*ARENA_PUSH(h->pass, jobs, n) = (struct unit_job){
			.unit = unit_of(h->pass, path + 1, (size_t)(p - path - 1)),
		};
	r = units_run(h, jobs, n, SECONDS, e);
	for (size_t i = 0; i < n; i++) {
		int code = jobs[i].error.code;

		/* A job that failed. What is refused is no unit: there is none, or it is masked. */
		if (r >= 0 && (code == -EIO || code == -ETIMEDOUT)) {
			r = error_set(e, jobs[i].error.code, "%s", jobs[i].error.text);
			error_cure(e, "systemctl status %s", jobs[i].unit);
		}
		error_clear(&jobs[i].error);
	}
	return r;
}

/* systemd loads a unit when it is asked about its object: there is no need for it to run. */
static bool is_unmounted(struct units *u, const char *unit)
{
	_cleanup_free_ char *path = NULL, *loaded = NULL, *active = NULL;
	const char *interface = "org.freedesktop.systemd1.Unit";

	return sym_sd_bus_path_encode(SYSTEMD_PATH "/unit", unit, &path) >= 0 &&
	       sym_sd_bus_get_property_string(
		       u->bus, u->to, path, interface, "LoadState", NULL, &loaded) >= 0 &&
	       streq(loaded, "loaded") &&
	       sym_sd_bus_get_property_string(
		       u->bus, u->to, path, interface, "ActiveState", NULL, &active) >= 0 &&
	       !streq(active, "active");
}

const char *units_unmounted(struct host *h, const char *path)
{
	struct units *u;

	if (units_bus(h, &u, NULL) < 0)
		return NULL;
	for (const char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/'))
		if (is_unmounted(u, unit_of(h->pass, path + 1, (size_t)(p - path - 1))))
			return arena_strndup(h->pass, path, (size_t)(p - path));
	return NULL;
}
