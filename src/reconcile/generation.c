/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/source.h"
#include "reconcile/generation.h"
#include "reconcile/record.h"

#define GENERATION_DIR STATE_DIR "/generations"
#define COMMIT "# commit "
#define ASIDE GENERATION_DIR "/unconfirmed.yaml"
#define GENERATION_MAX (32 << 20)

json_t *generation_current(const struct host *h)
{
	return json_object_get(h->record->root, "generation");
}

static void generation_path(char *out, size_t size, json_int_t number)
{
	snprintf(out, size, "%s/%lld.yaml", GENERATION_DIR, (long long)number);
}

/*
 * The commit that the document was read at: HEAD of the repository around its
 * first file. A stored document says it in its first line.
 */
static char *revision_of(const struct host *h, const struct config *c)
{
	const struct source *s = c->document.n_sources ? c->document.sources[0] : NULL;
	_cleanup_free_ char *real = NULL;
	const char *stored;

	if (s && startswith(s->name, GENERATION_DIR)) {
		stored = startswith(s->text, COMMIT);
		return stored ? strndup(stored, strcspn(stored, "\n")) : NULL;
	}
	if (!h->live)
		return git_revision(h->root, CONFIG_FILE);
	real = s ? realpath(s->name, NULL) : NULL;
	return real ? git_revision(h->root, real) : NULL;
}

static int store(struct host *h, struct config *c, const char *path, struct error *e)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };
	_cleanup_free_ char *git = revision_of(h, c);
	int r;

	if (git)
		sb_addf(&text, COMMIT "%s\n", git);
	document_write(&c->document, true, &text);
	r = file_write_atomic(h->root, path, sb_str(&text), text.len, 0600);
	return r < 0 ? host_failure(h, e, r, "store the document as", path) : 0;
}

static int load(struct host *h, const char *path, struct config *c, struct error *e)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r = file_read(h->root, path, GENERATION_MAX, &text, &len);

	if (r < 0)
		return error_set(e, r, "cannot read the document %s: %s", path, strerror(-r));
	/* The nodes have copies of what they need of the text. */
	config_load_text(c, path, text, len);
	return 0;
}

static void forget_old(struct host *h, json_t *history)
{
	char path[128];

	while (json_array_size(history) > GENERATIONS_KEPT) {
		json_t *oldest = json_array_get(history, 0);

		generation_path(
			path, sizeof(path), json_integer_value(json_object_get(oldest, "number")));
		file_remove(h->root, path);
		json_array_remove(history, 0);
	}
}

int generation_accept(struct host *h, struct config *c, struct error *e)
{
	json_t *current = generation_current(h), *history, *new;
	json_int_t number = json_integer_value(json_object_get(current, "number")) + 1;
	const char *hash = json_string_value(json_object_get(current, "hash"));
	_cleanup_free_ char *git = NULL;
	char path[128];
	int r;

	if (hash && streq(hash, config_hash(c)))
		return 0;
	generation_path(path, sizeof(path), number);
	r = store(h, c, path, e);
	if (r < 0)
		return r;
	git = revision_of(h, c);
	new = json_pack("{s:I, s:s, s:s*, s:I}", "number", number, "hash", config_hash(c), "git",
		git, "time", (json_int_t)h->now());
	json_object_set(h->record->root, "generation", new);
	history = json_object_get(h->record->root, "history");
	if (!history) {
		history = json_array();
		json_object_set_new(h->record->root, "history", history);
	}
	json_array_append_new(history, new);
	forget_old(h, history);
	record_touch(h);
	return record_save(h, e);
}

int generation_load_number(struct host *h, long long number, struct config *c, struct error *e)
{
	char path[128];
	int r;

	generation_path(path, sizeof(path), number);
	r = load(h, path, c, e);
	if (r == -ENOENT) {
		error_set(e, r, "generation %lld is not kept (any more)", number);
		return error_cure(e, "kvmhostctl history lists those that are");
	}
	return r;
}

int generation_set_aside(struct host *h, struct config *c, struct error *e)
{
	return store(h, c, ASIDE, e);
}

int generation_accept_aside(struct host *h, const char *hash, struct error *e)
{
	_cleanup_config_ struct config c = { 0 };
	int r = load(h, ASIDE, &c, e);

	if (r == -ENOENT) /* a log of other make; the next run that converges stores it */
		error_clear(e);
	else if (r >= 0 && c.valid && streq(config_hash(&c), hash))
		r = generation_accept(h, &c, e);
	generation_drop_aside(h);
	return r == -ENOENT ? 0 : r;
}

void generation_drop_aside(struct host *h)
{
	file_remove(h->root, ASIDE);
}

int generation_load(struct host *h, struct config *c, struct error *e)
{
	json_t *current = generation_current(h);

	if (!current)
		return error_set(e, -ENOENT, "no document was ever applied on this host");
	return generation_load_number(
		h, json_integer_value(json_object_get(current, "number")), c, e);
}

/* What HEAD says: a hash, or "ref: refs/heads/x" whose hash stands in a file or in packed-refs. */
static char *resolve_head(int root, const char *git_dir)
{
	_cleanup_free_ char *head = NULL, *path = xprintf("%s/HEAD", git_dir), *ref_path = NULL;
	_cleanup_free_ char *packed = NULL, *packed_path = NULL;
	const char *ref;
	char *hash = NULL, *line;

	if (file_read_line(root, path, &head) < 0)
		return NULL;
	ref = startswith(head, "ref: ");
	if (!ref)
		return TAKE_PTR(head);
	ref_path = xprintf("%s/%s", git_dir, ref);
	if (file_read_line(root, ref_path, &hash) >= 0)
		return hash;
	packed_path = xprintf("%s/packed-refs", git_dir);
	if (file_read(root, packed_path, 16 << 20, &packed, NULL) < 0)
		return NULL;
	for (line = strtok(packed, "\n"); line; line = strtok(NULL, "\n")) {
		char *space = strchr(line, ' ');

		if (space && streq(space + 1, ref))
			return strndup(line, (size_t)(space - line));
	}
	return NULL;
}

char *git_revision(int root, const char *path)
{
	_cleanup_free_ char *dir = xstrdup(path);
	char *slash;

	while ((slash = strrchr(dir, '/'))) {
		_cleanup_free_ char *git = NULL;

		*slash = '\0';
		git = xprintf("%s/.git", dir);
		if (file_exists(root, git))
			return resolve_head(root, git);
	}
	return NULL;
}
