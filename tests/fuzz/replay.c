/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A fuzzer without libFuzzer: each file, and each regular file of each directory, once. What a
 * fuzzer found stays found, with any compiler.
 */
#include "base/file.h"
#include "base/arena.h"
#include <dirent.h>
#include <fcntl.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t replay_file(const char *path)
{
	_cleanup_free_ char *text = NULL;
	size_t len;

	if (file_read(AT_FDCWD, path, SIZE_MAX, &text, &len) < 0) {
		fprintf(stderr, "%s: cannot be read\n", path);
		exit(1);
	}
	fprintf(stderr, "%s\n", path);
	LLVMFuzzerTestOneInput((const uint8_t *)text, len);
	return 1;
}

static size_t replay(const char *path)
{
	DIR *dir = opendir(path);
	size_t n = 0;

	if (!dir)
		return replay_file(path);
	for (const struct dirent *entry; (entry = readdir(dir));) {
		_cleanup_free_ char *file = xprintf("%s/%s", path, entry->d_name);

		if (entry->d_type == DT_REG)
			n += replay_file(file);
	}
	closedir(dir);
	return n;
}

int main(int argc, char **argv)
{
	size_t n = 0;

	for (int i = 1; i < argc; i++)
		n += replay(argv[i]);
	if (n == 0) {
		fprintf(stderr, "replay: no input\n");
		return 1;
	}
	return 0;
}
