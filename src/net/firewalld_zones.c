/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/firewalld.h"
#include "net/bus.h"

#define FIREWALLD "org.fedoraproject.FirewallD1"
#define FIREWALLD_PATH "/org/fedoraproject/FirewallD1"
#define FIREWALLD_ZONE FIREWALLD ".zone"

struct zones {
	struct arena *arena;
	sd_bus *bus;
	bool read;
	bool away; /* it has no name on the bus (any more, or yet) */
	struct firewalld_zones found;
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
	while (r >= 0 && (r = sym_sd_bus_message_read(m, "s", &name)) > 0)
		if (streq(what, "interfaces"))
			*ARENA_PUSH(z->arena, z->found.v, z->found.n) =
				(struct firewalld_binding){ .zone = zone,
					.interface = arena_strdup(z->arena, name) };
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
		z->found.known |= streq(name, KVMHOST_ZONE);
	return r;
}

/* By its processes' place among systemd's: a host without firewalld pays for one look. */
static bool runs(struct host *h)
{
	return h->live && file_exists(h->root, "/sys/fs/cgroup/system.slice/firewalld.service");
}

static int ask(struct zones *z, const char *method, int (*read)(struct zones *, sd_bus_message *),
	struct error *e)
{
	_cleanup_(sdbus_message_p) sd_bus_message *m = NULL;
	_cleanup_(sdbus_error_p) sd_bus_error why = { 0 };
	int r = sym_sd_bus_call_method(
		z->bus, FIREWALLD, FIREWALLD_PATH, FIREWALLD_ZONE, method, &why, &m, "");

	z->away |= r < 0 && why.name && streq(why.name, SD_BUS_ERROR_SERVICE_UNKNOWN);
	if (z->away)
		return 0;
	if (r >= 0)
		r = read(z, m);
	return r < 0 ? refused(r, &why, "read its zones", e) : 0;
}

int firewalld_zones_get(struct host *h, const struct firewalld_zones **out, struct error *e)
{
	struct zones *z;
	void *data;
	int r;

	*out = NULL;
	if (!runs(h))
		return 0;
	r = host_handle(h, &zones_handle, &data, e);
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
	*out = z->away ? NULL : &z->found;
	return 0;
}

const char *firewalld_zone_of(const struct firewalld_zones *z, const char *interface)
{
	for (size_t i = 0; i < z->n; i++)
		if (streq(z->v[i].interface, interface))
			return z->v[i].zone;
	return NULL;
}

static int tell(struct host *h, const char *method, const char *zone, const char *interface,
	const char *what, struct error *e)
{
	_cleanup_(sdbus_error_p) sd_bus_error why = { 0 };
	void *data;
	int r = host_handle(h, &zones_handle, &data, e);
	struct zones *z = data;

	if (r < 0)
		return r;
	r = sym_sd_bus_call_method(z->bus, FIREWALLD, FIREWALLD_PATH, FIREWALLD_ZONE, method, &why,
		NULL, "ss", zone, interface);
	return r < 0 ? refused(r, &why, what, e) : 0;
}

int firewalld_put_into(struct host *h, const char *interface, const char *zone, struct error *e)
{
	_cleanup_free_ char *what = xprintf("put %s into the zone %s", interface, zone);

	return tell(h, "changeZoneOfInterface", zone, interface, what, e);
}

int firewalld_take_out(struct host *h, const char *interface, const char *zone, struct error *e)
{
	_cleanup_free_ char *what = xprintf("take %s out of the zone %s", interface, zone);

	return tell(h, "removeInterface", zone, interface, what, e);
}

void firewalld_forget(struct host *h)
{
	void *data;

	if (host_handle(h, &zones_handle, &data, NULL) >= 0)
		zones_forget(data);
}
