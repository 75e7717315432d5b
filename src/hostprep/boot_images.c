/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unified kernel images as boot entries: system, kernel and command line are sections of each. */
#include "hostprep/kernel_cmdline.h"
#include "hostprep/pe.h"
#include <fcntl.h>

enum { TEXT_MAX = 1 << 20 };

static const char *const image_directories[] = { "/efi/EFI/Linux", "/boot/EFI/Linux",
	"/boot/efi/EFI/Linux" };

/* ID=debian of an os-release; in the arena. */
static const char *release_id(struct arena *a, const char *text)
{
	const char *p;

	for (p = text; p && *p; p += strcspn(p, "\n"), p += *p == '\n') {
		const char *id = startswith(p, "ID=");

		if (!id)
			continue;
		id += *id == '"' || *id == '\'';
		return arena_strndup(a, id, strcspn(id, "\"'\n"));
	}
	return "";
}

static const char *own_id(struct host *h, struct arena *a)
{
	_cleanup_free_ char *text = NULL;

	if (file_read(h->root, "/etc/os-release", TEXT_MAX, &text, NULL) < 0 &&
		file_read(h->root, "/usr/lib/os-release", TEXT_MAX, &text, NULL) < 0)
		return "";
	return release_id(a, text);
}

/* Another system's on the same partition is none of ours; one that cannot be read is an error. */
static int read_image(
	struct host *h, struct boot *b, const char *path, const char *name, struct error *e)
{
	_cleanup_close_ int fd = file_open(h->root, path, O_RDONLY, 0);
	struct boot_entry entry = { .title = arena_strdup(b->arena, name),
		.tokens.arena = b->arena };
	const char *release = NULL, *words = "";
	int r = fd < 0 ? fd : pe_section(fd, ".osrel", b->arena, &release);

	if (r == -ENOENT || (r == 0 && !streq(release_id(b->arena, release), own_id(h, b->arena))))
		return 0;
	if (r == 0)
		r = pe_section(fd, ".cmdline", b->arena, &words);
	if (r < 0 && r != -ENOENT) {
		error_set(e, r, "cannot read the unified kernel image %s: %s", path,
			r == -EBADMSG ? "it is cut off, or no PE image" : strerror(-r));
		return error_cure(e, r == -EACCES ? "run as root" : "make it anew, or remove it");
	}
	(void)pe_section(fd, ".uname", b->arena, &entry.version);
	tokens_read(&entry.tokens, words);
	*ARENA_PUSH(b->arena, b->entries, b->n) = entry;
	return 0;
}

int boot_images_read(struct host *h, struct boot *b, struct error *e)
{
	size_t i, k, n;
	int r = 0;

	b->entries = NULL;
	b->n = 0;
	for (i = 0; i < ARRAY_SIZE(image_directories) && r == 0 && !b->n; i++) {
		_cleanup_free_ char **names = NULL;

		if (file_list(h->root, image_directories[i], &names, &n) < 0)
			continue;
		for (k = 0; k < n && r == 0; k++) {
			_cleanup_free_ char *path =
				xprintf("%s/%s", image_directories[i], names[k]);

			if (endswith(names[k], ".efi"))
				r = read_image(h, b, path, names[k], e);
		}
	}
	return r;
}
