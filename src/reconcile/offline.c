/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reconcile/offline.h"
#include "reconcile/record.h"
#include <fcntl.h>

#define UNIT "kvmhostd.service"
#define UNIT_PATH "/usr/lib/systemd/system/" UNIT
#define WANTS "/etc/systemd/system/multi-user.target.wants"
#define LINK WANTS "/" UNIT

/* In the record: the link is ours. */
#define ENABLED "enabled_offline"

static bool is_link(struct host *h)
{
	_cleanup_close_ int dir = file_open(h->root, WANTS, O_PATH | O_DIRECTORY, 0);
	struct stat st;

	return dir >= 0 && fstatat(dir, UNIT, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int refused(int code, const char *verb, struct error *e)
{
	error_set(e, code, "cannot %s " LINK " in that tree: %s", verb, strerror(-code));
	return error_cure(e, "systemctl --root=DIR enable kvmhostd");
}

static int make_link(struct host *h, struct error *e)
{
	_cleanup_close_ int dir = -1;
	int r = file_mkdirs(h->root, WANTS, 0755);

	if (r < 0)
		return refused(r, "make", e);
	dir = file_open(h->root, WANTS, O_RDONLY | O_DIRECTORY, 0);
	if (dir < 0 || symlinkat(UNIT_PATH, dir, UNIT) < 0 || fsync(dir) < 0)
		return refused(dir < 0 ? dir : -errno, "make", e);
	return 0;
}

static int remember(struct host *h, bool on, struct error *e)
{
	if (on)
		json_object_set_new(h->record->root, ENABLED, json_true());
	else
		json_object_del(h->record->root, ENABLED);
	record_touch(h);
	return record_save(h, e);
}

int offline_enable(struct host *h, bool wanted, struct error *e)
{
	bool ours = json_object_get(h->record->root, ENABLED) != NULL;
	int r;

	/* In the record first, so that a kill in between is finished by the next run. */
	if (wanted && !is_link(h) && file_exists(h->root, UNIT_PATH)) {
		r = remember(h, true, e);
		return r < 0 ? r : make_link(h, e);
	}
	if (wanted || !ours)
		return 0;
	r = file_remove(h->root, LINK);
	return r < 0 ? refused(r, "remove", e) : remember(h, false, e);
}
