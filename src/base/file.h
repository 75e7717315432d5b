/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files under a root directory. `root` is a directory descriptor; `path` may
 * begin with a slash and is resolved inside root, symbolic links included
 * (openat2(2), RESOLVE_IN_ROOT), so that --root DIR never leaves DIR. With
 * AT_FDCWD for root, paths are the process's own.
 */
#ifndef KVMHOST_FILE_H
#define KVMHOST_FILE_H

#include "base/error.h"
#include <sys/stat.h>
#include <sys/types.h>

/* open(2) inside root; O_CLOEXEC is added. Returns a descriptor or -errno. */
int file_open(int root, const char *path, int flags, mode_t mode);
int file_stat(int root, const char *path, struct stat *st);
bool file_exists(int root, const char *path);

/*
 * The whole file, NUL-terminated; the caller frees *out. -EFBIG when longer
 * than max bytes. len may be NULL. Works for /proc and /sys, whose files say
 * size 0.
 */
int file_read(int root, const char *path, size_t max, char **out, size_t *len);
int file_read_fd(int fd, size_t max, char **out, size_t *len);
/* No more than its first bytes, also of a longer one. */
int file_read_start(int root, const char *path, size_t max, char **out);
/* The first line without its newline and outer blanks. */
int file_read_line(int root, const char *path, char **out);

/*
 * Replaces the file in one instant: write to a temporary name beside it,
 * fsync, rename, fsync the directory. Missing directories are made (0755) and
 * synced.
 */
int file_write_atomic(int root, const char *path, const char *data, size_t len, mode_t mode);
/* The same, and the new file gets the attributes of `like`, which is open; -1: of none. */
int file_write_like(
	int root, const char *path, const char *data, size_t len, mode_t mode, int like);
/*
 * The same for a file of others that is edited: its owner, mode, ACL, SELinux label and user
 * attributes stay, and so does a symbolic link that leads to it. mode: of a new one.
 */
int file_edit_atomic(int root, const char *path, const char *data, size_t len, mode_t mode);
/* Owner, mode, ACL, SELinux label and user attributes. */
int file_copy_attributes(int from, int to);
/* One write(2) into an existing file (truncated first, as a shell's > does), for /proc and /sys. */
int file_poke(int root, const char *path, const char *text);
/* unlink and fsync of the directory; a missing file is no error. */
int file_remove(int root, const char *path);
/*
 * Removes what writers that were killed between naming a new file and renaming
 * it left in the directory. No other writer may be at work there.
 */
void file_sweep(int root, const char *dir);
/* mkdir -p; 0 when it is there. Missing parents get 0755, the last part gets mode, whatever the
 * umask. */
int file_mkdirs(int root, const char *path, mode_t mode);

/*
 * "cannot VERB PATH: why", and the cure where the file system is at fault or the caller is not
 * root. Returns code.
 */
int file_failure(struct error *e, int code, const char *verb, const char *path);

/*
 * Names in a directory, sorted bytewise, without those that begin with a dot; a NULL-terminated
 * array in one allocation, the caller frees it with free(). -ENOENT when there is no such
 * directory.
 */
int file_list(int root, const char *dir, char ***names, size_t *n);

#endif
