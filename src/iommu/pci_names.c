/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu/pci_names.h"
#include "base/library.h"
#include "base/strmap.h"
#include <systemd/sd-hwdb.h>

#define HWDB_FUNCTIONS(X) \
	X(sd_hwdb_get) \
	X(sd_hwdb_new) \
	X(sd_hwdb_unref)
LIBRARY_DECLARE(HWDB_FUNCTIONS)
LIBRARY_DEFINE(HWDB_FUNCTIONS);

/* A card's VFs are alike: each modalias is looked up once. */
struct names {
	sd_hwdb *db; /* NULL: there is none */
	bool tried;
	struct strmap by_modalias; /* both in the pass arena */
};

static int names_open(struct host *h _unused_, void **data, struct error *e _unused_)
{
	struct names *n = xmalloc(sizeof(*n));

	*n = (struct names){ 0 };
	*data = n;
	return 0;
}

static void forget(void *data)
{
	struct names *n = data;

	strmap_free(&n->by_modalias);
	n->by_modalias = (struct strmap){ 0 };
}

static void names_close(void *data)
{
	struct names *n = data;

	if (n->db)
		sym_sd_hwdb_unref(n->db);
	forget(n);
	free(n);
}

static const struct handle names_handle = {
	.name = "hwdb",
	.open = names_open,
	.forget = forget,
	.close = names_close,
};

static void open_db(struct names *n)
{
	static struct library library = {
		.file = "libsystemd.so.0",
		.cure = "install it: apt install libsystemd0, or dnf install systemd-libs",
		.functions = functions,
	};

	n->tried = true;
	if (library_load(&library, "tell the names of devices", NULL) >= 0 &&
		sym_sd_hwdb_new(&n->db) < 0)
		n->db = NULL;
}

static const char *property(struct host *h, struct names *n, const char *modalias, const char *key)
{
	const char *value;

	if (!n->db || sym_sd_hwdb_get(n->db, modalias, key, &value) < 0)
		return NULL;
	return arena_strdup(h->pass, value);
}

static struct pci_names *look_up(struct host *h, struct names *n, const char *modalias)
{
	struct pci_names *found = arena_alloc(h->pass, sizeof(*found));

	if (!n->tried)
		open_db(n);
	found->vendor = property(h, n, modalias, "ID_VENDOR_FROM_DATABASE");
	found->device = property(h, n, modalias, "ID_MODEL_FROM_DATABASE");
	found->class = property(h, n, modalias, "ID_PCI_SUBCLASS_FROM_DATABASE");
	if (!found->class)
		found->class = property(h, n, modalias, "ID_PCI_CLASS_FROM_DATABASE");
	strmap_put(&n->by_modalias, arena_strdup(h->pass, modalias), found);
	return found;
}

const struct pci_names *pci_names(struct host *h, const struct pci_device *d)
{
	static const struct pci_names none;
	const struct pci_names *found;
	void *data;

	if (!d->modalias || host_handle(h, &names_handle, &data, NULL) < 0)
		return &none;
	found = strmap_get(&((struct names *)data)->by_modalias, d->modalias);
	return found ? found : look_up(h, data, d->modalias);
}
