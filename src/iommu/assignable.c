/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu/assignable.h"
#include "iommu/host_use.h"
#include "iommu/iommu.h"
#include "iommu/pci_config.h"

const char *pci_driven(struct host *h, const struct pci_device *d)
{
	if (!d->driver)
		return "no driver";
	return d->n_nets ? arena_printf(h->pass, "%s, in use as %s", d->driver, d->nets[0])
			 : d->driver;
}

static bool is_bridge(const struct pci_device *d)
{
	return PCI_CLASS_BASE(d) == PCI_BASE_BRIDGE;
}

static struct verdict no_group(struct host *h, const struct pci_device *d)
{
	_cleanup_error_ struct error e = { 0 };
	struct verdict v = { 0 };
	const char *wait;

	if (iommu_groups(h)) {
		v.why = "the IOMMU does not reach it: the kernel put it into no group";
		v.cure = arena_printf(h->pass,
			"see what the kernel says of it: dmesg | grep %s; another slot may be "
			"reached",
			d->address);
		return v;
	}
	wait = iommu_missing(h, &e);
	if (wait) {
		v.why = arena_printf(h->pass, "no IOMMU works yet; it needs %s", wait);
		v.cure = "write `host: {iommu: {enabled: true}}`, apply and reboot";
		return v;
	}
	v.why = arena_strdup(h->pass, e.text);
	v.cure = e.cure ? arena_strdup(h->pass, e.cure) : NULL;
	return v;
}

/* What the host would lose; it has nothing to do with the IOMMU. */
static struct verdict needed_here(struct host *h, const struct pci_device *d, bool again)
{
	const char *use;

	if (is_bridge(d))
		return (struct verdict){ "it is a bridge, which belongs to the machine",
			"name the device behind it" };
	if (d->boot_vga)
		return (struct verdict){ "it is the screen that the machine boots with",
			"choose another one in the firmware's setup, or keep this one" };
	use = host_use(h, d);
	if (use && !(again && d->n_nets))
		return (struct verdict){ arena_printf(h->pass, "the host needs it: %s%s",
						 strchr(use, ' ') && d->n_nets ? "" : "it ", use),
			"move that elsewhere first, or choose another device" };
	if (d->num_vfs)
		return (struct verdict){ arena_printf(h->pass,
						 "it has %u virtual functions, which would go "
						 "with its driver",
						 d->num_vfs),
			"give the guest one of those (`interfaces: [{vf: ...}]`), or take its "
			"entry out of `sriov:`" };
	return (struct verdict){ 0 };
}

/* "0000:01:00.0" without its function. */
static bool same_slot(const char *a, const char *b)
{
	size_t n = strcspn(a, ".");

	return n == strcspn(b, ".") && strncmp(a, b, n) == 0;
}

/* The bridge above it that makes all behind it one to the IOMMU; NULL: there is none. */
static const char *legacy_bridge(struct host *h, const struct pci_device *d)
{
	_cleanup_free_ char *path = d->path ? xstrdup(d->path) : NULL;
	char *rest = NULL, *s = path ? strtok_r(path, "/", &rest) : NULL;

	/* The first part is the root bus, the last the function itself. */
	while ((s = s ? strtok_r(NULL, "/", &rest) : NULL) && !streq(s, d->address))
		if (pci_is_legacy_bridge(h, s))
			return arena_strdup(h->pass, s);
	return NULL;
}

static const char *why_together(
	struct host *h, const struct pci_device *d, const struct pci_device *other)
{
	const char *bridge = legacy_bridge(h, d);

	if (!bridge)
		bridge = legacy_bridge(h, other);
	if (bridge)
		return arena_printf(h->pass,
			"they are behind the PCI bridge %s, which sends for all of them under "
			"one name; a PCI Express slot keeps them apart",
			bridge);
	if (same_slot(d->address, other->address))
		return "they are functions of one device, which does not say that it keeps them "
		       "apart (ACS)";
	return "a port or switch above them does not keep them apart (ACS); another slot may";
}

/* As the kernel judges: such a member does no DMA of its own behind the guest's back. */
static bool harmless(const struct pci_device *d)
{
	return !d->driver || streq(d->driver, "vfio-pci") || streq(d->driver, "pci-stub") ||
	       (is_bridge(d) && streq(d->driver, "pcieport"));
}

static struct verdict group_of(
	struct host *h, struct pci *p, const struct pci_device *d, const struct asking *how)
{
	_cleanup_strbuf_ struct strbuf others = { 0 };
	const struct pci_device *first = NULL;
	const struct pci_device *const *all;
	size_t n = 0;

	all = pci_all(p, &n);
	for (size_t i = 0; i < n; i++) {
		const struct pci_device *o = all[i];

		if (o->group != d->group || o == d || harmless(o) ||
			(how->given && how->given(o, how->arg)))
			continue;
		first = first ? first : o;
		sb_addf(&others, "%s%s (%s)", others.len ? ", " : "", o->address, pci_driven(h, o));
	}
	if (!first)
		return (struct verdict){ 0 };
	return (struct verdict){
		arena_printf(h->pass, "group %d also holds %s: %s", d->group, sb_str(&others),
			why_together(h, d, first)),
		"a guest gets all of a group or nothing: list the others under `devices:` too, "
		"unbind them from their drivers, or move one of them to another slot",
	};
}

struct verdict assignable(
	struct host *h, struct pci *p, const struct pci_device *d, const struct asking *how)
{
	struct verdict v = needed_here(h, d, how->again);

	if (v.why)
		return v;
	return d->group < 0 ? no_group(h, d) : group_of(h, p, d, how);
}
