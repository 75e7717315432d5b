/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices of the host, into and out of a running guest. */
#include "runner/guest_live_parts.h"
#include "runner/guest_vfio.h"
#include "runner/iommufd.h"

static const char *device_name(const struct guest *g, size_t i)
{
	return LIST_AT(&g->devices, const char *, i);
}

static const struct guest_interface *interface_at(const struct guest *g, size_t i)
{
	return &LIST_AT(&g->interfaces, const struct guest_interface, i);
}

static struct assigned *widen(struct arena *a, const struct assigned *v, size_t n, size_t more)
{
	struct assigned *out = arena_alloc(a, (MAX_OF(n, more) + 1) * sizeof(*out));

	if (v)
		memcpy(out, v, n * sizeof(*out));
	return out;
}

void change_widen(struct change_of *c, const struct guest *live)
{
	struct assignment *x = &c->now.assigned;

	x->interfaces = widen(c->arena, x->interfaces, c->guest.interfaces.n, live->interfaces.n);
	x->devices = widen(c->arena, x->devices, c->guest.devices.n, live->devices.n);
}

/* What the daemon has bound for it, which must be what it was then, as at a start. */
static int look_up(
	struct change_of *c, const struct guest *g, struct assignment *out, struct error *e)
{
	int r = assignment_load(c->h->root, c->now.name, c->arena, g, out, e);

	if (r != -ENOENT)
		return r;
	error_set(e, r, "its devices of the host are not ready");
	return error_cure(e, "kvmhostctl apply");
}

static int plug(struct change_of *c, const struct guest *g, const char *id, char *const *args,
	struct error *e)
{
	int r = guest_vfio_prepare(c->h, c->now.name, g, e);

	if (r >= 0)
		r = plug_in(&c->q, id, args, e);
	/* Started by a kvmhost that gave such a guest no ports for devices. */
	if (r == -EIO && e && e->text && strstr(e->text, "Bus 'port-"))
		error_cure(e, "kvmhostctl guest restart %s", c->now.name);
	return r;
}

/* By iommufd, where the guest's QEMU, which may be older than the program, has it. */
static int open_function(
	struct change_of *c, struct machine *m, const struct assigned *x, int *fd, struct error *e)
{
	json_t *types = NULL;
	int r = guest_qmp_command(&c->q, "qom-list-types",
		json_pack("{s:s}", "implements", "iommufd"), -1, &types, e);
	bool known = json_array_size(types) > 0;

	json_decref(types);
	return r < 0 || !known ? r : iommufd_open(m, x, fd, e);
}

int change_plug_interface(struct change_of *c, const struct spec *with, size_t i, struct error *e)
{
	struct assigned *to = &c->now.assigned.interfaces[i];
	struct spec s = *with;
	struct assignment x;
	struct machine m;
	int r = look_up(c, s.guest, &x, e);

	if (r >= 0)
		r = assignment_check_place(
			c->h->root, &x.interfaces[i], interface_at(s.guest, i)->vf, e);
	if (r < 0)
		return r;
	s.assigned = x;
	m = change_machine(c, &s);
	r = open_function(c, &m, &x.interfaces[i], &m.vfs[i], e);
	if (r >= 0)
		r = plug(c, s.guest, arena_printf(c->arena, "net%zu", i),
			qemu_args_interface(c->arena, &m, i), e);
	handover_close(c->arena, &m);
	if (r >= 0)
		*to = x.interfaces[i];
	return r;
}

static int plug_device(struct change_of *c, const struct guest *g, size_t i, struct error *e)
{
	struct spec s = c->now;
	struct machine m;
	int r;

	s.guest = g;
	r = look_up(c, g, &s.assigned, e);
	if (r >= 0)
		r = assignment_check_place(
			c->h->root, &s.assigned.devices[i], device_name(g, i), e);
	if (r >= 0) {
		m = change_machine(c, &s);
		r = open_function(c, &m, &s.assigned.devices[i], &m.devices[i], e);
		if (r >= 0)
			r = plug(c, g, arena_printf(c->arena, "device%zu", i),
				qemu_args_device(c->arena, &m, i), e);
		handover_close(c->arena, &m);
	}
	if (r < 0)
		return error_prefix(e, "the device %s is not plugged in: ", device_name(g, i));
	c->now.assigned.devices[i] = s.assigned.devices[i];
	return 0;
}

int change_plug_devices(struct change_of *c, const struct guest *live, struct error *e)
{
	int r = 0;

	while (r >= 0 && c->guest.devices.n < live->devices.n) {
		size_t i = c->guest.devices.n;
		struct guest g = c->guest;

		g.devices = (struct list){ live->devices.v, i + 1 };
		r = plug_device(c, &g, i, e);
		if (r < 0)
			return r;
		c->guest.devices = g.devices;
		r = change_save(c, e);
	}
	return r;
}

int change_unplug_devices(struct change_of *c, const struct guest *live, struct error *e)
{
	static char *const nothing[] = { NULL };
	int r = 0;

	while (r >= 0 && c->guest.devices.n > live->devices.n) {
		size_t i = c->guest.devices.n - 1;

		r = plug_out(&c->q, arena_printf(c->arena, "device%zu", i), nothing, e);
		if (r < 0)
			return error_prefix(
				e, "the device %s is not taken out: ", device_name(&c->guest, i));
		c->guest.devices.n--;
		r = change_save(c, e);
	}
	return r;
}

static int plug_again(struct change_of *c, const char *id, struct error *e)
{
	const struct assignment *x = &c->now.assigned;
	const struct assigned *it = assignment_by_id(&c->guest, x, id);
	int r;

	if (!it)
		return 0;
	if (startswith(id, "net")) {
		size_t i = (size_t)(it - x->interfaces);

		r = change_plug_interface(c, &c->now, i, e);
		if (r < 0)
			error_prefix(e, "interface %zu is not plugged in again: ", i);
	} else {
		r = plug_device(c, &c->guest, (size_t)(it - x->devices), e);
	}
	return r < 0 ? r : change_save(c, e);
}

int change_plug_lost(struct change_of *c, const char *const *lost, struct error *e)
{
	int r = 0;

	for (; lost && *lost && r >= 0; lost++)
		r = plug_again(c, *lost, e);
	return r;
}
