/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/handover.h"
#include "base/file.h"
#include "config/obj.h"
#include "runner/display.h"
#include "runner/firmware.h"
#include "runner/guest_hugepages.h"
#include "runner/guest_numa.h"
#include "runner/iommufd.h"
#include "runner/machine_type.h"
#include "runner/seed.h"
#include "runner/tree.h"
#include "runner/tpm.h"
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

static const char *where_qemu_is(void)
{
	/* Debian, Fedora and Arch; RHEL and its kin; SUSE. */
	static const char *const places[] = { "/usr/bin/qemu-system-x86_64",
		"/usr/libexec/qemu-kvm", "/usr/bin/qemu-kvm" };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (access(places[i], X_OK) == 0)
			return places[i];
	return NULL;
}

int handover_find_qemu(struct machine *m, struct error *e)
{
	m->qemu = where_qemu_is();
	if (m->qemu)
		return 0;
	error_set(e, -ENOENT, "QEMU is not installed");
	return error_cure(e, "apt install qemu-system-x86, or dnf install qemu-kvm");
}

static int copy_to_memory(int from, off_t size)
{
	_cleanup_close_ int fd = memfd_create("kvmhost-boot", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	off_t at = 0;

	if (fd < 0)
		return -errno;
	while (at < size) {
		ssize_t n = sendfile(fd, from, &at, (size_t)(size - at));

		if (n <= 0)
			return n < 0 ? -errno : -EIO;
	}
	fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
	return TAKE_FD(fd);
}

/*
 * QEMU opens it again through /proc/self/fd, which asks for the file's own
 * permission: what not everybody may read goes over as a copy in memory.
 */
static int open_boot_file(const char *what, const char *path, int *out, struct error *e)
{
	_cleanup_close_ int fd = -1;
	struct stat st = { 0 };
	int r = handover_open_file(what, path, O_RDONLY, &st, &fd, e);

	if (r < 0)
		return r;
	if (!S_ISREG(st.st_mode))
		return error_set(e, -EINVAL, "the %s %s is not a file", what, path);
	if (!(st.st_mode & S_IROTH)) {
		r = copy_to_memory(fd, st.st_size);
		if (r < 0)
			return error_set(e, r, "cannot copy the %s %s to memory: %s", what, path,
				strerror(-r));
		*out = r;
		return 0;
	}
	*out = TAKE_FD(fd);
	return 0;
}

/* As open_vhost(). */
static int open_vsock(int *fd, struct error *e)
{
	*fd = open("/dev/vhost-vsock", O_RDWR | O_CLOEXEC);
	if (*fd >= 0)
		return 0;
	error_set(e, -errno, "the guest is to have a vsock, but /dev/vhost-vsock: %s",
		strerror(errno));
	return error_cure(e, "modprobe vhost_vsock; or take `vsock` out");
}

static int open_medium(struct machine *m, struct error *e)
{
	struct stat st = { 0 };
	const char *path = m->spec->guest->install.iso;
	int r = path ? handover_open_file(
			       "disc to install from", path, O_RDONLY, &st, &m->medium, e)
		     : 0;

	return r == -ENOENT ? error_cure(e, "put it there, or take `install` out") : r;
}

static int open_seed(struct machine *m, struct error *e)
{
	struct stat st = { 0 };
	struct guest_path p = seed_path(m->spec->name);
	int r = handover_open_file("data for cloud-init", p.s, O_RDONLY, &st, &m->seed, e);

	return r == -ENOENT ? error_cure(e, "kvmhostctl apply") : r;
}

/* Fetched by the kind `tree`. */
static int open_tree(struct machine *m, struct error *e)
{
	struct guest_path kernel = tree_path(m->spec->name, TREE_KERNEL),
			  initrd = tree_path(m->spec->name, TREE_INITRD),
			  arguments = tree_path(m->spec->name, TREE_ARGUMENTS);
	struct stat st = { 0 };
	int r = open_boot_file("installer's kernel", kernel.s, &m->kernel, e);

	if (r >= 0)
		r = open_boot_file("installer's initrd", initrd.s, &m->initrd, e);
	if (r >= 0)
		r = handover_open_file(
			"installer's arguments", arguments.s, O_RDONLY, &st, &m->arguments, e);
	return r == -ENOENT ? error_cure(e, "kvmhostctl apply") : r;
}

/* A host without one has UTC. */
static int open_zone(struct machine *m, struct error *e)
{
	int r = open_boot_file("time zone", "/etc/localtime", &m->zone, e);

	return r == -ENOENT ? 0 : r;
}

/* "done", or nothing yet. */
static int open_install(struct machine *m, struct error *e)
{
	_cleanup_close_ int fd = -1;
	char path[160], word[8] = "";
	int r;

	snprintf(path, sizeof(path), INSTALL_DIR "/%s", m->spec->name);
	r = file_mkdirs(AT_FDCWD, INSTALL_DIR, 0755);
	if (r >= 0)
		r = fd = file_open(AT_FDCWD, path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
	if (r < 0)
		return error_set(e, r, "cannot open %s: %s", path, strerror(-r));
	if (pread(fd, word, sizeof(word) - 1, 0) < 4 || !startswith(word, "done"))
		m->install = TAKE_FD(fd);
	if (m->spec->guest->install.location)
		return m->install < 0 ? 0 : open_tree(m, e);
	return open_medium(m, e);
}

int handover_open(struct arena *a, struct machine *m, struct error *e)
{
	const struct guest *g = m->spec->guest;
	int r = 0;

	handover_prepare(a, m);
	r = handover_find_qemu(m, e);
	if (r >= 0)
		r = firmware_open(AT_FDCWD, m->spec->name, (enum guest_firmware)g->firmware,
			&m->firmware, &m->nvram, e);
	if (r >= 0 && obj_has(g, "kernel")) {
		r = open_boot_file("kernel", g->kernel.image, &m->kernel, e);
		if (r >= 0 && g->kernel.initrd)
			r = open_boot_file("initrd", g->kernel.initrd, &m->initrd, e);
	}
	if (r >= 0)
		r = numa_find(AT_FDCWD, g, e);
	if (r >= 0)
		r = guest_hugepages_check(AT_FDCWD, g, e);
	if (r >= 0 && obj_has(g, "install"))
		r = open_install(m, e);
	if (r >= 0 && obj_has(g, "cloud_init"))
		r = open_seed(m, e);
	if (r >= 0 && !g->machine)
		r = machine_type_open(AT_FDCWD, m->spec->name, &m->type_file, e);
	if (r >= 0 && g->tpm)
		r = tpm_open(AT_FDCWD, m->spec->name, m->spec->uid, &m->tpm_state, e);
	if (r >= 0 && obj_has(g, "vsock"))
		r = open_vsock(&m->vsock, e);
	if (r >= 0 && g->os == OS_WINDOWS)
		r = open_zone(m, e);
	if (r >= 0 && obj_has(g, "graphics"))
		r = display_open(&g->graphics, &m->display, &m->secret, e);
	for (size_t i = 0; i < g->disks.n && r >= 0; i++)
		r = handover_open_disk(m, i, e);
	for (size_t i = 0; i < g->interfaces.n && r >= 0; i++)
		if (!LIST_AT(&g->interfaces, const struct guest_interface, i).vf)
			r = handover_open_interface(m, i, e);
	return r < 0 ? r : iommufd_open_all(m, e);
}
