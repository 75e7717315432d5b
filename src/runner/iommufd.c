/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/iommufd.h"
#include "base/file.h"
#include "base/tool.h"
#include <fcntl.h>

#define IOMMU "/dev/iommu"

static bool qemu_has_it(const char *qemu)
{
	char *const argv[] = { (char *)(uintptr_t)qemu, (char *)"-object", (char *)"help", NULL };
	_cleanup_free_ char *said = NULL;

	return tool_read(argv, -1, &said, NULL) >= 0 && strstr(said, "\n  iommufd\n") != NULL;
}

/* "/dev/vfio/devices/vfio3", the caller's; NULL: this kernel makes none. */
static char *node_of(const struct assigned *x)
{
	_cleanup_free_ char *dir = xprintf("/sys/bus/pci/devices/%s/vfio-dev", x->address);
	_cleanup_free_ char **names = NULL;
	size_t n = 0;

	if (file_list(AT_FDCWD, dir, &names, &n) < 0 || !n)
		return NULL;
	return xprintf("/dev/vfio/devices/%s", names[0]);
}

/* As iommu_remaps_interrupts(). Where they are not, `unsafe_interrupts` allows groups alone. */
static bool remaps_interrupts(void)
{
	_cleanup_free_ char *text = NULL;

	return file_read(AT_FDCWD, "/proc/interrupts", 64 << 20, &text, NULL) >= 0 &&
	       strstr(text, " IR-");
}

static int open_node(const char *path, int *fd, struct error *e)
{
	*fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY);
	return *fd < 0 ? error_set(e, -errno, "cannot open %s: %s", path, strerror(errno)) : 0;
}

int iommufd_open(struct machine *m, const struct assigned *x, int *fd, struct error *e)
{
	_cleanup_free_ char *node = node_of(x);
	int r;

	if (!node || access(node, F_OK) < 0 || access(IOMMU, F_OK) < 0)
		return 0;
	if (m->iommufd < 0 && !remaps_interrupts())
		return 0;
	r = m->iommufd < 0 ? open_node(IOMMU, &m->iommufd, e) : 0;
	if (r >= 0)
		r = open_node(node, fd, e);
	return r < 0 ? r : 0;
}

static int open_list(
	struct machine *m, const struct assigned *v, size_t n, int *fds, struct error *e)
{
	int r = 0;

	for (size_t i = 0; v && i < n && r >= 0; i++) {
		if (v[i].what)
			r = iommufd_open(m, &v[i], &fds[i], e);
		if (r < 0)
			error_prefix(e, "the device %s (%s): ", v[i].what, v[i].address);
	}
	return r;
}

int iommufd_open_all(struct machine *m, struct error *e)
{
	const struct guest *g = m->spec->guest;
	int r;

	if (!guest_assigned(g) || access(IOMMU, F_OK) < 0 || !qemu_has_it(m->qemu))
		return 0;
	r = open_list(m, m->spec->assigned.interfaces, g->interfaces.n, m->vfs, e);
	return r < 0 ? r : open_list(m, m->spec->assigned.devices, g->devices.n, m->devices, e);
}
