/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu/vfio_holder.h"
#include "base/strmap.h"
#include <ctype.h>
#include <fcntl.h>

#define DEV_VFIO "/dev/vfio/"
#define GUEST_UNIT "kvmhost-guest@"

struct holders {
	struct strmap by_node; /* "/dev/vfio/14" -> struct vfio_holder, both in the pass arena */
	bool read;
};

static int holders_open(struct host *h _unused_, void **data, struct error *e _unused_)
{
	struct holders *all = xmalloc(sizeof(*all));

	*all = (struct holders){ 0 };
	*data = all;
	return 0;
}

static void forget(void *data)
{
	struct holders *all = data;

	strmap_free(&all->by_node);
	*all = (struct holders){ 0 };
}

static void holders_close(void *data)
{
	forget(data);
	free(data);
}

static const struct handle holders_handle = {
	.name = "vfio holders",
	.open = holders_open,
	.forget = forget,
	.close = holders_close,
};

void vfio_holders_forget(struct host *h)
{
	void *data;

	if (host_handle(h, &holders_handle, &data, NULL) >= 0)
		forget(data);
}

/* The guest whose unit's cgroup the process is in, or NULL. */
static const char *guest_of(struct host *h, const char *pid)
{
	_cleanup_free_ char *path = xprintf("/proc/%s/cgroup", pid), *text = NULL;
	char *at, *end;

	if (file_read(h->root, path, 1 << 16, &text, NULL) < 0)
		return NULL;
	at = strstr(text, "/" GUEST_UNIT);
	end = at ? strstr(at, ".service") : NULL;
	if (!end)
		return NULL;
	at += strlen("/" GUEST_UNIT);
	return arena_strndup(h->pass, at, (size_t)(end - at));
}

static struct vfio_holder *describe(struct host *h, const char *pid)
{
	_cleanup_free_ char *path = xprintf("/proc/%s/comm", pid), *comm = NULL;
	struct vfio_holder *who = arena_alloc(h->pass, sizeof(*who));

	who->pid = atoi(pid);
	who->guest = guest_of(h, pid);
	if (who->guest) {
		who->words = arena_printf(h->pass, "guest %s", who->guest);
		return who;
	}
	(void)file_read_line(h->root, path, &comm);
	who->words = arena_printf(h->pass, "%s (process %s)", comm ? comm : "?", pid);
	return who;
}

static void look_at(struct host *h, struct holders *all, const char *pid)
{
	_cleanup_free_ char *path = xprintf("/proc/%s/fd", pid);
	_cleanup_close_ int dir = file_open(h->root, path, O_RDONLY | O_DIRECTORY, 0);
	_cleanup_free_ char **names = NULL;
	struct vfio_holder *who = NULL;
	char target[64];
	size_t n = 0;

	if (dir < 0 || file_list(dir, ".", &names, &n) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		ssize_t len = readlinkat(dir, names[i], target, sizeof(target) - 1);

		if (len < 0)
			continue;
		target[len] = '\0';
		if (!startswith(target, DEV_VFIO) || streq(target, DEV_VFIO "vfio"))
			continue;
		who = who ? who : describe(h, pid);
		strmap_put(&all->by_node, arena_strdup(h->pass, target), who);
	}
}

static void read_all(struct host *h, struct holders *all)
{
	_cleanup_free_ char **pids = NULL;
	size_t n = 0;

	all->read = true;
	if (file_list(h->root, "/proc", &pids, &n) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		if (isdigit((unsigned char)*pids[i]))
			look_at(h, all, pids[i]);
}

bool vfio_drives(const struct pci_device *d)
{
	return d->driver && strstr(d->driver, "vfio") != NULL;
}

/* The function's own node, /dev/vfio/devices/vfioN, where the kernel makes them; else NULL. */
static const char *own_node(struct host *h, const struct pci_device *d)
{
	_cleanup_free_ char *dir = xprintf("/sys/bus/pci/devices/%s/vfio-dev", d->address);
	_cleanup_free_ char **names = NULL;
	size_t n = 0;

	if (file_list(h->root, dir, &names, &n) < 0 || !n)
		return NULL;
	return arena_printf(h->pass, DEV_VFIO "devices/%s", names[0]);
}

const struct vfio_holder *vfio_holder(struct host *h, const struct pci_device *d)
{
	const struct vfio_holder *who;
	struct holders *all;
	const char *node;
	void *data;

	if (!vfio_drives(d) || host_handle(h, &holders_handle, &data, NULL) < 0)
		return NULL;
	all = data;
	if (!all->read)
		read_all(h, all);
	who = strmap_get(&all->by_node, arena_printf(h->pass, DEV_VFIO "%d", d->group));
	if (who)
		return who;
	/* Without an IOMMU (enable_unsafe_noiommu_mode) the node has another name. */
	who = strmap_get(&all->by_node, arena_printf(h->pass, DEV_VFIO "noiommu-%d", d->group));
	node = who ? NULL : own_node(h, d);
	return node ? strmap_get(&all->by_node, node) : who;
}
