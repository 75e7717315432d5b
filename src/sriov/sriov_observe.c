/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a PF has, and whether it is the one that an entry means, and its alone. */
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
	_cleanup_free_ char *id = host_boot_id(h);

	return id ? arena_strdup(h->pass, id) : "";
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

const char *pf_former_name(struct host *h, const struct resource *r, const struct pci_device *pf)
{
	const char *id;

	for (size_t at = 0; (id = record_next(h, &at));) {
		const char *address =
			startswith(id, "sriov/") ? kept_address(h, record_entry(h, id)) : NULL;

		if (address && !streq(id, r->id) && streq(address, pf->address))
			return id;
	}
	return NULL;
}

/* What was recorded of one device must not be given back to another. */
static int check_record(
	struct host *h, const struct resource *r, const struct pci_device *pf, struct error *e)
{
	const char *address = kept_address(h, record_entry(h, r->id));
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
	const char *address = kept_address(h, record_entry(h, r->id));
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

int sriov_observe(struct host *h, const struct resource *r, void **have, struct error *e)
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
	if (!has_driver(pf) || (want && pf_former_name(h, r, pf)))
		return 0;
	return see(h, r, pf, have, e);
}
