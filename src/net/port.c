/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/port.h"
#include "base/strbuf.h"
#include "reconcile/record.h"
#include <linux/rtnetlink.h>

static json_t *kept_port(struct host *h, const char *id, const char *port)
{
	return json_object_get(json_object_get(record_kept_any(h, id), "ports"), port);
}

/* ---- messages ---- */

static json_t *message_json(const char *text, const struct nlmsghdr *m)
{
	static const char digits[] = "0123456789abcdef";
	_cleanup_strbuf_ struct strbuf out = { 0 };
	const uint8_t *b = nlmsg_data(m);

	for (int i = 0; i < nlmsg_datalen(m); i++) {
		sb_addc(&out, digits[b[i] >> 4]);
		sb_addc(&out, digits[b[i] & 15]);
	}
	return json_pack("{s:s, s:s}", "text", text, "message", sb_str(&out));
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* NULL when the text is no message. */
static const struct nlmsghdr *message_read(struct arena *a, const json_t *json, int type)
{
	const char *text = json_string_value(json_object_get(json, "message"));
	size_t n = text ? strlen(text) / 2 : 0;
	struct nlmsghdr *m;
	uint8_t *b;

	if (!n)
		return NULL;
	m = arena_alloc(a, NLMSG_HDRLEN + NLMSG_ALIGN(n));
	m->nlmsg_len = (uint32_t)(NLMSG_HDRLEN + n);
	m->nlmsg_type = (uint16_t)type;
	b = nlmsg_data(m);
	for (size_t i = 0; i < n; i++) {
		int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return NULL;
		b[i] = (uint8_t)(high << 4 | low);
	}
	return m;
}

/* ---- ports ---- */

static void read_addresses(struct arena *a, const json_t *list, struct taken *out)
{
	size_t i;
	json_t *item;

	json_array_foreach (list, i, item) {
		const struct nlmsghdr *m = message_read(a, item, RTM_NEWADDR);
		struct address x;

		if (m && address_read(m, &x))
			*ARENA_PUSH(a, out->addrs, out->n_addrs) = x;
	}
}

static void read_routes(struct arena *a, const json_t *list, struct taken *out)
{
	size_t i;
	json_t *item;

	json_array_foreach (list, i, item) {
		const struct nlmsghdr *m = message_read(a, item, RTM_NEWROUTE);
		struct route x;

		if (m && route_read(a, m, &x))
			*ARENA_PUSH(a, out->routes, out->n_routes) = x;
	}
}

static void read_neighs(struct arena *a, const json_t *list, struct taken *out)
{
	size_t i;
	json_t *item;

	json_array_foreach (list, i, item) {
		const struct nlmsghdr *m = message_read(a, item, RTM_NEWNEIGH);
		struct neigh x;

		if (m && neigh_read(a, m, &x))
			*ARENA_PUSH(a, out->neighs, out->n_neighs) = x;
	}
}

static void read_policies(struct arena *a, const json_t *list, struct taken *out)
{
	size_t i;
	json_t *item;

	json_array_foreach (list, i, item) {
		const struct nlmsghdr *m = message_read(a, item, RTM_NEWRULE);
		struct policy x;

		if (m && policy_read(a, m, &x))
			*ARENA_PUSH(a, out->policies, out->n_policies) = x;
	}
}

static void read_names(struct arena *a, const json_t *port, struct resolvers *out)
{
	struct ip *servers = NULL, ip;
	const char **domains = NULL;
	size_t i;
	json_t *item;

	json_array_foreach (json_object_get(port, "servers"), i, item)
		if (json_is_string(item) && ip_parse(json_string_value(item), &ip))
			*ARENA_PUSH(a, servers, out->servers.n) = ip;
	json_array_foreach (json_object_get(port, "domains"), i, item)
		if (json_is_string(item))
			*ARENA_PUSH(a, domains, out->domains.n) =
				arena_strdup(a, json_string_value(item));
	out->servers.v = servers;
	out->domains.v = domains;
}

static const char *const ipv6_words[] = {
	[IPV6_ON] = NULL,
	[IPV6_DEAF] = "deaf",
	[IPV6_OFF] = "off",
};

static enum port_ipv6 read_ipv6(const json_t *port)
{
	const char *word = json_string_value(json_object_get(port, "ipv6"));

	for (int i = IPV6_DEAF; word && i <= IPV6_OFF; i++)
		if (streq(word, ipv6_words[i]))
			return (enum port_ipv6)i;
	return IPV6_ON;
}

bool taken_read(struct host *h, const char *id, const char *port, struct taken *out)
{
	const json_t *json = kept_port(h, id, port);
	const char *boot = json_string_value(json_object_get(json, "boot"));

	if (!json)
		return false;
	*out = (struct taken){
		.port = arena_strdup(h->pass, port),
		.index = (int)json_integer_value(json_object_get(json, "index")),
		.up = json_is_true(json_object_get(json, "up")),
		.mtu = (uint32_t)json_integer_value(json_object_get(json, "mtu")),
		.at = (uint64_t)json_integer_value(json_object_get(json, "at")),
		.uptime = (uint64_t)json_integer_value(json_object_get(json, "uptime")),
		.boot = arena_strdup(h->pass, boot ? boot : ""),
	};
	read_addresses(h->pass, json_object_get(json, "addresses"), out);
	read_routes(h->pass, json_object_get(json, "routes"), out);
	read_neighs(h->pass, json_object_get(json, "neighbours"), out);
	read_policies(h->pass, json_object_get(json, "rules"), out);
	read_names(h->pass, json, &out->names);
	out->ipv6 = read_ipv6(json);
	return true;
}

void taken_now(struct host *h, struct taken *t)
{
	_cleanup_free_ char *boot = host_boot_id(h);

	t->at = h->now();
	t->uptime = h->uptime();
	t->boot = boot ? arena_strdup(h->pass, boot) : "";
}

uint32_t taken_age(struct host *h, const struct taken *t)
{
	_cleanup_free_ char *boot = host_boot_id(h);
	bool same = boot && streq_null(boot, t->boot);
	uint64_t now = same ? h->uptime() : h->now(), then = same ? t->uptime : t->at;

	return now > then ? (uint32_t)MIN_OF(now - then, (uint64_t)UINT32_MAX / 2) : 0;
}

int taken_index(struct host *h, const char *id, const char *port)
{
	return (int)json_integer_value(json_object_get(kept_port(h, id, port), "index"));
}

const char *taken_port(struct host *h, const char *id, size_t i)
{
	const char *name;
	json_t *port;

	json_object_foreach (json_object_get(record_kept_any(h, id), "ports"), name, port)
		if (!i--)
			return name;
	return NULL;
}

const char *taken_by(struct host *h, const char *port)
{
	const char *id;

	if (!h->record)
		return NULL;
	for (size_t at = 0; (id = record_next(h, &at));)
		if (kept_port(h, id, port))
			return id;
	return NULL;
}

static json_t *addresses_json(const struct taken *t)
{
	json_t *out = json_array();

	for (size_t i = 0; i < t->n_addrs; i++) {
		_cleanup_strbuf_ struct strbuf text = { 0 };

		cidr_format(&t->addrs[i].cidr, &text);
		json_array_append_new(out, message_json(sb_str(&text), t->addrs[i].message));
	}
	return out;
}

static json_t *routes_json(const struct taken *t)
{
	json_t *out = json_array();

	for (size_t i = 0; i < t->n_routes; i++)
		json_array_append_new(out, message_json(t->routes[i].text, t->routes[i].message));
	return out;
}

static json_t *neighs_json(const struct taken *t)
{
	json_t *out = json_array();

	for (size_t i = 0; i < t->n_neighs; i++)
		json_array_append_new(out, message_json(t->neighs[i].text, t->neighs[i].message));
	return out;
}

static json_t *policies_json(const struct taken *t)
{
	json_t *out = json_array();

	for (size_t i = 0; i < t->n_policies; i++)
		json_array_append_new(
			out, message_json(t->policies[i].text, t->policies[i].message));
	return out;
}

static void write_names(json_t *port, const struct resolvers *d)
{
	json_t *servers = json_array(), *domains = json_array();

	for (size_t i = 0; i < d->servers.n; i++) {
		_cleanup_strbuf_ struct strbuf text = { 0 };

		ip_format(&LIST_AT(&d->servers, struct ip, i), &text);
		json_array_append_new(servers, json_string(sb_str(&text)));
	}
	for (size_t i = 0; i < d->domains.n; i++)
		json_array_append_new(domains, json_string(LIST_AT(&d->domains, const char *, i)));
	json_object_set_new(port, "servers", servers);
	json_object_set_new(port, "domains", domains);
}

int taken_write(struct host *h, const char *id, const struct taken *t, struct error *e)
{
	json_t *all = record_kept(h, id), *ports = json_object_get(all, "ports"), *port;

	if (!all)
		return error_set(e, -EINVAL, "the record does not know %s", id);
	if (!ports) {
		ports = json_object();
		json_object_set_new(all, "ports", ports);
	}
	port = json_pack("{s:i, s:b, s:I, s:I, s:o, s:o, s:o}", "index", t->index, "up", t->up,
		"mtu", (json_int_t)t->mtu, "at", (json_int_t)t->at, "addresses", addresses_json(t),
		"routes", routes_json(t), "neighbours", neighs_json(t));
	if (t->boot && *t->boot) {
		json_object_set_new(port, "boot", json_string(t->boot));
		json_object_set_new(port, "uptime", json_integer((json_int_t)t->uptime));
	}
	if (t->ipv6 != IPV6_ON)
		json_object_set_new(port, "ipv6", json_string(ipv6_words[t->ipv6]));
	if (t->n_policies)
		json_object_set_new(port, "rules", policies_json(t));
	if (resolvers_any(&t->names))
		write_names(port, &t->names);
	if (json_equal(json_object_get(ports, t->port), port)) {
		json_decref(port);
		return 0;
	}
	json_object_set_new(ports, t->port, port);
	record_touch(h);
	return 0;
}

void taken_drop(struct host *h, const char *id, const char *port)
{
	json_t *all = record_kept_any(h, id), *ports = json_object_get(all, "ports");

	if (json_object_del(ports, port) < 0)
		return;
	if (!json_object_size(ports))
		json_object_del(all, "ports");
	record_touch(h);
}
