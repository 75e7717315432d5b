/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu/block_function.h"
#include "iommu/pci_internal.h"
#include <fcntl.h>

#define CLASS "/sys/class/block"

struct functions {
	struct host *h;
	const char **v;
	size_t n;
};

static bool is_address(const char *s, size_t n)
{
	size_t domain = strcspn(s, ":/");

	return domain >= 4 && n == domain + strlen(":00:00.0") && s[domain] == ':' &&
	       s[domain + 3] == ':' && s[domain + 6] == '.' && strspn(s, "0123456789abcdef:.") >= n;
}

/* The function that a path of /sys runs through last. */
static void add_last(struct functions *f, const char *path)
{
	const char *found = NULL;
	size_t length = 0;

	for (size_t n; *path; path += n + (path[n] == '/')) {
		n = strcspn(path, "/");
		if (is_address(path, n)) {
			found = path;
			length = n;
		}
	}
	if (found)
		*ARENA_PUSH(f->h->pass, f->v, f->n) = arena_strndup(f->h->pass, found, length);
}

/* Several ways lead to such a drive, so its place in /sys names none of them. */
static void add_ways(struct functions *f, const char *link)
{
	const char *at = strstr(link, "/nvme-subsystem/");
	_cleanup_free_ char *dir = NULL, **names = NULL;
	size_t n = 0;

	if (!at)
		return;
	at += strlen("/nvme-subsystem/");
	dir = xprintf("/sys/class/nvme-subsystem/%.*s", (int)strcspn(at, "/"), at);
	if (file_list(f->h->root, dir, &names, &n) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		const char *to = link_in(f->h, dir, names[i]);

		if (to)
			add_last(f, to);
	}
}

const char *const *block_functions(struct host *h, const char *dir, const char *name, size_t *n)
{
	const char *link = link_in(h, dir, name);
	struct functions f = { .h = h };

	if (link)
		add_last(&f, link);
	if (link && !f.n)
		add_ways(&f, link);
	*n = f.n;
	return f.v;
}

static bool leads_to(struct host *h, const char *address, const char *block)
{
	const char *const *v;
	size_t n;

	v = block_functions(h, CLASS, block, &n);
	for (size_t i = 0; i < n; i++)
		if (streq(v[i], address))
			return true;
	return false;
}

/* A disk as a whole can be had exclusively only when no part of it is. */
static bool exclusive(struct host *h, const char *block)
{
	_cleanup_free_ char *node = xprintf("/dev/%s", block);
	_cleanup_close_ int fd = file_open(h->root, node, O_RDONLY | O_EXCL | O_NONBLOCK, 0);

	return fd == -EBUSY;
}

const char *block_in_use(struct host *h, const char *address)
{
	_cleanup_free_ char **names = NULL;
	size_t n = 0;

	if (!h->live || file_list(h->root, CLASS, &names, &n) < 0)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (leads_to(h, address, names[i]) && exclusive(h, names[i]))
			return arena_strdup(h->pass, names[i]);
	return NULL;
}
