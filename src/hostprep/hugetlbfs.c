/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostprep/hugetlbfs.h"
#include "base/strbuf.h"
#include "config/type.h"
#include "reconcile/dropin.h"
#include "reconcile/units.h"
#include <ctype.h>
#include <fcntl.h>

#define UNITS "/etc/systemd/system"
#define WANTS UNITS "/sysinit.target.wants"
#define SECTION "host.memory"
#define OPTION "Options=pagesize="
#define PLACE "Where="

enum { JOB_SECONDS = 30, TEXT_MAX = 1 << 20, MOUNTS_MAX = 64 << 20 };

struct hugetlbfs {
	struct obj obj;
	uint64_t size;
	bool mounted;
};

static const struct field rows[] = {
	FIELD_SIZE(struct hugetlbfs, size, 0, INT64_MAX, .doc = "The size of its pages."),
	FIELD_BOOL(struct hugetlbfs, mounted, .doc = "Whether it is mounted."),
};
static const struct table hugetlbfs_table =
	TABLE(struct hugetlbfs, rows, .doc = "A file system of hugepages.");

void hugetlbfs_derive(
	struct wants *w, const struct resource *from, const char *place, const char *size)
{
	struct resource *r = want_imply(w, from, "hugetlbfs", place);

	want_set(w, r, "size", size);
	want_set(w, r, "mounted", "true");
}

/* systemd's name for the place: "/dev/huge pages" is dev-huge\x20pages.mount. */
static char *unit_of(const char *place)
{
	struct strbuf out = { 0 };
	const char *p;

	for (p = place + (*place == '/'); *p; p++)
		if (*p == '/')
			sb_addc(&out, '-');
		else if (isalnum((unsigned char)*p) || strchr(":_", *p) || (*p == '.' && out.len))
			sb_addc(&out, *p);
		else
			sb_addf(&out, "\\x%02x", (unsigned char)*p);
	sb_add(&out, ".mount");
	return sb_steal(&out);
}

static char *path_of(const char *directory, const char *place)
{
	_cleanup_free_ char *unit = unit_of(place);

	return xprintf("%s/%s", directory, unit);
}

/* What a line that begins with the key goes on with; in the arena; NULL: there is none. */
static const char *line_of(struct arena *a, const char *text, const char *key)
{
	const char *p;

	for (p = text; p && *p; p += strcspn(p, "\n"), p += *p == '\n') {
		const char *rest = startswith(p, key);

		if (rest)
			return arena_strndup(a, rest, strcspn(rest, "\n"));
	}
	return NULL;
}

/* 2M, 1024M: as mountinfo has it; our files have kilobytes. */
static uint64_t page_size(const char *text)
{
	char *end;
	uint64_t n = strtoull(text, &end, 10);

	return *end == 'G' ? n << 30 : *end == 'M' ? n << 20 : *end == 'K' ? n << 10 : n;
}

struct mount {
	bool there, hugetlbfs;
	uint64_t size;
};

/* "/dev/huge\040pages" */
static char *as_listed(const char *place)
{
	struct strbuf out = { 0 };

	for (; *place; place++)
		if (strchr(" \t\n\\", *place))
			sb_addf(&out, "\\%03o", (unsigned char)*place);
		else
			sb_addc(&out, *place);
	return sb_steal(&out);
}

/*
 * "40 25 0:35 / /dev/hugepages rw,relatime - hugetlbfs hugetlbfs rw,pagesize=2M", as
 * proc_pid_mountinfo(5) has it. The last one of a place is on top.
 */
static void read_mount(struct host *h, const char *place, struct mount *m)
{
	_cleanup_free_ char *text = NULL, *listed = as_listed(place);
	char *line, *rest;

	*m = (struct mount){ 0 };
	if (file_read(h->root, "/proc/self/mountinfo", MOUNTS_MAX, &text, NULL) < 0)
		return;
	for (rest = text; (line = strsep(&rest, "\n"));) {
		char *type = strstr(line, " - "), *option = type ? strstr(type, "pagesize=") : NULL;
		char *word = line;
		unsigned i;

		for (i = 0; i < 4 && word; i++) {
			word = strchr(word, ' ');
			if (word)
				word++;
		}
		if (!type || !word || strcspn(word, " ") != strlen(listed) ||
			!startswith(word, listed))
			continue;
		m->there = true;
		m->hugetlbfs = startswith(type, " - hugetlbfs ") != NULL;
		m->size = option ? page_size(option + strlen("pagesize=")) : 0;
	}
}

static int refuse_mount(const char *place, const struct mount *m, struct error *e)
{
	if (m->hugetlbfs)
		error_set(e, -EBUSY,
			"%s is mounted already, with pages of %llu KiB, and kvmhost did not do "
			"that",
			place, (unsigned long long)m->size >> 10);
	else
		error_set(e, -EBUSY, "%s is mounted already, and is no hugetlbfs", place);
	return error_cure(e, "choose another place, or unmount it: umount %s", place);
}

/* Others' is as wanted where its pages have that size. */
static int hugetlbfs_observe(struct host *h, const struct resource *r, void **have, struct error *e)
{
	_cleanup_free_ char *path = path_of(UNITS, r->name), *text = NULL;
	const struct hugetlbfs *want = r->want;
	const char *option;
	struct hugetlbfs *seen;
	struct mount m;
	int ret = dropin_read(h, path, &text, e);

	*have = NULL;
	if (ret < 0)
		return ret;
	read_mount(h, r->name, &m);
	if (want && !text && m.there && (!m.hugetlbfs || m.size != want->size))
		return refuse_mount(r->name, &m, e);
	if (!text && !m.hugetlbfs)
		return 0;
	option = line_of(h->pass, text, OPTION);
	seen = obj_new(h->pass, &hugetlbfs_table, r->name);
	seen->size = m.hugetlbfs ? m.size : page_size(option ? option : "");
	seen->mounted = m.hugetlbfs || !h->live;
	obj_mark_set(seen, "size");
	obj_mark_set(seen, "mounted");
	*have = seen;
	return 0;
}

static int job(struct host *h, const char *place, enum unit_verb verb, struct error *e)
{
	_cleanup_free_ char *unit = unit_of(place);
	struct unit_job one = { .unit = unit, .verb = verb, .reset = verb == UNIT_START };
	int r = units_run(h, &one, 1, JOB_SECONDS, e);

	if (r == 0 && one.error.code) {
		error_set(e, one.error.code == -ENOENT ? -EIO : one.error.code,
			"%s cannot be %s: %s", place, verb == UNIT_START ? "mounted" : "unmounted",
			one.error.text);
		r = error_cure(e,
			verb == UNIT_START ? "see why: journalctl -u %s"
					   : "end who has files open there: fuser -vm %s",
			verb == UNIT_START ? unit : place);
	}
	error_clear(&one.error);
	return r;
}

static int link_unit(struct host *h, const char *place, struct error *e)
{
	_cleanup_free_ char *unit = unit_of(place), *to = xprintf("../%s", unit);
	_cleanup_close_ int dir = -1;
	int r = file_mkdirs(h->root, WANTS, 0755);

	if (r == 0)
		dir = file_open(h->root, WANTS, O_RDONLY | O_DIRECTORY, 0);
	if (r == 0 && dir < 0)
		r = dir;
	if (r == 0 && symlinkat(to, dir, unit) < 0 && errno != EEXIST)
		r = -errno;
	if (r == 0 && fsync(dir) < 0)
		r = -errno;
	if (r < 0)
		error_set(e, r, "cannot make " WANTS "/%s: %s", unit, strerror(-r));
	return r;
}

static int make(struct host *h, const char *place, uint64_t size, struct error *e)
{
	_cleanup_free_ char *path = path_of(UNITS, place), *body = NULL;
	int r;

	body = xprintf("[Unit]\nDescription=Hugepages of %llu KiB\nDefaultDependencies=no\n"
		       "Before=sysinit.target\n"
		       "ConditionPathExists=/sys/kernel/mm/hugepages/hugepages-%llukB\n\n"
		       "[Mount]\nWhat=hugetlbfs\n" PLACE "%s\nType=hugetlbfs\n" OPTION "%lluK\n",
		(unsigned long long)size >> 10, (unsigned long long)size >> 10, place,
		(unsigned long long)size >> 10);
	r = dropin_write_for(h, path, SECTION, body, e);
	if (r == 0)
		r = link_unit(h, place, e);
	if (r == 0 && h->live)
		r = units_reload(h, e);
	return r < 0 || !h->live ? r : job(h, place, UNIT_START, e);
}

static int remove_ours(struct host *h, const char *place, struct error *e)
{
	_cleanup_free_ char *path = path_of(UNITS, place), *link = path_of(WANTS, place);
	struct mount m;
	int r = 0;

	read_mount(h, place, &m);
	if (h->live && m.hugetlbfs)
		r = job(h, place, UNIT_STOP, e);
	if (r < 0)
		return r;
	r = file_remove(h->root, link);
	if (r < 0)
		return error_set(e, r, "cannot remove %s: %s", link, strerror(-r));
	r = dropin_write_for(h, path, SECTION, "", e);
	return r == 0 && h->live ? units_reload(h, e) : r;
}

/* Another size: what is mounted goes first. */
static int hugetlbfs_apply(struct host *h, struct step *s, struct error *e)
{
	const struct hugetlbfs *want = s->want, *have = s->have;
	_cleanup_free_ char *path = path_of(UNITS, s->r->name), *text = NULL;
	int r = dropin_read(h, path, &text, e);

	if (r < 0)
		return r;
	if (!text && have) /* others have mounted it */
		return 0;
	if (text && (!want || (have && have->mounted && have->size != want->size)))
		r = remove_ours(h, s->r->name, e);
	return r < 0 || !want ? r : make(h, s->r->name, want->size, e);
}

static int hugetlbfs_owned(struct host *h, const struct kind *k _unused_,
	void (*found)(const char *name, void *arg), void *arg, struct error *e _unused_)
{
	_cleanup_free_ char **names = NULL;
	size_t n, i;

	if (file_list(h->root, UNITS, &names, &n) < 0)
		return 0;
	for (i = 0; i < n; i++) {
		_cleanup_free_ char *path = xprintf(UNITS "/%s", names[i]), *text = NULL;
		const char *place;

		if (!endswith(names[i], ".mount") ||
			file_read(h->root, path, TEXT_MAX, &text, NULL) < 0 ||
			!startswith(text, DROPIN_MARK))
			continue;
		place = line_of(h->pass, text, PLACE);
		if (place)
			found(place, arg);
	}
	return 0;
}

const struct kind hugetlbfs_kind = {
	.name = "hugetlbfs",
	.table = &hugetlbfs_table,
	.offline = true,
	.observe = hugetlbfs_observe,
	.apply = hugetlbfs_apply,
	.owned = hugetlbfs_owned,
};
