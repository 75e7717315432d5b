/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/handover.h"
#include "config/obj.h"
#include "runner/firmware.h"
#include <fcntl.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

const char *handover_qemu(void)
{
	/* Debian, Fedora and Arch; RHEL and its kin; SUSE. */
	static const char *const places[] = { "/usr/bin/qemu-system-x86_64",
		"/usr/libexec/qemu-kvm", "/usr/bin/qemu-kvm" };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (access(places[i], X_OK) == 0)
			return places[i];
	return NULL;
}

/* O_NONBLOCK: a path that turns out to be a FIFO must not hang the start. */
static int open_image(
	const char *what, const char *path, int mode, struct stat *st, int *fd, struct error *e)
{
	*fd = open(path, mode | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (*fd < 0 || fstat(*fd, st) < 0)
		return error_set(
			e, -errno, "cannot open the %s %s: %s", what, path, strerror(errno));
	fcntl(*fd, F_SETFL, fcntl(*fd, F_GETFL) & ~O_NONBLOCK);
	return 0;
}

static int missing_image(const struct guest_disk *d, struct error *e)
{
	if (d->device != DEVICE_DISK)
		return error_cure(e, "put it there, or take it out of the guest's `disks`");
	return error_cure(e,
		"write its `size`, and kvmhost makes it, or: qemu-img create -f %s %s 20G",
		disk_format_names[disk_format(d)], d->path);
}

static int open_disk(const struct guest_disk *d, struct machine_disk *out, struct error *e)
{
	static const char *const what[] = {
		[DEVICE_DISK] = "disk", [DEVICE_CDROM] = "cdrom", [DEVICE_FLOPPY] = "floppy"
	};
	struct stat st = { 0 };
	int mode = disk_is_readonly(d) ? O_RDONLY : O_RDWR;
	int r = open_image(what[d->device], d->path, mode, &st, &out->fd, e);

	if (r == -ENOENT)
		return missing_image(d, e);
	if (r < 0)
		return r;
	out->block = S_ISBLK(st.st_mode);
	if (!out->block && !S_ISREG(st.st_mode))
		return error_set(e, -EINVAL, "the %s %s is neither a file nor a block device",
			what[d->device], d->path);
	return 0;
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
	int r = open_image(what, path, O_RDONLY, &st, &fd, e);

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

static int tap_missing(const char *name, struct error *e)
{
	error_set(e, -ENODEV, "the network interface %s, the guest's end of a bridge, is not there",
		name);
	return error_cure(e, "kvmhostctl apply");
}

/* Attaches to a tap that is there; TUNSETIFF alone would make a new one, connected to nothing. */
static int attach_tap(const char *name, int fd, struct error *e)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };

	if (!if_nametoindex(name))
		return tap_missing(name, e);
	memcpy(ifr.ifr_name, name, strnlen(name, IFNAMSIZ - 1));
	if (ioctl(fd, TUNSETIFF, &ifr) < 0) {
		if (errno == EBUSY)
			return error_set(
				e, -EBUSY, "the tap %s is in use by another process", name);
		return error_set(
			e, -errno, "cannot attach to the tap %s: %s", name, strerror(errno));
	}
	if (ioctl(fd, TUNGETIFF, &ifr) < 0 || !(ifr.ifr_flags & IFF_PERSIST))
		return tap_missing(name, e);
	return 0;
}

static int open_tap(const char *name, int *fd, struct error *e)
{
	*fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (*fd < 0) {
		error_set(e, -errno, "cannot open /dev/net/tun: %s", strerror(errno));
		return error_cure(e, "modprobe tun");
	}
	return attach_tap(name, *fd, e);
}

static void prepare(struct arena *a, struct machine *m)
{
	const struct guest *g = m->spec->guest;

	m->firmware = m->nvram = -1;
	m->kernel = m->initrd = m->kernel_number = m->initrd_number = -1;
	m->disks = arena_alloc(a, (g->disks.n + 1) * sizeof(*m->disks));
	m->taps = arena_alloc(a, (g->interfaces.n + 1) * sizeof(*m->taps));
	for (size_t i = 0; i < g->disks.n; i++)
		m->disks[i].fd = -1;
	for (size_t i = 0; i < g->interfaces.n; i++)
		m->taps[i] = -1;
}

int handover_open(struct arena *a, struct machine *m, struct error *e)
{
	const struct guest *g = m->spec->guest;
	int r = 0;

	prepare(a, m);
	m->qemu = handover_qemu();
	if (!m->qemu) {
		error_set(e, -ENOENT, "QEMU is not installed");
		return error_cure(e, "apt install qemu-system-x86, or dnf install qemu-kvm");
	}
	r = firmware_open(AT_FDCWD, m->spec->name, (enum guest_firmware)g->firmware, &m->firmware,
		&m->nvram, e);
	if (r >= 0 && obj_has(g, "kernel")) {
		r = open_boot_file("kernel", g->kernel.image, &m->kernel, e);
		if (r >= 0 && g->kernel.initrd)
			r = open_boot_file("initrd", g->kernel.initrd, &m->initrd, e);
		m->kernel_number = m->kernel;
		m->initrd_number = m->initrd;
	}
	for (size_t i = 0; i < g->disks.n && r >= 0; i++)
		r = open_disk(&LIST_AT(&g->disks, const struct guest_disk, i), &m->disks[i], e);
	for (size_t i = 0; i < g->interfaces.n && r >= 0; i++)
		r = open_tap(m->spec->interfaces[i].tap, &m->taps[i], e);
	return r;
}

size_t handover_fds(struct arena *a, const struct machine *m, int **fds)
{
	const struct guest *g = m->spec->guest;
	int *v = arena_alloc(a, (6 + g->disks.n + g->interfaces.n) * sizeof(*v));
	size_t n = 0;

	v[n++] = m->qmp;
	v[n++] = m->console;
	if (m->firmware >= 0) {
		v[n++] = m->firmware;
		v[n++] = m->nvram;
	}
	if (m->kernel >= 0)
		v[n++] = m->kernel;
	if (m->initrd >= 0)
		v[n++] = m->initrd;
	for (size_t i = 0; i < g->disks.n; i++)
		v[n++] = m->disks[i].fd;
	for (size_t i = 0; i < g->interfaces.n; i++)
		v[n++] = m->taps[i];
	*fds = v;
	return n;
}

static void shut(int *fd)
{
	close_p(fd);
	*fd = -1;
}

void handover_close(struct machine *m)
{
	shut(&m->qmp);
	shut(&m->console);
	shut(&m->firmware);
	shut(&m->nvram);
	shut(&m->kernel);
	shut(&m->initrd);
	for (size_t i = 0; i < m->spec->guest->disks.n; i++)
		shut(&m->disks[i].fd);
	for (size_t i = 0; i < m->spec->guest->interfaces.n; i++)
		shut(&m->taps[i]);
}
