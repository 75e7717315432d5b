/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostprep/sysctl_live.h"
#include "hostprep/sysctl_files.h"
#include "hostprep/value.h"
#include "config/diag.h"
#include <ctype.h>

enum { SYSCTL_MAX = 64 * 1024 };

static const struct {
	const char *prefix, *module;
} modules[] = {
	{ "net/bridge/", "br_netfilter" },
	{ "net/netfilter/nf_conntrack", "nf_conntrack" },
	{ "net/nf_conntrack_max", "nf_conntrack" },
	{ "net/ipv4/vs/", "ip_vs" },
	{ "dev/raid/", "md_mod" },
	{ "sunrpc/", "sunrpc" },
	{ "fs/nfs/", "lockd" },
};

const char *sysctl_module(const char *path)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(modules); i++)
		if (startswith(path, modules[i].prefix))
			return modules[i].module;
	return NULL;
}

/* The name beside it that was probably meant, as a path; or NULL. */
static char *nearest(struct host *h, const char *path)
{
	_cleanup_free_ char *dir = NULL, **names = NULL;
	const char *slash = strrchr(path, '/'), *word;
	size_t n;

	if (!slash)
		return NULL;
	dir = xprintf("/proc/sys/%.*s", (int)(slash - path), path);
	if (file_list(h->root, dir, &names, &n) < 0)
		return NULL;
	word = suggest(slash + 1, (const char *const *)names, n);
	return word ? xprintf("%.*s%s", (int)(slash - path + 1), path, word) : NULL;
}

char *sysctl_link(const char *path)
{
	static const char *const before[] = { "net/ipv4/conf/", "net/ipv6/conf/", "net/ipv4/neigh/",
		"net/ipv6/neigh/", "net/mpls/conf/" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(before); i++) {
		const char *name = startswith(path, before[i]);

		if (name && !startswith(name, "all/") && !startswith(name, "default/"))
			return xprintf("%.*s", (int)strcspn(name, "/"), name);
	}
	return NULL;
}

static bool has_directory(struct host *h, const char *path)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *dir = NULL;

	if (!slash)
		return false;
	dir = xprintf("/proc/sys/%.*s", (int)(slash - path), path);
	return file_exists(h->root, dir);
}

const char *sysctl_missing(struct host *h, const char *path, struct arena *a)
{
	_cleanup_free_ char *link = sysctl_link(path), *near = nearest(h, path);
	const char *module = sysctl_module(path);

	if (near) {
		_cleanup_free_ char *name = sysctl_path_to_name(near);

		return arena_printf(a, "did you mean `%s`?", name);
	}
	if (link && !has_directory(h, path))
		return arena_printf(
			a, "there is no interface %s: ip link lists those there are", link);
	if (module)
		return arena_printf(a,
			"it comes with module %s: add `%s: {state: loaded}` to host.kernel.modules",
			module, module);
	return "check its spelling, or load the kernel module that brings it";
}

static int explain_read(int code, const char *path, const char *name, mode_t mode, struct error *e)
{
	if (code == -EISDIR) {
		error_set(e, code, "%s is a group of settings, not a setting", name);
		return error_cure(e, "name one of them: ls /proc/sys/%s", path);
	}
	if ((code == -EACCES || code == -EPERM) && !(mode & 0444)) {
		error_set(e, code, "%s can be written but not read, so its value cannot be kept",
			name);
		return error_cure(e, "remove it from host.kernel.sysctl");
	}
	error_set(e, code, "cannot read %s: %s", name, strerror(-code));
	if (code == -EACCES || code == -EPERM)
		error_cure(e, "run as root");
	return code;
}

int sysctl_read(struct host *h, const char *path, char **value, struct error *e)
{
	_cleanup_free_ char *file = xprintf("/proc/sys/%s", path);
	_cleanup_free_ char *text = NULL, *name = NULL;
	struct stat st = { 0 };
	size_t n;
	char *p;
	int r;

	*value = NULL;
	r = file_read(h->root, file, SYSCTL_MAX, &text, &n);
	/* EIO: net.ipv6.conf.*.stable_secret and its like before they are set. */
	if (r == -ENOENT || r == -ENOTDIR || r == -EIO)
		return 0;
	if (r < 0) {
		name = sysctl_path_to_name(path);
		(void)file_stat(h->root, file, &st);
		return explain_read(r, path, name, st.st_mode, e);
	}
	while (n && isspace((unsigned char)text[n - 1]))
		text[--n] = '\0';
	/* One line, as the language has it: the record gives it back through the parser. */
	for (p = text; *p; p++)
		if (isspace((unsigned char)*p))
			*p = ' ';
	*value = TAKE_PTR(text);
	return 0;
}

static const char *refused(struct host *h, const char *path)
{
	_cleanup_free_ char *file = xprintf("/proc/sys/%s", path);
	struct stat st;

	if (file_stat(h->root, file, &st) == 0 && !(st.st_mode & 0222))
		return "it can only be read: remove it from host.kernel.sysctl";
	if (geteuid() != 0)
		return "run as root";
	return "the kernel lets nobody change it any more, or not from a container";
}

static void cure_write(struct host *h, int code, const char *path, const char *name,
	const char *value, struct error *e)
{
	struct arena *a;

	switch (-code) {
	case ENXIO:
		a = arena_new();
		error_cure(e, "%s", sysctl_missing(h, path, a));
		arena_free(a);
		break;
	case EINVAL:
	case ERANGE:
		error_cure(
			e, "`%s` is not a value it takes; see what it has: sysctl %s", value, name);
		break;
	case EROFS:
		error_cure(e, "/proc/sys is read-only here, as in a container: set it on the host");
		break;
	case EACCES:
	case EPERM: error_cure(e, "%s", refused(h, path)); break;
	case EBUSY:
		error_cure(e, "the kernel is using what it governs; try again when it is idle");
		break;
	default: error_cure(e, "see whether the kernel says more: dmesg | tail");
	}
}

/*
 * The kernel may take a value and keep another (1,2,3 becomes 1-3; too small is
 * rounded up). Left alone that would be a change to make in every plan.
 */
static int check_kept(
	struct host *h, const char *path, const char *name, const char *value, struct error *e)
{
	_cleanup_free_ char *now = NULL;
	int r = sysctl_read(h, path, &now, e);

	if (r < 0 || !now || value_same(now, value))
		return r;
	error_set(e, -EINVAL, "the kernel took `%s` for %s but holds `%s`", value, name, now);
	error_cure(e, "write the value as the kernel shows it: %s: \"%s\"", name, now);
	return -EINVAL;
}

int sysctl_write(struct host *h, const char *path, const char *value, struct error *e)
{
	_cleanup_free_ char *file = xprintf("/proc/sys/%s", path);
	_cleanup_free_ char *line = xprintf("%s\n", value), *name = sysctl_path_to_name(path);
	int r;

	r = file_poke(h->root, file, line);
	if (r < 0) {
		error_set(e, r, "the kernel refuses `%s` for %s: %s", value, name, strerror(-r));
		/* Not ENOENT: ordering has seen to what could still come, so trying again is vain.
		 */
		if (r == -ENOENT || r == -ENOTDIR)
			r = error_set(e, -ENXIO, "the running kernel has no setting %s", name);
		cure_write(h, r, path, name, value, e);
		return r;
	}
	return check_kept(h, path, name, value, e);
}
