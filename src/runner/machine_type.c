/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/machine_type.h"
#include "base/file.h"
#include <fcntl.h>

#define ALIAS "q35"
#define VERSIONED "pc-q35-"
#define CLASS "-machine" /* what QEMU's name of the object's class ends with */

static bool is_version(const char *s)
{
	static const char usual[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	const char *version = startswith(s, VERSIONED);

	return version && *version && !version[strspn(version, usual)] && strlen(s) < MACHINE_TYPE;
}

bool machine_type_valid(const char *s)
{
	return streq(s, ALIAS) || is_version(s);
}

int machine_type_open(int root, const char *guest, int *fd, struct error *e)
{
	char path[160];
	int r;

	snprintf(path, sizeof(path), MACHINE_DIR "/%s", guest);
	r = file_mkdirs(root, MACHINE_DIR, 0755);
	if (r >= 0)
		r = file_open(root, path, O_RDWR | O_CREAT | O_NOFOLLOW, 0644);
	if (r < 0)
		return error_set(e, r, "cannot open %s: %s", path, strerror(-r));
	*fd = r;
	return 0;
}

const char *machine_type_read(int fd, char out[static MACHINE_TYPE])
{
	ssize_t n = fd < 0 ? -1 : pread(fd, out, MACHINE_TYPE - 1, 0);

	/* A line that was cut off while it was written is none. */
	if (n > 0 && out[n - 1] == '\n') {
		out[n - 1] = '\0';
		if (is_version(out))
			return out;
	}
	return ALIAS;
}

int machine_type_note(int fd, json_t *answer)
{
	const char *class = json_string_value(answer);
	size_t n = class && endswith(class, CLASS) ? strlen(class) - strlen(CLASS) : 0;
	char line[MACHINE_TYPE + 1];

	if (!n || n >= MACHINE_TYPE - 1)
		return 0;
	snprintf(line, sizeof(line), "%.*s", (int)n, class);
	if (!is_version(line))
		return 0;
	line[n++] = '\n';
	if (pwrite(fd, line, n, 0) != (ssize_t)n || ftruncate(fd, (off_t)n) < 0 || fsync(fd) < 0)
		return -errno;
	return 1;
}
