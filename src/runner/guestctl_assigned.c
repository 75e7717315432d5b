/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/guestctl_assigned.h"

static void add(json_t *list, const struct assigned *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].what)
			json_array_append_new(list, json_pack("{s:s, s:s}", "name", v[i].what,
							    "address", v[i].address));
}

/* The runner knows what was plugged in later by its address alone. */
static void name_lost(const struct spec *started, json_t *record, json_t *out)
{
	_cleanup_strbuf_ struct strbuf names = { 0 };
	json_t *one;
	size_t i;

	json_array_foreach (json_object_get(record, "lost"), i, one) {
		const struct assigned *x = assignment_lost(started->guest, &started->assigned, one);

		if (x)
			sb_addf(&names, "%s%s (%s)", names.len ? ", " : "", x->what, x->address);
	}
	json_object_del(out, "lost");
	if (names.len)
		json_object_set_new(out, "lost", json_string(sb_str(&names)));
}

/* The state of a device is in the device, where nobody can fetch it to be saved or sent. */
void guestctl_add_assigned(const struct spec *started, json_t *record, json_t *out)
{
	const struct guest *g = started->guest;
	json_t *list;

	name_lost(started, record, out);
	if (!started->assigned.devices)
		return;
	list = json_array();
	add(list, started->assigned.interfaces, g->interfaces.n);
	add(list, started->assigned.devices, g->devices.n);
	json_object_set_new(out, "devices", list);
	json_object_set_new(out, "migratable", json_false());
}
