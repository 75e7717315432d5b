/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From /proc to PCI functions: a mounted file system is on a block device,
 * whose place in /sys names the function; device mapper and md are followed
 * through their slaves. What is in use without being mounted here (in another
 * namespace, a volume for a guest, the second disk of a btrfs) the kernel says
 * when asked for the disk. A route is on an interface, which may lie above others.
 */
#include "iommu/host_use.h"
#include "iommu/block_function.h"
#include "iommu/pci_internal.h"
#include <linux/route.h>

enum { DEPTH_MAX = 8 };

struct use {
	const char *subject; /* address of a function, or name of an interface */
	const char *what;
	bool most; /* goes before other uses */
};

struct uses {
	struct host *host;
	struct arena *arena; /* NULL: nothing is read */
	struct use *blocks, *routes;
	size_t n_blocks, n_routes;
};

static int uses_open(struct host *h, void **data, struct error *e _unused_)
{
	struct uses *u = xmalloc(sizeof(*u));

	*u = (struct uses){ .host = h };
	*data = u;
	return 0;
}

static void uses_forget(void *data)
{
	struct uses *u = data;

	*u = (struct uses){ .host = u->host };
}

static const struct handle uses_handle = {
	.name = "host use", .open = uses_open, .forget = uses_forget, .close = free
};

static struct use *find(struct use *v, size_t n, const char *subject)
{
	for (size_t i = 0; i < n; i++)
		if (streq(v[i].subject, subject))
			return &v[i];
	return NULL;
}

/* One use of each is told: the worst, else the first. */
static void add(
	struct uses *u, struct use **v, size_t *n, const char *subject, const char *what, bool most)
{
	struct use *at = find(*v, *n, subject);

	if (at && (at->most || !most))
		return;
	if (!at)
		at = ARENA_PUSH(u->arena, *v, *n);
	*at = (struct use){ arena_strdup(u->arena, subject), what, most };
}

/* --- block devices ---------------------------------------------------------------------------- */

/* dir: "/sys/dev/block" or "/sys/class/block", which hold links named so. */
static void add_block(struct uses *u, const char *dir, const char *name, const char *what,
	bool most, unsigned depth)
{
	_cleanup_free_ char *below = xprintf("%s/%s/slaves", dir, name), **slaves = NULL;
	const char *const *functions;
	size_t n = 0;

	if (depth > DEPTH_MAX)
		return;
	functions = block_functions(u->host, dir, name, &n);
	for (size_t i = 0; i < n; i++)
		add(u, &u->blocks, &u->n_blocks, functions[i], what, most);
	if (file_list(u->host->root, below, &slaves, &n) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		add_block(u, "/sys/class/block", slaves[i], what, most, depth + 1);
}

/* "/dev/mapper/vg-root" is a link to "../dm-0". */
static void add_node(struct uses *u, const char *node, const char *what, bool most)
{
	_cleanup_free_ char *dir = strndup(node, (size_t)(strrchr(node, '/') - node));
	const char *link = link_in(u->host, dir, strrchr(node, '/') + 1);
	const char *slash = link ? strrchr(link, '/') : strrchr(node, '/');

	add_block(u, "/sys/class/block", slash ? slash + 1 : link, what, most, 0);
}

/* "25 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw", as proc_pid_mountinfo(5) has it. */
static void add_mount(struct uses *u, const char *line)
{
	char number[32], at[1024], source[1024];
	const char *rest = strstr(line, " - "), *what;
	bool root;

	if (sscanf(line, "%*s %*s %31s %*s %1023s", number, at) != 2 || !rest ||
		sscanf(rest, " - %*s %1023s", source) != 1)
		return;
	root = streq(at, "/");
	what = root ? "carries the root file system"
		    : arena_printf(u->arena, "carries the file system %s", at);
	/* btrfs and others have a number that is no device's. */
	if (!startswith(number, "0:"))
		add_block(u, "/sys/dev/block", number, what, root, 0);
	else if (startswith(source, "/dev/"))
		add_node(u, source, what, root);
}

static void add_swap(struct uses *u, const char *line)
{
	char node[1024];

	if (sscanf(line, "%1023s", node) == 1 && startswith(node, "/dev/"))
		add_node(u, node, "carries swap", false);
}

/* --- routes ----------------------------------------------------------------------------------- */

static void add_route(struct uses *u, const char *interface, bool is_default)
{
	add(u, &u->routes, &u->n_routes, interface,
		is_default ? "carries the default route" : "has addresses of this machine",
		is_default);
}

static void add_route4(struct uses *u, const char *line)
{
	char interface[64];
	unsigned long to, gateway, flags, mask;

	if (sscanf(line, "%63s %lx %lx %lx %*s %*s %*s %lx", interface, &to, &gateway, &flags,
		    &mask) == 5)
		add_route(u, interface, !to && !mask);
}

/* What is link-local or multicast every link has that is up. */
static void add_route6(struct uses *u, const char *line)
{
	char to[40], prefix[8], interface[64];
	unsigned long flags;

	if (sscanf(line, "%39s %7s %*s %*s %*s %*s %*s %*s %lx %63s", to, prefix, &flags,
		    interface) != 4 ||
		streq(interface, "lo") || startswith(to, "fe8") || startswith(to, "ff") ||
		flags & RTF_REJECT)
		return;
	add_route(u, interface, streq(prefix, "00"));
}

/* --- all -------------------------------------------------------------------------------------- */

static void each_line(
	struct uses *u, const char *path, void (*fn)(struct uses *u, const char *line))
{
	_cleanup_free_ char *text = NULL;
	char *rest = NULL;

	if (file_read(u->host->root, path, 64 << 20, &text, NULL) < 0)
		return;
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		fn(u, line);
}

static struct uses *uses_get(struct host *h)
{
	struct uses *u;
	void *data;

	if (host_handle(h, &uses_handle, &data, NULL) < 0)
		return NULL;
	u = data;
	if (u->arena)
		return u;
	u->arena = h->pass;
	each_line(u, "/proc/self/mountinfo", add_mount);
	each_line(u, "/proc/swaps", add_swap);
	each_line(u, "/proc/net/route", add_route4);
	each_line(u, "/proc/net/ipv6_route", add_route6);
	return u;
}

/* What the interface, or one that lies above it, does; through: the one above, if any. */
static const char *net_use(struct uses *u, const char *net, const char **through, unsigned depth)
{
	struct use *at = find(u->routes, u->n_routes, net);
	_cleanup_free_ char *dir = xprintf("/sys/class/net/%s", net), **names = NULL;
	const char *what = at ? at->what : NULL, *above;
	size_t n = 0;

	if (at || depth > DEPTH_MAX || file_list(u->host->root, dir, &names, &n) < 0)
		return what;
	for (size_t i = 0; i < n && !what; i++) {
		if (!(above = startswith(names[i], "upper_")))
			continue;
		*through = arena_strdup(u->arena, above);
		above = NULL;
		what = net_use(u, *through, &above, depth + 1);
		if (!what)
			what = "is in use";
	}
	return what;
}

const char *host_use(struct host *h, const struct pci_device *d)
{
	struct uses *u = uses_get(h);
	const struct use *at = u ? find(u->blocks, u->n_blocks, d->address) : NULL;
	const char *disk;

	if (!u || at)
		return at ? at->what : NULL;
	for (size_t i = 0; i < d->n_nets; i++) {
		const char *through = NULL, *what = net_use(u, d->nets[i], &through, 0);

		if (what && through)
			return arena_printf(
				u->arena, "%s is part of %s, which %s", d->nets[i], through, what);
		if (what)
			return arena_printf(u->arena, "%s %s", d->nets[i], what);
	}
	/* Many functions of network cards would be asked about in vain. */
	disk = PCI_CLASS_BASE(d) == PCI_BASE_NETWORK ? NULL : block_in_use(h, d->address);
	return disk ? arena_printf(u->arena, "carries %s, which is in use (see: lsblk /dev/%s)",
			      disk, disk)
		    : NULL;
}
