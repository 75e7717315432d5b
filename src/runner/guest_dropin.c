/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/guest_dropin.h"
#include "base/file.h"
#include "config/obj.h"
#include "reconcile/units.h"
#include "runner/guest_files.h"
#include <fcntl.h>

enum { DROPIN_MAX = 64 * 1024 };

static void dropin_path(const char *name, char out[static 256])
{
	snprintf(out, 256, "%s/%s.d/50-kvmhost.conf", DROPIN_DIR, guest_unit(name).s);
}

/* A word of systemd's: % begins a specifier, and C's escapes hold between quotes. */
static void add_word(struct strbuf *out, const char *s)
{
	sb_addc(out, '"');
	for (; *s; s++)
		if (*s == '%')
			sb_add(out, "%%");
		else if (*s == '"' || *s == '\\' || (unsigned char)*s <= ' ' || *s == 0x7f)
			sb_addf(out, "\\x%02x", (unsigned char)*s);
		else
			sb_addc(out, *s);
	sb_addc(out, '"');
}

static void add_line(struct strbuf *out, const char *key, const char *value, const char *more)
{
	sb_addf(out, "%s=", key);
	add_word(out, value);
	sb_addf(out, "%s\n", more);
}

static void add_mounts(struct strbuf *out, const struct guest_disk *d)
{
	if (d->path)
		add_line(out, "RequiresMountsFor", d->path, "");
	if (d->base)
		add_line(out, "RequiresMountsFor", d->base, "");
}

/*
 * At a shutdown guests stop in the opposite order, and file systems are
 * unmounted after the guests whose disks are on them.
 */
void guest_dropin_text(const struct guest *g, struct strbuf *out)
{
	sb_add(out, "# Written by kvmhost, and again at each boot.\n[Unit]\n");
	for (size_t i = 0; i < g->after.n; i++)
		sb_addf(out, "After=%s\n", guest_unit(LIST_AT(&g->after, const char *, i)).s);
	for (size_t i = 0; i < g->disks.n; i++)
		add_mounts(out, &LIST_AT(&g->disks, const struct guest_disk, i));
	if (obj_has(g, "install") && g->install.iso)
		add_line(out, "RequiresMountsFor", g->install.iso, "");
	sb_add(out, "[Service]\n");
	for (size_t i = 0; i < g->disks.n; i++) {
		const struct guest_disk *d = &LIST_AT(&g->disks, const struct guest_disk, i);

		if (d->path && startswith(d->path, "/dev/"))
			add_line(out, "DeviceAllow", d->path, disk_is_readonly(d) ? " r" : " rw");
		if (d->base && startswith(d->base, "/dev/"))
			add_line(out, "DeviceAllow", d->base, " r");
	}
}

int guest_dropin_write(struct host *h, const char *name, const struct guest *g, struct error *e)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };
	_cleanup_free_ char *old = NULL;
	char path[256];
	int r;

	dropin_path(name, path);
	guest_dropin_text(g, &text);
	if (file_read(h->root, path, DROPIN_MAX, &old, NULL) >= 0 && streq(old, sb_str(&text)))
		return 0;
	r = file_write_atomic(h->root, path, sb_str(&text), text.len, 0644);
	if (r < 0)
		return error_set(e, r, "cannot write %s: %s", path, strerror(-r));
	return units_loaded(h, guest_unit(name).s, e);
}

int guest_dropin_remove(struct host *h, const char *name, struct error *e)
{
	_cleanup_close_ int dir = file_open(h->root, DROPIN_DIR, O_PATH | O_DIRECTORY, 0);
	char path[256], unit[GUEST_PATH_MAX + 8];
	int r;

	dropin_path(name, path);
	r = file_remove(h->root, path);
	if (r < 0 && r != -ENOENT)
		return error_set(e, r, "cannot remove %s: %s", path, strerror(-r));
	snprintf(unit, sizeof(unit), "%s.d", guest_unit(name).s);
	/* Others may have put something there too: theirs to keep. */
	if (dir >= 0)
		unlinkat(dir, unit, AT_REMOVEDIR);
	return 0;
}
