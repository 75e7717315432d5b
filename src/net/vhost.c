/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/vhost.h"
#include "config/type.h"
#include "reconcile/plan.h"

#define MODULE "vhost_net"

static const struct field vhost_rows[] = {
	FIELD_BOOL(struct vhost_net, enabled, .required = true, .example = "true",
		.doc = "`true`: the module is loaded, now and at every boot, and used by every "
		       "interface of a guest that does not say `vhost: false`. `false`: it is "
		       "unloaded "
		       "and kept out, and guests start without it; needed where UDP from host to "
		       "guest "
		       "overruns the guest's socket. Left out: used where the machine has it."),
};
const struct table vhost_net_table = TABLE(struct vhost_net, vhost_rows, .scalar = "enabled",
	.doc = "Whether guests' network interfaces use vhost-net.");

static void vhost_derive(const struct resource *r, struct wants *w)
{
	const struct vhost_net *v = r->want;
	struct resource *module = want_derive(w, r, "module", MODULE, true);

	want_set(w, module, "state", v->enabled ? "loaded" : "blacklisted");
}

/* What is built in has a directory in /sys, and no state of having been loaded. */
static bool built_in(struct host *h)
{
	return file_exists(h->root, "/sys/module/" MODULE) &&
	       !file_exists(h->root, "/sys/module/" MODULE "/initstate");
}

static int vhost_observe(
	struct host *h, const struct resource *r, void **have, struct error *e _unused_)
{
	const struct vhost_net *want = r->want;
	struct vhost_net *seen;

	*have = NULL;
	if (!want)
		return 0;
	/* The module's own resource says what is amiss with it. */
	seen = obj_new(h->pass, &vhost_net_table, NULL);
	seen->enabled = want->enabled || (h->live && built_in(h));
	obj_mark_set(seen, "enabled");
	*have = seen;
	return 0;
}

static void vhost_refine(struct host *h _unused_, struct step *s)
{
	const struct vhost_net *have = s->have;

	if (have && have->enabled && s->want)
		s->wait = "a kernel that has vhost_net as a module: here it is built in and stays; "
			  "guests start without it";
}

/* Nothing to do but to derive. */
static int vhost_apply(struct host *h _unused_, struct step *s _unused_, struct error *e _unused_)
{
	return 0;
}

const struct kind vhost_net_kind = {
	.name = "vhost_net",
	.table = &vhost_net_table,
	.offline = true,
	.derive = vhost_derive,
	.observe = vhost_observe,
	.refine = vhost_refine,
	.apply = vhost_apply,
};
