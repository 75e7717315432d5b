/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changes of a running guest, part by part. */
#include "runner/guest_live_parts.h"
#include "runner/guest_vfio.h"

int change_save(struct change_of *c, struct error *e)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };
	struct guest_path p = guest_path(c->now.name, FILE_STARTED);
	struct spec now = c->now;
	int r;

	if (!guest_assigned(&c->guest))
		now.assigned = (struct assignment){ 0 };
	spec_json(&now, &text);
	r = file_write_atomic(c->h->root, p.s, sb_str(&text), text.len, 0600);
	return r < 0 ? error_set(e, r, "cannot write %s: %s", p.s, strerror(-r)) : 0;
}

struct machine change_machine(struct change_of *c, struct spec *spec)
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
	return r < 0 ? error_prefix(e, "cannot change the memory: ") : change_save(c, e);
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
	const char *path = LIST_AT(&g->disks, const struct guest_disk, i).path;

	return path ? path : "(an empty drive)";
}

static int unplug_disk(struct change_of *c, struct error *e)
{
	size_t i = c->guest.disks.n - 1;
	struct machine m = change_machine(c, &c->now);
	const char *path = path_of(&c->guest, i);
	int r = plug_out(&c->q, arena_printf(c->arena, "storage%zu", i), disk_args(c, &m, i), e);

	if (r < 0)
		return error_prefix(e, "the disk %s is not taken out: ", path);
	c->guest.disks.n--;
	return change_save(c, e);
}

static int unplug_interface(struct change_of *c, struct error *e)
{
	size_t i = c->guest.interfaces.n - 1;
	struct machine m = change_machine(c, &c->now);
	int r = plug_out(&c->q, arena_printf(c->arena, "net%zu", i),
		qemu_args_interface(c->arena, &m, i), e);

	if (r < 0)
		return error_prefix(e, "interface %zu is not taken out: ", i);
	c->guest.interfaces.n--;
	return change_save(c, e);
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
	struct machine m = change_machine(c, &s);
	int r = handover_open_disk(&m, i, e);

	if (r >= 0)
		r = plug_in(&c->q, arena_printf(c->arena, "storage%zu", i),
			qemu_args_disk(c->arena, &m, i), e);
	handover_close(c->arena, &m);
	if (r < 0)
		return error_prefix(e, "the disk %s is not plugged in: ", path_of(live, i));
	c->guest.disks = g.disks;
	return change_save(c, e);
}

static int change_medium(struct change_of *c, const struct guest *live, size_t i, struct error *e)
{
	struct guest g;
	struct spec s = with_disks(c, &g, live, c->guest.disks.n);
	struct machine old = change_machine(c, &c->now), new = change_machine(c, &s);
	const struct guest_disk *to = &LIST_AT(&live->disks, const struct guest_disk, i);
	int r = handover_open_disk(&new, i, e);

	if (r >= 0)
		r = plug_medium(&c->q, arena_printf(c->arena, "storage%zu", i),
			to->path ? arena_printf(c->arena, "disk%zu", i) : NULL,
			disk_args(c, &old, i), qemu_args_disk(c->arena, &new, i), e);
	handover_close(c->arena, &new);
	if (r < 0 && !to->path)
		return error_prefix(e, "the medium %s is not taken out: ", path_of(&c->guest, i));
	if (r < 0)
		return error_prefix(e, "the medium %s is not put in: ", to->path);
	guest_medium_take(&((struct guest_disk *)c->guest.disks.v)[i], to);
	return change_save(c, e);
}

static int change_limits(struct change_of *c, const struct guest *live, size_t i, struct error *e)
{
	const struct guest_disk *to = &LIST_AT(&live->disks, const struct guest_disk, i);
	const struct disk_throttle *t = &to->throttle;
	int r = 0;

	/* They come and go with the medium. */
	if (to->path)
		r = guest_qmp_command(&c->q, "qom-set",
			json_pack("{s:o, s:s, s:o}", "path", json_sprintf("/objects/limits%zu", i),
				"property", "limits", "value", qemu_limits(t)),
			-1, NULL, e);
	if (r < 0)
		return error_prefix(e, "the limits of %s are not changed: ", path_of(live, i));
	((struct guest_disk *)c->guest.disks.v)[i].throttle = *t;
	return change_save(c, e);
}

/* Of a disk that stays. */
static int change_disk(struct change_of *c, const struct guest *live, size_t i, struct error *e)
{
	const struct guest_disk *had = &LIST_AT(&c->guest.disks, const struct guest_disk, i);
	const struct guest_disk *to = &LIST_AT(&live->disks, const struct guest_disk, i);

	if (guest_medium_differs(had, to))
		return change_medium(c, live, i, e);
	return guest_limits_differ(had, to) ? change_limits(c, live, i, e) : 0;
}

/* One that is new has the address that the specification gives it. */
static void add_place(struct change_of *c, struct spec *s, struct guest *g)
{
	size_t n = g->interfaces.n;

	s->interfaces = arena_alloc(c->arena, (n + 2) * sizeof(*s->interfaces));
	memcpy(s->interfaces, c->now.interfaces, n * sizeof(*s->interfaces));
	s->interfaces[n] = c->want->interfaces[n];
	g->interfaces.n++;
}

/* Of the host's own: a tap, or a macvtap. */
static int plug_link(struct change_of *c, struct spec *s, size_t i, struct error *e)
{
	struct machine m = change_machine(c, s);
	int r = handover_open_interface(&m, i, e);

	if (r >= 0)
		r = plug_in(&c->q, arena_printf(c->arena, "net%zu", i),
			qemu_args_interface(c->arena, &m, i), e);
	handover_close(c->arena, &m);
	return r;
}

static int plug_interface(struct change_of *c, const struct guest *live, struct error *e)
{
	size_t i = c->guest.interfaces.n;
	struct guest g = c->guest;
	struct spec s = c->now;
	int r;

	g.interfaces.v = live->interfaces.v;
	s.guest = &g;
	add_place(c, &s, &g);
	if (LIST_AT(&g.interfaces, const struct guest_interface, i).vf)
		r = change_plug_interface(c, &s, i, e);
	else
		r = plug_link(c, &s, i, e);
	if (r < 0)
		return error_prefix(e, "interface %zu is not plugged in: ", i);
	c->guest.interfaces = g.interfaces;
	c->now.interfaces = s.interfaces;
	return change_save(c, e);
}

static int change_all(struct change_of *c, const struct guest *live, struct error *e)
{
	struct list *disks = &c->guest.disks;
	int r = set_balloon(c, live, e);

	while (r >= 0 && c->guest.interfaces.n > live->interfaces.n)
		r = unplug_interface(c, e);
	if (r >= 0)
		r = change_unplug_devices(c, live, e);
	while (r >= 0 && disks->n > live->disks.n)
		r = unplug_disk(c, e);
	for (size_t i = 0; r >= 0 && i < disks->n; i++)
		r = change_disk(c, live, i, e);
	while (r >= 0 && disks->n < live->disks.n)
		r = plug_disk(c, live, e);
	while (r >= 0 && c->guest.interfaces.n < live->interfaces.n)
		r = plug_interface(c, live, e);
	return r < 0 ? r : change_plug_devices(c, live, e);
}

int guest_live_apply(struct host *h, const struct spec *want, const struct guest *live,
	const char *const *lost, struct error *e)
{
	_cleanup_arena_ struct arena *a = arena_new();
	struct change_of c = { .h = h, .arena = a, .q = { .fd = -1 }, .want = want };
	size_t had;
	int r = spec_load(h->root, want->name, FILE_STARTED, a, &c.now, e);

	if (r < 0)
		return r == -ENOENT ? error_set(e, r, "%s is missing", FILE_STARTED) : r;
	c.guest = *c.now.guest;
	c.now.guest = &c.guest;
	had = guest_assigned(&c.guest);
	change_widen(&c, live);
	r = guest_qmp_open(h, want->name, &c.q, e);
	if (r >= 0)
		r = change_all(&c, live, e);
	if (r >= 0)
		r = change_plug_lost(&c, lost, e);
	guest_qmp_close(&c.q);
	if (had && !guest_assigned(&c.guest))
		guest_vfio_lower(h, want->name, &c.guest);
	return r;
}
