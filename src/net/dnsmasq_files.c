/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What dnsmasq reads: each file as a function of what is wanted. */
#include "net/dnsmasq.h"
#include "config/guest_mac.h"
#include "net/address.h"
#include "reconcile/machine_id.h"
#include <arpa/inet.h>

#define RESOLV_CONF "/etc/resolv.conf"

const char *const dnsmasq_files[DNSMASQ_FILES] = { "dnsmasq.conf", "hosts", "names", "servers" };

struct dnsmasq_path dnsmasq_path(const char *network, const char *file)
{
	struct dnsmasq_path p;

	snprintf(p.s, sizeof(p.s), "%s/%s%s%s", NETWORKS_RUN_DIR, network, *file ? "/" : "", file);
	return p;
}

struct dnsmasq_path dnsmasq_unit(const char *network)
{
	struct dnsmasq_path p;

	snprintf(p.s, sizeof(p.s), "%s%s.service", NETWORK_UNIT_PREFIX, network);
	return p;
}

/* ---- what only the machine knows ---- */

static void resolve_macs(struct host *h, struct dnsmasq *d)
{
	const char *id;
	struct dnsmasq_host *v = arena_alloc(h->pass, (d->hosts.n + 1) * sizeof(*v));
	size_t n = 0;

	/* Without an identity the guest's own step says what is wrong. */
	if (machine_id(h, &id) < 0 || strlen(id) < 32)
		id = NULL;
	for (size_t i = 0; i < d->hosts.n; i++) {
		v[n] = LIST_AT(&d->hosts, struct dnsmasq_host, i);
		if (!obj_has(&v[n], "mac") && !id)
			continue;
		if (!obj_has(&v[n], "mac"))
			v[n].mac = guest_mac(id, v[n].obj.name, v[n].nic);
		obj_mark_set(&v[n++], "mac");
	}
	d->hosts = (struct list){ v, n };
}

/* An address that dnsmasq can ask, other than its own. */
static bool is_server(const struct dnsmasq *d, const char *text)
{
	_cleanup_free_ char *bare = strndup(text, strcspn(text, "%"));
	struct ip ip;

	if (!bare || !ip_parse(bare, &ip) || strpbrk(text, "#@,/ "))
		return false;
	for (size_t i = 0; i < d->addresses.n; i++)
		if (address_equal(&LIST_AT(&d->addresses, struct cidr, i),
			    &(struct cidr){ ip, LIST_AT(&d->addresses, struct cidr, i).prefix }))
			return false;
	return true;
}

static void read_servers(struct host *h, struct dnsmasq *d)
{
	_cleanup_free_ char *text = NULL;
	const char **v = NULL;
	char *rest, *line;
	size_t n = 0;

	obj_mark_set(d, "servers");
	d->servers = (struct list){ 0 };
	/* Nobody reaches the outside from an isolated network, not even by asking for names. */
	if (!d->router || file_read(h->root, RESOLV_CONF, 1 << 16, &text, NULL) < 0)
		return;
	rest = text;
	while ((line = strsep(&rest, "\n"))) {
		char *word = strtok(line, " \t"), *server = strtok(NULL, " \t");

		if (word && server && streq(word, "nameserver") && is_server(d, server))
			*ARENA_PUSH(h->pass, v, n) = arena_strdup(h->pass, server);
	}
	d->servers = (struct list){ v, n };
}

const struct dnsmasq *dnsmasq_resolve(struct host *h, const struct dnsmasq *want)
{
	struct dnsmasq *d = arena_alloc(h->pass, sizeof(*d));

	*d = *want;
	resolve_macs(h, d);
	read_servers(h, d);
	return d;
}

/* ---- the files ---- */

static void render_range(
	const struct dnsmasq *d, const struct list *range, const char *mode, struct strbuf *out)
{
	sb_add(out, "dhcp-range=");
	ip_format(&LIST_AT(range, struct ip, 0), out);
	sb_addc(out, ',');
	ip_format(&LIST_AT(range, struct ip, 1), out);
	sb_add(out, mode);
	if (d->lease_time == LEASE_INFINITE)
		sb_add(out, ",infinite\n");
	else
		sb_addf(out, ",%llu\n", (unsigned long long)(d->lease_time / USEC_PER_SEC));
}

/* How many addresses lie in the range, up to a million. */
static uint64_t room(const struct list *range)
{
	uint64_t n = 0;

	if (!range->n)
		return 0;
	for (int i = 0; i < (LIST_AT(range, struct ip, 0).family == AF_INET ? 4 : 16); i++) {
		n = n * 256 + LIST_AT(range, struct ip, 1).b[i] - LIST_AT(range, struct ip, 0).b[i];
		if (n > 1000000)
			return 1000000;
	}
	return n + 1;
}

static void render_dhcp(const struct dnsmasq *d, struct strbuf *out)
{
	render_range(d, &d->range, "", out);
	if (!d->router)
		sb_add(out, "dhcp-option=option:router\n");
	if (d->boot_file)
		sb_addf(out, "dhcp-boot=%s\n", d->boot_file);
}

/* The network that the range is in. */
static const struct cidr *network6(const struct dnsmasq *d, const struct list *range)
{
	for (size_t i = 0; i < d->addresses.n; i++) {
		const struct cidr *c = &LIST_AT(&d->addresses, struct cidr, i);

		if (c->ip.family == AF_INET6 &&
			(!range->n || cidr_contains(c, &LIST_AT(range, struct ip, 0))))
			return c;
	}
	return NULL;
}

/* ra-names: a guest that made its own address has its name of DHCP for that one too. */
static void render_ipv6(const struct dnsmasq *d, struct strbuf *out)
{
	const struct cidr *in = network6(d, &d->range6);
	char mode[64];

	if (obj_has(d, "ra")) {
		sb_add(out, "enable-ra\n");
		/* Every 600 s, as is its default; a lifetime of 0: no way out here. */
		if (!d->router)
			sb_addf(out, "ra-param=%s,600,0\n", d->bridge);
	}
	if (obj_has(d, "range6") && in) {
		snprintf(mode, sizeof(mode), "%s,%u", d->ra == RA_SLAAC ? ",slaac,ra-names" : "",
			in->prefix);
		render_range(d, &d->range6, mode, out);
	}
	for (size_t i = 0; i < d->addresses.n && d->ra == RA_SLAAC; i++) {
		const struct cidr *c = &LIST_AT(&d->addresses, struct cidr, i);
		struct cidr net = cidr_network(*c);

		if (c->ip.family != AF_INET6 || c->prefix != 64 ||
			(obj_has(d, "range6") && c == in))
			continue;
		sb_add(out, "dhcp-range=");
		ip_format(&net.ip, out);
		sb_add(out, ",ra-stateless,ra-names\n");
	}
}

static void render_leases(const struct dnsmasq *d, const char *network, struct strbuf *out)
{
	sb_addf(out, "dhcp-leasefile=%s/%s/leases\n", NETWORKS_STATE_DIR, network);
	sb_addf(out, "dhcp-hostsfile=%s\n", dnsmasq_path(network, "hosts").s);
	sb_add(out, "dhcp-authoritative\ndhcp-no-override\n");
	/* Its own limit of 1000 is for the sake of hosts open to everybody. */
	sb_addf(out, "dhcp-lease-max=%llu\n",
		(unsigned long long)room(&d->range) + (unsigned long long)room(&d->range6) + 1000);
}

/*
 * No inotify instance is used: the kernel gives a user 128 of them. So nothing
 * is watched (resolv-file, hostsdir): kvmhost says what changed.
 */
static void render_conf(const struct dnsmasq *d, const char *network, struct strbuf *out)
{
	sb_addf(out, "# Written by kvmhost for the network %s; edits are lost.\n", network);
	sb_addf(out, "interface=%s\nexcept-interface=lo\nbind-interfaces\n", d->bridge);
	for (size_t i = 0; i < d->addresses.n; i++) {
		sb_add(out, "listen-address=");
		ip_format(&LIST_AT(&d->addresses, struct cidr, i).ip, out);
		sb_addc(out, '\n');
	}
	/* The unit's PIDFile=. */
	sb_addf(out, "pid-file=%s/%s/pid\n", NETWORKS_STATE_DIR, network);
	sb_add(out, "user=\ngroup=\nno-hosts\nno-resolv\ndomain-needed\n");
	sb_addf(out, "servers-file=%s\n", dnsmasq_path(network, "servers").s);
	sb_addf(out, "addn-hosts=%s\n", dnsmasq_path(network, "names").s);
	if (d->domain)
		sb_addf(out, "domain=%s\nlocal=/%s/\nexpand-hosts\n", d->domain, d->domain);
	/* Not tftp-single-port: with bind-interfaces dnsmasq 2.90 answers from a random address. */
	if (d->tftp_root)
		sb_addf(out, "enable-tftp\ntftp-root=%s\n", d->tftp_root);
	if (obj_has(d, "range") || obj_has(d, "range6") || obj_has(d, "ra"))
		render_leases(d, network, out);
	if (obj_has(d, "range"))
		render_dhcp(d, out);
	render_ipv6(d, out);
}

static void render_hosts(const struct dnsmasq *d, struct strbuf *out)
{
	for (size_t i = 0; i < d->hosts.n; i++) {
		const struct dnsmasq_host *h = &LIST_AT(&d->hosts, struct dnsmasq_host, i);
		bool named = dns_label(h->obj.name, strlen(h->obj.name));

		if (!named && !obj_has(h, "address") && !obj_has(h, "address6"))
			continue;
		mac_format(&h->mac, out);
		if (named)
			sb_addf(out, ",%s", h->obj.name);
		if (obj_has(h, "address")) {
			sb_addc(out, ',');
			ip_format(&h->address, out);
		}
		if (obj_has(h, "address6")) {
			sb_add(out, ",[");
			ip_format(&h->address6, out);
			sb_addc(out, ']');
		}
		sb_addc(out, '\n');
	}
}

static void render_name(const struct ip *ip, const char *name, struct strbuf *out)
{
	ip_format(ip, out);
	sb_addf(out, " %s\n", name);
}

static void render_names(const struct dnsmasq *d, struct strbuf *out)
{
	for (size_t i = 0; i < d->hosts.n; i++) {
		const struct dnsmasq_host *h = &LIST_AT(&d->hosts, struct dnsmasq_host, i);

		if (!dns_label(h->obj.name, strlen(h->obj.name)))
			continue;
		if (obj_has(h, "address"))
			render_name(&h->address, h->obj.name, out);
		if (obj_has(h, "address6"))
			render_name(&h->address6, h->obj.name, out);
	}
}

void dnsmasq_render(const struct dnsmasq *d, const char *network, size_t file, struct strbuf *out)
{
	switch (file) {
	case DNSMASQ_CONF: render_conf(d, network, out); break;
	case 1: render_hosts(d, out); break;
	case 2: render_names(d, out); break;
	default:
		for (size_t i = 0; i < d->servers.n; i++)
			sb_addf(out, "server=%s\n", LIST_AT(&d->servers, const char *, i));
	}
}

bool dnsmasq_file_is(struct host *h, const char *network, size_t file, const struct dnsmasq *d)
{
	_cleanup_strbuf_ struct strbuf want = { 0 };
	_cleanup_free_ char *have = NULL;

	dnsmasq_render(d, network, file, &want);
	return file_read(h->root, dnsmasq_path(network, dnsmasq_files[file]).s, 1 << 24, &have,
		       NULL) >= 0 &&
	       streq(have, sb_str(&want));
}
