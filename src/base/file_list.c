/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/file.h"
#include "base/arena.h"
#include "base/strbuf.h"
#include <dirent.h>
#include <fcntl.h>

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names, each with its NUL, one after the other. */
static int collect(DIR *d, struct strbuf *names, size_t *n)
{
	struct dirent *entry;

	for (;;) {
		errno = 0;
		entry = readdir(d);
		if (!entry)
			return -errno;
		if (entry->d_name[0] == '.')
			continue;
		sb_addn(names, entry->d_name, strlen(entry->d_name) + 1);
		(*n)++;
	}
}

int file_list(int root, const char *dir, char ***names, size_t *n)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };
	size_t count = 0, i;
	char **v, *p;
	DIR *d;
	int fd, r;

	fd = file_open(root, dir, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return fd;
	d = fdopendir(fd);
	if (!d) {
		r = -errno;
		close(fd);
		return r;
	}
	r = collect(d, &text, &count);
	closedir(d);
	if (r < 0)
		return r;

	v = xmalloc((count + 1) * sizeof(*v) + text.len);
	p = (char *)(v + count + 1);
	if (text.len)
		memcpy(p, text.s, text.len);
	for (i = 0; i < count; i++, p += strlen(p) + 1)
		v[i] = p;
	v[count] = NULL;
	qsort(v, count, sizeof(*v), compare_names);
	*names = v;
	*n = count;
	return 0;
}
