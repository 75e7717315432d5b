/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemons that are known: where their files are, and how they say what they manage. */
#include "net/manager.h"
#include <net/if.h>

enum { STATE_MAX = 64 << 10 };

/* A line that begins with `key` in the daemon's file of state about the link. */
static bool state_has(struct host *h, const char *dir, const struct link *l, const char *key)
{
	_cleanup_free_ char *path = xprintf("%s/%d", dir, l->index), *text = NULL;
	char *rest, *line;

	if (file_read(h->root, path, STATE_MAX, &text, NULL) < 0)
		return false;
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (startswith(line, key))
			return true;
	return false;
}

/* ---- systemd-networkd ---- */

#define NETWORKD_DIR "/etc/systemd/network/"
#define WAIT_ONLINE "systemd-networkd-wait-online"

/*
 * Of the .network files that match a link the first by name counts, whatever
 * directory it is in: 0- comes before the digits that others begin with, and
 * "0-kvmhost-" before "0-kvmhost.".
 *
 * A lease is asked for in the name of the MAC address, which the bridge has
 * from its card: so a server gives the address that it has for the card.
 *
 * Where networkd manages no link at all, its wait-online waits for one until
 * its time is over; given bridges by name, it waits for them.
 */
static const struct manager_file networkd_files[] = {
	{ "unmanaged", NETWORKD_DIR "0-kvmhost.network", "[Match]\nName=", " ",
		"\n\n[Link]\nUnmanaged=yes\n" },
	{ "dhcp", NETWORKD_DIR "0-kvmhost-dhcp.network", "[Match]\nName=", " ",
		"\n\n[Network]\nDHCP=yes\nKeepConfiguration=dhcp\n\n"
		"[DHCPv4]\nClientIdentifier=mac\n" },
	{ "online", "/etc/systemd/system/" WAIT_ONLINE ".service.d/kvmhost.conf",
		"[Unit]\nAfter=kvmhostd.service\n\n[Service]\nExecStart=\n"
		"ExecStart=/lib/systemd/" WAIT_ONLINE " -i ",
		" -i ", "\n" },
};

static bool networkd_manages(struct host *h, const struct link *l)
{
	return state_has(h, NETWORKD_LINKS, l, "NETWORK_FILE=") &&
	       !state_has(h, NETWORKD_LINKS, l, "ADMIN_STATE=unmanaged");
}

/*
 * A card goes down on its way into a bond, and comes up as its port: what networkd then gives it
 * anew may be refused, and that link it does not look at again.
 */
static bool networkd_stuck(struct host *h, const struct link *l)
{
	return state_has(h, NETWORKD_LINKS, l, "ADMIN_STATE=failed");
}

/* One whose file is not there yet it has just seen, also one that left its bridge. */
static bool networkd_busy(struct host *h, const struct link *l)
{
	_cleanup_free_ char *path = xprintf(NETWORKD_LINKS "/%d", l->index);

	return !file_exists(h->root, path) ||
	       state_has(h, NETWORKD_LINKS, l, "ADMIN_STATE=pending") ||
	       state_has(h, NETWORKD_LINKS, l, "ADMIN_STATE=initialized") ||
	       state_has(h, NETWORKD_LINKS, l, "ADMIN_STATE=configuring");
}

static bool networkd_manages_others(
	struct host *h, const struct links *ls, const struct manager *but)
{
	for (size_t i = 0; i < ls->n; i++)
		if (!(ls->v[i].flags & IFF_LOOPBACK) && !link_marked(&ls->v[i]) &&
			!names_have(&but->unmanaged, ls->v[i].name) &&
			networkd_manages(h, &ls->v[i]))
			return true;
	return but->dhcp.n > 0;
}

/* ---- NetworkManager ---- */

/* The last file by name counts, and `+=` adds to what those before it say. */
static const struct manager_file networkmanager_files[] = {
	{ "unmanaged", "/etc/NetworkManager/conf.d/zz-kvmhost.conf",
		"[keyfile]\nunmanaged-devices+=interface-name:", ";interface-name:", "\n" },
};

/*
 * networkd takes a port that leaves its bridge for a link that went (RTM_DELLINK, of the bridge's
 * family), and knows nothing of what the link has after that: it would wait for ever for a way to
 * its gateway. A start looks at everything, and leases outlive a restart.
 *
 * Told to leave a link alone, a running NetworkManager takes it down first;
 * one that starts with that word does not touch it, and those that it keeps it
 * finds as it left them. So it is started anew.
 */
const struct manager_daemon manager_daemons[] = {
	{ .name = "networkd",
		.unit = UNIT_NETWORKD,
		.has_run = "/run/systemd/netif/state",
		.wanted_by = "/etc/systemd/system/multi-user.target.wants/" UNIT_NETWORKD,
		.files = networkd_files,
		.n_files = ARRAY_SIZE(networkd_files),
		.manages = networkd_manages,
		.stuck = networkd_stuck,
		.busy = networkd_busy,
		.hears_routers = networkd_hears_routers,
		.manages_others = networkd_manages_others,
		.takes_new = true,
		.take = UNIT_RELOAD,
		.give = UNIT_RESTART },
	{ .name = "networkmanager",
		.unit = UNIT_NETWORKMANAGER,
		.has_run = "/run/NetworkManager",
		.wanted_by = "/etc/systemd/system/multi-user.target.wants/" UNIT_NETWORKMANAGER,
		.files = networkmanager_files,
		.n_files = ARRAY_SIZE(networkmanager_files),
		.manages = networkmanager_manages,
		.hears_routers = networkmanager_hears_routers,
		.take = UNIT_RESTART,
		.give = UNIT_RELOAD },
};
const size_t n_manager_daemons = ARRAY_SIZE(manager_daemons);

int manager_unit(struct host *h, const struct manager_daemon *d, struct unit *out, struct error *e)
{
	*out = (struct unit){ .name = d->unit, .state = UNIT_INACTIVE, .sub = "dead" };
	if (!file_exists(h->root, d->has_run) && !file_exists(h->root, d->wanted_by))
		return 0;
	return units_state(h, d->unit, out, e);
}

bool manager_runs(struct host *h, const struct manager_daemon *d)
{
	struct unit unit;

	return manager_unit(h, d, &unit, NULL) >= 0 && unit.state == UNIT_ACTIVE;
}

const struct manager_daemon *manager_daemon(const char *name)
{
	for (size_t i = 0; i < n_manager_daemons; i++)
		if (streq(manager_daemons[i].name, name))
			return &manager_daemons[i];
	return NULL;
}
