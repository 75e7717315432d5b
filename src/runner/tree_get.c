/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a directory, or one of NFS, by reading it; from a server by curl(1). */
#include "base/file.h"
#include "base/log.h"
#include "base/tool.h"
#include "runner/nfs.h"
#include "runner/tree.h"
#include <fcntl.h>
#include <limits.h>
#include <sys/sendfile.h>
#include <sys/wait.h>
#include <time.h>

enum { SMALL_MAX = 1 << 20, PROGRESS_MS = 200 };
#define PIECE ((size_t)1 << 20)
/* curl's: HTTP says 4xx; FTP has no such directory, or file. */
enum { CURL_DENIED = 9, CURL_RETR = 19, CURL_HTTP = 22, CURL_NO_FILE = 78 };

bool tree_is_url(const char *location)
{
	return startswith(location, "http://") || startswith(location, "https://") ||
	       startswith(location, "ftp://");
}

int tree_open(
	struct tree_source *s, struct arena *a, int root, const char *location, struct error *e)
{
	struct nfs_place nfs;

	*s = (struct tree_source){ .arena = a, .location = location, .dir = -1 };
	if (tree_is_url(location))
		return 0;
	if (nfs_parse(location, &nfs) > 0) {
		s->dir = nfs_open(&nfs, e);
		return MIN_OF(s->dir, 0);
	}
	s->dir = file_open(root, location, O_PATH | O_DIRECTORY, 0);
	if (s->dir >= 0)
		return 0;
	error_set(e, s->dir, "cannot open the directory %s to install from: %s", location,
		strerror(-s->dir));
	return error_cure(e, "put the tree there, or mount the disc");
}

/* A directory of the host. */
static bool is_local(const struct tree_source *s)
{
	return *s->location == '/';
}

static const char *url_of(const struct tree_source *s, const char *path)
{
	return arena_printf(
		s->arena, "%s%s%s", s->location, endswith(s->location, "/") ? "" : "/", path);
}

/* Of a directory: what failed is "look for", say. */
static int failed(
	const struct tree_source *s, const char *what, const char *path, int r, struct error *e)
{
	error_set(e, r, "cannot %s %s: %s", what, url_of(s, path), strerror(-r));
	return is_local(s) ? r : nfs_cure(r, e);
}

void tree_close(struct tree_source *s)
{
	close_p(&s->dir);
	s->dir = -1;
}

/* --- servers --- */

static int explain(const char *url, int status, const char *said, struct error *e)
{
	if (WIFSIGNALED(status))
		return error_set(e, -EIO, "%s: curl was ended by signal %d", url, WTERMSIG(status));
	return error_set(e, -EIO, "%s: %s (curl: exit status %d)", url,
		*said ? said : "cannot be fetched", WEXITSTATUS(status));
}

/* how: what else curl is told. 1: done, 0: it is not there. */
static int curl(const char *url, bool shown, const char *const how[2], struct error *e)
{
	/* curl's own errors on stdout, which is read; a progress bar on stderr, where there is one.
	 * -q: nobody's ~/.curlrc counts. Who sends next to nothing for a minute is given up. */
	const char *argv[] = { "/usr/bin/curl", "-q", shown ? "--progress-bar" : "--silent",
		"--fail", "--globoff", "--location", "--proto", "=http,https,ftp", "--proto-redir",
		"=http,https", "--connect-timeout", "20", "--speed-limit", "1000", "--speed-time",
		"60", "--max-filesize", "4294967296", "--write-out", "%{errormsg}", "--url", url,
		how[0], how[1], NULL };
	_cleanup_free_ char *said = NULL;
	int status = 0, code, r = tool_end((char *const *)argv, shown, &said, &status, e);

	if (r == -ENOEXEC)
		return error_cure(e, "apt install curl, or dnf install curl");
	if (r < 0)
		return r;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 1;
	code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	if (code == CURL_DENIED || code == CURL_RETR || code == CURL_HTTP || code == CURL_NO_FILE)
		return 0;
	return explain(url, status, said, e);
}

/* The file is made here, for root alone: curl would make it for everybody to read. */
static int fetch(const struct tree_source *s, const char *path, bool shown, int dir,
	const char *name, struct error *e)
{
	_cleanup_close_ int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	const char *where = arena_printf(s->arena, "/proc/%d/fd/%d/%s", (int)getpid(), dir, name);

	if (fd < 0)
		return error_set(e, -errno, "cannot make %s: %s", where, strerror(errno));
	return curl(url_of(s, path), shown, (const char *const[]){ "--output", where }, e);
}

/* --- both --- */

int tree_has(const struct tree_source *s, const char *path, struct error *e)
{
	struct stat st;
	int r;

	if (s->dir >= 0) {
		r = file_stat(s->dir, path, &st);
		if (r >= 0 || r == -ENOENT || r == -ENOTDIR)
			return r >= 0;
		return failed(s, "look for", path, r, e);
	}
	return curl(url_of(s, path), false, (const char *const[]){ "--head", NULL }, e);
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* What is over soon is not told. */
static int copy(const struct tree_source *s, const char *path, int from, int to)
{
	uint64_t told = now_ms();
	struct stat st;
	off_t at = 0;

	if (fstat(from, &st) < 0)
		return -errno;
	while (at < st.st_size) {
		ssize_t n = sendfile(to, from, &at, MIN_OF((size_t)(st.st_size - at), PIECE));

		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		if (is_local(s) || !s->progress || now_ms() - told < PROGRESS_MS)
			continue;
		s->progress(s->progress_arg, url_of(s, path), (unsigned)(at * 100 / st.st_size));
		told = now_ms();
	}
	return 0;
}

static int copy_file(
	const struct tree_source *s, const char *path, int dir, const char *name, struct error *e)
{
	_cleanup_close_ int from = file_open(s->dir, path, O_RDONLY, 0), to = -1;
	int r = from;

	if (r >= 0)
		r = to = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	r = r < 0 ? r == from ? r : -errno : copy(s, path, from, to);
	return r < 0 ? failed(s, "copy", path, r, e) : 0;
}

int tree_get(
	const struct tree_source *s, const char *path, int dir, const char *name, struct error *e)
{
	bool shown = isatty(STDERR_FILENO) == 1;
	int r;

	if (is_local(s))
		return copy_file(s, path, dir, name, e);
	if (shown)
		fprintf(stderr, "%s\n", url_of(s, path));
	else
		log_notice("fetching %s", url_of(s, path));
	if (s->dir >= 0)
		return copy_file(s, path, dir, name, e);
	r = fetch(s, path, shown, dir, name, e);
	return r == 0 ? error_set(e, -ENOENT, "%s is not there", url_of(s, path)) : MIN_OF(r, 0);
}

int tree_read(const struct tree_source *s, const char *path, char **text, struct error *e)
{
	_cleanup_free_ char *said = NULL;
	int r;

	if (s->dir >= 0) {
		r = file_read(s->dir, path, SMALL_MAX, text, NULL);
		return r < 0 && r != -ENOENT ? failed(s, "read", path, r, e) : r;
	}
	r = tree_has(s, path, e);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	{
		const char *argv[] = { "/usr/bin/curl", "-q", "--silent", "--fail", "--globoff",
			"--location", "--proto", "=http,https,ftp", "--proto-redir", "=http,https",
			"--connect-timeout", "20", "--max-time", "60", "--max-filesize", "1048576",
			"--url", url_of(s, path), NULL };

		r = tool_read((char *const *)argv, -1, &said, e);
	}
	if (r >= 0)
		*text = TAKE_PTR(said);
	return r;
}
