/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a document may not say of bonds. */
#include "net/bond.h"
#include "net/bridge.h"

enum { USEC_PER_MSEC = 1000 };

static const char *mode_name(const struct bond *b, struct diags *d)
{
	return obj_text(b, "mode", d->arena);
}

static void check_times(const struct bond *b, struct diags *d)
{
	static const char *const keys[] = { "updelay", "downdelay" };
	const uint64_t values[] = { b->updelay, b->downdelay };

	if (b->miimon % USEC_PER_MSEC) {
		diag_error(d, obj_mark(b, "miimon"), "write 100ms, 1s, ...",
			"%s: the kernel looks at links every so many milliseconds", b->obj.name);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (!b->miimon && values[i])
			diag_error(d, obj_mark(b, keys[i]), "write miimon: 100ms, or take it out",
				"%s: with `miimon: 0s` it never looks", b->obj.name);
		else if (b->miimon && values[i] % b->miimon)
			diag_error(d, obj_mark(b, keys[i]),
				arena_printf(d->arena, "write %llums",
					(unsigned long long)((values[i] / b->miimon + 1) *
							     b->miimon / USEC_PER_MSEC)),
				"%s: the kernel waits for a number of its looks, one every %s",
				b->obj.name, obj_text(b, "miimon", d->arena));
}

static bool prefers(int mode)
{
	return mode == BOND_ACTIVE_BACKUP || mode == BOND_TLB || mode == BOND_ALB;
}

bool bond_hashes(int mode)
{
	return mode == BOND_XOR || mode == BOND_8023AD || mode == BOND_TLB;
}

/* What the mode has no use for would be ignored. */
static void check_mode(const struct bond *b, struct diags *d)
{
	if (b->lacp_rate && b->mode != BOND_8023AD)
		diag_error(d, obj_mark(b, "lacp_rate"), "write mode: 802.3ad, or take it out",
			"%s: in the mode %s there is no LACP", b->obj.name, mode_name(b, d));
	if (b->xmit_hash_policy && !bond_hashes(b->mode))
		diag_error(d, obj_mark(b, "xmit_hash_policy"),
			"write mode: 802.3ad, balance-xor or balance-tlb, or take it out",
			"%s: in the mode %s ports are not chosen by a hash", b->obj.name,
			mode_name(b, d));
	if (b->primary && !prefers(b->mode))
		diag_error(d, obj_mark(b, "primary"),
			"write mode: active-backup, balance-tlb or balance-alb, or take it out",
			"%s: in the mode %s no port is preferred", b->obj.name, mode_name(b, d));
	else if (b->primary && !ported_wants(&b->ported, b->primary))
		diag_error(d, obj_mark(b, "primary"), "name one of `ports`",
			"%s is not a port of %s", b->primary, b->obj.name);
}

void bond_check_values(const void *obj, struct diags *d)
{
	const struct bond *b = obj;

	ported_check_values(&b->ported, d);
	check_times(b, d);
	check_mode(b, d);
}

/* Within a bridge the host speaks from the bridge. */
static void check_within(const struct resource *r, const struct wants *w, struct diags *d)
{
	const struct bond *b = r->want;
	enum addressing mode = addressing_of(&b->ported);

	for (size_t i = 0; i < w->n && (mode == ADDRESSING_LIST || mode == ADDRESSING_DHCP); i++)
		if (w->v[i]->kind == &bridge_kind && ported_wants(w->v[i]->want, r->name))
			diag_relate(
				diag_error(d, obj_mark(b, "addressing"),
					arena_printf(d->arena, "write it for %s", w->v[i]->name),
					"%s is a port of %s, which has the host's addresses",
					r->name, w->v[i]->name),
				w->v[i]->mark, "declared here");
}

void bond_check(const struct resource *r, const struct wants *w, struct diags *d)
{
	const struct bond *b = r->want;

	check_within(r, w, d);
	for (size_t i = 0; i < b->ports.n; i++) {
		const char *port = LIST_AT(&b->ports, const char *, i);
		const struct resource *other = bridge_named(w, port);

		if (!other)
			other = wants_find(w, "bond", port);
		if (other)
			diag_relate(
				diag_error(d, obj_mark_item(b, "ports", i),
					"name network cards, and put the bond into the bridge",
					"%s is a %s, and cannot be a port of the bond %s", port,
					other->kind == r->kind ? "bond itself" : "bridge", r->name),
				other->mark, "declared here");
	}
}
