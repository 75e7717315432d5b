/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tree.h"
#include "base/arena.h"
#include "base/file.h"
#include "../scratch.h"
#include <fcntl.h>

static void must(bool ok, const char *what, const char *path)
{
	if (ok)
		return;
	fprintf(stderr, "%s %s: %s\n", what, path, strerror(errno));
	abort();
}

void tree_make(char dir[64])
{
	strcpy(dir, "/tmp/kvmhost-tree-XXXXXX");
	must(mkdtemp(dir), "mkdtemp", dir);
}

void tree_remove(const char *dir)
{
	scratch_remove(dir);
}

void tree_run(const char *dir, const char *command)
{
	_cleanup_free_ char *line = xprintf("cd %s && %s", dir, command);

	must(system(line) == 0, "run", command);
}

static void parents(const char *dir, const char *path)
{
	_cleanup_close_ int root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_free_ char *parent = xstrdup(path);

	*strrchr(parent, '/') = '\0';
	must(file_mkdirs(root, parent, 0755) >= 0, "mkdir", parent);
}

void tree_file(const char *dir, const char *path, const char *text)
{
	_cleanup_free_ char *whole = xprintf("%s/%s", dir, path);
	_cleanup_file_ FILE *f = NULL;

	parents(dir, path);
	f = fopen(whole, "we");
	must(f && fputs(text, f) >= 0, "write", whole);
}

void tree_link(const char *dir, const char *path, const char *target)
{
	_cleanup_free_ char *whole = xprintf("%s/%s", dir, path);

	parents(dir, path);
	unlink(whole);
	must(symlink(target, whole) == 0, "symlink", whole);
}

static void attribute(const char *dir, const struct tree_device *d, const char *file, int v)
{
	_cleanup_free_ char *path = xprintf("sys/devices/%s/%s", d->path, file);
	_cleanup_free_ char *text = xprintf("%d\n", v);

	tree_file(dir, path, text);
}

static void link_to(const char *dir, const struct tree_device *d, const char *name, char *target)
{
	_cleanup_free_ char *path = xprintf("sys/devices/%s/%s", d->path, name);

	tree_link(dir, path, target);
	free(target);
}

static void put_uevent(const char *dir, const struct tree_device *d, const char *address)
{
	_cleanup_free_ char *path = xprintf("sys/devices/%s/uevent", d->path);
	_cleanup_free_ char *driver = d->driver ? xprintf("DRIVER=%s\n", d->driver) : xstrdup("");
	_cleanup_free_ char *text = xprintf("%sPCI_CLASS=%s\nPCI_ID=%s\nPCI_SUBSYS_ID=8086:A03C\n"
					    "PCI_SLOT_NAME=%s\nMODALIAS=pci:v0000%.4sd0000%.4s\n",
		driver, d->class, d->id, address, d->id, d->id + 5);

	tree_file(dir, path, text);
}

static void put_relation(const char *dir, const struct tree_device *d, const char *address)
{
	_cleanup_free_ char *pf = NULL, *target = xprintf("../%s", address);

	if (!d->physfn)
		return;
	link_to(dir, d, "physfn", xprintf("../%s", d->physfn));
	pf = xprintf("sys/bus/pci/devices/%s/virtfn%d", d->physfn, d->vf);
	tree_link(dir, pf, target);
}

static void put_net(const char *dir, const struct tree_device *d)
{
	const char *name = strrchr(d->net, '/') ? strrchr(d->net, '/') + 1 : d->net;
	const char *deep = strchr(d->net, '/') ? "" : "net/";
	_cleanup_free_ char *path = xprintf("sys/class/net/%s", name);
	_cleanup_free_ char *target = xprintf("../../devices/%s/%s%s", d->path, deep, d->net);

	tree_link(dir, path, target);
}

void tree_put(const char *dir, const struct tree_device *d)
{
	const char *address = strrchr(d->path, '/') + 1;
	_cleanup_free_ char *bus = xprintf("sys/bus/pci/devices/%s", address);
	_cleanup_free_ char *target = xprintf("../../../devices/%s", d->path);

	put_uevent(dir, d, address);
	attribute(dir, d, "numa_node", d->numa_node);
	tree_link(dir, bus, target);
	if (d->driver) {
		_cleanup_free_ char *at = xprintf("sys/bus/pci/drivers/%s/%s", d->driver, address);

		tree_link(dir, at, target);
		link_to(dir, d, "driver", xprintf("../../../bus/pci/drivers/%s", d->driver));
	}
	if (d->group)
		link_to(dir, d, "iommu_group",
			xprintf("../../../kernel/iommu_groups/%d", d->group));
	if (d->total_vfs) {
		attribute(dir, d, "sriov_totalvfs", d->total_vfs);
		attribute(dir, d, "sriov_numvfs", d->num_vfs);
		attribute(dir, d, "sriov_drivers_autoprobe", 1);
	}
	put_relation(dir, d, address);
	if (d->net)
		put_net(dir, d);
}
