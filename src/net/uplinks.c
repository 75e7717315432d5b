/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kind `uplinks`: links that the kernel itself configures by router
 * advertisements (accept_ra 1) stop hearing them when the host begins to
 * forward IPv6, and lose the default route that they had from them at once.
 * They are told to go on (accept_ra 2) before that. Derived from the setting
 * that forwards; it comes after this one. A drop-in says the same at boot,
 * where the setting's own makes the host forward before kvmhostd is there.
 */
#include "net/links.h"
#include "net/names.h"
#include "net/net.h"
#include "net/network.h"
#include "reconcile/plan.h"
#include <fcntl.h>
#include <linux/if.h>

#define DROPIN "/etc/sysctl.d/89-kvmhost-uplinks.conf"

enum { ACCEPT_RA_HOST = 1, ACCEPT_RA_ROUTER = 2 };

struct uplinks {
	struct obj obj;
	struct list
		links; /* const char *: what hears advertisements only while it does not forward */
};

static const struct field rows[] = {
	FIELD_LIST(struct uplinks, links, type_ifname,
		.doc = "Links that stop hearing router advertisements when the host forwards."),
};
static const struct table table =
	TABLE(struct uplinks, rows, .doc = "Links configured by router advertisements.");

void uplinks_derive(struct wants *w, struct resource *forwarding)
{
	struct resource *r = want_derive(w, forwarding, "uplinks", "host", true);

	obj_mark_set((void *)r->want, "links");
}

/* The bridges of networks hear nobody; ports hear nothing of their own. */
static bool counts(const struct link *l, int accept_ra)
{
	return l->accept_ra == accept_ra && !l->ipv6_off && !l->master &&
	       !(l->flags & IFF_LOOPBACK) &&
	       !(l->alias && startswith(l->alias, LINK_MARK "network/"));
}

static struct list links_with(struct host *h, const struct links *ls, int accept_ra)
{
	const char **v = NULL;
	size_t n = 0;

	for (size_t i = 0; i < ls->n; i++)
		if (counts(&ls->v[i], accept_ra))
			*ARENA_PUSH(h->pass, v, n) = arena_strdup(h->pass, ls->v[i].name);
	return (struct list){ v, n };
}

static int uplinks_observe(struct host *h, const struct resource *r, void **have, struct error *e)
{
	const struct links *ls;
	struct uplinks *u;
	int ret;

	*have = NULL;
	if (!h->live)
		return 0;
	ret = links_get(h, &ls, e);
	if (ret < 0)
		return ret;
	u = obj_new(h->pass, &table, r->name);
	u->links = links_with(h, ls, ACCEPT_RA_HOST);
	obj_mark_set(u, "links");
	*have = u;
	return 0;
}

/* What must go on hearing when wanted; what may stop again when released. */
static void each_change(struct host *h, const struct step *s,
	void (*fn)(struct host *h, struct step *s, const char *link, int accept_ra),
	struct step *to)
{
	const struct uplinks *want = s->want, *have = s->have;

	for (size_t i = 0; have && i < have->links.n; i++) {
		const char *link = LIST_AT(&have->links, const char *, i);

		if (want && !names_have(&want->links, link))
			fn(h, to, link, ACCEPT_RA_ROUTER);
	}
	for (size_t i = 0; want && i < want->links.n; i++) {
		const char *link = LIST_AT(&want->links, const char *, i);
		const struct links *ls;
		const struct link *l;

		if (links_get(h, &ls, NULL) < 0 || !(l = links_name(ls, link)))
			continue;
		if (counts(l, ACCEPT_RA_ROUTER))
			fn(h, to, link, ACCEPT_RA_HOST);
	}
}

static void show(struct host *h, struct step *s, const char *link, int accept_ra)
{
	step_change(h, s, "links", arena_printf(h->pass, "net.ipv6.conf.%s.accept_ra", link),
		accept_ra == ACCEPT_RA_HOST ? "2" : "1", accept_ra == ACCEPT_RA_HOST ? "1" : "2");
}

static void uplinks_diff(struct host *h, struct step *s)
{
	each_change(h, s, show, s);
}

static void set(struct host *h, struct step *s, const char *link, int accept_ra)
{
	_cleanup_free_ char *path = xprintf("/proc/sys/net/ipv6/conf/%s/accept_ra", link);
	_cleanup_close_ int fd = file_open(h->root, path, O_WRONLY, 0);
	const char digit = (char)('0' + accept_ra);

	/* A link that went meanwhile needs nothing. */
	if ((fd < 0 && fd != -ENOENT) || (fd >= 0 && write(fd, &digit, 1) < 0))
		error_set(&s->error, fd < 0 ? fd : -errno, "cannot set %s: %s", path,
			strerror(fd < 0 ? -fd : errno));
}

/* Links that were told so once keep their line: they may not be there just now. */
static int write_dropin(struct host *h, const struct uplinks *more)
{
	_cleanup_free_ char *had = NULL;
	_cleanup_strbuf_ struct strbuf text = { 0 };

	if (file_read(h->root, DROPIN, 1 << 16, &had, NULL) >= 0)
		sb_add(&text, had);
	else
		sb_add(&text, "# Written by kvmhost: what hears router advertisements still does "
			      "when the host forwards.\n");
	for (size_t i = 0; i < more->links.n; i++)
		sb_addf(&text, "net.ipv6.conf.%s.accept_ra = 2\n",
			LIST_AT(&more->links, const char *, i));
	return file_write_atomic(h->root, DROPIN, sb_str(&text), text.len, 0644);
}

static int uplinks_apply(struct host *h, struct step *s, struct error *e)
{
	const struct uplinks *want = s->want, *have = s->have;
	int r = 0;

	if (have && have->links.n && want && !want->links.n && s->verb != STEP_RESTORE)
		r = write_dropin(h, have);
	else if (!want || s->verb == STEP_RESTORE)
		r = file_remove(h->root, DROPIN);
	if (r < 0 && r != -ENOENT)
		return error_set(e, r, "cannot write %s: %s", DROPIN, strerror(-r));
	each_change(h, s, set, s);
	links_forget(h);
	r = s->error.code;
	if (r < 0)
		error_set(e, r, "%s", s->error.text);
	error_clear(&s->error);
	return r;
}

const struct kind uplinks_kind = {
	.name = "uplinks",
	.table = &table,
	.undo = true,
	.observe = uplinks_observe,
	.diff = uplinks_diff,
	.apply = uplinks_apply,
};
