/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kind `sriov`: one resource is a PF with all of its VFs. A VF is known by
 * its PF and number, since it is not there before its PF has made it.
 *
 * The kernel changes the number of VFs only by taking all of them away first,
 * and then waits, in the middle of the write, for whoever has one open. So a
 * change of the number waits until no guest has any.
 *
 * Nothing on the machine carries a mark. The record keeps how the PF was, its
 * address, and the boot in which it was set up: no VF outlives a reboot, and
 * the address may then be another device's.
 */
#include "sriov/sriov_kind.h"
#include "reconcile/record.h"

static void change_number(
	struct host *h, struct step *s, const char *key, int64_t have, int64_t want)
{
	if (have != want)
		step_change(h, s, key, key, arena_printf(h->pass, "%lld", (long long)have),
			arena_printf(h->pass, "%lld", (long long)want));
}

static void sriov_diff(struct host *h, struct step *s)
{
	const struct sriov *want = s->want, *have = s->have;
	bool down;

	if (!want)
		return;
	if (!have) {
		step_change(h, s, "max_vfs", "max_vfs", NULL,
			arena_printf(h->pass, "%lld", (long long)want->max_vfs));
		return;
	}
	change_number(h, s, "max_vfs", have->max_vfs, want->max_vfs);
	if (have->drivers_autoprobe != want->drivers_autoprobe)
		step_change(h, s, "drivers_autoprobe", "drivers_autoprobe",
			have->drivers_autoprobe ? "true" : "false",
			want->drivers_autoprobe ? "true" : "false");
	down = have->state.link && !have->state.link->up;
	/* Drivers answer their VFs only while the PF itself is up. */
	if (down && want->max_vfs && !gives_back(s))
		step_change(h, s, "up", "up", "false", "true");
	vfs_diff(h, s, want, gives_back(s));
}

static bool changes(const struct step *s, const char *path)
{
	for (size_t i = 0; i < s->n_changes; i++)
		if (streq(s->changes[i].path, path))
			return true;
	return false;
}

static bool only_rates(const struct step *s)
{
	for (size_t i = 0; i < s->n_changes; i++)
		if (!endswith(s->changes[i].path, "_rate"))
			return false;
	return s->n_changes > 0;
}

const char *vf_users(struct host *h, const struct pci_device *pf, struct error *e)
{
	_cleanup_strbuf_ struct strbuf b = { 0 };
	const char *const *vfs;
	struct pci *p;
	size_t n;

	if (pci_get(h, &p, e) < 0)
		return NULL;
	vfs = pci_vfs(p, pf, &n);
	for (size_t i = 0; i < n; i++) {
		const struct pci_device *vf = vfs[i] ? pci_find(p, vfs[i]) : NULL;
		const struct vfio_holder *who = vf ? vfio_holder(h, vf) : NULL;

		if (who)
			sb_addf(&b, "%s%s (VF %zu, %s)", b.len ? ", " : "", who->words, i, vfs[i]);
	}
	return b.len ? arena_strdup(h->pass, sb_str(&b)) : NULL;
}

/* The driver refused this number while it had others, which were made again. */
static bool was_refused(struct host *h, const struct step *s, const struct sriov *want)
{
	const json_t *kept = record_kept_any(h, s->r->id), *number;
	const char *boot = json_string_value(json_object_get(kept, "boot"));

	number = json_object_get(kept, "refused");
	return want && number && boot && streq(boot, boot_id(h)) &&
	       json_integer_value(number) == want->max_vfs;
}

/* All VFs go away and come again. */
static void weigh_number(struct host *h, struct step *s)
{
	const struct sriov *want = s->want, *have = s->have;
	const struct pf_state *at = &have->state;
	const char *users = have->max_vfs ? vf_users(h, at->pf, NULL) : NULL, *wait;

	s->disruption = at->link && at->link->up ? DISRUPT_LINK : DISRUPT_NONE;
	if (!have->max_vfs && !gives_back(s))
		s->verb = STEP_CREATE;
	if (have->max_vfs && want && want->max_vfs)
		s->reason = "the number of VFs changes only through 0: all are made again";
	s->by_hand = have->max_vfs && !gives_back(s) && was_refused(h, s, want);
	if (!users)
		return;
	wait = arena_printf(
		h->pass, "%s to be stopped, or to give its VF back: all VFs go first", users);
	if (!s->r->want) {
		s->in_use = wait;
		return;
	}
	s->disruption = DISRUPT_GUEST;
	s->wait = wait;
}

/*
 * A new address: the card takes packets for that alone, and the guest speaks from the old one until
 * its driver is loaded again. So that waits. A new VLAN: the card's doing, of which a guest hears
 * nothing.
 */
static void weigh_users(struct host *h, struct step *s)
{
	const struct pci_device *pf = ((const struct sriov *)s->have)->state.pf;
	const char *const *vfs;
	struct pci *p;
	size_t n;

	if (pci_get(h, &p, NULL) < 0)
		return;
	vfs = pci_vfs(p, pf, &n);
	for (size_t i = 0; i < n; i++) {
		const struct pci_device *vf = NULL;
		const struct vfio_holder *who;
		bool mac = changes(s, arena_printf(h->pass, "vfs.%zu.mac", i));
		bool vlan = changes(s, arena_printf(h->pass, "vfs.%zu.vlan", i));

		if (vfs[i] && (mac || vlan))
			vf = pci_find(p, vfs[i]);
		who = vf ? vfio_holder(h, vf) : NULL;
		if (who && !mac && s->disruption != DISRUPT_GUEST)
			s->reason = arena_printf(h->pass,
				"%s uses VF %zu and is in its new VLAN at once, without being told",
				who->words, i);
		if (!who || !mac)
			continue;
		s->disruption = DISRUPT_GUEST;
		s->reason = arena_printf(h->pass,
			"%s uses VF %zu and would be cut off by its new MAC address until it is "
			"started again",
			who->words, i);
		s->wait = who->guest ? arena_printf(h->pass,
					       "%s to be stopped: kvmhostctl guest stop %s; "
					       "kvmhostctl apply; kvmhostctl guest start %s",
					       who->words, who->guest, who->guest)
				     : arena_printf(h->pass, "%s to let go of it", who->words);
	}
}

static void wait_for_pf(struct host *h, struct step *s, const struct sriov *want)
{
	const struct pci_device *pf;
	const char *former;

	if (sriov_find_pf(h, &want->device, &pf, NULL) < 0 || !pf)
		s->wait = arena_printf(h->pass, "%s to appear", sriov_pf_words(h, &want->device));
	else if ((former = pf_former_name(h, s->r, pf)))
		s->wait = arena_printf(h->pass, "%s to give %s back", former, pf->address);
	else
		s->wait = arena_printf(h->pass, "a driver for %s: %s", pf->address,
			pf->driver ? "it is bound to vfio-pci" : "none is bound");
}

static void sriov_refine(struct host *h, struct step *s)
{
	const struct sriov *want = s->want, *have = s->have;
	const struct vf_link *link = have ? have->state.link : NULL;

	s->disruption = DISRUPT_NONE;
	if (!h->live)
		s->wait = "the machine that boots from this tree";
	else if (want && !have)
		wait_for_pf(h, s, want);
	else if (have && want && changes(s, "max_vfs") && want->module_option)
		s->wait = arena_printf(h->pass, "module %s to be loaded again with %s=%lld",
			have->state.pf->driver, want->module_option, (long long)want->max_vfs);
	else if (have && changes(s, "max_vfs"))
		weigh_number(h, s);
	else if (only_rates(s) && link && !link->carrier)
		s->wait = arena_printf(
			h->pass, "a link on %s, whose speed bounds the rates of VFs", link->name);
	else if (have && want)
		weigh_users(h, s);
}

static void sriov_derive(const struct resource *r, struct wants *w)
{
	const struct sriov *s = r->want;
	struct resource *module;
	_cleanup_free_ char *number = NULL;

	if (!s->module_option)
		return;
	number = xprintf("%lld", (long long)s->max_vfs);
	module = want_derive(w, r, "module", s->device.driver, true);
	if (module->origin)
		want_set(w, module, "state", "available");
	want_set_entry(w, module, "options", s->module_option, number);
}

const struct kind sriov_kind = {
	.name = "sriov",
	.table = &sriov_table,
	.recreate_costs = DISRUPT_LINK,
	.offline = true, /* a captured tree can be planned against; nothing is applied to it */
	.derive = sriov_derive,
	.observe = sriov_observe,
	.diff = sriov_diff,
	.refine = sriov_refine,
	.apply = sriov_apply,
};
