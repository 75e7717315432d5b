/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices of the host that a running guest lost: see run_lost.h, which writes the record. */
#include "runner/guest_kind.h"

void guest_lost_read(
	struct host *h, json_t *record, const struct spec *started, struct guest_seen *seen)
{
	struct guest_lost *v = NULL;
	json_t *one;
	size_t i;

	json_array_foreach (json_object_get(record, "lost"), i, one) {
		const char *id = json_string_value(json_object_get(one, "id"));
		const struct assigned *x = assignment_lost(started->guest, &started->assigned, one);

		if (x)
			*ARENA_PUSH(h->pass, v, seen->n_lost) = (struct guest_lost){
				arena_strdup(h->pass, id),
				arena_printf(h->pass, "%s (%s)", x->what, x->address),
			};
	}
	seen->lost = v;
}

/* Its place is still to be filled. */
static bool is_kept(const struct guest *live, const char *id)
{
	const char *device = startswith(id, "device");
	size_t i = strtoul(device ? device : id + strlen("net"), NULL, 10);

	return i < (device ? live->devices.n : live->interfaces.n);
}

const char *guest_lost_names(
	struct arena *a, const struct guest_seen *seen, const struct guest *live)
{
	const char *out = NULL;

	for (size_t i = 0; i < seen->n_lost; i++)
		if (is_kept(live, seen->lost[i].id))
			out = arena_printf(
				a, "%s%s%s", out ? out : "", out ? ", " : "", seen->lost[i].name);
	return out;
}

const char *const *guest_lost_ids(
	struct arena *a, const struct guest_seen *seen, const struct guest *live)
{
	const char **out = arena_alloc(a, (seen->n_lost + 1) * sizeof(*out));
	size_t n = 0;

	for (size_t i = 0; i < seen->n_lost; i++)
		if (is_kept(live, seen->lost[i].id))
			out[n++] = seen->lost[i].id;
	out[n] = NULL;
	return n ? out : NULL;
}
