/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/resolvers.h"
#include "net/bus.h"
#include "reconcile/units.h"

#define RESOLVED "org.freedesktop.resolve1"
#define RESOLVED_PATH "/org/freedesktop/resolve1"
#define RESOLVED_MANAGER "org.freedesktop.resolve1.Manager"
/* There once it has run since boot. */
#define RESOLVED_DIR "/run/systemd/resolve"
/* What others than networkd have told it of a link, by the link's number. */
#define RESOLVED_LINKS RESOLVED_DIR "/netif"

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

/* ---- of one link ---- */

int resolvers_asked(struct host *h, struct error *e)
{
	struct unit unit;
	int r;

	if (!h->live || !file_exists(h->root, RESOLVED_DIR))
		return 0;
	r = units_state(h, UNIT_RESOLVED, &unit, e);
	return r < 0 ? r : unit.state == UNIT_ACTIVE;
}

bool resolvers_told(struct host *h, int index)
{
	_cleanup_free_ char *path = xprintf(RESOLVED_LINKS "/%d", index);

	return file_exists(h->root, path);
}

bool resolvers_any(const struct resolvers *d)
{
	return d->servers.n || d->domains.n;
}

int resolvers_get(struct host *h, int index, struct resolvers *out, struct error *e)
{
	const char **domains = NULL;
	struct ip *servers = NULL;
	struct session *s;
	int r = session_get(h, &s, e);

	if (r < 0)
		return r;
	*out = (struct resolvers){ 0 };
	for (size_t i = 0; i < s->n; i++) {
		const struct said *line = &s->v[i];

		if (line->index != index)
			continue;
		if (line->domain)
			*ARENA_PUSH(h->pass, domains, out->domains.n) = arena_printf(
				h->pass, "%s%s", line->route_only ? "~" : "", line->domain);
		else
			*ARENA_PUSH(h->pass, servers, out->servers.n) = line->server;
	}
	out->domains.v = domains;
	out->servers.v = servers;
	return 0;
}

/* ---- telling it ---- */

static int append_servers(sd_bus_message *m, const struct resolvers *d)
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

static int append_domains(sd_bus_message *m, const struct resolvers *d)
{
	int r = sym_sd_bus_message_open_container(m, 'a', "(sb)");

	for (size_t i = 0; i < d->domains.n && r >= 0; i++) {
		const char *name = LIST_AT(&d->domains, const char *, i);
		const char *rest = startswith(name, "~");

		r = sym_sd_bus_message_append(m, "(sb)", rest ? rest : name, rest != NULL);
	}
	return r < 0 ? r : sym_sd_bus_message_close_container(m);
}

static int tell_list(struct session *s, const char *method, int index, const struct resolvers *d,
	int (*append)(sd_bus_message *m, const struct resolvers *d), sd_bus_error *why)
{
	_cleanup_(sdbus_message_p) sd_bus_message *m = NULL;
	int r = sym_sd_bus_message_new_method_call(
		s->bus, &m, RESOLVED, RESOLVED_PATH, RESOLVED_MANAGER, method);

	if (r >= 0)
		r = sym_sd_bus_message_append(m, "i", index);
	if (r >= 0)
		r = append(m, d);
	return r < 0 ? r : sym_sd_bus_call(s->bus, m, 0, why, NULL);
}

static int tell(struct session *s, int index, const struct resolvers *d, sd_bus_error *why)
{
	int r;

	if (!d)
		return sym_sd_bus_call_method(s->bus, RESOLVED, RESOLVED_PATH, RESOLVED_MANAGER,
			"RevertLink", why, NULL, "i", index);
	r = tell_list(s, "SetLinkDNS", index, d, append_servers, why);
	if (r >= 0)
		r = tell_list(s, "SetLinkDomains", index, d, append_domains, why);
	if (r >= 0 && d->only_domains)
		r = sym_sd_bus_call_method(s->bus, RESOLVED, RESOLVED_PATH, RESOLVED_MANAGER,
			"SetLinkDefaultRoute", why, NULL, "ib", index, 0);
	return r;
}

int resolvers_tell(struct host *h, int index, const struct resolvers *d, struct error *e)
{
	_cleanup_(sdbus_error_p) sd_bus_error why = { 0 };
	struct session *s;
	int r = session_get(h, &s, e);

	if (r < 0)
		return r;
	r = tell(s, index, d, &why);
	session_forget(s);
	return r < 0 ? refused(r, &why, d ? "set whom a bridge asks" : "take back what it was told",
			       e)
		     : 0;
}
