/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/guest_files.h"
#include <fcntl.h>

/* Not by printf: see base/decimal.h. */
static void join(struct guest_path *p, const char *const *parts, size_t n)
{
	char *at = p->s, *end = p->s + sizeof(p->s) - 1;

	for (size_t i = 0; i < n; i++) {
		size_t len = MIN_OF(strlen(parts[i]), (size_t)(end - at));

		memcpy(at, parts[i], len);
		at += len;
	}
	*at = '\0';
}

struct guest_path guest_path(const char *name, const char *file)
{
	const char *const parts[] = { GUESTS_DIR "/", name, *file ? "/" : "", file };
	struct guest_path p;

	join(&p, parts, ARRAY_SIZE(parts));
	return p;
}

struct guest_path guest_unit(const char *name)
{
	const char *const parts[] = { GUEST_UNIT_PREFIX, name, ".service" };
	struct guest_path p;

	join(&p, parts, ARRAY_SIZE(parts));
	return p;
}

char *guest_of_unit(const char *unit)
{
	const char *name = startswith(unit, GUEST_UNIT_PREFIX);

	if (!name || !endswith(name, ".service"))
		return NULL;
	return strndup(name, strlen(name) - strlen(".service"));
}

bool guest_held(int root, const char *name)
{
	return file_exists(root, guest_path(name, FILE_HELD).s);
}

int guest_hold(int root, const char *name, bool held, struct error *e)
{
	struct guest_path p = guest_path(name, FILE_HELD);
	int r = held ? file_write_atomic(root, p.s, "", 0, 0644) : file_remove(root, p.s);

	if (r < 0 && r != -ENOENT)
		return error_set(
			e, r, "cannot %s %s: %s", held ? "write" : "remove", p.s, strerror(-r));
	return 0;
}

int guest_files_remove(int root, const char *name, struct error *e)
{
	static const char *const files[] = { FILE_CONSOLE, FILE_CONTROL, FILE_HELD, FILE_STATE,
		FILE_STARTED, FILE_LIVE, FILE_SPEC };
	struct guest_path dir = guest_path(name, "");
	_cleanup_close_ int fd = file_open(root, GUESTS_DIR, O_PATH | O_DIRECTORY, 0);
	int r;

	/* The spec goes last: while it is there, a removal that was cut off is found again. */
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		r = file_remove(root, guest_path(name, files[i]).s);
		if (r < 0 && r != -ENOENT)
			return error_set(
				e, r, "cannot remove %s/%s: %s", dir.s, files[i], strerror(-r));
	}
	if (fd >= 0 && unlinkat(fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return error_set(e, -errno, "cannot remove %s: %s", dir.s, strerror(errno));
	return 0;
}
