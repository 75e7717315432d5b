/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/tree_fetch.h"
#include "base/pack.h"
#include "base/sums.h"
#include <fcntl.h>

#define FETCHING ".fetching"

static void end_sum(struct sha256_ctx *ctx, char out[static SHA256_TEXT])
{
	uint8_t digest[SHA256_DIGEST_SIZE];

	sym_nettle_sha256_digest(ctx, sizeof(digest), digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

void tree_sha256(const char *data, size_t len, char out[static SHA256_TEXT])
{
	struct sha256_ctx ctx;

	sym_nettle_sha256_init(&ctx);
	sym_nettle_sha256_update(&ctx, len, (const uint8_t *)data);
	end_sum(&ctx, out);
}

static int verify(int dir, const char *name, const char *what, const char *given,
	const char *listed, struct error *e)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	char text[SHA256_TEXT], chunk[65536];
	struct sha256_ctx ctx;
	ssize_t n;
	int r;

	if (!given && !listed)
		return 0;
	r = sums_load(e);
	if (r < 0)
		return r;
	sym_nettle_sha256_init(&ctx);
	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		sym_nettle_sha256_update(&ctx, (size_t)n, (const uint8_t *)chunk);
	if (n < 0)
		return error_set(e, -errno, "cannot read the %s: %s", what, strerror(errno));
	end_sum(&ctx, text);
	if ((given && strcasecmp(given, text) != 0) || (listed && strcasecmp(listed, text) != 0))
		return error_set(e, -EBADMSG,
			"the %s that was fetched has the SHA-256 sum %s, and %s says %s", what,
			text, given ? "the document" : ".treeinfo", given ? given : listed);
	return 0;
}

/* Archives behind each other, at multiples of four bytes, are one to the kernel. */
static int inject(int dir, const char *name, const struct answers *a, struct error *e)
{
	_cleanup_close_ int fd = openat(dir, TREE_INITRD, O_WRONLY | O_APPEND | O_CLOEXEC);
	const struct pack_file file = { name, a->text, a->len };
	_cleanup_strbuf_ struct strbuf more = { 0 };
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(e, -errno, "cannot open the initrd: %s", strerror(errno));
	sb_pad(&more, '\0', (size_t)(-st.st_size & 3));
	r = pack_cpio(&more, &file, 1, e);
	for (size_t at = 0; r >= 0 && at < more.len;) {
		ssize_t n = write(fd, more.s + at, more.len - at);

		if (n > 0)
			at += (size_t)n;
		else if (n == 0 || errno != EINTR)
			r = error_set(e, n ? -errno : -EIO, "cannot write to the initrd: %s",
				strerror(n ? errno : EIO));
	}
	return r;
}

/* Before the record says that it is there: what was fetched is not on the disk by that. */
static int sync_file(int dir, const char *name, struct error *e)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);

	if (fd >= 0 && fsync(fd) >= 0)
		return 0;
	return error_set(e, -errno, "cannot write the %s to the disk: %s", name, strerror(errno));
}

static int no_answers(const char *location, struct error *e)
{
	error_set(e, -EINVAL, "the installer in %s reads no answers from its initial RAM disk",
		location);
	return error_cure(e, "write them as `cloud_init: {user_data: FILE}`, and "
			     "`extra_args: autoinstall`");
}

static int write_notes(struct host *h, const char *directory, const struct tree_want *want,
	const char *arguments, const struct answers *a, struct error *e)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };
	_cleanup_free_ char *notes = xprintf("%s/" TREE_ARGUMENTS, directory),
			    *record = xprintf("%s/" TREE_RECORD, directory);
	int r;

	sb_add(&text, "{\"format\": 1, \"location\": ");
	sb_add_json(&text, want->location);
	if (a->text)
		sb_addf(&text, ", \"answers_sha256\": \"%s\"", a->sha256);
	sb_add(&text, "}\n");
	r = file_write_atomic(h->root, notes, arguments, strlen(arguments), 0600);
	if (r >= 0)
		r = file_write_atomic(h->root, record, text.s, text.len, 0600);
	return r < 0 ? error_set(e, r, "cannot write below %s: %s", directory, strerror(-r)) : 0;
}

static int fetch(struct host *h, const struct tree_want *want, const struct answers *a,
	const struct tree_source *s, const char *directory, int dir, struct error *e)
{
	struct tree t;
	const char *name, *arguments;
	int r = tree_find(s, &t, e);

	if (r < 0)
		return r;
	arguments = tree_arguments(h->pass, t.family, want->location, a->text != NULL, &name);
	if (a->text && !name)
		return no_answers(want->location, e);
	r = tree_get(s, t.kernel, dir, TREE_KERNEL, e);
	if (r >= 0)
		r = tree_get(s, t.initrd, dir, TREE_INITRD, e);
	if (r >= 0)
		r = verify(dir, TREE_KERNEL, "kernel", want->kernel_sha256, t.kernel_sha256, e);
	if (r >= 0)
		r = verify(dir, TREE_INITRD, "initrd", want->initrd_sha256, t.initrd_sha256, e);
	if (r >= 0 && a->text)
		r = inject(dir, name, a, e);
	if (r >= 0)
		r = sync_file(dir, TREE_KERNEL, e);
	if (r >= 0)
		r = sync_file(dir, TREE_INITRD, e);
	return r < 0 ? r : write_notes(h, directory, want, arguments, a, e);
}

/* The record first: what is left of the rest by who is killed in here is nothing. */
static int remove_files(struct host *h, const char *directory, struct error *e)
{
	_cleanup_free_ char **names = NULL, *record = xprintf("%s/" TREE_RECORD, directory);
	_cleanup_close_ int parent = file_open(h->root, TREES_DIR, O_PATH | O_DIRECTORY, 0);
	size_t n = 0;
	int r = file_remove(h->root, record);

	if (r >= 0 || r == -ENOENT)
		r = file_list(h->root, directory, &names, &n);
	if (r >= 0)
		file_sweep(h->root, directory);
	for (size_t i = 0; i < n && r >= 0; i++) {
		_cleanup_free_ char *path = xprintf("%s/%s", directory, names[i]);

		r = file_remove(h->root, path);
	}
	if (r >= 0 && unlinkat(parent, strrchr(directory, '/') + 1, AT_REMOVEDIR) < 0)
		r = -errno;
	return r < 0 && r != -ENOENT
		       ? error_set(e, r, "cannot remove %s: %s", directory, strerror(-r))
		       : 0;
}

/* In the place of what was there: a cut between the two leaves nothing, which is fetched again. */
static int settle(struct host *h, const char *from, const char *to, struct error *e)
{
	_cleanup_close_ int parent = file_open(h->root, TREES_DIR, O_RDONLY | O_DIRECTORY, 0);
	int r = remove_files(h, to, e);

	if (r < 0)
		return r;
	if (renameat(parent, strrchr(from, '/') + 1, parent, strrchr(to, '/') + 1) < 0 ||
		fsync(parent) < 0)
		return error_set(e, -errno, "cannot make %s: %s", to, strerror(errno));
	return 0;
}

int tree_fetch(struct host *h, const char *guest, const struct tree_want *want,
	const struct answers *a, struct error *e)
{
	struct guest_path to = tree_path(guest, "");
	const char *from = TREES_DIR "/" FETCHING;
	_cleanup_close_ int dir = -1;
	struct tree_source s;
	int err = remove_files(h, from, e);

	if (err < 0)
		return err;
	err = file_mkdirs(h->root, TREES_DIR, 0700);
	if (err >= 0)
		err = file_mkdirs(h->root, from, 0700);
	if (err >= 0)
		err = dir = file_open(h->root, from, O_RDONLY | O_DIRECTORY, 0);
	if (err < 0)
		return error_set(e, err, "cannot make %s: %s", from, strerror(-err));
	err = tree_open(&s, h->pass, h->root, want->location, e);
	s.progress = h->progress;
	s.progress_arg = h->progress_arg;
	if (err >= 0)
		err = fetch(h, want, a, &s, from, dir, e);
	tree_close(&s);
	if (err >= 0)
		return settle(h, from, to.s, e);
	remove_files(h, from, NULL);
	return err;
}

int tree_remove(struct host *h, const char *guest, struct error *e)
{
	return remove_files(h, tree_path(guest, "").s, e);
}
