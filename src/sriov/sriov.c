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
#include "base/strmap.h"
#include "reconcile/record.h"

/*
 * One PF, one resource
 */

static int claims_open(struct host *h _unused_, void **data, struct error *e _unused_)
{
	struct strmap *m = xmalloc(sizeof(*m));

	*m = (struct strmap){ 0 };
	*data = m;
	return 0;
}

static void claims_forget(void *data)
{
	strmap_free(data);
	*(struct strmap *)data = (struct strmap){ 0 };
}

static void claims_close(void *data)
{
	strmap_free(data);
	free(data);
}

static const struct handle claims_handle = {
	.name = "PFs that are wanted",
	.open = claims_open,
	.forget = claims_forget,
	.close = claims_close,
};

static int claim(
	struct host *h, const struct resource *r, const struct pci_device *pf, struct error *e)
{
	const char *other;
	void *data;
	int ret = host_handle(h, &claims_handle, &data, e);

	if (ret < 0)
		return ret;
	other = strmap_get(data, pf->address);
	if (other && !streq(other, r->id)) {
		error_set(e, -EADDRINUSE, "%s is the device of %s too", pf->address, other);
		return error_cure(e, "name each device once");
	}
	strmap_put(data, pf->address, (void *)r->id);
	return 0;
}

/*
 * What is recorded
 */

const char *boot_id(struct host *h)
{
	_cleanup_free_ char *id = NULL;

	if (file_read_line(h->root, "/proc/sys/kernel/random/boot_id", &id) < 0)
		return "";
	return arena_strdup(h->pass, id);
}

/* The PF that an entry of the record was set up with in this boot; NULL: none. */
static const char *kept_address(struct host *h, const json_t *entry)
{
	const json_t *kept = json_object_get(entry, "kept");
	const char *boot = json_string_value(json_object_get(kept, "boot"));

	if (!boot || !streq(boot, boot_id(h)))
		return NULL;
	return json_string_value(json_object_get(kept, "address"));
}

/* Under which other name the PF is managed until that is given back; NULL: none. */
static const char *former_name(
	struct host *h, const struct resource *r, const struct pci_device *pf)
{
	const char *id;
	json_t *entry;

	json_object_foreach (record_resources(h), id, entry) {
		const char *address = startswith(id, "sriov/") ? kept_address(h, entry) : NULL;

		if (address && !streq(id, r->id) && streq(address, pf->address))
			return id;
	}
	return NULL;
}

/* What was recorded of one device must not be given back to another. */
static int check_record(
	struct host *h, const struct resource *r, const struct pci_device *pf, struct error *e)
{
	const char *address = kept_address(h, json_object_get(record_resources(h), r->id));
	struct pci *p;
	int ret = pci_get(h, &p, e);

	if (ret < 0 || !address || streq(address, pf->address) || !pci_find(p, address))
		return ret;
	error_set(e, -EBUSY, "%s still manages %s, and now means %s", r->id, address, pf->address);
	return error_cure(e, "give the new device a name of its own");
}

static int find_recorded(
	struct host *h, const struct resource *r, const struct pci_device **pf, struct error *e)
{
	const char *address = kept_address(h, json_object_get(record_resources(h), r->id));
	struct pci *p;
	int ret = pci_get(h, &p, e);

	*pf = ret >= 0 && address ? pci_find(p, address) : NULL;
	return ret;
}

/*
 * Observation
 */

static const char *pf_words(struct host *h, const struct pci_device *pf)
{
	return arena_printf(h->pass, "%s (%s)", pf->address, pf->driver ? pf->driver : "no driver");
}

static int check_pf(
	struct host *h, const struct sriov *want, const struct pci_device *pf, struct error *e)
{
	if (pf->physfn) {
		error_set(e, -EINVAL, "%s is a VF itself, of %s", pf->address, pf->physfn);
		return error_cure(e, "write the PF: {address: \"%s\"}", pf->physfn);
	}
	if (!pf->total_vfs && want->max_vfs) {
		error_set(e, -EOPNOTSUPP, "%s has no SR-IOV", pf_words(h, pf));
		return error_cure(e,
			"`kvmhostctl devices` shows which have; where the card's data sheet "
			"says that it has, turn SR-IOV on in the firmware's setup");
	}
	if (want->max_vfs > (int64_t)pf->total_vfs && want->max_vfs) {
		error_set(e, -ERANGE, "max_vfs: %s can have at most %u VFs, not %lld",
			pf_words(h, pf), pf->total_vfs, (long long)want->max_vfs);
		return error_cure(e, "write `max_vfs: %u` or less", pf->total_vfs);
	}
	if (PCI_CLASS_BASE(pf) != PCI_BASE_NETWORK && want->vfs.n) {
		error_set(e, -EOPNOTSUPP,
			"vfs: %s is no network card, so nothing of its VFs can "
			"be set",
			pf_words(h, pf));
		return error_cure(e, "take `vfs` out");
	}
	return 0;
}

int pf_link(
	struct host *h, const struct pci_device *pf, const struct vf_link **link, struct error *e)
{
	const struct vf_link *l;
	int r;

	*link = NULL;
	/* In switchdev mode the VFs' representors are the PF's interfaces too. */
	for (size_t i = 0; i < pf->n_nets; i++) {
		r = vf_link_get(h, pf->nets[i], &l, e);
		if (r < 0)
			return r;
		if (l && (!*link || (l->vfs.n && !(*link)->vfs.n)))
			*link = l;
	}
	return 0;
}

/* Without its own driver a PF makes no VFs: as good as not there. */
static bool has_driver(const struct pci_device *pf)
{
	return pf->driver && !vfio_drives(pf);
}

static int see(struct host *h, const struct resource *r, const struct pci_device *pf, void **have,
	struct error *e)
{
	struct sriov *seen = obj_new(h->pass, &sriov_table, r->name);
	int ret = pf_link(h, pf, &seen->state.link, e);

	if (ret < 0)
		return ret;
	seen->device.address = pf->address;
	seen->max_vfs = pf->num_vfs;
	seen->drivers_autoprobe = pf->drivers_autoprobe;
	seen->state.pf = pf;
	if (seen->state.link)
		seen->vfs = seen->state.link->vfs;
	obj_mark_set(seen, "device.address");
	obj_mark_set(seen, "max_vfs");
	obj_mark_set(seen, "drivers_autoprobe");
	obj_mark_set(seen, "vfs");
	*have = seen;
	return 0;
}

static int sriov_observe(struct host *h, const struct resource *r, void **have, struct error *e)
{
	const struct sriov *want = r->want;
	const struct pci_device *pf;
	int ret = want ? sriov_find_pf(h, &want->device, &pf, e) : find_recorded(h, r, &pf, e);

	*have = NULL;
	if (ret < 0 || !pf)
		return ret;
	if (want && ((ret = check_pf(h, want, pf, e)) < 0 || (ret = claim(h, r, pf, e)) < 0 ||
			    (ret = check_record(h, r, pf, e)) < 0))
		return ret;
	if (!has_driver(pf) || (want && former_name(h, r, pf)))
		return 0;
	return see(h, r, pf, have, e);
}

/*
 * Comparison
 */

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

/* The card then takes packets for the new address alone, and the guest speaks from the old one. */
static void weigh_macs(struct host *h, struct step *s)
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

		if (vfs[i] && changes(s, arena_printf(h->pass, "vfs.%zu.mac", i)))
			vf = pci_find(p, vfs[i]);
		who = vf ? vfio_holder(h, vf) : NULL;
		if (!who)
			continue;
		s->disruption = DISRUPT_GUEST;
		s->reason = arena_printf(h->pass,
			"%s uses VF %zu and hears of its new MAC address only when started again",
			who->words, i);
	}
}

static void wait_for_pf(struct host *h, struct step *s, const struct sriov *want)
{
	const struct pci_device *pf;
	const char *former;

	if (sriov_find_pf(h, &want->device, &pf, NULL) < 0 || !pf)
		s->wait = arena_printf(h->pass, "%s to appear", sriov_pf_words(h, &want->device));
	else if ((former = former_name(h, s->r, pf)))
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
		weigh_macs(h, s);
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
