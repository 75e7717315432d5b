/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What cannot be a port of a bridge or bond, told before anything is touched. */
#include "net/bridge.h"
#include "net/dhcp.h"
#include "net/port.h"
#include "net/ported.h"
#include "net/way_in.h"
#include <net/if_arp.h>
#include <net/if.h>

/* What the link is cannot be a port at all. */
static int refuse_itself(
	struct host *h, const struct resource *r, const struct link *port, struct error *e)
{
	if (port->flags & IFF_LOOPBACK) {
		error_set(e, -EINVAL, "the loopback device cannot be a port of %s", r->name);
		return error_cure(e, "name a network card under ports of %s", r->name);
	}
	if (port->type && streq(port->type, "bridge")) {
		error_set(e, -EINVAL, "%s is a bridge itself, and cannot be a port of %s",
			port->name, r->name);
		return error_cure(e, "join two bridges by a veth pair, or name a network card");
	}
	if (r->kind == &bridge_kind && port->hardware != ARPHRD_ETHER) {
		error_set(e, -EINVAL,
			"%s is %s without Ethernet frames, and cannot be a port of %s", port->name,
			link_describe(port, h->pass), r->name);
		return error_cure(e, "route through it: networks: with mode: nat or routed");
	}
	return 0;
}

/* Of what a card receives, either a bridge or bond hears, or the links that share it. */
static int refuse_shared(
	struct host *h, const struct links *ls, const struct link *port, struct error *e)
{
	static const char *const sharing[] = { "macvlan", "macvtap", "ipvlan", "ipvtap" };

	for (size_t i = 0; i < ls->n; i++) {
		const struct link *l = &ls->v[i];

		for (size_t k = 0; l->parent == port->index && l->type && !link_marked(l) &&
				   k < ARRAY_SIZE(sharing);
			k++) {
			if (!streq(l->type, sharing[k]))
				continue;
			error_set(e, -EBUSY, "%s, %s, shares the card %s: it cannot be a port too",
				l->name, link_describe(l, h->pass), port->name);
			return error_cure(e,
				"remove it (ip link delete %s) and apply again; it can stand on "
				"the bridge then",
				l->name);
		}
	}
	return 0;
}

/*
 * drivers/net/ppp/pppoe.c: "Id Address Device". Its frames are no IP: once the card is a port the
 * bridge has them, and the session, often the host's only way out, is over.
 */
static int refuse_pppoe(
	struct host *h, const struct resource *r, const struct link *port, struct error *e)
{
	_cleanup_free_ char *text = NULL;
	char *rest, *line;

	if (file_read(h->root, "/proc/net/pppoe", 1 << 20, &text, NULL) < 0)
		return 0;
	rest = text;
	while ((line = strsep(&rest, "\n"))) {
		const char *device = strrchr(line, ' ');

		if (!device || !streq(device + 1, port->name))
			continue;
		error_set(e, -EBUSY,
			"a PPPoE session goes out by %s, and would end: of a port %s has all "
			"frames",
			port->name, r->name);
		return error_cure(e,
			"name another port; or end the session (poff), apply, and name %s instead "
			"of "
			"%s where it is configured",
			r->name, port->name);
	}
	return 0;
}

int port_refuse(struct host *h, const struct resource *r, const struct links *ls,
	const struct link *bridge, const struct link *port, struct error *e)
{
	const struct link *master = port->master ? links_index(ls, port->master) : NULL;
	const char *holder;
	int ret = refuse_itself(h, r, port, e);

	if (ret >= 0 && (!master || master == bridge))
		ret = port_reach(h, r, ls, bridge, port, e);
	if (ret < 0 || (master && master == bridge))
		return ret;
	ret = refuse_shared(h, ls, port, e);
	if (ret >= 0)
		ret = refuse_pppoe(h, r, port, e);
	if (ret < 0)
		return ret;
	if (!master) {
		ret = dhcp_check_card(h, port, addressing_of(r->want), e);
		/* What was taken before is taken again: the machine booted. An undo is not asked.
		 */
		if (ret >= 0 && r->kind == &bridge_kind && r->mark.source &&
			!taken_by(h, port->name))
			ret = way_in_check(h, port, ls, r->name, e);
		return ret;
	}
	holder = taken_by(h, port->name);
	if (holder && streq(strchr(holder, '/') + 1, master->name))
		return 0;
	error_set(e, -EBUSY, "%s is a port of %s (%s) already", port->name, master->name,
		link_describe(master, h->pass));
	return error_cure(e,
		"take it out (ip link set %s nomaster) and apply again, or name another "
		"port",
		port->name);
}
