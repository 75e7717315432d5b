/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where kernel and initial RAM disk are. .treeinfo is written by productmd (its documentation:
 * treeinfo-1.x.rst); trees without it have the layouts that their installers' makers gave them.
 */
#include "base/ini.h"
#include "base/strbuf.h"
#include "runner/nfs.h"
#include "runner/tree.h"
#include <ctype.h>

static const struct layout {
	const char *kernel, *initrd;
	enum tree_family family;
} layouts[] = {
	/* a mirror's installer-amd64 (dists/SUITE/main/installer-amd64) */
	{ "current/images/netboot/debian-installer/amd64/linux",
		"current/images/netboot/debian-installer/amd64/initrd.gz", TREE_DEBIAN },
	{ "current/legacy-images/netboot/ubuntu-installer/amd64/linux",
		"current/legacy-images/netboot/ubuntu-installer/amd64/initrd.gz", TREE_DEBIAN },
	/* an unpacked netboot.tar.gz, and the packages debian-installer-*-netboot-amd64 */
	{ "debian-installer/amd64/linux", "debian-installer/amd64/initrd.gz", TREE_DEBIAN },
	/* discs */
	{ "install.amd/vmlinuz", "install.amd/initrd.gz", TREE_DEBIAN },
	{ "casper/vmlinuz", "casper/initrd", TREE_UBUNTU },
	{ "boot/x86_64/loader/linux", "boot/x86_64/loader/initrd", TREE_SUSE },
	{ "images/pxeboot/vmlinuz", "images/pxeboot/initrd.img", TREE_FEDORA },
};

/* What a server says is a path only where it stays in the tree. */
static bool is_inside(const char *path)
{
	if (!*path || *path == '/' || *path == '-')
		return false;
	for (const char *p = path; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("/._+-", *p))
			return false;
	return !strstr(path, "..");
}

/* "sha256:" and 64 digits. */
static const char *sha256_of(const char *value)
{
	const char *digits = startswith(value, "sha256:");

	return digits && strspn(digits, "0123456789abcdefABCDEF") == 64 && strlen(digits) == 64
		       ? digits
		       : NULL;
}

static void take_image(const char *section, const char *key, const char *value, void *arg)
{
	struct tree *t = arg;

	if (streq(section, "general") && streq(key, "family") && strstr(value, "SUSE"))
		t->family = TREE_SUSE;
	if (!streq(section, "images-x86_64") || !is_inside(value))
		return;
	if (streq(key, "kernel"))
		t->kernel = value;
	else if (streq(key, "initrd"))
		t->initrd = value;
}

static void take_checksum(const char *section, const char *key, const char *value, void *arg)
{
	struct tree *t = arg;

	if (!streq(section, "checksums"))
		return;
	if (streq(key, t->kernel))
		t->kernel_sha256 = sha256_of(value);
	else if (streq(key, t->initrd))
		t->initrd_sha256 = sha256_of(value);
}

bool tree_info(struct arena *a, const char *text, struct tree *out)
{
	struct tree t = { .family = TREE_FEDORA };

	ini_each(arena_strdup(a, text), take_image, &t);
	if (!t.kernel || !t.initrd)
		return false;
	ini_each(arena_strdup(a, text), take_checksum, &t);
	*out = t;
	return true;
}

static int by_info(const struct tree_source *s, struct tree *out, struct error *e)
{
	static const char *const names[] = { ".treeinfo", "treeinfo" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_free_ char *text = NULL;
		int r = tree_read(s, names[i], &text, e);

		if (r < 0 && r != -ENOENT)
			return r;
		if (r >= 0 && tree_info(s->arena, text, out))
			return 1;
	}
	return 0;
}

int tree_find(const struct tree_source *s, struct tree *out, struct error *e)
{
	_cleanup_strbuf_ struct strbuf tried = { 0 };
	int r = by_info(s, out, e);

	if (r != 0)
		return MIN_OF(r, 0);
	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++) {
		const struct layout *l = &layouts[i];

		r = tree_has(s, l->kernel, e);
		if (r < 0)
			return r;
		if (r > 0) {
			*out = (struct tree){ l->kernel, l->initrd, .family = l->family };
			return 0;
		}
		sb_addf(&tried, ", %s", l->kernel);
	}
	error_set(e, -ENOENT,
		"there is no installer in %s: neither .treeinfo, which says where it is, nor one "
		"of%s",
		s->location, sb_str(&tried) + 1);
	return error_cure(e, "name the directory that one of these is in");
}

/* As the installer's family writes it; NULL: a directory of the host, which the guest cannot reach.
 */
static const char *repository(struct arena *a, enum tree_family f, const char *location)
{
	struct nfs_place nfs;

	if (tree_is_url(location))
		return location;
	if (nfs_parse(location, &nfs) <= 0)
		return NULL;
	if (f == TREE_FEDORA && nfs.port)
		return arena_printf(a, "nfs:port=%u:%s:%s", nfs.port, nfs.server, nfs.path);
	if (f == TREE_FEDORA)
		return arena_printf(a, "nfs:%s:%s", nfs.server, nfs.path);
	if (nfs.port)
		return arena_printf(a, "nfs://%s:%u%s", nfs.server, nfs.port, nfs.path);
	return arena_printf(a, "nfs://%s%s", nfs.server, nfs.path);
}

/* "inst.ks=file:/ks.cfg inst.repo=http://...", as far as there are the two. */
static const char *told(struct arena *a, const char *answers, const char *key, const char *tree)
{
	return arena_printf(a, "%s%s%s%s", answers, *answers && tree ? " " : "", tree ? key : "",
		tree ? tree : "");
}

const char *tree_arguments(
	struct arena *a, enum tree_family f, const char *location, bool answers, const char **name)
{
	const char *tree = repository(a, f, location);

	*name = NULL;
	switch (f) {
	case TREE_DEBIAN:
		*name = "preseed.cfg";
		return answers ? "auto=true priority=critical preseed/file=/preseed.cfg" : "";
	case TREE_UBUNTU: return "";
	case TREE_FEDORA:
		*name = "ks.cfg";
		return told(a, answers ? "inst.ks=file:/ks.cfg" : "", "inst.repo=", tree);
	case TREE_SUSE:
		*name = "autoinst.xml";
		return told(a, answers ? "autoyast=file:///autoinst.xml" : "", "install=", tree);
	}
	return "";
}
