/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu/pci_internal.h"

static int pci_open(struct host *h, void **data, struct error *e _unused_)
{
	struct pci *p = xmalloc(sizeof(*p));

	*p = (struct pci){ .host = h };
	*data = p;
	return 0;
}

/* What it had lies in the pass's arena, and ends with it. */
static void forget(void *data)
{
	struct pci *p = data;

	*p = (struct pci){ .host = p->host };
}

static const struct handle pci_handle = {
	.name = "pci",
	.open = pci_open,
	.forget = forget,
	.close = free,
};

static int list(struct host *h, struct pci *p, struct error *e)
{
	_cleanup_free_ char **names = NULL;
	size_t n = 0;
	int r = file_list(h->root, PCI_DEVICES, &names, &n);

	if (r < 0 && r != -ENOENT)
		return error_set(e, r, "cannot read " PCI_DEVICES ": %s", strerror(-r));
	p->arena = h->pass;
	p->v = arena_alloc(p->arena, (n + 1) * sizeof(*p->v));
	p->n = n;
	for (size_t i = 0; i < n; i++)
		p->v[i].d.address = arena_strdup(p->arena, names[i]);
	return 0;
}

int pci_get(struct host *h, struct pci **out, struct error *e)
{
	struct pci *p;
	void *data;
	int r = host_handle(h, &pci_handle, &data, e);

	if (r < 0)
		return r;
	p = data;
	if (!p->arena && (r = list(h, p, e)) < 0)
		return r;
	*out = p;
	return 0;
}

void pci_forget(struct host *h)
{
	void *data;

	if (host_handle(h, &pci_handle, &data, NULL) >= 0)
		forget(data);
}

static int by_address(const void *key, const void *entry)
{
	return strcmp(key, ((const struct entry *)entry)->d.address);
}

struct entry *pci_entry(struct pci *p, const char *address)
{
	return bsearch(address, p->v, p->n, sizeof(*p->v), by_address);
}

static struct entry *find(struct pci *p, const char *address)
{
	struct entry *at = pci_entry(p, address);

	if (at && !at->read)
		pci_read_device(p, at);
	return at;
}

const struct pci_device *pci_find(struct pci *p, const char *address)
{
	struct entry *at = find(p, address);

	return at ? &at->d : NULL;
}

const struct pci_device *const *pci_all(struct pci *p, size_t *n)
{
	if (!p->all)
		p->all = arena_alloc(p->arena, (p->n + 1) * sizeof(*p->all));
	for (size_t i = 0; i < p->n; i++) {
		if (!p->v[i].read)
			pci_read_device(p, &p->v[i]);
		p->all[i] = &p->v[i].d;
	}
	*n = p->n;
	return p->all;
}

const char *const *pci_vfs(struct pci *p, const struct pci_device *pf, size_t *n)
{
	struct entry *at = find(p, pf->address);

	if (at && !at->vfs_read)
		pci_read_vfs(p, at);
	*n = at ? at->n_vfs : 0;
	return at ? at->vfs : NULL;
}

int pci_vf_index(struct pci *p, const struct pci_device *vf)
{
	const struct pci_device *pf = vf->physfn ? pci_find(p, vf->physfn) : NULL;
	const char *const *vfs;
	size_t n = 0;

	vfs = pf ? pci_vfs(p, pf, &n) : NULL;
	for (size_t i = 0; i < n; i++)
		if (vfs[i] && streq(vfs[i], vf->address))
			return (int)i;
	return -1;
}

const struct pci_device *const *pci_of_driver(struct pci *p, const char *driver, size_t *n)
{
	_cleanup_free_ char *dir = xprintf("/sys/bus/pci/drivers/%s", driver);
	_cleanup_free_ char **names = NULL;
	const struct pci_device **found = NULL, *d;
	size_t n_names = 0;

	*n = 0;
	if (file_list(p->host->root, dir, &names, &n_names) < 0)
		return NULL;
	for (size_t i = 0; i < n_names; i++)
		if ((d = pci_find(p, names[i])))
			*ARENA_PUSH(p->arena, found, *n) = d;
	return found;
}

const struct pci_device *pci_of_net(struct pci *p, const char *net)
{
	pci_read_nets(p);
	for (size_t i = 0; i < p->n_nets; i++)
		if (streq(p->nets[i].name, net))
			return pci_find(p, p->nets[i].address);
	return NULL;
}

static const char *file_of(struct host *h, const struct pci_device *d, const char *file)
{
	return arena_printf(h->pass, PCI_DEVICES "/%s/%s", d->address, file);
}

const char *pci_attribute(struct host *h, const struct pci_device *d, const char *file)
{
	_cleanup_free_ char *text = NULL;

	if (file_read_line(h->root, file_of(h, d, file), &text) < 0)
		return NULL;
	return arena_strdup(h->pass, text);
}

int pci_write(struct host *h, const struct pci_device *d, const char *file, const char *text)
{
	return file_poke(h->root, file_of(h, d, file), text);
}
