/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kind `resolved`: where systemd-resolved runs, questions of the host for
 * names in a network's domain go to the network's dnsmasq, and no others do.
 * Derived from networks with a domain. It is a setting of the bridge in
 * resolved's memory, which outlives a restart of it and goes with the link.
 */
#include "net/bus.h"
#include "net/links.h"
#include "net/network.h"
#include "reconcile/plan.h"
#include "reconcile/units.h"

#define RESOLVED "org.freedesktop.resolve1"
#define RESOLVED_PATH "/org/freedesktop/resolve1"
#define RESOLVED_MANAGER "org.freedesktop.resolve1.Manager"
/* There once it has run since boot. */
#define RESOLVED_DIR "/run/systemd/resolve"

struct resolved {
	struct obj obj;
	const char *bridge, *domain;
	struct list servers; /* struct ip */
	int index; /* in haves: of the bridge */
};

static const struct field rows[] = {
	FIELD_STRING(struct resolved, bridge, type_ifname, .doc = "The bridge."),
	FIELD_STRING(struct resolved, domain, type_string, .doc = "The guests' domain."),
	FIELD_LIST(struct resolved, servers, type_ip, .doc = "Who knows the names in it."),
};
static const struct table table = TABLE(
	struct resolved, rows, .key = &type_name, .doc = "Domains that systemd-resolved asks for.");

void resolved_derive(const struct resource *network, struct wants *w)
{
	const struct network *n = network->want;
	struct resource *r = want_derive(w, network, "resolved", network->name, false);
	struct resolved *d = (struct resolved *)r->want;
	struct ip *v = arena_alloc(w->arena, n->addresses.n * sizeof(*v));

	for (size_t i = 0; i < n->addresses.n; i++)
		v[i] = LIST_AT(&n->addresses, struct cidr, i).ip;
	d->bridge = n->bridge;
	d->domain = n->dns.domain;
	d->servers = (struct list){ v, n->addresses.n };
	obj_mark_set(d, "bridge");
	obj_mark_set(d, "domain");
	obj_mark_set(d, "servers");
}

/* ---- what it says ---- */

struct said {
	int index;
	const char *domain; /* NULL: the line has a server */
	bool route_only;
	struct ip server;
};

struct session {
	sd_bus *bus;
	bool read;
	struct arena *arena;
	struct said *v; /* of all links */
	size_t n;
};

static int session_open(struct host *h, void **data, struct error *e)
{
	struct session *s;
	sd_bus *bus;
	int r = bus_get(h, &bus, e);

	if (r < 0)
		return r;
	s = xmalloc(sizeof(*s));
	*s = (struct session){ .bus = bus };
	*data = s;
	return 0;
}

static void session_forget(void *data)
{
	struct session *s = data;

	arena_free(s->arena);
	*s = (struct session){ .bus = s->bus };
}

static void session_close(void *data)
{
	session_forget(data);
	free(data);
}

static const struct handle session_handle = {
	.name = "resolved",
	.open = session_open,
	.forget = session_forget,
	.close = session_close,
};

static int read_domains(struct session *s, sd_bus_message *m)
{
	const char *name;
	int r, index, route;

	r = sym_sd_bus_message_enter_container(m, 'a', "(isb)");
	while (r >= 0 && (r = sym_sd_bus_message_read(m, "(isb)", &index, &name, &route)) > 0)
		*ARENA_PUSH(s->arena, s->v, s->n) = (struct said){
			.index = index,
			.domain = arena_strdup(s->arena, name),
			.route_only = route,
		};
	return r;
}

static int read_servers(struct session *s, sd_bus_message *m)
{
	int r = sym_sd_bus_message_enter_container(m, 'a', "(iiay)");

	while (r >= 0 && (r = sym_sd_bus_message_enter_container(m, 'r', "iiay")) > 0) {
		struct said line = { 0 };
		uint8_t b;
		size_t n = 0;

		r = sym_sd_bus_message_read(m, "ii", &line.index, &line.server.family);
		if (r >= 0)
			r = sym_sd_bus_message_enter_container(m, 'a', "y");
		while (r >= 0 && (r = sym_sd_bus_message_read(m, "y", &b)) > 0)
			if (n < sizeof(line.server.b))
				line.server.b[n++] = b;
		if (r >= 0)
			r = sym_sd_bus_message_exit_container(m);
		if (r >= 0)
			r = sym_sd_bus_message_exit_container(m);
		*ARENA_PUSH(s->arena, s->v, s->n) = line;
	}
	return r;
}

static int refused(int r, const sd_bus_error *why, const char *what, struct error *e)
{
	error_set(e, r, "systemd-resolved: cannot %s: %s", what,
		why->message ? why->message : strerror(-r));
	return error_cure(e, "journalctl -u systemd-resolved says more");
}

static int read_property(struct session *s, const char *name, const char *type,
	int (*read)(struct session *, sd_bus_message *), struct error *e)
{
	_cleanup_(sdbus_message_p) sd_bus_message *m = NULL;
	_cleanup_(sdbus_error_p) sd_bus_error why = { 0 };
	int r = sym_sd_bus_get_property(
		s->bus, RESOLVED, RESOLVED_PATH, RESOLVED_MANAGER, name, &why, &m, type);

	if (r >= 0)
		r = read(s, m);
	return r < 0 ? refused(r, &why, "read what links ask whom", e) : 0;
}

static int session_get(struct host *h, struct session **out, struct error *e)
{
	struct session *s;
	void *data;
	int r = host_handle(h, &session_handle, &data, e);

	if (r < 0)
		return r;
	s = data;
	if (!s->read) {
		s->arena = arena_new();
		r = read_property(s, "Domains", "a(isb)", read_domains, e);
		if (r >= 0)
			r = read_property(s, "DNS", "a(iiay)", read_servers, e);
		if (r < 0)
			return r;
		s->read = true;
	}
	*out = s;
	return 0;
}

static int runs(struct host *h, struct error *e)
{
	struct unit unit;
	int r;

	if (!h->live || !file_exists(h->root, RESOLVED_DIR))
		return 0;
	r = units_state(h, UNIT_RESOLVED, &unit, e);
	return r < 0 ? r : unit.state == UNIT_ACTIVE;
}

static struct resolved *have_of(
	struct host *h, const struct session *s, const char *name, int index)
{
	struct resolved *d = obj_new(h->pass, &table, name);
	struct ip *v = NULL;

	d->index = index;
	for (size_t i = 0; i < s->n; i++) {
		const struct said *line = &s->v[i];

		if (line->index != index)
			continue;
		if (!line->domain)
			*ARENA_PUSH(h->pass, v, d->servers.n) = line->server;
		else if (!d->domain)
			d->domain = arena_printf(h->pass, "%s%s", line->domain,
				line->route_only ? "" : " (searched)");
	}
	d->servers.v = v;
	if (!d->domain && !d->servers.n)
		return NULL;
	obj_mark_set(d, "servers");
	if (d->domain)
		obj_mark_set(d, "domain");
	return d;
}

static int resolved_observe(struct host *h, const struct resource *r, void **have, struct error *e)
{
	const struct resolved *d = r->want;
	char mark[256];
	const struct links *ls;
	const struct link *l;
	struct session *s;
	struct resolved *found;
	int ret = runs(h, e);

	*have = NULL;
	if (ret < 0)
		return ret;
	if (!ret)
		return r->want ? NOT_HERE : 0;
	ret = links_get(h, &ls, e);
	if (ret < 0)
		return ret;
	snprintf(mark, sizeof(mark), LINK_MARK "network/%s", r->name);
	l = links_mark(ls, mark);
	if (!l && d)
		l = links_name(ls, d->bridge);
	if (!l)
		return 0;
	ret = session_get(h, &s, e);
	if (ret < 0)
		return ret;
	found = have_of(h, s, r->name, l->index);
	if (found) {
		found->bridge = arena_strdup(h->pass, l->name);
		obj_mark_set(found, "bridge");
	}
	*have = found;
	return 0;
}

/* ---- telling it ---- */

static int append_servers(sd_bus_message *m, const struct resolved *d)
{
	int r = sym_sd_bus_message_open_container(m, 'a', "(iay)");

	for (size_t i = 0; i < d->servers.n && r >= 0; i++) {
		const struct ip *ip = &LIST_AT(&d->servers, struct ip, i);

		r = sym_sd_bus_message_open_container(m, 'r', "iay");
		if (r >= 0)
			r = sym_sd_bus_message_append(m, "i", ip->family);
		if (r >= 0)
			r = sym_sd_bus_message_append_array(
				m, 'y', ip->b, ip->family == AF_INET ? 4 : 16);
		if (r >= 0)
			r = sym_sd_bus_message_close_container(m);
	}
	return r < 0 ? r : sym_sd_bus_message_close_container(m);
}

static int tell_servers(struct session *s, int index, const struct resolved *d, sd_bus_error *why)
{
	_cleanup_(sdbus_message_p) sd_bus_message *m = NULL;
	int r = sym_sd_bus_message_new_method_call(
		s->bus, &m, RESOLVED, RESOLVED_PATH, RESOLVED_MANAGER, "SetLinkDNS");

	if (r >= 0)
		r = sym_sd_bus_message_append(m, "i", index);
	if (r >= 0)
		r = append_servers(m, d);
	return r < 0 ? r : sym_sd_bus_call(s->bus, m, 0, why, NULL);
}

static int tell(struct session *s, int index, const struct resolved *d, sd_bus_error *why)
{
	int r;

	if (!d)
		return sym_sd_bus_call_method(s->bus, RESOLVED, RESOLVED_PATH, RESOLVED_MANAGER,
			"RevertLink", why, NULL, "i", index);
	r = tell_servers(s, index, d, why);
	/* Only names in the domain: what else the host asks is none of the network's business. */
	if (r >= 0)
		r = sym_sd_bus_call_method(s->bus, RESOLVED, RESOLVED_PATH, RESOLVED_MANAGER,
			"SetLinkDomains", why, NULL, "ia(sb)", index, 1, d->domain, 1);
	if (r >= 0)
		r = sym_sd_bus_call_method(s->bus, RESOLVED, RESOLVED_PATH, RESOLVED_MANAGER,
			"SetLinkDefaultRoute", why, NULL, "ib", index, 0);
	return r;
}

static int resolved_apply(struct host *h, struct step *step, struct error *e)
{
	_cleanup_(sdbus_error_p) sd_bus_error why = { 0 };
	const struct resolved *want = step->want, *have = step->have;
	const struct links *ls;
	const struct link *l;
	struct session *s;
	int r = links_get(h, &ls, e);

	if (r < 0)
		return r;
	l = links_name(ls, want ? want->bridge : have->bridge);
	if (!l)
		return want ? error_set(e, -ENOENT, "there is no link %s", want->bridge) : 0;
	r = session_get(h, &s, e);
	if (r < 0)
		return r;
	r = tell(s, l->index, want, &why);
	session_forget(s);
	return r < 0 ? refused(r, &why, want ? "set the domain of the bridge" : "take it back", e)
		     : 0;
}

const struct kind resolved_kind = {
	.name = "resolved",
	.table = &table,
	.observe = resolved_observe,
	.apply = resolved_apply,
};
