/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kind `localnet`: a connection of the host to its own 127.0.0.1 that a
 * forward sends to a guest leaves by the guest's bridge, which the kernel
 * allows with the bridge's setting route_localnet alone. With it, the host
 * would also take what guests send to 127.0.0.1: so this comes after the rules
 * that drop it (forward.c), and goes before them. For the same reason it is in
 * no file: systemd would set it at boot before the rules are there.
 */
#include "net/links.h"
#include "net/network.h"
#include "reconcile/plan.h"
#include <fcntl.h>

struct localnet {
	struct obj obj;
	bool on;
};

static const struct field rows[] = {
	FIELD_BOOL(struct localnet, on, .doc = "The bridge's setting route_localnet."),
};
static const struct table table = TABLE(struct localnet, rows, .key = &type_ifname,
	.doc = "Bridges by which the host's own 127.0.0.1 reaches guests.");

void localnet_derive(const struct resource *network, struct wants *w)
{
	const struct network *n = network->want;
	struct resource *r = want_derive(w, network, "localnet", n->bridge, false);

	((struct localnet *)r->want)->on = true;
	obj_mark_set((void *)r->want, "on");
	want_after(w, r, wants_find(w, "firewall", "ip-mangle"));
}

static int localnet_observe(struct host *h, const struct resource *r, void **have, struct error *e)
{
	const struct links *ls;
	const struct link *l;
	struct localnet *found;
	int ret;

	*have = NULL;
	if (!h->live)
		return 0;
	ret = links_get(h, &ls, e);
	l = ret < 0 ? NULL : links_name(ls, r->name);
	if (!l || !l->route_localnet)
		return ret;
	found = obj_new(h->pass, &table, r->name);
	found->on = true;
	obj_mark_set(found, "on");
	*have = found;
	return 0;
}

static int localnet_apply(struct host *h, struct step *s, struct error *e)
{
	_cleanup_free_ char *path =
		xprintf("/proc/sys/net/ipv4/conf/%s/route_localnet", s->r->name);
	_cleanup_close_ int fd = file_open(h->root, path, O_WRONLY, 0);
	int r = fd < 0 ? fd : 0;

	links_forget(h);
	if (r == -ENOENT && !s->want)
		return 0;
	if (r >= 0 && write(fd, s->want ? "1" : "0", 1) < 0)
		r = -errno;
	return r < 0 ? error_set(e, r, "cannot set %s: %s", path, strerror(-r)) : 0;
}

const struct kind localnet_kind = {
	.name = "localnet",
	.table = &table,
	.undo = true,
	.observe = localnet_observe,
	.apply = localnet_apply,
};
