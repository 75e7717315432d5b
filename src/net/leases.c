/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/leases.h"

/*
 * "1732300000 52:54:00:1a:b3:4a 192.168.122.10 web1 01:52:..."; * for no name. Of IPv6 the second
 * word is a number of the client's, and no MAC address is told.
 */
static bool read_lease(struct arena *a, char *line, struct lease *out)
{
	char *save, *expires = strtok_r(line, " ", &save), *mac = strtok_r(NULL, " ", &save);
	char *address = strtok_r(NULL, " ", &save), *name = strtok_r(NULL, " ", &save);
	struct mac m;

	if (!name || !ip_parse(address, &out->ip) ||
		(out->ip.family == AF_INET && !mac_parse(mac, &m)))
		return false;
	out->mac = out->ip.family == AF_INET ? arena_strdup(a, mac) : NULL;
	out->name = streq(name, "*") ? NULL : arena_strdup(a, name);
	out->expires = strtoull(expires, NULL, 10);
	return true;
}

void leases_read(struct host *h, struct arena *a, const char *network, struct lease **v, size_t *n)
{
	_cleanup_free_ char *path = xprintf("%s/%s/leases", NETWORKS_STATE_DIR, network),
			    *text = NULL;
	struct lease *list = NULL, one;
	char *rest, *line;

	*v = NULL;
	*n = 0;
	if (file_read(h->root, path, 1 << 24, &text, NULL) < 0)
		return;
	rest = text;
	while ((line = strsep(&rest, "\n")))
		if (read_lease(a, line, &one))
			*ARENA_PUSH(a, list, *n) = one;
	*v = list;
}

static bool of_a_subnet(const struct ip *ip, const struct dnsmasq *d)
{
	for (size_t i = 0; i < d->addresses.n; i++) {
		const struct cidr *own = &LIST_AT(&d->addresses, struct cidr, i);

		if (own->ip.family == ip->family && cidr_contains(own, ip))
			return true;
	}
	return false;
}

/* Of IPv6 nobody tells whose it is. */
const char *lease_trouble(
	const struct lease *l, const struct dnsmasq *d, uint64_t now, struct arena *a)
{
	struct mac mac;

	if (l->expires && l->expires < now)
		return NULL;
	if (!of_a_subnet(&l->ip, d))
		return "it is of no subnet of the network";
	for (size_t i = 0; l->mac && mac_parse(l->mac, &mac) && i < d->hosts.n; i++) {
		const struct dnsmasq_host *host = &LIST_AT(&d->hosts, struct dnsmasq_host, i);

		if (host->address.family == AF_INET && host->address.v4.s_addr == l->ip.v4.s_addr &&
			!mac_equal(&host->mac, &mac))
			return arena_printf(a, "the document gives it to %s", host->obj.name);
	}
	return NULL;
}

static json_t *lease_json(struct host *h, const struct lease *l, const struct dnsmasq *d)
{
	return json_pack("{s:s?, s:s, s:s?, s:I, s:s?}", "mac", l->mac, "address",
		ip_text(h->pass, &l->ip), "name", l->name, "expires", (json_int_t)l->expires,
		"trouble", d ? lease_trouble(l, d, h->now(), h->pass) : NULL);
}

json_t *network_leases(struct host *h)
{
	_cleanup_free_ char **names = NULL;
	json_t *networks = json_array();
	bool own = !h->pass;
	size_t n = 0;

	if (file_list(h->root, NETWORKS_STATE_DIR, &names, &n) < 0)
		return networks;
	if (own)
		h->pass = arena_new();
	for (size_t i = 0; i < n; i++) {
		const struct dnsmasq *d = dnsmasq_applied(h, names[i]);
		json_t *list = json_array();
		struct lease *v;
		size_t n_leases;

		leases_read(h, h->pass, names[i], &v, &n_leases);
		for (size_t k = 0; k < n_leases; k++)
			json_array_append_new(list, lease_json(h, &v[k], d));
		json_array_append_new(
			networks, json_pack("{s:s, s:o}", "name", names[i], "leases", list));
	}
	if (own)
		arena_free(TAKE_PTR(h->pass));
	return networks;
}
