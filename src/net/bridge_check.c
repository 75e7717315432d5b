/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a document may not say of bridges. */
#include "net/bridge.h"

static void check_delay(const struct bridge *b, struct diags *d)
{
	const char *name = b->obj.name;

	/* Finer values do not survive the kernel's way through jiffies. */
	if (b->forward_delay % (USEC_PER_SEC / 10))
		diag_error(d, obj_mark(b, "forward_delay"), "write 100ms, 2s, 15s, ...",
			"%s: the kernel keeps the forward delay in tenths of a second", name);
	else if (b->stp && b->forward_delay < 2 * USEC_PER_SEC)
		diag_error(d, obj_mark(b, obj_has(b, "forward_delay") ? "forward_delay" : "stp"),
			"write forward_delay: 15s, which is the kernel's default",
			"%s: with STP the kernel wants a forward delay of 2s to 30s", name);
}

void bridge_check_values(const void *obj, struct diags *d)
{
	const struct bridge *b = obj;

	check_delay(b, d);
	bridge_vlans_check(b, d);
	ported_check_values(&b->ported, d);
}

const struct resource *bridge_named(const struct wants *w, const char *name)
{
	for (size_t i = 0; i < w->n; i++) {
		const struct resource *r = w->v[i];

		if (r->kind == &network_kind && r->want &&
			streq_null(obj_text(r->want, "bridge", w->arena), name))
			return r;
	}
	return wants_find(w, "bridge", name);
}

void bridge_check(const struct resource *r, const struct wants *w, struct diags *d)
{
	const struct bridge *b = r->want;

	for (size_t i = 0; i < b->ports.n; i++) {
		const char *port = LIST_AT(&b->ports, const char *, i);
		const struct resource *other = bridge_named(w, port);

		if (other)
			diag_relate(diag_error(d, obj_mark_item(b, "ports", i),
					    "join two bridges by a veth pair, or make one of them",
					    "%s is a bridge itself, and cannot be a port of %s",
					    port, r->name),
				other->mark, "declared here");
	}
}
