/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether users of the host can read guests' disks. Guests cannot, whatever a file's mode is: their
 * QEMUs see no file of the host's. kvmhost makes images of mode 0600, and changes none that others
 * made.
 */
#include "config/obj.h"
#include "hostprep/doctor_guests.h"
#include <fcntl.h>
#include <stdio.h>

/* So many are named; a message of hundreds is not read. */
enum { NAMED = 4 };

struct open_images {
	struct doctor *d;
	const char *names, *paths; /* NULL: none yet */
	size_t n;
	bool written;
};

/* All directories on the way let everybody through. */
static bool is_reached(struct doctor *d, const char *path)
{
	struct stat st;

	for (const char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/'))
		if (file_stat(d->h->root, arena_strndup(d->arena, path, (size_t)(p - path)), &st) <
				0 ||
			!(st.st_mode & S_IXOTH))
			return false;
	return true;
}

/* What only is read may be anybody's: a distribution's disc. */
static bool is_private(struct doctor *d, const struct obj *disk)
{
	const char *device = obj_text(disk, "device", d->arena),
		   *readonly = obj_text(disk, "readonly", d->arena);

	return device && streq(device, "disk") && !(readonly && streq(readonly, "true"));
}

static void look_at(struct open_images *o, const char *guest, const struct obj *disk)
{
	struct doctor *d = o->d;
	const char *path = obj_text(disk, "path", d->arena);
	struct stat st;

	if (!path || !is_private(d, disk) || file_stat(d->h->root, path, &st) < 0 ||
		!S_ISREG(st.st_mode) || !(st.st_mode & (S_IROTH | S_IWOTH)) || !is_reached(d, path))
		return;
	o->written |= (st.st_mode & S_IWOTH) != 0;
	if (++o->n > NAMED)
		return;
	o->names = arena_printf(d->arena, "%s%s%s of %s", o->names ? o->names : "",
		o->names ? ", " : "", path, guest);
	o->paths = arena_printf(
		d->arena, "%s%s%s", o->paths ? o->paths : "", o->paths ? " " : "", path);
}

void doctor_guest_images(struct doctor *d)
{
	const struct wants *w = doctor_wants(d);
	struct open_images o = { .d = d };

	for (size_t i = 0; w && i < w->n; i++) {
		const struct obj *guest = w->v[i]->want;
		const struct field *f = streq(w->v[i]->kind->name, "guest")
						? table_field(guest->table, "disks")
						: NULL;
		const struct list *disks =
			f ? (const void *)((const char *)guest + f->offset) : NULL;

		for (size_t k = 0; disks && k < disks->n; k++)
			look_at(&o, w->v[i]->name,
				(const void *)((const char *)disks->v + k * f->table->size));
	}
	if (!w)
		return;
	if (!o.names) {
		doctor_found(d, HEALTH_PASS, "none is open to every user of the host");
		return;
	}
	if (o.n <= NAMED) {
		doctor_found(d, HEALTH_WARN, "every user of the host can read%s: %s",
			o.written ? " or write" : "", o.names);
		doctor_cure(d, "chmod o= %s", o.paths);
		return;
	}
	doctor_found(d, HEALTH_WARN, "every user of the host can read%s %zu images: %s, ...",
		o.written ? " or write" : "", o.n, o.names);
	doctor_cure(d, "chmod o= %s; then ask again for the others", o.paths);
}
