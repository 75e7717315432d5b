/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * By the kernel's own client (fsopen(2)): no program is needed, and the mount is in nobody's tree.
 * What mount.nfs(8) does for the kernel is done here: names become addresses, and versions are
 * tried from the newest to the oldest.
 */
#include "runner/nfs.h"
#include "base/arena.h"
#include <arpa/inet.h>
#include <netdb.h>
#include <sys/mount.h>

/*
 * What the client asks of a silent server fails after 10 seconds, once TCP has given up the
 * connection, which takes a minute or two.
 */
#define TIMEOUT "50" /* tenths of a second */
#define RETRIES "1"

struct attempt {
	const struct nfs_place *place;
	const char *source; /* SERVER:PATH */
	char address[INET6_ADDRSTRLEN + 16];
	char said[256]; /* the kernel's words */
};

static int set(int fs, const char *key, const char *value)
{
	return fsconfig(fs, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, key, value, 0) < 0
		       ? -errno
		       : 0;
}

/* "e NFS: ..." */
static void keep_words(struct attempt *t, int fs)
{
	char line[sizeof(t->said)];
	ssize_t n;

	while ((n = read(fs, line, sizeof(line) - 1)) > 2) {
		line[n] = '\0';
		snprintf(t->said, sizeof(t->said), "%.*s", (int)strcspn(line + 2, "\n"), line + 2);
	}
}

static int configure(const struct attempt *t, int fs, const char *version)
{
	char port[16];
	const char *const options[][2] = { { "source", t->source }, { "addr", t->address },
		{ "vers", version }, { "timeo", TIMEOUT }, { "retrans", RETRIES }, { "soft", NULL },
		{ "nolock", NULL }, { "nosharecache", NULL }, { "ro", NULL } };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(options) && r >= 0; i++)
		r = set(fs, options[i][0], options[i][1]);
	snprintf(port, sizeof(port), "%u", t->place->port);
	return r >= 0 && t->place->port ? set(fs, "port", port) : r;
}

static int mount_version(struct attempt *t, const char *version)
{
	_cleanup_close_ int fs = fsopen("nfs", FSOPEN_CLOEXEC);
	int r;

	if (fs < 0)
		return -errno;
	r = configure(t, fs, version);
	if (r >= 0 && fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		r = -errno;
	if (r >= 0) {
		r = fsmount(fs, FSMOUNT_CLOEXEC,
			MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
				MOUNT_ATTR_NOEXEC);
		r = r < 0 ? -errno : r;
	}
	if (r < 0)
		keep_words(t, fs);
	return r;
}

/* With another version it may be: the server's, the kernel's, or what is exported by it. */
static bool may_differ(int r)
{
	return r == -EPROTONOSUPPORT || r == -EOPNOTSUPP || r == -EINVAL || r == -ENOENT ||
	       r == -ECONNREFUSED;
}

/* Of several failures the first tells most, unless it is only that a version is not spoken. */
static int mount_address(struct attempt *t)
{
	static const char *const versions[] = { "4.2", "4.1", "4.0", "3" };
	int first = -EPROTONOSUPPORT;

	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		int r = mount_version(t, versions[i]);

		if (r >= 0)
			return r;
		if (first == -EPROTONOSUPPORT || first == -EINVAL)
			first = r;
		if (!may_differ(r))
			break;
	}
	return first;
}

static const char silent[] = "the server is silent: see whether it runs, and what firewall is on "
			     "the way to its port 2049";

/* Of a server that falls silent meanwhile the kernel says EIO, too. */
int nfs_cure(int r, struct error *e)
{
	static const struct {
		int code;
		const char *cure;
	} cures[] = {
		{ -ENODEV, "this kernel has no client for NFS (modprobe nfs): mount the tree "
			   "elsewhere, or name it by http, https or ftp" },
		{ -EPERM, "run it as root: sudo kvmhostctl ..." },
		{ -EACCES, "the server must export it to this host: exportfs -v, there" },
		{ -ENOENT, "see what the server exports: showmount -e, or exportfs -v there" },
		{ -ETIMEDOUT, silent },
		{ -EIO, silent },
		{ -ECONNREFUSED, "no NFS server listens there: systemctl status nfs-server" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cures); i++)
		if (r == cures[i].code)
			return error_cure(e, "%s", cures[i].cure);
	return r;
}

static int explain(const struct attempt *t, int r, struct error *e)
{
	error_set(e, r, "cannot read %s by NFS: %s%s%s%s", t->source, strerror(-r),
		*t->said ? " (" : "", t->said, *t->said ? ")" : "");
	return nfs_cure(r, e);
}

/* Without brackets. */
static int resolve(const struct nfs_place *p, struct addrinfo **out, struct error *e)
{
	static const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_ADDRCONFIG };
	bool bracketed = *p->server == '[';
	_cleanup_free_ char *name =
		xprintf("%.*s", (int)strlen(p->server) - 2 * bracketed, p->server + bracketed);
	int r = getaddrinfo(name, NULL, bracketed ? NULL : &hints, out);

	if (r == 0)
		return 0;
	return error_set(e, -EHOSTUNREACH, "the NFS server %s has no address: %s", p->server,
		r == EAI_SYSTEM ? strerror(errno) : gai_strerror(r));
}

int nfs_open(const struct nfs_place *p, struct error *e)
{
	_cleanup_free_ char *source = xprintf("%s:%s", p->server, p->path);
	struct attempt t = { .place = p, .source = source };
	struct addrinfo *all = NULL;
	int r = resolve(p, &all, e);

	if (r < 0)
		return r;
	r = -EHOSTUNREACH;
	for (const struct addrinfo *a = all; a && r < 0; a = a->ai_next)
		if (getnameinfo(a->ai_addr, a->ai_addrlen, t.address, sizeof(t.address), NULL, 0,
			    NI_NUMERICHOST) == 0)
			r = mount_address(&t);
	freeaddrinfo(all);
	return r < 0 ? explain(&t, r, e) : r;
}
