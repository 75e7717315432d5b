/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From networks and the guests on them to what their dnsmasq is to serve. */
#include "net/dnsmasq.h"

static void set_texts(struct dnsmasq *d, const struct network *n)
{
	d->bridge = n->bridge;
	obj_mark_set(d, "bridge");
	if (obj_has(n, "dns") && n->dns.domain) {
		d->domain = n->dns.domain;
		obj_mark_set(d, "domain");
	}
	if (!obj_has(n, "tftp"))
		return;
	d->tftp_root = n->tftp.root;
	obj_mark_set(d, "tftp_root");
	if (n->tftp.boot_file) {
		d->boot_file = n->tftp.boot_file;
		obj_mark_set(d, "boot_file");
	}
}

void dnsmasq_derive(const struct resource *network, struct wants *w)
{
	const struct network *n = network->want;
	struct resource *r = want_derive(w, network, "dnsmasq", network->name, false);
	struct dnsmasq *d = (struct dnsmasq *)r->want;

	d->state = DNSMASQ_RUNNING;
	d->router = n->mode != NETWORK_ISOLATED;
	d->addresses = n->addresses;
	obj_mark_set(d, "state");
	obj_mark_set(d, "router");
	obj_mark_set(d, "addresses");
	set_texts(d, n);
	d->ra = network_ra(n);
	if (d->ra != RA_NONE)
		obj_mark_set(d, "ra");
	if (!obj_has(n, "dhcp"))
		return;
	d->range = n->dhcp.range;
	d->range6 = n->dhcp.range6;
	d->lease_time = n->dhcp.lease_time;
	if (d->range.n)
		obj_mark_set(d, "range");
	if (d->range6.n)
		obj_mark_set(d, "range6");
	obj_mark_set(d, "lease_time");
	obj_mark_set(d, "hosts");
}

static const struct network_host *fixed(const struct network *n, const char *guest)
{
	for (size_t i = 0; i < n->dhcp.hosts.n; i++) {
		const struct network_host *h = &LIST_AT(&n->dhcp.hosts, struct network_host, i);

		if (streq(h->obj.name, guest))
			return h;
	}
	return NULL;
}

/* The guest's first interface on the network counts. */
static bool known(const struct dnsmasq *d, const char *guest)
{
	return d->hosts.n &&
	       LIST_AT(&d->hosts, struct dnsmasq_host, d->hosts.n - 1).obj.name == guest;
}

static void add_host(struct wants *w, struct resource *r, const struct network *n,
	const struct resource *guest, size_t i, const char *mac)
{
	struct dnsmasq *d = (struct dnsmasq *)r->want;
	struct dnsmasq_host *v = d->hosts.v, *host;
	const struct network_host *given = fixed(n, guest->name);

	if (!obj_has(d, "hosts") || known(d, guest->name))
		return;
	host = ARENA_PUSH(w->arena, v, d->hosts.n);
	d->hosts.v = v;
	obj_init(host, table_field(&dnsmasq_table, "hosts")->table, guest->name);
	host->nic = i;
	if (mac && mac_parse(mac, &host->mac))
		obj_mark_set(host, "mac");
	if (given && obj_has(given, "address")) {
		host->address = given->address;
		obj_mark_set(host, "address");
	}
	if (given && obj_has(given, "address6")) {
		host->address6 = given->address6;
		obj_mark_set(host, "address6");
	}
}

static void add_guest(struct wants *w, struct resource *guest)
{
	json_t *hold, *nic;
	size_t i;

	guest_interfaces(w->arena, guest, &hold);
	json_array_foreach (hold, i, nic) {
		const char *on = json_string_value(json_object_get(nic, "network"));
		struct resource *r = on ? wants_find(w, "dnsmasq", on) : NULL;

		if (!r)
			continue;
		add_host(w, r, wants_find(w, "network", on)->want, guest, i,
			json_string_value(json_object_get(nic, "mac")));
		want_after(w, guest, r);
	}
	json_decref(hold);
}

/* Once for all networks, on behalf of the first: each guest is looked at once. */
void dnsmasq_derive_hosts(const struct resource *r, struct wants *w)
{
	size_t first = 0;

	while (w->v[first]->kind != &dnsmasq_kind)
		first++;
	if (w->v[first] != r)
		return;
	for (size_t i = 0, n = w->n; i < n; i++)
		if (streq(w->v[i]->kind->name, "guest"))
			add_guest(w, w->v[i]);
}
