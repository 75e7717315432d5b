/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reconcile/host.h"
#include "reconcile/ahead.h"
#include "reconcile/record.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

static uint64_t wall_clock(void)
{
	return (uint64_t)time(NULL);
}

static uint64_t since_boot(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec;
}

static bool same_directory(int fd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

int host_open(struct host *h, const char *root_path, struct error *e)
{
	*h = (struct host){ .root = -1, .lock = -1, .now = wall_clock, .uptime = since_boot };
	h->root_path = root_path ? root_path : "/";
	h->root = open(h->root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (h->root < 0) {
		error_set(e, -errno, "cannot open the root directory %s: %s", h->root_path,
			strerror(errno));
		return error_cure(
			e, "name the directory that an image's files are below: --root DIR");
	}
	h->live = same_directory(h->root, "/");
	h->pass = arena_new();
	return 0;
}

char *host_shown(const struct host *h, const char *path)
{
	const char *root = h->root_path;
	size_t n = root ? strlen(root) : 0;

	while (n && root[n - 1] == '/')
		n--;
	return xprintf("%.*s%s", (int)n, n ? root : "", path);
}

int host_failure(
	const struct host *h, struct error *e, int code, const char *verb, const char *path)
{
	_cleanup_free_ char *shown = host_shown(h, path);

	return file_failure(e, code, verb, shown);
}

char *host_boot_id(const struct host *h)
{
	char *id;

	return file_read_line(h->root, "/proc/sys/kernel/random/boot_id", &id) < 0 ? NULL : id;
}

void host_idle(struct host *h)
{
	ahead_end(h);
	for (size_t i = 0; i < HOST_HANDLES_MAX; i++) {
		if (h->handles[i].type && h->handles[i].type->close)
			h->handles[i].type->close(h->handles[i].data);
		h->handles[i].type = NULL;
	}
	if (h->record)
		record_free(TAKE_PTR(h->record));
	arena_free(h->pass);
	h->pass = NULL;
	if (h->root >= 0)
		h->pass = arena_new();
}

void host_close(struct host *h)
{
	int root = TAKE_FD(h->root);

	host_idle(h);
	host_unlock(h);
	if (root >= 0)
		close(root);
	*h = (struct host){ .root = -1, .lock = -1 };
}

/* Where the handle is, or the first free place; HOST_HANDLES_MAX: there is none. */
static size_t place_of(const struct host *h, const struct handle *type)
{
	size_t i = 0;

	while (i < HOST_HANDLES_MAX && h->handles[i].type && h->handles[i].type != type)
		i++;
	return i;
}

int host_handle(struct host *h, const struct handle *type, void **data, struct error *e)
{
	size_t i = place_of(h, type);
	int r;

	if (h->ahead && (i == HOST_HANDLES_MAX || !h->handles[i].type) && ahead_take(h, type))
		i = place_of(h, type);
	if (i < HOST_HANDLES_MAX && h->handles[i].type) {
		*data = h->handles[i].data;
		return 0;
	}
	if (i == HOST_HANDLES_MAX)
		return error_set(e, -ENFILE, "no room for the handle `%s`", type->name);
	r = type->open(h, data, e);
	if (r < 0)
		return r;
	/* It may stand on another handle, which was opened by that. */
	while (i < HOST_HANDLES_MAX - 1 && h->handles[i].type)
		i++;
	if (h->handles[i].type) {
		if (type->close)
			type->close(*data);
		return error_set(e, -ENFILE, "no room for the handle `%s`", type->name);
	}
	h->handles[i].type = type;
	h->handles[i].data = *data;
	return 0;
}

void host_absorb(struct host *h, struct host *from)
{
	for (size_t i = 0; i < HOST_HANDLES_MAX && from->handles[i].type; i++) {
		size_t at = place_of(h, from->handles[i].type);

		if (at == HOST_HANDLES_MAX || h->handles[at].type) {
			if (from->handles[i].type->close)
				from->handles[i].type->close(from->handles[i].data);
		} else {
			h->handles[at] = from->handles[i];
		}
		from->handles[i].type = NULL;
	}
	arena_absorb(h->pass, TAKE_PTR(from->pass));
}

void host_forget(struct host *h)
{
	ahead_end(h);
	host_forget_seen(h);
}

void host_forget_seen(struct host *h)
{
	for (size_t i = 0; i < HOST_HANDLES_MAX; i++)
		if (h->handles[i].type && h->handles[i].type->forget)
			h->handles[i].type->forget(h->handles[i].data);
}
