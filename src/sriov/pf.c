/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which PF a document means, and where its VFs are. */
#include "config/guest_mac.h"
#include "reconcile/machine_id.h"
#include "sriov/vf_links.h"

const char *sriov_pf_words(struct host *h, const struct pf_device *want)
{
	_cleanup_strbuf_ struct strbuf mac = { 0 };

	if (obj_has(want, "address"))
		return arena_printf(h->pass, "the device %s", want->address);
	if (obj_has(want, "interface"))
		return arena_printf(h->pass, "the interface %s", want->interface);
	if (obj_has(want, "driver"))
		return arena_printf(h->pass, "device %lld of the driver %s", (long long)want->port,
			want->driver);
	mac_format(&want->mac, &mac);
	return arena_printf(h->pass, "a card with the MAC address %s", sb_str(&mac));
}

/* VFs of the driver (mlx5_core, nvme and others drive both) are not counted. */
static const struct pci_device *nth_of_driver(struct pci *p, const char *driver, int64_t nth)
{
	const struct pci_device *const *v;
	size_t n;

	v = pci_of_driver(p, driver, &n);
	for (size_t i = 0; i < n; i++)
		if (!v[i]->physfn && nth-- == 0)
			return v[i];
	return NULL;
}

/* In a captured tree the interface's present address is all there is. */
static const struct pci_device *by_mac_in_tree(struct host *h, struct pci *p, const struct mac *mac)
{
	_cleanup_free_ char **names = NULL;
	size_t n = 0;

	if (file_list(h->root, "/sys/class/net", &names, &n) < 0)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *path = xprintf("/sys/class/net/%s/address", names[i]);
		_cleanup_free_ char *text = NULL;
		struct mac at;

		if (file_read_line(h->root, path, &text) >= 0 && mac_parse(text, &at) &&
			mac_equal(&at, mac))
			return pci_of_net(p, names[i]);
	}
	return NULL;
}

static int by_mac(struct host *h, struct pci *p, const struct mac *mac,
	const struct pci_device **pf, struct error *e)
{
	const struct vf_link *l;
	int r;

	if (!h->live) {
		*pf = by_mac_in_tree(h, p, mac);
		return 0;
	}
	r = vf_link_by_mac(h, mac, &l, e);
	if (r >= 0 && l)
		*pf = pci_of_net(p, l->name);
	return r;
}

int sriov_find_pf(
	struct host *h, const struct pf_device *want, const struct pci_device **pf, struct error *e)
{
	struct pci *p;
	int r = pci_get(h, &p, e);

	*pf = NULL;
	if (r < 0)
		return r;
	if (obj_has(want, "address"))
		*pf = pci_find(p, want->address);
	else if (obj_has(want, "interface"))
		*pf = pci_of_net(p, want->interface);
	else if (obj_has(want, "driver"))
		*pf = nth_of_driver(p, want->driver, want->port);
	else
		r = by_mac(h, p, &want->mac, pf, e);
	return r;
}

int sriov_vf_address(struct host *h, const struct sriov *want, unsigned number,
	const struct pci_device **vf, struct error *e)
{
	const struct pci_device *pf;
	const char *const *vfs;
	struct pci *p;
	size_t n;
	int r = sriov_find_pf(h, &want->device, &pf, e);

	if (r < 0 || (r = pci_get(h, &p, e)) < 0)
		return r;
	if (!pf)
		return error_set(e, -ENOENT, "%s is not there", sriov_pf_words(h, &want->device));
	vfs = pci_vfs(p, pf, &n);
	*vf = number < n && vfs[number] ? pci_find(p, vfs[number]) : NULL;
	if (!*vf)
		return error_set(e, -ENOENT, "%s has no VF %u: it has %zu", pf->address, number, n);
	return 0;
}

struct mac sriov_vf_mac(struct host *h, const char *name, unsigned number)
{
	_cleanup_free_ char *who = xprintf("sriov/%s", name);
	char host[256] = "";
	const char *id;

	if (machine_id(h, &id) >= 0 && *id)
		return guest_mac(id, who, number);
	gethostname(host, sizeof(host) - 1);
	return guest_mac(host, who, number);
}
