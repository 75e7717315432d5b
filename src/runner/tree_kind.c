/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kind `tree`: kernel and initial RAM disk of the tree that a guest is
 * installed from, fetched into a directory of ours with what the installer is
 * told. Derived from a guest with `install.location`; once that is installed
 * nothing is wanted of it.
 *
 * tree.json is written last: it says what the files beside it are. Files are
 * fetched into a directory beside it that then takes its place, so an
 * interrupted download leaves what was there before.
 */
#include "base/pack.h"
#include "reconcile/plan.h"
#include "reconcile/record.h"
#include "runner/guest.h"
#include "runner/handover.h"
#include "runner/tree.h"
#include <fcntl.h>
#include <nettle/sha2.h>

enum { ANSWERS_MAX = 16 << 20, SHA256_TEXT = 2 * SHA256_DIGEST_SIZE + 1 };
#define FETCHING ".fetching"

struct tree_want {
	struct obj obj;
	const char *location, *answers;
	const char *kernel_sha256, *initrd_sha256;
	const char *answers_sha256; /* of what was fetched */
};

static const struct field rows[] = {
	FIELD_STRING(struct tree_want, location, type_string, .doc = "Where it is."),
	FIELD_STRING(struct tree_want, answers, type_path, .doc = "What the installer is told."),
	FIELD_STRING(struct tree_want, kernel_sha256, type_string, .doc = "Of the kernel."),
	FIELD_STRING(struct tree_want, initrd_sha256, type_string, .doc = "Of the initrd."),
	FIELD_STRING(struct tree_want, answers_sha256, type_string, .doc = "Of the answers."),
};
static const struct table tree_table =
	TABLE(struct tree_want, rows, .doc = "A tree to install from.");

static void sha256_text(const char *data, size_t len, char out[static SHA256_TEXT])
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct sha256_ctx ctx;

	sha256_init(&ctx);
	sha256_update(&ctx, len, (const uint8_t *)data);
	sha256_digest(&ctx, sizeof(digest), digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

struct answers {
	char *text; /* NULL: none */
	size_t len;
	char sha256[SHA256_TEXT];
};

static void answers_free(struct answers *a)
{
	free(a->text);
}
#define _cleanup_answers_ _cleanup_(answers_free)

static int read_answers(
	struct host *h, const struct resource *r, struct answers *a, struct error *e)
{
	const struct tree_want *want = r->want;
	int err;

	if (!want->answers)
		return 0;
	err = file_read(h->root, want->answers, ANSWERS_MAX, &a->text, &a->len);
	if (err < 0) {
		error_set(e, err, "cannot read %s, the `answers` of guest/%s: %s", want->answers,
			r->name, strerror(-err));
		return err == -EACCES ? error_cure(e, "run it as root: sudo kvmhostctl ...") : err;
	}
	sha256_text(a->text, a->len, a->sha256);
	return 0;
}

static bool installed(struct host *h, const char *guest)
{
	_cleanup_free_ char *line = NULL, *path = xprintf(INSTALL_DIR "/%s", guest);

	return file_read_line(h->root, path, &line) >= 0 && streq(line, "done");
}

struct tree_seen {
	struct tree_want have;
	const char *answers_now; /* their hash; NULL: there are to be none */
};

/* What is damaged is as good as nothing: fetched again. */
static void load(struct host *h, const char *name, struct tree_seen *seen)
{
	_cleanup_free_ char *text = NULL;
	json_t *json = NULL;
	const char *location, *answers;

	if (file_read(h->root, tree_path(name, TREE_RECORD).s, ANSWERS_MAX, &text, NULL) >= 0)
		json = json_loads(text, 0, NULL);
	location = json_string_value(json_object_get(json, "location"));
	answers = json_string_value(json_object_get(json, "answers_sha256"));
	if (location) {
		seen->have.location = arena_strdup(h->pass, location);
		obj_mark_set(seen, "location");
	}
	if (location && answers) {
		seen->have.answers_sha256 = arena_strdup(h->pass, answers);
		obj_mark_set(seen, "answers_sha256");
	}
	json_decref(json);
}

static int observe(struct host *h, const struct resource *r, void **have, struct error *e)
{
	struct tree_seen *seen = arena_alloc(h->pass, sizeof(*seen));
	_cleanup_answers_ struct answers a = { 0 };
	int err;

	if (r->want && installed(h, r->name))
		return NOT_HERE;
	err = r->want ? read_answers(h, r, &a, e) : 0;
	if (err < 0)
		return err;
	if (!file_exists(h->root, tree_path(r->name, "").s))
		return 0;
	obj_init(seen, &tree_table, r->name);
	load(h, r->name, seen);
	seen->answers_now = a.text ? arena_strdup(h->pass, a.sha256) : NULL;
	*have = seen;
	return 0;
}

static void diff(struct host *h, struct step *s)
{
	const struct tree_want *want = s->want;
	const struct tree_seen *seen = s->have;

	if (!seen) {
		s->n_changes = obj_diff(want, NULL, h->pass, &s->changes);
		return;
	}
	if (!streq_null(seen->have.location, want->location))
		step_change(h, s, "location", "location", seen->have.location, want->location);
	if (!streq_null(seen->have.answers_sha256, seen->answers_now))
		step_change(h, s, "answers", "answers",
			seen->have.answers_sha256 ? "other ones" : NULL, want->answers);
}

static void refine(struct host *h _unused_, struct step *s)
{
	if (s->want && s->n_changes)
		s->reason = "kernel and initial RAM disk are fetched from there";
}

/* --- fetching --- */

static int verify(int dir, const char *name, const char *what, const char *given,
	const char *listed, struct error *e)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	uint8_t digest[SHA256_DIGEST_SIZE];
	char text[SHA256_TEXT], chunk[65536];
	struct sha256_ctx ctx;
	ssize_t n;

	if (!given && !listed)
		return 0;
	sha256_init(&ctx);
	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		sha256_update(&ctx, (size_t)n, (const uint8_t *)chunk);
	if (n < 0)
		return error_set(e, -errno, "cannot read the %s: %s", what, strerror(errno));
	sha256_digest(&ctx, sizeof(digest), digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
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
	if (r >= 0 && write(fd, more.s, more.len) != (ssize_t)more.len)
		r = error_set(e, -errno, "cannot write to the initrd: %s", strerror(errno));
	return r;
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
	return r < 0 ? r : write_notes(h, directory, want, arguments, a, e);
}

static int remove_files(struct host *h, const char *directory, struct error *e)
{
	_cleanup_free_ char **names = NULL;
	_cleanup_close_ int parent = file_open(h->root, TREES_DIR, O_PATH | O_DIRECTORY, 0);
	size_t n = 0;
	int r = file_list(h->root, directory, &names, &n);

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

static int take(struct host *h, const struct resource *r, const struct answers *a, struct error *e)
{
	const struct tree_want *want = r->want;
	struct guest_path to = tree_path(r->name, "");
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
	if (err >= 0)
		err = fetch(h, want, a, &s, from, dir, e);
	tree_close(&s);
	if (err >= 0)
		return settle(h, from, to.s, e);
	remove_files(h, from, NULL);
	return err;
}

static int apply(struct host *h, struct step *s, struct error *e)
{
	_cleanup_answers_ struct answers a = { 0 };
	int r;

	if (!s->want)
		return remove_files(h, tree_path(s->r->name, "").s, e);
	r = read_answers(h, s->r, &a, e);
	return r < 0 ? r : take(h, s->r, &a, e);
}

static int owned(struct host *h, const struct kind *k _unused_,
	void (*found)(const char *name, void *arg), void *arg, struct error *e)
{
	_cleanup_free_ char **names = NULL;
	size_t n = 0;
	int r = file_list(h->root, TREES_DIR, &names, &n);

	if (r < 0 && r != -ENOENT)
		return error_set(e, r, "cannot list %s: %s", TREES_DIR, strerror(-r));
	for (size_t i = 0; i < n; i++)
		found(names[i], arg);
	return 0;
}

const struct kind tree_kind = {
	.name = "tree",
	.table = &tree_table,
	.observe = observe,
	.diff = diff,
	.refine = refine,
	.apply = apply,
	.owned = owned,
};
