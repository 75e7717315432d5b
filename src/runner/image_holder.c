/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/image_holder.h"
#include "runner/guest_files.h"
#include "runner/state.h"
#include <sys/stat.h>

static bool is_file(int root, const char *path, const struct stat *file)
{
	struct stat st;

	return path && file_stat(root, path, &st) >= 0 && st.st_dev == file->st_dev &&
	       st.st_ino == file->st_ino;
}

const char *image_in(int root, const struct guest *g, const struct stat *file)
{
	for (size_t i = 0; i < g->disks.n; i++) {
		const struct guest_disk *d = &LIST_AT(&g->disks, const struct guest_disk, i);

		if (is_file(root, d->path, file))
			return d->path;
		if (is_file(root, d->base, file))
			return d->base;
	}
	return NULL;
}

static bool has_ended(int root, const char *guest)
{
	json_t *record = NULL;
	bool ended = state_read(root, guest, &record) < 0 || state_phase(record) == RUN_ENDED;

	json_decref(record);
	return ended;
}

bool image_holder_find(int root, struct arena *a, const char *but, const struct stat *file,
	struct image_holder *out)
{
	_cleanup_free_ char **names = NULL;
	size_t n = 0;

	file_list(root, GUESTS_DIR, &names, &n);
	for (size_t i = 0; i < n; i++) {
		struct spec now, next;
		const char *path;

		if (streq(names[i], but) || has_ended(root, names[i]) ||
			spec_load(root, names[i], FILE_STARTED, a, &now, NULL) < 0)
			continue;
		path = image_in(root, now.guest, file);
		if (!path)
			continue;
		*out = (struct image_holder){
			.guest = arena_strdup(a, names[i]),
			.path = path,
			.keeps = spec_load(root, names[i], FILE_SPEC, a, &next, NULL) >= 0 &&
				 image_in(root, next.guest, file),
		};
		return true;
	}
	return false;
}
