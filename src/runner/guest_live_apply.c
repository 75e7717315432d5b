/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changes of a running guest, part by part. */
#include "runner/guest_live.h"
#include "runner/guest_plug.h"
#include "runner/handover.h"

struct change_of {
	struct host *h;
	struct arena *arena;
	struct guest_qmp q;
	const struct spec *want;
	struct spec now; /* what the guest has; now.guest is &guest */
	struct guest guest;
};

/* Where another part than the last is changed, this is what a kill leaves behind. */
static int save(struct change_of *c, struct error *e)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };
	struct guest_path p = guest_path(c->now.name, FILE_STARTED);
	int r;

	spec_json(&c->now, &text);
	r = file_write_atomic(c->h->root, p.s, sb_str(&text), text.len, 0600);
	return r < 0 ? error_set(e, r, "cannot write %s: %s", p.s, strerror(-r)) : 0;
}

static struct machine machine_of(struct change_of *c, struct spec *spec)
{
	struct machine m = { .spec = spec, .qmp = -1, .console = -1, .agent = -1 };

	handover_prepare(c->arena, &m);
	return m;
}

static int set_balloon(struct change_of *c, const struct guest *live, struct error *e)
{
	uint64_t to = live->memory.current ? live->memory.current : live->memory.size;
	int r;

	if (live->memory.current == c->guest.memory.current)
		return 0;
	r = guest_qmp_command(
		&c->q, "balloon", json_pack("{s:I}", "value", (json_int_t)to), -1, NULL, e);
	c->guest.memory = live->memory;
	return r < 0 ? error_prefix(e, "cannot change the memory: ") : save(c, e);
}

/* Names of all images below it that there may be. */
static char **disk_args(struct change_of *c, struct machine *m, size_t i)
{
	for (size_t k = 0; k < IMAGE_LAYERS; k++)
		m->disks[i].layers[k].fd = 0;
	return qemu_args_disk(c->arena, m, i);
}

static const char *path_of(const struct guest *g, size_t i)
{
	return LIST_AT(&g->disks, const struct guest_disk, i).path;
}

static int unplug_disk(struct change_of *c, struct error *e)
{
	size_t i = c->guest.disks.n - 1;
	struct machine m = machine_of(c, &c->now);
	const char *path = path_of(&c->guest, i);
	int r = plug_out(&c->q, arena_printf(c->arena, "storage%zu", i), disk_args(c, &m, i), e);

	if (r < 0)
		return error_prefix(e, "the disk %s is not taken out: ", path);
	c->guest.disks.n--;
	return save(c, e);
}

static int unplug_interface(struct change_of *c, struct error *e)
{
	size_t i = c->guest.interfaces.n - 1;
	struct machine m = machine_of(c, &c->now);
	int r = plug_out(&c->q, arena_printf(c->arena, "net%zu", i),
		qemu_args_interface(c->arena, &m, i), e);

	if (r < 0)
		return error_prefix(e, "interface %zu is not taken out: ", i);
	c->guest.interfaces.n--;
	return save(c, e);
}

/* The guest as it is, with the first n disks of `live`. */
static struct spec with_disks(
	struct change_of *c, struct guest *g, const struct guest *live, size_t n)
{
	struct spec s = c->now;

	*g = c->guest;
	g->disks = (struct list){ live->disks.v, n };
	s.guest = g;
	return s;
}

static int plug_disk(struct change_of *c, const struct guest *live, struct error *e)
{
	size_t i = c->guest.disks.n;
	struct guest g;
	struct spec s = with_disks(c, &g, live, i + 1);
	struct machine m = machine_of(c, &s);
	int r = handover_open_disk(&m, i, e);

	if (r >= 0)
		r = plug_in(&c->q, arena_printf(c->arena, "storage%zu", i),
			qemu_args_disk(c->arena, &m, i), e);
	handover_close(c->arena, &m);
	if (r < 0)
		return error_prefix(e, "the disk %s is not plugged in: ", path_of(live, i));
	c->guest.disks = g.disks;
	return save(c, e);
}

static int change_medium(struct change_of *c, const struct guest *live, size_t i, struct error *e)
{
	struct guest g;
	struct spec s = with_disks(c, &g, live, c->guest.disks.n);
	struct machine old = machine_of(c, &c->now), new = machine_of(c, &s);
	int r = handover_open_disk(&new, i, e);

	if (r >= 0)
		r = plug_medium(&c->q, arena_printf(c->arena, "storage%zu", i),
			arena_printf(c->arena, "disk%zu", i), disk_args(c, &old, i),
			qemu_args_disk(c->arena, &new, i), e);
	handover_close(c->arena, &new);
	if (r < 0)
		return error_prefix(e, "the medium %s is not put in: ", path_of(live, i));
	((struct guest_disk *)c->guest.disks.v)[i].path = path_of(live, i);
	return save(c, e);
}

/* One that is new has the address that the specification gives it, and no device of the host's. */
static void add_place(struct change_of *c, struct spec *s, struct guest *g)
{
	size_t n = g->interfaces.n;

	s->interfaces = arena_alloc(c->arena, (n + 2) * sizeof(*s->interfaces));
	memcpy(s->interfaces, c->now.interfaces, n * sizeof(*s->interfaces));
	s->interfaces[n] = c->want->interfaces[n];
	g->interfaces.n++;
	if (c->now.assigned.interfaces) {
		assignment_init(c->arena, g, &s->assigned);
		memcpy(s->assigned.interfaces, c->now.assigned.interfaces,
			n * sizeof(*s->assigned.interfaces));
		s->assigned.devices = c->now.assigned.devices;
	}
}

static int plug_interface(struct change_of *c, const struct guest *live, struct error *e)
{
	size_t i = c->guest.interfaces.n;
	struct guest g = c->guest;
	struct spec s = c->now;
	struct machine m;
	int r;

	g.interfaces.v = live->interfaces.v;
	s.guest = &g;
	add_place(c, &s, &g);
	m = machine_of(c, &s);
	r = handover_open_interface(&m, i, e);
	if (r >= 0)
		r = plug_in(&c->q, arena_printf(c->arena, "net%zu", i),
			qemu_args_interface(c->arena, &m, i), e);
	handover_close(c->arena, &m);
	if (r < 0)
		return error_prefix(e, "interface %zu is not plugged in: ", i);
	c->guest.interfaces = g.interfaces;
	c->now.interfaces = s.interfaces;
	c->now.assigned = s.assigned;
	return save(c, e);
}

static int change_all(struct change_of *c, const struct guest *live, struct error *e)
{
	struct list *disks = &c->guest.disks;
	int r = set_balloon(c, live, e);

	while (r >= 0 && c->guest.interfaces.n > live->interfaces.n)
		r = unplug_interface(c, e);
	while (r >= 0 && disks->n > live->disks.n)
		r = unplug_disk(c, e);
	for (size_t i = 0; r >= 0 && i < disks->n; i++)
		if (guest_medium_differs(&LIST_AT(disks, const struct guest_disk, i),
			    &LIST_AT(&live->disks, const struct guest_disk, i)))
			r = change_medium(c, live, i, e);
	while (r >= 0 && disks->n < live->disks.n)
		r = plug_disk(c, live, e);
	while (r >= 0 && c->guest.interfaces.n < live->interfaces.n)
		r = plug_interface(c, live, e);
	return r;
}

int guest_live_apply(
	struct host *h, const struct spec *want, const struct guest *live, struct error *e)
{
	_cleanup_arena_ struct arena *a = arena_new();
	struct change_of c = { .h = h, .arena = a, .q = { .fd = -1 }, .want = want };
	int r = spec_load(h->root, want->name, FILE_STARTED, a, &c.now, e);

	if (r < 0)
		return r == -ENOENT ? error_set(e, r, "%s is missing", FILE_STARTED) : r;
	c.guest = *c.now.guest;
	c.now.guest = &c.guest;
	r = guest_qmp_open(h, want->name, &c.q, e);
	if (r >= 0)
		r = change_all(&c, live, e);
	guest_qmp_close(&c.q);
	return r;
}
