/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/guest_images.h"
#include "runner/guest_kind.h"

void guest_images_free(struct guest_images *m)
{
	strmap_free(&m->leaving);
}

/* What the guest has that the step ends or changes; NULL: it does neither. */
static const struct guest *leaves(const struct step *s, bool *ends)
{
	const struct guest_seen *seen = s->have;
	struct decision d;

	if (!seen || !seen->running)
		return NULL;
	*ends = !s->want;
	if (s->want) {
		d = guest_decide(s->want, seen);
		*ends = d.stop || d.restart;
		if (!*ends && !d.live)
			return NULL;
	}
	return seen->started ? seen->started : seen->applied;
}

static bool has_image(const struct guest *g, const char *path)
{
	for (size_t i = 0; i < g->disks.n; i++)
		if (streq_null(LIST_AT(&g->disks, const struct guest_disk, i).path, path))
			return true;
	return false;
}

void guest_images_find(struct guest_images *m, struct step *const *steps, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool ends;
		const struct guest *g = leaves(steps[i], &ends);

		for (size_t k = 0; g && k < g->disks.n; k++) {
			const struct guest_disk *disk =
				&LIST_AT(&g->disks, const struct guest_disk, k);

			if (disk->path && !disk_is_readonly(disk) &&
				(ends || !has_image(steps[i]->want, disk->path)))
				strmap_put(&m->leaving, disk->path, steps[i]);
		}
	}
}

int guest_images_wait(const struct guest_images *m, const struct step *s, struct error *e)
{
	const struct guest *g = s->want;

	for (size_t i = 0; i < g->disks.n; i++) {
		const char *path = LIST_AT(&g->disks, const struct guest_disk, i).path;
		const struct step *has = path ? strmap_get(&m->leaving, path) : NULL;

		if (has && has != s)
			return error_set(e, -EAGAIN, "%s still has the image %s", has->r->id, path);
	}
	return 0;
}
