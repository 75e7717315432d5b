/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A bridge of ours speaks as much IPv6 as the card whose addresses it has: where somebody switched
 * it off there, or has routers' advertisements not heard, the host would be reached, and led, by a
 * way that it was not to have.
 */
#include "net/manager.h"
#include "net/takeover.h"

enum port_ipv6 ipv6_of(struct host *h, const struct link *port, const struct taken *live)
{
	if (port->ipv6_off)
		return IPV6_OFF;
	if (port->accept_ra)
		return IPV6_ON;
	/* A network manager that hears advertisements itself has the kernel not hear them. */
	for (size_t i = 0; i < live->n_addrs; i++)
		if (live->addrs[i].cidr.ip.family == AF_INET6 && live->addrs[i].dynamic)
			return IPV6_ON;
	for (size_t i = 0; i < live->n_routes; i++)
		if (live->routes[i].dynamic)
			return IPV6_ON;
	/* One that it has not heard yet may come any time. */
	return managers_hear_routers(h, port) ? IPV6_ON : IPV6_DEAF;
}

static void set(struct mover *m, const char *setting, const char *value)
{
	_cleanup_free_ char *path =
		xprintf("/proc/sys/net/ipv6/conf/%s/%s", m->bridge->name, setting);
	int r = file_poke(m->h->root, path, value);

	/* A kernel without IPv6 has none to switch off. */
	if (r < 0 && r != -ENOENT)
		file_failure(m->e, r, "set", path);
}

void lead_ipv6(
	struct mover *m, const struct ported *want, const struct port *p, size_t n, bool used)
{
	if (!m->strict || !moves_along(m->bridge, want))
		return;
	if (used && m->bridge->ipv6_off)
		set(m, "disable_ipv6", "0");
	for (size_t i = 0; i < n; i++) {
		if (!p[i].t.n_addrs)
			continue;
		if (p[i].fresh && p[i].t.ipv6 == IPV6_OFF && !used)
			set(m, "disable_ipv6", "1");
		else if (p[i].fresh && p[i].t.ipv6 != IPV6_ON)
			set(m, "accept_ra", "0");
		return;
	}
}
