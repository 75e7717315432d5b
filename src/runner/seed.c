/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kind `seed`: the disc with a guest's data for cloud-init, as its data source
 * NoCloud looks for it: a file system of the label CIDATA. Derived from a
 * guest with `cloud_init`.
 *
 * What the disc was made of is told by a field in its own header (the
 * application's, ECMA-119 8.4.20): the instance, a hash over all data. What is
 * in the files is never looked into but for that.
 */
#include "runner/seed.h"
#include "base/pack.h"
#include "base/sums.h"
#include "reconcile/plan.h"
#include "runner/guest.h"
#include <fcntl.h>

enum { DATA_MAX = 16 << 20, INSTANCE_DIGITS = 16 };
enum { APPLICATION_AT = 16 * 2048 + 574, APPLICATION_LENGTH = 128 };

struct seed {
	struct obj obj;
	const char *user_data, *meta_data, *network_config, *vendor_data;
	const char *instance;
};

static const struct field rows[] = {
	FIELD_STRING(struct seed, user_data, type_path, .doc = "User data."),
	FIELD_STRING(struct seed, meta_data, type_path, .doc = "Meta data."),
	FIELD_STRING(struct seed, network_config, type_path, .doc = "Network configuration."),
	FIELD_STRING(struct seed, vendor_data, type_path, .doc = "Vendor data."),
	FIELD_STRING(struct seed, instance, type_string, .doc = "What the data are known by."),
};
static const struct table seed_table = TABLE(struct seed, rows, .doc = "Data for cloud-init.");

/* In the order of the names that NoCloud looks for; index 0 is the meta data. */
enum { META_DATA, FILES = 4 };
static const struct {
	const char *name, *key;
} files[FILES] = {
	{ "meta-data", "meta_data" },
	{ "user-data", "user_data" },
	{ "network-config", "network_config" },
	{ "vendor-data", "vendor_data" },
};

/* The data, each NULL where there is no file. */
struct data {
	char *text[FILES];
	size_t len[FILES];
	const char *instance;
};

static void data_free(struct data *d)
{
	for (size_t i = 0; i < FILES; i++)
		free(d->text[i]);
}
#define _cleanup_data_ _cleanup_(data_free)

static int not_read(
	const struct resource *r, const char *path, const char *key, int err, struct error *e)
{
	error_set(e, err, "cannot read %s, the `%s` of guest/%s: %s", path, key, r->name,
		err == -EFBIG ? "it is larger than 16MiB" : strerror(-err));
	return err == -EACCES ? error_cure(e, "run it as root: sudo kvmhostctl ...") : err;
}

static void name_instance(struct host *h, struct data *d)
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	char digits[INSTANCE_DIGITS + 1] = "";
	struct sha256_ctx ctx;

	sym_nettle_sha256_init(&ctx);
	for (size_t i = 0; i < FILES; i++) {
		uint64_t len = d->text[i] ? d->len[i] + 1 : 0;

		sym_nettle_sha256_update(&ctx, sizeof(len), (const uint8_t *)&len);
		sym_nettle_sha256_update(&ctx, d->len[i], (const uint8_t *)d->text[i]);
	}
	sym_nettle_sha256_digest(&ctx, sizeof(digest), digest);
	/* Upper case is all that the header has. */
	for (size_t i = 0; i < INSTANCE_DIGITS / 2; i++)
		snprintf(digits + 2 * i, 3, "%02X", digest[i]);
	d->instance = arena_strdup(h->pass, digits);
}

static int read_data(struct host *h, const struct resource *r, struct data *d, struct error *e)
{
	int loaded = sums_load(e);

	if (loaded < 0)
		return loaded;
	for (size_t i = 0; i < FILES; i++) {
		const char *path = obj_text(r->want, files[i].key, h->pass);
		int err = path ? file_read(h->root, path, DATA_MAX, &d->text[i], &d->len[i]) : 0;

		if (err < 0)
			return not_read(r, path, files[i].key, err, e);
	}
	name_instance(h, d);
	/* cloud-init would give the disc no look. */
	if (d->text[META_DATA] && !strstr(d->text[META_DATA], "instance-id")) {
		error_set(e, -EINVAL, "the `meta_data` of guest/%s have no instance-id", r->name);
		return error_cure(e, "add a line `instance-id: %s-1` to %s", r->name,
			obj_text(r->want, files[META_DATA].key, h->pass));
	}
	return 0;
}

struct seed_seen {
	struct seed have;
	const char *wanted; /* the instance that the files make today */
};

/* NULL: the disc is damaged, or not ours. */
static const char *read_instance(struct host *h, int fd)
{
	char text[APPLICATION_LENGTH + 1] = "";

	if (pread(fd, text, APPLICATION_LENGTH, APPLICATION_AT) != APPLICATION_LENGTH)
		return NULL;
	for (size_t n = strlen(text); n && text[n - 1] == ' '; n--)
		text[n - 1] = '\0';
	return *text ? arena_strdup(h->pass, text) : NULL;
}

static int observe(struct host *h, const struct resource *r, void **have, struct error *e)
{
	struct seed_seen *seen = arena_alloc(h->pass, sizeof(*seen));
	_cleanup_close_ int fd = file_open(h->root, seed_path(r->name).s, O_RDONLY, 0);
	_cleanup_data_ struct data d = { 0 };
	int err = r->want ? read_data(h, r, &d, e) : 0;

	if (err < 0)
		return err;
	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return error_set(e, fd, "cannot open %s: %s", seed_path(r->name).s, strerror(-fd));
	obj_init(seen, &seed_table, r->name);
	seen->have.instance = read_instance(h, fd);
	if (seen->have.instance)
		obj_mark_set(seen, "instance");
	seen->wanted = d.instance;
	*have = seen;
	return 0;
}

static void diff(struct host *h, struct step *s)
{
	const struct seed_seen *seen = s->have;

	if (!seen)
		s->n_changes = obj_diff(s->want, NULL, h->pass, &s->changes);
	else if (!streq_null(seen->have.instance, seen->wanted))
		step_change(h, s, "instance", "instance", seen->have.instance, seen->wanted);
}

static void refine(struct host *h _unused_, struct step *s)
{
	if (s->want && s->have && s->n_changes)
		s->reason = "its data changed; the guest reads them at its next boot";
}

static int make(struct host *h, const struct resource *r, const struct data *d, struct strbuf *out,
	struct error *e)
{
	const char *own = arena_printf(
		h->pass, "instance-id: %s-%s\nlocal-hostname: %s\n", r->name, d->instance, r->name);
	struct pack_file v[FILES];

	for (size_t i = 0; i < FILES; i++)
		v[i] = (struct pack_file){ files[i].name, d->text[i], d->len[i] };
	if (!v[META_DATA].data)
		v[META_DATA] = (struct pack_file){ "meta-data", own, strlen(own) };
	return pack_iso9660(out,
		arena_printf(h->pass, "volume-id=CIDATA,application-id=%s,!pad", d->instance), v,
		FILES, e);
}

static int apply(struct host *h, struct step *s, struct error *e)
{
	struct guest_path p = seed_path(s->r->name);
	_cleanup_strbuf_ struct strbuf disc = { 0 };
	_cleanup_data_ struct data d = { 0 };
	int r;

	if (!s->want) {
		r = file_remove(h->root, p.s);
		return r < 0 ? error_set(e, r, "cannot remove %s: %s", p.s, strerror(-r)) : 0;
	}
	r = read_data(h, s->r, &d, e);
	if (r >= 0)
		r = make(h, s->r, &d, &disc, e);
	if (r < 0)
		return r;
	r = file_mkdirs(h->root, SEEDS_DIR, 0700);
	if (r >= 0)
		r = file_write_atomic(h->root, p.s, disc.s, disc.len, 0600);
	return r < 0 ? error_set(e, r, "cannot write %s: %s", p.s, strerror(-r)) : 0;
}

static int owned(struct host *h, const struct kind *k _unused_,
	void (*found)(const char *name, void *arg), void *arg, struct error *e)
{
	_cleanup_free_ char **names = NULL;
	size_t n = 0;
	int r = file_list(h->root, SEEDS_DIR, &names, &n);

	if (r < 0 && r != -ENOENT)
		return error_set(e, r, "cannot list %s: %s", SEEDS_DIR, strerror(-r));
	for (size_t i = 0; i < n; i++) {
		char *end = endswith(names[i], ".iso") ? names[i] + strlen(names[i]) - 4 : NULL;

		if (end) {
			*end = '\0';
			found(names[i], arg);
		}
	}
	return 0;
}

const struct kind seed_kind = {
	.name = "seed",
	.table = &seed_table,
	.observe = observe,
	.diff = diff,
	.refine = refine,
	.apply = apply,
	.owned = owned,
};
