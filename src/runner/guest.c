/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kind `guest`: "a unit with this specification, in this state". systemd
 * supervises, kvmhost-run joins it with QEMU; here the specification is
 * written and the unit started, stopped or restarted.
 */
#include "runner/guest_kind.h"
#include "runner/guest_macvtap.h"

bool guest_filters(const struct resource *bridge, const struct wants *w)
{
	return bridge && streq_null(obj_text(bridge->want, "vlan_filtering", w->arena), "true");
}

/* A tag that counts nowhere would be a guest in the wrong network. */
static void check_vlans(const struct resource *r, const struct wants *w, struct diags *d)
{
	const struct guest *g = r->want;

	for (size_t i = 0; i < g->interfaces.n; i++) {
		const struct guest_interface *nic =
			&LIST_AT(&g->interfaces, const struct guest_interface, i);
		const char *key = obj_has(nic, "pvid") ? "pvid" : "vlans";

		if (nic->vf || !obj_has(nic, key) ||
			(nic->bridge && guest_filters(wants_find(w, "bridge", nic->bridge), w)))
			continue;
		if (nic->bridge)
			diag_error(d, obj_mark_key(nic, key),
				arena_printf(
					d->arena, "write vlan_filtering: true for %s", nic->bridge),
				"the bridge %s does not tell VLANs apart", nic->bridge);
		else
			diag_error(d, obj_mark_key(nic, key), "name a bridge with vlan_filtering",
				"a %s has no VLANs", nic->macvtap ? "macvtap" : "network");
	}
}

static void check(const struct resource *r, const struct wants *w, struct diags *d)
{
	check_vlans(r, w, d);
	guest_macvtap_check(r, w, d);
	guest_claims_check(r, w, d);
}

const struct kind guest_kind = {
	.name = "guest",
	.table = &guest_table,
	.recreate_costs = DISRUPT_GUEST,
	.units = true,
	.check = check,
	.derive = guest_derive,
	.observe = guest_observe,
	.diff = guest_diff,
	.refine = guest_refine,
	.apply_all = guest_apply,
	.owned = guest_owned,
};
