/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sriov/inventory.h"
#include "iommu/iommu.h"
#include "sriov/sriov_kind.h"

/* What the PF's driver says of the VF. */
static const struct vf *reported(
	struct host *h, struct pci *p, const struct pci_device *vf, int number)
{
	const struct pci_device *pf = pci_find(p, vf->physfn);
	const struct vf_link *l;

	if (!pf || pf_link(h, pf, &l, NULL) < 0 || !l || (size_t)number >= l->vfs.n)
		return NULL;
	return &LIST_AT(&l->vfs, struct vf, number);
}

static int look(struct host *h, struct pci *p, const struct pci_device *d, struct inventory_item *i,
	struct error *e)
{
	static const struct asking alone;
	int r = pf_link(h, d, &i->link, e);

	if (r < 0)
		return r;
	i->d = d;
	i->names = pci_names(h, d);
	i->vf_number = pci_vf_index(p, d);
	i->vf = i->vf_number < 0 ? NULL : reported(h, p, d, i->vf_number);
	i->holder = vfio_holder(h, d);
	i->host_use = host_use(h, d);
	i->verdict = assignable(h, p, d, &alone);
	return 0;
}

int inventory_get(struct host *h, struct inventory *out, struct error *e)
{
	const struct pci_device *const *all;
	struct inventory made = { .iommu = iommu_groups(h) > 0 };
	struct pci *p;
	int r = pci_get(h, &p, e);

	if (r < 0)
		return r;
	all = pci_all(p, &made.n);
	made.v = arena_alloc(h->pass, (made.n + 1) * sizeof(*made.v));
	for (size_t i = 0; i < made.n; i++) {
		r = look(h, p, all[i], &made.v[i], e);
		if (r < 0)
			return r;
	}
	*out = made;
	return 0;
}

const struct inventory_item *inventory_find(const struct inventory *all, const char *address)
{
	for (size_t i = 0; i < all->n; i++) {
		const char *whole = all->v[i].d->address;
		const char *short_form = startswith(whole, "0000:");

		if (streq(whole, address) || (short_form && streq(short_form, address)))
			return &all->v[i];
	}
	return NULL;
}

const char *inventory_state(const struct inventory_item *i)
{
	if (i->holder)
		return i->holder->guest ? "guest" : "in use";
	if (i->host_use)
		return "host";
	return i->verdict.why ? "no" : "free";
}

/*
 * For machines
 */

static json_t *text(const char *s)
{
	return s ? json_stringn_nocheck(s, strlen(s)) : json_null();
}

static json_t *id_json(unsigned id, const char *name)
{
	char digits[8];

	snprintf(digits, sizeof(digits), "%04x", id);
	return json_pack("{s:s, s:o}", "id", digits, "name", text(name));
}

static json_t *class_json(const struct inventory_item *i)
{
	char digits[8];

	snprintf(digits, sizeof(digits), "%06x", i->d->class);
	return json_pack("{s:s, s:o}", "id", digits, "name", text(i->names->class));
}

static json_t *number(int v)
{
	return v < 0 ? json_null() : json_integer(v);
}

static json_t *pf_json(const struct pci_device *d)
{
	return json_pack("{s:i, s:i, s:b}", "total_vfs", (int)d->total_vfs, "num_vfs",
		(int)d->num_vfs, "drivers_autoprobe", d->drivers_autoprobe);
}

static json_t *vf_json(const struct inventory_item *i)
{
	_cleanup_strbuf_ struct strbuf b = { 0 };
	json_t *settings = json_null();

	if (i->vf) {
		obj_json(i->vf, &b);
		settings = json_loads(sb_str(&b), 0, NULL);
	}
	return json_pack("{s:s, s:i, s:o}", "pf", i->d->physfn, "number", i->vf_number, "settings",
		settings);
}

static json_t *links_json(const struct inventory_item *i)
{
	json_t *all = json_array();

	for (size_t k = 0; k < i->d->n_nets; k++) {
		json_t *o = json_pack("{s:s}", "name", i->d->nets[k]);

		if (i->link && streq(i->link->name, i->d->nets[k])) {
			json_object_set_new(o, "up", json_boolean(i->link->up));
			json_object_set_new(o, "carrier", json_boolean(i->link->carrier));
		}
		json_array_append_new(all, o);
	}
	return all;
}

static json_t *holder_json(const struct vfio_holder *who)
{
	if (!who)
		return json_null();
	return json_pack("{s:o, s:i}", "guest", text(who->guest), "process", who->pid);
}

static json_t *item_json(const struct inventory_item *i)
{
	const struct pci_device *d = i->d;

	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:o, "
			 "s:b, s:o, s:o}",
		"address", d->address, "class", class_json(i), "vendor",
		id_json(d->vendor, i->names->vendor), "device",
		id_json(d->device, i->names->device), "driver", text(d->driver), "driver_override",
		text(d->driver_override), "iommu_group", number(d->group), "numa_node",
		number(d->numa_node), "pf", d->total_vfs ? pf_json(d) : json_null(), "vf",
		i->vf_number < 0 ? json_null() : vf_json(i), "interfaces", links_json(i), "state",
		inventory_state(i), "held_by", holder_json(i->holder), "host_use",
		text(i->host_use), "assignable", i->verdict.why == NULL, "why",
		text(i->verdict.why), "cure", text(i->verdict.cure));
}

json_t *inventory_json(const struct inventory *all)
{
	json_t *list = json_array();

	for (size_t i = 0; i < all->n; i++)
		json_array_append_new(list, item_json(&all->v[i]));
	return json_pack("{s:i, s:b, s:o}", "format", 1, "iommu", all->iommu, "devices", list);
}
