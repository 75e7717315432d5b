/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a network's dnsmasq leaves behind: its files, and the directories that systemd made for it.
 */
#include "net/dnsmasq.h"
#include <fcntl.h>

static struct dnsmasq_path state_path(const char *dir, const char *network, const char *file)
{
	struct dnsmasq_path p;

	snprintf(p.s, sizeof(p.s), "%s/%s%s%s", dir, network, *file ? "/" : "", file);
	return p;
}

/* Also a link that leads nowhere, which a removal that was cut off left. */
static bool has_entry(struct host *h, const char *dir, const char *name)
{
	_cleanup_close_ int fd = file_open(h->root, dir, O_PATH | O_DIRECTORY, 0);
	struct stat st;

	return fd >= 0 && fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

bool dnsmasq_has_files(struct host *h, const char *network)
{
	return has_entry(h, NETWORKS_RUN_DIR, network) || has_entry(h, NETWORKS_STATE_DIR, network);
}

/* unlinkat() in the directory `dir`; what is gone already is fine. */
static int remove_entry(struct host *h, const char *dir, const char *name, int flags)
{
	_cleanup_close_ int fd = file_open(h->root, dir, O_PATH | O_DIRECTORY, 0);

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	return unlinkat(fd, name, flags) < 0 && errno != ENOENT ? -errno : 0;
}

static int remove_tree(struct host *h, const char *dir, const char *network)
{
	struct dnsmasq_path p = state_path(dir, network, "");
	_cleanup_free_ char **names = NULL;
	size_t n = 0;
	int r = file_list(h->root, p.s, &names, &n);

	for (size_t i = 0; i < n && r >= 0; i++)
		r = remove_entry(h, p.s, names[i], 0);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	file_sweep(h->root, p.s);
	return remove_entry(h, dir, network, AT_REMOVEDIR);
}

int dnsmasq_files_remove(struct host *h, const char *network, struct error *e)
{
	static const char *const trees[] = { NETWORKS_PRIVATE_DIR, NETWORKS_RUN_DIR };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(trees) && r >= 0; i++)
		r = remove_tree(h, trees[i], network);
	/* systemd's link to the private directory; without DynamicUser= the directory itself. */
	if (r >= 0)
		r = remove_entry(h, NETWORKS_STATE_DIR, network, 0);
	if (r == -EISDIR)
		r = remove_tree(h, NETWORKS_STATE_DIR, network);
	if (r < 0)
		return error_set(e, r, "cannot remove the files of the network %s: %s", network,
			strerror(-r));
	/* Parents that systemd made go with the last network. */
	remove_entry(h, "/var/lib/private/kvmhost", "networks", AT_REMOVEDIR);
	remove_entry(h, "/var/lib/private", "kvmhost", AT_REMOVEDIR);
	remove_entry(h, STATE_DIR, "networks", AT_REMOVEDIR);
	remove_entry(h, RUN_DIR, "networks", AT_REMOVEDIR);
	return 0;
}
