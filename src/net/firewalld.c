/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kind `firewalld`: where it runs, the bridges of networks are in our zone
 * and so what guests send is not refused there. What the zone and its policy
 * say lies in files that are installed with kvmhost (units/firewalld); which
 * bridges are in it is firewalld's own knowledge at run time, told over the
 * bus, kept by it through a reload and lost with a restart. A bridge that
 * somebody put into a zone of his own stays there.
 */
#include "net/bus.h"
#include "net/names.h"
#include "net/net.h"
#include "net/network.h"
#include "reconcile/plan.h"

#define FIREWALLD "org.fedoraproject.FirewallD1"
#define FIREWALLD_PATH "/org/fedoraproject/FirewallD1"
#define FIREWALLD_ZONE FIREWALLD ".zone"
#define ZONE "kvmhost"

struct firewalld {
	struct obj obj;
	struct list bridges; /* const char *, in the order of their names */
};

static const struct field rows[] = {
	FIELD_LIST(struct firewalld, bridges, type_ifname,
		.doc = "Bridges of networks, in the zone " ZONE "."),
};
static const struct table table =
	TABLE(struct firewalld, rows, .doc = "What firewalld is told of networks.");

/* ---- what is wanted ---- */

void firewalld_imply(const struct resource *network, struct wants *w)
{
	want_imply(w, network, "firewalld", "host");
}

/* The resource comes behind all networks. */
static void firewalld_derive(const struct resource *r, struct wants *w)
{
	struct firewalld *f = (struct firewalld *)r->want;
	const char **v = NULL;
	size_t n = 0;

	for (size_t i = 0; i < w->n; i++)
		if (w->v[i]->kind == &network_kind)
			*ARENA_PUSH(w->arena, v, n) =
				((const struct network *)w->v[i]->want)->bridge;
	f->bridges = names_sorted(v, n);
	obj_mark_set(f, "bridges");
}

/* ---- what firewalld says ---- */

struct zones {
	struct arena *arena;
	sd_bus *bus;
	bool read, known; /* known: our zone is one of firewalld's */
	struct {
		const char *zone, *interface;
	} * v; /* all interfaces that are in a zone */
	size_t n;
};

static int zones_open(struct host *h, void **data, struct error *e)
{
	struct zones *z;
	sd_bus *bus;
	int r = bus_get(h, &bus, e);

	if (r < 0)
		return r;
	z = xmalloc(sizeof(*z));
	*z = (struct zones){ .bus = bus };
	*data = z;
	return 0;
}

static void zones_forget(void *data)
{
	struct zones *z = data;

	arena_free(z->arena);
	*z = (struct zones){ .bus = z->bus };
}

static void zones_close(void *data)
{
	zones_forget(data);
	free(data);
}

static const struct handle zones_handle = {
	.name = "firewalld",
	.open = zones_open,
	.forget = zones_forget,
	.close = zones_close,
};

static int refused(int r, const sd_bus_error *why, const char *what, struct error *e)
{
	error_set(
		e, r, "firewalld: cannot %s: %s", what, why->message ? why->message : strerror(-r));
	return error_cure(e, "journalctl -u firewalld says more");
}

/* One pair of a zone's list of interfaces or of sources: "interfaces", ["virbr0"]. */
static int read_members(struct zones *z, sd_bus_message *m, const char *zone)
{
	const char *what, *name;
	int r = sym_sd_bus_message_read(m, "s", &what);

	if (r >= 0)
		r = sym_sd_bus_message_enter_container(m, 'a', "s");
	while (r >= 0 && (r = sym_sd_bus_message_read(m, "s", &name)) > 0) {
		if (!streq(what, "interfaces"))
			continue;
		(void)ARENA_PUSH(z->arena, z->v, z->n);
		z->v[z->n - 1].zone = zone;
		z->v[z->n - 1].interface = arena_strdup(z->arena, name);
	}
	return r < 0 ? r : sym_sd_bus_message_exit_container(m);
}

static int read_zone(struct zones *z, sd_bus_message *m)
{
	const char *zone;
	int r = sym_sd_bus_message_read(m, "s", &zone);

	if (r < 0)
		return r;
	zone = arena_strdup(z->arena, zone);
	r = sym_sd_bus_message_enter_container(m, 'a', "{sas}");
	while (r >= 0 && (r = sym_sd_bus_message_enter_container(m, 'e', "sas")) > 0) {
		r = read_members(z, m, zone);
		if (r >= 0)
			r = sym_sd_bus_message_exit_container(m);
	}
	return r < 0 ? r : sym_sd_bus_message_exit_container(m);
}

static int read_active(struct zones *z, sd_bus_message *m)
{
	int r = sym_sd_bus_message_enter_container(m, 'a', "{sa{sas}}");

	while (r >= 0 && (r = sym_sd_bus_message_enter_container(m, 'e', "sa{sas}")) > 0) {
		r = read_zone(z, m);
		if (r >= 0)
			r = sym_sd_bus_message_exit_container(m);
	}
	return r;
}

static int read_names(struct zones *z, sd_bus_message *m)
{
	const char *name;
	int r = sym_sd_bus_message_enter_container(m, 'a', "s");

	while (r >= 0 && (r = sym_sd_bus_message_read(m, "s", &name)) > 0)
		z->known |= streq(name, ZONE);
	return r;
}

static int ask(struct zones *z, const char *method, int (*read)(struct zones *, sd_bus_message *),
	struct error *e)
{
	_cleanup_(sdbus_message_p) sd_bus_message *m = NULL;
	_cleanup_(sdbus_error_p) sd_bus_error why = { 0 };
	int r = sym_sd_bus_call_method(
		z->bus, FIREWALLD, FIREWALLD_PATH, FIREWALLD_ZONE, method, &why, &m, "");

	if (r >= 0)
		r = read(z, m);
	return r < 0 ? refused(r, &why, "read its zones", e) : 0;
}

static int zones_get(struct host *h, struct zones **out, struct error *e)
{
	struct zones *z;
	void *data;
	int r = host_handle(h, &zones_handle, &data, e);

	if (r < 0)
		return r;
	z = data;
	if (!z->read) {
		z->arena = arena_new();
		r = ask(z, "getActiveZones", read_active, e);
		if (r >= 0)
			r = ask(z, "getZones", read_names, e);
		if (r < 0)
			return r;
		z->read = true;
	}
	*out = z;
	return 0;
}

/* The zone of the interface, or NULL: it has the default zone's rules, without being in it. */
static const char *zone_of(const struct zones *z, const char *interface)
{
	for (size_t i = 0; i < z->n; i++)
		if (streq(z->v[i].interface, interface))
			return z->v[i].zone;
	return NULL;
}

/* By its processes' place among systemd's: a host without firewalld pays for one look. */
static bool runs(struct host *h)
{
	return h->live && file_exists(h->root, "/sys/fs/cgroup/system.slice/firewalld.service");
}

static int firewalld_observe(struct host *h, const struct resource *r, void **have, struct error *e)
{
	struct firewalld *f;
	struct zones *z;
	const char **v = NULL;
	size_t n = 0;
	int ret;

	*have = NULL;
	if (!runs(h))
		return r->want ? NOT_HERE : 0;
	ret = zones_get(h, &z, e);
	if (ret < 0)
		return ret;
	for (size_t i = 0; i < z->n; i++)
		if (streq(z->v[i].zone, ZONE))
			*ARENA_PUSH(h->pass, v, n) = arena_strdup(h->pass, z->v[i].interface);
	f = obj_new(h->pass, &table, r->name);
	f->bridges = names_sorted(v, n);
	obj_mark_set(f, "bridges");
	*have = f;
	return 0;
}

/* ---- the difference ---- */

/* fn for each bridge that goes, then for each that comes and is in no zone. */
static int each_change(struct host *h, struct step *s,
	int (*fn)(struct host *h, struct step *s, const char *bridge, bool comes, struct error *e),
	struct error *e)
{
	const struct firewalld *have = s->have, *want = s->want;
	struct zones *z;
	int r = zones_get(h, &z, e);

	for (size_t i = 0; have && i < have->bridges.n && r >= 0; i++) {
		const char *bridge = LIST_AT(&have->bridges, const char *, i);

		if (!want || !names_have(&want->bridges, bridge))
			r = fn(h, s, bridge, false, e);
	}
	for (size_t i = 0; want && i < want->bridges.n && r >= 0; i++) {
		const char *bridge = LIST_AT(&want->bridges, const char *, i);

		if (!zone_of(z, bridge))
			r = fn(h, s, bridge, true, e);
	}
	return r;
}

static int show(
	struct host *h, struct step *s, const char *bridge, bool comes, struct error *e _unused_)
{
	step_change(h, s, "bridges", arena_printf(h->pass, "zone of %s", bridge),
		comes ? NULL : ZONE, comes ? ZONE : NULL);
	return 0;
}

static void firewalld_diff(struct host *h, struct step *s)
{
	each_change(h, s, show, NULL);
}

/* To make it known would be a reload, in which firewalld forgets what others told it. */
static void firewalld_refine(struct host *h, struct step *s)
{
	const struct firewalld *want = s->want;
	struct zones *z;

	s->reason = s->reason ? s->reason : "firewalld runs";
	if (want && want->bridges.n && zones_get(h, &z, NULL) >= 0 && !z->known)
		s->wait = "firewalld to know the zone " ZONE
			  ": firewall-cmd --reload (what was set without --permanent is lost)";
}

static int tell(
	struct host *h, struct step *s _unused_, const char *bridge, bool comes, struct error *e)
{
	_cleanup_(sdbus_error_p) sd_bus_error why = { 0 };
	_cleanup_free_ char *what = xprintf("%s %s %s the zone " ZONE, comes ? "put" : "take",
		bridge, comes ? "into" : "out of");
	struct zones *z;
	int r = zones_get(h, &z, e);

	if (r < 0)
		return r;
	r = sym_sd_bus_call_method(z->bus, FIREWALLD, FIREWALLD_PATH, FIREWALLD_ZONE,
		comes ? "changeZoneOfInterface" : "removeInterface", &why, NULL, "ss", ZONE,
		bridge);
	return r < 0 ? refused(r, &why, what, e) : 0;
}

static int firewalld_apply(struct host *h, struct step *s, struct error *e)
{
	struct zones *z;
	int r = each_change(h, s, tell, e);

	if (zones_get(h, &z, NULL) >= 0)
		zones_forget(z);
	return r;
}

const struct kind firewalld_kind = {
	.name = "firewalld",
	.table = &table,
	.derive = firewalld_derive,
	.observe = firewalld_observe,
	.diff = firewalld_diff,
	.refine = firewalld_refine,
	.apply = firewalld_apply,
};
