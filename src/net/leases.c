/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/leases.h"
#include "net/dnsmasq.h"

/*
 * "1732300000 52:54:00:1a:b3:4a 192.168.122.10 web1 01:52:..."; * for no name. Of IPv6 the second
 * word is a number of the client's, and no MAC address is told.
 */
static json_t *read_lease(char *line)
{
	char *save, *expires = strtok_r(line, " ", &save), *mac = strtok_r(NULL, " ", &save);
	char *address = strtok_r(NULL, " ", &save), *name = strtok_r(NULL, " ", &save);
	struct mac m;
	struct ip ip;

	if (!name || !ip_parse(address, &ip) || (ip.family == AF_INET && !mac_parse(mac, &m)))
		return NULL;
	return json_pack("{s:s?, s:s, s:s?, s:I}", "mac", ip.family == AF_INET ? mac : NULL,
		"address", address, "name", streq(name, "*") ? NULL : name, "expires",
		(json_int_t)strtoll(expires, NULL, 10));
}

static json_t *read_leases(struct host *h, const char *network)
{
	_cleanup_free_ char *path = xprintf("%s/%s/leases", NETWORKS_STATE_DIR, network),
			    *text = NULL;
	json_t *leases, *lease;
	char *rest, *line;

	if (file_read(h->root, path, 1 << 24, &text, NULL) < 0)
		return NULL;
	leases = json_array();
	rest = text;
	while ((line = strsep(&rest, "\n")))
		if ((lease = read_lease(line)))
			json_array_append_new(leases, lease);
	return leases;
}

json_t *network_leases(struct host *h)
{
	_cleanup_free_ char **names = NULL;
	json_t *networks = json_array();
	size_t n = 0;

	if (file_list(h->root, NETWORKS_STATE_DIR, &names, &n) < 0)
		return networks;
	for (size_t i = 0; i < n; i++) {
		json_t *leases = read_leases(h, names[i]);

		if (leases)
			json_array_append_new(networks,
				json_pack("{s:s, s:o}", "name", names[i], "leases", leases));
	}
	return networks;
}
