/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kind `bond`: several links that are one, so that the host outlives the
 * failure of one of them or is faster than it. Addresses of its ports move as
 * those of a bridge's do; of a bond that is a port itself they have moved on.
 */
#include "net/bond.h"
#include "net/manager.h"
#include "net/takeover.h"
#include "reconcile/record.h"

enum { USEC_PER_MSEC = 1000 };

static const char *const mode_names[] = {
	[BOND_RR] = "balance-rr",
	[BOND_ACTIVE_BACKUP] = "active-backup",
	[BOND_XOR] = "balance-xor",
	[BOND_BROADCAST] = "broadcast",
	[BOND_8023AD] = "802.3ad",
	[BOND_TLB] = "balance-tlb",
	[BOND_ALB] = "balance-alb",
	NULL,
};
static const char *const lacp_rate_names[] = { "slow", "fast", NULL };
static const char *const hash_names[] = { "layer2", "layer3+4", "layer2+3", "encap2+3", "encap3+4",
	"vlan+srcmac", NULL };

static const struct field bond_fields[] = {
	FIELD_LIST(struct bond, ports, type_ifname, .def = "[]", .uses = "link", .claims = "port",
		.example = "[eth0, eth1]",
		.doc = "Links that are its ports: network cards. One that is not there yet is "
		       "waited for, the bond works without it. A link goes down for an instant as "
		       "it comes in. One taken out of the list gets back what it had."),
	FIELD_LIST(struct bond, addressing, type_addressing, .def = "inherit", .alone = true,
		.example = "inherit",
		.doc = "The host's own addresses on the bond: `inherit`, `dhcp`, `none` or a list, "
		       "as bridges have it. For a bond that is a port of a bridge the bridge says "
		       "it."),
	FIELD_ENUM(struct bond, mode, mode_names, .def = "active-backup",
		.on_change = CHANGE_RECREATE,
		.doc = "How its ports share the work. `active-backup`: one works, another takes "
		       "over when it fails; any switch will do. `802.3ad`: all work, agreed with "
		       "the switch by LACP. `balance-xor`, `balance-rr`, `broadcast`: all work, "
		       "and the switch is told so by hand. `balance-tlb`, `balance-alb`: all work, "
		       "and the switch knows nothing of it."),
	FIELD_DURATION(struct bond, miimon, 0, 60 * USEC_PER_SEC, .def = "100ms",
		.doc = "How often it looks whether its ports have a carrier. 0s: never, and a port "
		       "that failed is used on."),
	FIELD_DURATION(struct bond, updelay, 0, 600 * USEC_PER_SEC, .def = "0s", .example = "200ms",
		.doc = "How long a port has a carrier before it is used: a multiple of `miimon`, "
		       "for switches that take their time."),
	FIELD_DURATION(struct bond, downdelay, 0, 600 * USEC_PER_SEC, .def = "0s",
		.example = "200ms",
		.doc = "How long a port has none before it is no longer used: a multiple of "
		       "`miimon`."),
	FIELD_ENUM(struct bond, lacp_rate, lacp_rate_names, .def = "slow",
		.on_change = CHANGE_RECREATE,
		.doc = "802.3ad: how often the switch is to send LACP packets: `slow`, every 30 s, "
		       "or `fast`, every second."),
	FIELD_ENUM(struct bond, xmit_hash_policy, hash_names, .def = "layer2",
		.doc = "802.3ad, balance-xor, balance-tlb: by what of a packet its port is chosen. "
		       "`layer3+4` spreads the connections of one peer."),
	FIELD_STRING(struct bond, primary, type_ifname, .example = "eth0",
		.doc = "active-backup, balance-tlb, balance-alb: the port that works whenever it "
		       "can. Left out, the one that works goes on."),
	FIELD_INT(struct bond, mtu, 68, 65535, .example = "1500",
		.doc = "Largest packet in bytes, of the bond and its ports. Left out, the smallest "
		       "that the ports have when it is made."),
	FIELD_VALUE(struct bond, mac, struct mac, type_mac, .example = "\"52:54:00:6d:90:03\"",
		.doc = "The address of the bond and its ports. Left out, that of the first port."),
};

const struct table bond_table = TABLE(struct bond, bond_fields, .key = &type_ifname,
	.key_word = "BOND", .check = bond_check_values,
	.doc = "Bonds, by interface name: several network cards that are one link.");

static void bond_derive(const struct resource *r, struct wants *w)
{
	manager_imply(r, w);
	zone_imply(r, w);
	if (addressing_of(r->want) == ADDRESSING_DHCP)
		want_derive(w, r, "dhcp", r->name, false);
}

/* ---- how it is ---- */

static void forget_primary(struct bond *b)
{
	b->primary = NULL;
	b->obj.set &= ~(UINT64_C(1) << (table_field(&bond_table, "primary") - bond_table.fields));
}

static struct bond *bond_have(
	struct host *h, const struct resource *r, const struct links *ls, const struct link *l)
{
	const struct link *primary = l->bond.primary ? links_index(ls, l->bond.primary) : NULL;
	struct bond *b = obj_new(h->pass, &bond_table, r->name);

	b->mode = l->bond.mode;
	b->miimon = l->bond.miimon * (uint64_t)USEC_PER_MSEC;
	b->updelay = l->bond.updelay * (uint64_t)USEC_PER_MSEC;
	b->downdelay = l->bond.downdelay * (uint64_t)USEC_PER_MSEC;
	/* In other modes the kernel remembers it, and does not let it be changed. */
	b->lacp_rate = l->bond.mode == BOND_8023AD ? l->bond.lacp_rate : 0;
	b->xmit_hash_policy = bond_hashes(b->mode) ? l->bond.xmit_hash_policy : 0;
	b->mtu = l->mtu;
	b->mac = l->mac;
	b->state = link_state(l, r);
	b->primary = primary ? arena_strdup(h->pass, primary->name) : NULL;
	for (size_t i = 0; i < bond_table.n_fields; i++)
		if (bond_table.fields[i].shape == SHAPE_SCALAR &&
			(primary || !streq(bond_table.fields[i].name, "primary")))
			obj_mark_set(b, bond_table.fields[i].name);
	return b;
}

static int refuse(struct host *h, const struct link *l, struct error *e)
{
	error_set(e, -ENOTUNIQ, "the link %s is there already and is %s, not a bond", l->name,
		link_describe(l, h->pass));
	return error_cure(
		e, "name the bond otherwise, or remove the link: ip link delete %s", l->name);
}

static int bond_observe(struct host *h, const struct resource *r, void **have, struct error *e)
{
	struct bond *b = obj_new(h->pass, &bond_table, r->name);
	const struct links *ls;
	const struct link *l;
	int ret;

	*have = NULL;
	if (!h->live)
		return 0;
	ret = ported_link(h, r, &ls, &l, e);
	if (ret < 0)
		return ret;
	if (!l) {
		/* Deleted, and what it took of its ports was never given back. */
		*have = !r->want && taken_port(h, r->id, 0) ? b : NULL;
		return r->want ? ported_observe(h, r, ls, NULL, &b->ported, e) : 0;
	}
	if (!is_bond(l))
		return r->want ? refuse(h, l, e) : 0;
	if (!r->want && !r->before && (ret = ports_foreign(h, r, ls, l, e)) < 0)
		return ret;
	b = bond_have(h, r, ls, l);
	ret = ported_observe(h, r, ls, l, &b->ported, e);
	if (ret < 0)
		return ret;
	/* A port of somebody else's is nothing that the document could prefer. */
	if (b->primary && !ported_wants(&b->ported, b->primary))
		forget_primary(b);
	*have = b;
	return 0;
}

/* ---- the difference ---- */

bool bond_is_ours(struct host *h, const struct resource *r)
{
	return record_has(h, r->id) && record_made(h, r->id);
}

/* Another card has it, which left the bond; what lies above a bond has it too. */
static bool doubled(const struct links *ls, const struct link *bond)
{
	static const char *const above[] = { "vlan", "bridge", "macvlan", "macvtap" };

	for (size_t i = 0; i < ls->n; i++) {
		const struct link *l = &ls->v[i];
		bool other =
			l != bond && l->master != bond->index && mac_equal(&l->mac, &bond->mac);

		for (size_t k = 0; other && l->type && k < ARRAY_SIZE(above); k++)
			other = !streq(l->type, above[k]);
		if (other)
			return true;
	}
	return false;
}

/*
 * The MAC address of a bond of ours where the document gives none: its first port's own. One that
 * it has stays, unless it was made before its first port came, or would be doubled. Returns
 * whether it has to change.
 */
static bool choose_mac(struct host *h, const struct links *ls, const struct resource *r,
	const struct bond *want, const struct link *there, struct mac *out)
{
	struct mac own = link_mac(h, 0x52, r->name);
	const struct link *port = NULL;

	for (size_t i = 0; !port && i < want->ports.n; i++)
		port = port_find(h, r, ls, LIST_AT(&want->ports, const char *, i), NULL);
	*out = port ? port->own_mac : own;
	if (!there)
		return true;
	if (!link_is_marked_for(there, r) || !bond_is_ours(h, r) || mac_equal(&there->mac, out))
		return false;
	return doubled(ls, there) || (port && mac_equal(&there->mac, &own));
}

static const char *mac_text(struct host *h, const struct mac *m)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };

	mac_format(m, &text);
	return arena_strdup(h->pass, sb_str(&text));
}

static void diff_mac(struct host *h, struct step *s, const struct links *ls)
{
	const struct bond *have = s->have, *want = s->want;
	const struct link *l = links_name(ls, s->r->name);
	const struct link *stray;
	struct mac m;

	for (size_t i = 0; have && l && i < want->ports.n; i++)
		if ((stray = bond_link_stray(ls, l, want, i)))
			step_change(h, s, "mac", arena_printf(h->pass, "mac of %s", stray->name),
				mac_text(h, &stray->mac), mac_text(h, &l->mac));
	if (have && l && !obj_has(want, "mac") && choose_mac(h, ls, s->r, want, l, &m))
		step_change(h, s, "mac", "mac", mac_text(h, &have->mac), mac_text(h, &m));
}

static void bond_diff(struct host *h, struct step *s)
{
	const struct bond *have = s->have, *want = s->want;
	const char *awaited = NULL;
	struct bond shown = *want;
	const struct links *ls;

	if (!h->live || links_get(h, &ls, NULL) < 0)
		return;
	shown.ports = ports_present(h, s->r, ls, &want->ports, &awaited);
	/* A port that is not there yet is preferred when it is. */
	if (want->primary && !ported_wants(&shown.ported, want->primary))
		forget_primary(&shown);
	s->want = &shown;
	link_diff(h, s, have ? &have->state : NULL);
	s->want = want;
	diff_mac(h, s, ls);
	if (have && have->primary && !want->primary && bond_is_ours(h, s->r))
		step_change(h, s, "primary", "primary", have->primary, "none");
	if (s->n_changes || !awaited || s->verb == STEP_RESTORE)
		return;
	step_change(h, s, "ports", "ports", obj_text(have, "ports", h->pass),
		obj_text(want, "ports", h->pass));
	s->wait = awaited;
}

/* ---- making it so ---- */

static void set(struct host *h, struct nl *nl, const struct links *ls, struct step *s,
	const struct link *there)
{
	const struct bond *want = s->want;
	struct mac mac = want->mac;
	bool change = obj_has(want, "mac") || choose_mac(h, ls, s->r, want, there, &mac);

	bond_link_set(h, nl, ls, s, there, change ? &mac : NULL);
	links_forget(h);
	if (!s->error.code)
		ports_take(h, s);
	if (!s->error.code)
		bond_link_align(h, s);
	if (!s->error.code)
		bond_link_prefer(h, s);
}

static void change(struct host *h, struct step *s)
{
	const struct link *there;
	const struct links *ls;
	struct nl *nl;

	ports_give_back(h, s);
	if (s->error.code || links_get(h, &ls, &s->error) < 0 || netlink_get(h, &nl, &s->error) < 0)
		return;
	there = links_name(ls, s->r->name);
	if (there && link_marked(there) && !link_is_marked_for(there, s->r))
		there = NULL;
	if (there && (!is_bond(there) || (s->want && !s->have && !link_marked(there)))) {
		error_set(&s->error, -EEXIST, "a link %s appeared meanwhile", s->r->name);
	} else if (!s->want) {
		if (there)
			links_remove(nl, ls, &(struct doomed){ there, s }, 1);
	} else if (there || s->verb != STEP_RESTORE) {
		set(h, nl, ls, s, there);
	}
	links_forget(h);
}

static int bond_apply(struct host *h, struct step *s, struct error *e)
{
	managers_expect(h, &s, 1);
	change(h, s);
	*e = s->error;
	s->error = (struct error){ 0 };
	return e->code;
}

const struct kind bond_kind = {
	.name = "bond",
	.table = &bond_table,
	.claims = "link",
	.recreate_costs = DISRUPT_LINK,
	.undo = true,
	.check = bond_check,
	.derive = bond_derive,
	.observe = bond_observe,
	.diff = bond_diff,
	.apply = bond_apply,
	.owned = links_owned,
};
