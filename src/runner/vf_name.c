/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `vf: uplink/0`: how a guest's interface names a virtual function. */
#include "config/obj.h"
#include "runner/guest.h"
#include <ctype.h>

enum { VF_DIGITS = 5 }; /* the kernel counts them in 16 bits */
enum { LOCKED_USUAL = 8 << 20 }; /* what systemd gives a service */

bool vf_name_parse(const char *text, struct vf_name *out)
{
	size_t pool = strcspn(text, "/");
	const char *digits = text + pool + 1, *p = digits;

	if (!pool || pool >= sizeof(out->pool))
		return false;
	*out = (struct vf_name){ .index = -1 };
	memcpy(out->pool, text, pool);
	if (!text[pool])
		return true;
	while (isdigit((unsigned char)*p))
		p++;
	/* One way to write a number, so that equal texts are equal functions. */
	if (p == digits || *p || p - digits > VF_DIGITS || (*digits == '0' && p - digits > 1))
		return false;
	out->index = atoi(digits);
	return true;
}

bool interface_vf(const struct guest_interface *nic, struct vf_name *out)
{
	return nic->vf && vf_name_parse(nic->vf, out);
}

size_t guest_assigned(const struct guest *g)
{
	size_t n = g->devices.n;

	for (size_t i = 0; i < g->interfaces.n; i++)
		n += LIST_AT(&g->interfaces, const struct guest_interface, i).vf != NULL;
	return n;
}

uint64_t guest_locked(const struct guest *g)
{
	return guest_assigned(g) ? g->memory.size + GIB : LOCKED_USUAL;
}

static bool vf_parse(const struct field *f _unused_, struct scalar *s, void *value)
{
	struct vf_name name;

	if (!vf_name_parse(s->text, &name)) {
		s->hint = "write `uplink` for any virtual function of that entry of `sriov:`, or "
			  "`uplink/0` for its first";
		return false;
	}
	*(const char **)value = arena_strdup(s->arena, s->text);
	return true;
}

static void vf_format(const struct field *f _unused_, const void *value, struct strbuf *out)
{
	sb_add(out, *(const char *const *)value);
}

static bool vf_equal(const void *a, const void *b)
{
	return streq_null(*(const char *const *)a, *(const char *const *)b);
}

static void vf_schema(const struct field *f _unused_, struct strbuf *out)
{
	sb_add(out, "\"type\":\"string\",\"pattern\":\"^[^/]+(/(0|[1-9][0-9]{0,4}))?$\"");
}

const struct type type_vf = {
	.name = "a virtual function such as uplink/0",
	.size = sizeof(const char *),
	.parse = vf_parse,
	.format = vf_format,
	.equal = vf_equal,
	.schema = vf_schema,
};
