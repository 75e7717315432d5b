/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What one function's directory in /sys says. */
#include "iommu/pci_internal.h"
#include <fcntl.h>
#include <limits.h>

/* The target of the link in the directory, in the arena; NULL: there is none. */
static const char *link_target(struct arena *a, int dir, const char *name)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(dir, name, target, sizeof(target));

	return n < 0 ? NULL : arena_strndup(a, target, (size_t)n);
}

const char *link_in(struct host *h, const char *dir, const char *name)
{
	_cleanup_close_ int fd = file_open(h->root, dir, O_PATH | O_DIRECTORY, 0);

	return fd < 0 ? NULL : link_target(h->pass, fd, name);
}

static const char *last_part(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path;
}

/* /sys links are relative: ../../../devices/pci0000:00/... */
static const char *below_devices(const char *target)
{
	const char *at = target ? strstr(target, "devices/") : NULL;

	return at ? at + strlen("devices/") : NULL;
}

static unsigned long number(int dir, const char *file, int base, unsigned long otherwise)
{
	_cleanup_free_ char *text = NULL;
	char *end;
	unsigned long v;

	if (file_read_line(dir, file, &text) < 0)
		return otherwise;
	v = strtoul(text, &end, base);
	return end == text || *text == '-' ? otherwise : v;
}

static void pair(const char *text, uint16_t *first, uint16_t *second)
{
	unsigned a, b;

	if (sscanf(text, "%x:%x", &a, &b) == 2) {
		*first = (uint16_t)a;
		*second = (uint16_t)b;
	}
}

static void take_line(struct pci *p, struct pci_device *d, const char *line)
{
	const char *v;

	if ((v = startswith(line, "DRIVER=")))
		d->driver = arena_strdup(p->arena, v);
	else if ((v = startswith(line, "PCI_CLASS=")))
		d->class = (uint32_t)strtoul(v, NULL, 16);
	else if ((v = startswith(line, "PCI_ID=")))
		pair(v, &d->vendor, &d->device);
	else if ((v = startswith(line, "PCI_SUBSYS_ID=")))
		pair(v, &d->subsystem_vendor, &d->subsystem_device);
	else if ((v = startswith(line, "MODALIAS=")))
		d->modalias = arena_strdup(p->arena, v);
}

/* One file with driver, class and ids: each has one of its own too, and each costs as much. */
static void read_uevent(struct pci *p, struct pci_device *d, int dir)
{
	_cleanup_free_ char *text = NULL;
	char *rest = NULL;

	if (file_read(dir, "uevent", 1 << 16, &text, NULL) < 0)
		return;
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		take_line(p, d, line);
}

static void read_override(struct pci *p, struct pci_device *d, int dir)
{
	_cleanup_free_ char *text = NULL;

	if (file_read_line(dir, "driver_override", &text) >= 0 && *text && !streq(text, "(null)"))
		d->driver_override = arena_strdup(p->arena, text);
}

static void read_sriov(struct pci_device *d, int dir)
{
	d->total_vfs = (unsigned)number(dir, "sriov_totalvfs", 10, 0);
	if (!d->total_vfs)
		return;
	d->num_vfs = (unsigned)number(dir, "sriov_numvfs", 10, 0);
	d->drivers_autoprobe = number(dir, "sriov_drivers_autoprobe", 10, 1) != 0;
}

static int by_address(const void *a, const void *b)
{
	const struct net_at *x = a, *y = b;
	int order = strcmp(x->address, y->address);

	return order ? order : strcmp(x->name, y->name);
}

static void find_nets(struct pci *p, struct pci_device *d)
{
	const char **nets = NULL;
	size_t from = 0, to;

	pci_read_nets(p);
	for (to = p->n_nets; from < to;) {
		size_t mid = from + (to - from) / 2;

		if (strcmp(p->nets[mid].address, d->address) < 0)
			from = mid + 1;
		else
			to = mid;
	}
	for (; from < p->n_nets && streq(p->nets[from].address, d->address); from++)
		*ARENA_PUSH(p->arena, nets, d->n_nets) = p->nets[from].name;
	d->nets = nets;
}

void pci_read_device(struct pci *p, struct entry *at)
{
	struct pci_device *d = &at->d;
	_cleanup_close_ int all = file_open(p->host->root, PCI_DEVICES, O_PATH | O_DIRECTORY, 0);
	_cleanup_free_ char *path = xprintf(PCI_DEVICES "/%s", d->address);
	_cleanup_close_ int dir = file_open(p->host->root, path, O_PATH | O_DIRECTORY, 0);
	const char *group;

	at->read = true;
	d->group = d->numa_node = -1;
	if (dir < 0)
		return;
	d->path = all < 0 ? NULL : below_devices(link_target(p->arena, all, d->address));
	read_uevent(p, d, dir);
	read_override(p, d, dir);
	group = last_part(link_target(p->arena, dir, "iommu_group"));
	d->group = group ? atoi(group) : -1;
	d->numa_node = (int)number(dir, "numa_node", 10, (unsigned long)-1);
	d->physfn = last_part(link_target(p->arena, dir, "physfn"));
	if (PCI_CLASS_BASE(d) == PCI_BASE_DISPLAY)
		d->boot_vga = number(dir, "boot_vga", 10, 0) == 1;
	if (!d->physfn)
		read_sriov(d, dir);
	find_nets(p, d);
}

void pci_read_vfs(struct pci *p, struct entry *at)
{
	_cleanup_free_ char *path = xprintf(PCI_DEVICES "/%s", at->d.address);
	_cleanup_close_ int dir = file_open(p->host->root, path, O_PATH | O_DIRECTORY, 0);

	at->vfs_read = true;
	for (unsigned i = 0; dir >= 0 && i < at->d.num_vfs; i++) {
		char name[32];

		snprintf(name, sizeof(name), "virtfn%u", i);
		*ARENA_PUSH(p->arena, at->vfs, at->n_vfs) =
			last_part(link_target(p->arena, dir, name));
	}
}

#define CLASS_NET "/sys/class/net"

/*
 * The last function on the way to the interface's device: its bridges stand
 * before it, and virtio's device is a child of it.
 */
static const char *owner(struct pci *p, const char *path)
{
	_cleanup_free_ char *parts = path ? xstrdup(path) : NULL;
	const struct entry *found = NULL, *at;
	char *rest = NULL;

	for (char *s = parts ? strtok_r(parts, "/", &rest) : NULL; s;
		s = strtok_r(NULL, "/", &rest))
		if ((at = pci_entry(p, s)))
			found = at;
	return found ? found->d.address : NULL;
}

void pci_read_nets(struct pci *p)
{
	_cleanup_close_ int dir = -1;
	_cleanup_free_ char **names = NULL;
	size_t n = 0;

	if (p->nets_read)
		return;
	p->nets_read = true;
	dir = file_open(p->host->root, CLASS_NET, O_PATH | O_DIRECTORY, 0);
	if (dir < 0 || file_list(p->host->root, CLASS_NET, &names, &n) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		const char *path = below_devices(link_target(p->arena, dir, names[i]));
		const char *address = path && startswith(path, "pci") ? owner(p, path) : NULL;

		if (address)
			*ARENA_PUSH(p->arena, p->nets, p->n_nets) =
				(struct net_at){ address, arena_strdup(p->arena, names[i]) };
	}
	if (p->n_nets)
		qsort(p->nets, p->n_nets, sizeof(*p->nets), by_address);
}
