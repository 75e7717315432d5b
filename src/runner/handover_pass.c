/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The way of descriptors: opener, systemd, runner, QEMU. */
#include "runner/handover.h"
#include "base/file.h"
#include "runner/machine_type.h"
#include <sys/stat.h>

enum { ARGUMENTS_MAX = 4096 };

void handover_prepare(struct arena *a, struct machine *m)
{
	const struct guest *g = m->spec->guest;
	size_t queues = interface_queue(g, g->interfaces.n);

	m->firmware = m->nvram = m->display = m->secret = m->medium = m->install = m->seed =
		m->arguments = m->type_file = -1;
	m->tpm = m->tpm_state = m->vsock = m->zone = m->iommufd = m->said = -1;
	m->kernel = m->initrd = m->kernel_number = m->initrd_number = -1;
	m->disks = arena_alloc(a, (g->disks.n + 1) * sizeof(*m->disks));
	m->taps = arena_alloc(a, (queues + 1) * sizeof(*m->taps));
	m->vhosts = arena_alloc(a, (queues + 1) * sizeof(*m->vhosts));
	for (size_t i = 0; i < g->disks.n; i++) {
		m->disks[i].fd = -1;
		for (size_t k = 0; k < IMAGE_LAYERS; k++)
			m->disks[i].layers[k].fd = -1;
	}
	for (size_t i = 0; i < queues; i++)
		m->taps[i] = m->vhosts[i] = -1;
	m->vfs = arena_alloc(a, (g->interfaces.n + 1) * sizeof(*m->vfs));
	m->devices = arena_alloc(a, (g->devices.n + 1) * sizeof(*m->devices));
	for (size_t i = 0; i < g->interfaces.n; i++)
		m->vfs[i] = -1;
	for (size_t i = 0; i < g->devices.n; i++)
		m->devices[i] = -1;
}

static void add_slot(struct slot **v, const char *name, int *fd)
{
	snprintf((*v)->name, sizeof((*v)->name), "%s", name);
	(*v)++->fd = fd;
}

static void add_numbered(struct slot **v, const char *name, size_t i, int *fd)
{
	snprintf((*v)->name, sizeof((*v)->name), "%s%zu", name, i);
	(*v)++->fd = fd;
}

size_t handover_slots(struct arena *a, struct machine *m, struct slot **out)
{
	const struct guest *g = m->spec->guest;
	size_t queues = interface_queue(g, g->interfaces.n);
	size_t most =
		15 + (1 + IMAGE_LAYERS) * g->disks.n + 2 * queues + g->interfaces.n + g->devices.n;
	struct slot *v = arena_alloc(a, most * sizeof(*v));

	*out = v;
	add_slot(&v, "firmware", &m->firmware);
	add_slot(&v, "nvram", &m->nvram);
	add_slot(&v, "kernel", &m->kernel);
	add_slot(&v, "initrd", &m->initrd);
	add_slot(&v, "medium", &m->medium);
	add_slot(&v, "install", &m->install);
	add_slot(&v, "seed", &m->seed);
	add_slot(&v, "arguments", &m->arguments);
	add_slot(&v, "vsock", &m->vsock);
	add_slot(&v, "type", &m->type_file);
	add_slot(&v, "tpm", &m->tpm_state);
	add_slot(&v, "display", &m->display);
	add_slot(&v, "secret", &m->secret);
	add_slot(&v, "iommufd", &m->iommufd);
	add_slot(&v, "zone", &m->zone);
	for (size_t i = 0; i < g->disks.n; i++)
		add_numbered(&v, "disk", i, &m->disks[i].fd);
	for (size_t i = 0; i < g->disks.n; i++)
		for (size_t k = 0; k < IMAGE_LAYERS; k++)
			add_numbered(&v, "layer", i * IMAGE_LAYERS + k, &m->disks[i].layers[k].fd);
	for (size_t i = 0; i < queues; i++)
		add_numbered(&v, "tap", i, &m->taps[i]);
	for (size_t i = 0; i < queues; i++)
		add_numbered(&v, "vhost", i, &m->vhosts[i]);
	for (size_t i = 0; i < g->interfaces.n; i++)
		add_numbered(&v, "vf", i, &m->vfs[i]);
	for (size_t i = 0; i < g->devices.n; i++)
		add_numbered(&v, "device", i, &m->devices[i]);
	return (size_t)(v - *out);
}

int handover_put(struct arena *a, struct machine *m, int store)
{
	struct slot *v;
	size_t n = handover_slots(a, m, &v);
	int r = 0;

	for (size_t i = 0; i < n && r >= 0; i++)
		if (*v[i].fd >= 0)
			r = fdstore_put(store, v[i].name, *v[i].fd);
	return r;
}

static void read_arguments(struct arena *a, struct machine *m)
{
	_cleanup_free_ char *text = NULL;

	if (m->arguments >= 0 && file_read_fd(m->arguments, ARGUMENTS_MAX, &text, NULL) >= 0)
		m->append = arena_strdup(a, text);
}

static void shut(int *fd)
{
	close_p(fd);
	*fd = -1;
}

/* What was noted is not noted again. */
static void read_type(struct arena *a, struct machine *m)
{
	char line[MACHINE_TYPE];

	m->type = m->spec->guest->machine;
	if (m->type)
		return;
	m->type = arena_strdup(a, machine_type_read(m->type_file, line));
	if (!streq(m->type, "q35"))
		shut(&m->type_file);
}

int handover_take(struct arena *a, struct machine *m, struct fdstore *store, struct error *e)
{
	const struct guest *g = m->spec->guest;
	struct slot *v;
	size_t n = handover_slots(a, m, &v);

	for (size_t i = 0; i < n; i++)
		*v[i].fd = fdstore_take(store, v[i].name);
	for (size_t i = 0; i < g->disks.n; i++) {
		const struct guest_disk *d = &LIST_AT(&g->disks, const struct guest_disk, i);
		struct stat st;

		if (!d->path)
			continue;
		if (fstat(m->disks[i].fd, &st) < 0)
			return error_set(
				e, -ENOENT, "systemd did not pass on the disk %s", d->path);
		m->disks[i].block = S_ISBLK(st.st_mode);
		image_chain_look(d, m->disks[i].layers);
	}
	read_arguments(a, m);
	read_type(a, m);
	m->kernel_number = m->kernel;
	m->initrd_number = m->initrd;
	return handover_find_qemu(m, e);
}

size_t handover_fds(struct arena *a, struct machine *m, int **fds)
{
	struct slot *v;
	size_t n = handover_slots(a, m, &v), used = 0;

	*fds = arena_alloc(a, (n + 5) * sizeof(**fds));
	(*fds)[used++] = m->qmp;
	(*fds)[used++] = m->console;
	if (m->agent >= 0)
		(*fds)[used++] = m->agent;
	if (m->tpm >= 0)
		(*fds)[used++] = m->tpm;
	if (m->said >= 0)
		(*fds)[used++] = m->said;
	for (size_t i = 0; i < n; i++)
		if (*v[i].fd >= 0)
			(*fds)[used++] = *v[i].fd;
	return used;
}

void handover_close(struct arena *a, struct machine *m)
{
	struct slot *v;
	size_t n = handover_slots(a, m, &v);

	shut(&m->qmp);
	shut(&m->console);
	shut(&m->agent);
	shut(&m->tpm);
	shut(&m->said);
	for (size_t i = 0; i < n; i++)
		shut(v[i].fd);
}
