/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/guest_macs.h"
#include "config/obj.h"

struct owner {
	const char *guest;
	bool generated;
};

void guest_macs_free(struct guest_macs *m)
{
	strmap_free(&m->owners);
	*m = (struct guest_macs){ 0 };
}

static const char *mac_text(struct arena *a, const struct mac *mac)
{
	_cleanup_strbuf_ struct strbuf b = { 0 };

	mac_format(mac, &b);
	return arena_strdup(a, sb_str(&b));
}

static bool generated(const struct spec *s, size_t i)
{
	return !obj_has(&LIST_AT(&s->guest->interfaces, const struct guest_interface, i), "mac");
}

static void note(struct host *h, struct guest_macs *m, const struct spec *s)
{
	for (size_t i = 0; i < s->guest->interfaces.n; i++) {
		struct owner *o = arena_alloc(h->pass, sizeof(*o));

		*o = (struct owner){ arena_strdup(h->pass, s->name), generated(s, i) };
		strmap_put(&m->owners, mac_text(h->pass, &s->interfaces[i].mac), o);
	}
}

/* From the guests applied before; one whose spec cannot be read takes part when it is written anew.
 */
static void load(struct host *h, struct guest_macs *m)
{
	_cleanup_free_ char **names = NULL;
	struct spec s;
	size_t n = 0;

	m->loaded = true;
	if (file_list(h->root, GUESTS_DIR, &names, &n) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		if (spec_load(h->root, names[i], FILE_SPEC, h->pass, &s, NULL) >= 0)
			note(h, m, &s);
}

int guest_macs_take(struct host *h, struct guest_macs *m, const struct spec *s, struct error *e)
{
	if (!m->loaded)
		load(h, m);
	for (size_t i = 0; i < s->guest->interfaces.n; i++) {
		const char *mac = mac_text(h->pass, &s->interfaces[i].mac);
		const struct owner *o = strmap_get(&m->owners, mac);

		if (!o || streq(o->guest, s->name) || !(o->generated || generated(s, i)))
			continue;
		error_set(e, -EADDRINUSE,
			"interface %zu would have the MAC address %s, which the "
			"guest %s has",
			i, mac, o->guest);
		return error_cure(e, "give it one of its own: {mac: \"52:54:00:...\"}");
	}
	note(h, m, s);
	return 0;
}
