/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reconcile/units_bus.h"

#define PRIVATE_SOCKET "/run/systemd/private"

/* Of one row of ListUnitsByPatterns: name, description, load, active, sub, follows, path, job id...
 */
#define UNIT_ROW "(ssssssouso)"

static int no_systemd(int r, const char *where, struct error *e)
{
	error_set(e, r, "cannot reach systemd through %s: %s", where, strerror(-r));
	if (r == -EACCES || r == -EPERM)
		return error_cure(e, "run it as root: sudo kvmhostctl ...");
	return error_cure(e,
		"guests and DHCP run as systemd units: run kvmhost on a machine that "
		"systemd booted, with the D-Bus system bus up (systemctl start dbus.socket)");
}

static int connect_private(struct units *u, struct error *e)
{
	int r = sym_sd_bus_new(&u->bus);

	if (r >= 0)
		r = sym_sd_bus_set_address(u->bus, "unix:path=" PRIVATE_SOCKET);
	if (r >= 0)
		r = sym_sd_bus_start(u->bus);
	return r < 0 ? no_systemd(r, PRIVATE_SOCKET, e) : 0;
}

static int connect_system(struct units *u, struct error *e)
{
	int r = sym_sd_bus_open_system(&u->bus);

	u->to = "org.freedesktop.systemd1";
	return r < 0 ? no_systemd(r, "the D-Bus system bus", e) : 0;
}

static void drop_list(void *data)
{
	struct units *u = data;

	u->asked = sym_sd_bus_slot_unref(u->asked);
	strmap_free(&u->by_name);
	u->by_name = (struct strmap){ 0 };
	u->list = sym_sd_bus_message_unref(u->list);
	free(u->v);
	u->v = NULL;
	u->n = 0;
	u->listed = false;
}

static void close_units(void *data)
{
	struct units *u = data;

	drop_list(u);
	sym_sd_bus_flush_close_unref(u->bus);
	free(u);
}

static int open_units(struct host *h, void **data, struct error *e)
{
	struct units *u;
	int r;

	if (!h->live)
		return error_set(
			e, -EOPNOTSUPP, "units are not looked at under --root %s", h->root_path);
	r = sdbus_load(e);
	if (r < 0)
		return r;
	u = xmalloc(sizeof(*u));
	*u = (struct units){ 0 };
	r = geteuid() == 0 ? connect_private(u, e) : connect_system(u, e);
	if (r < 0) {
		close_units(u);
		return r;
	}
	*data = u;
	return 0;
}

static const struct handle units_handle = {
	.name = "systemd",
	.open = open_units,
	.forget = drop_list,
	.close = close_units,
};

/* systemd was executed anew, or the bus went: the next call makes a new connection. */
static int reconnect(struct units *u, struct error *e)
{
	drop_list(u);
	u->bus = sym_sd_bus_flush_close_unref(u->bus);
	return u->to ? connect_system(u, e) : connect_private(u, e);
}

int units_bus(struct host *h, struct units **u, struct error *e)
{
	void *data;
	int r = host_handle(h, &units_handle, &data, e);

	if (r < 0)
		return r;
	*u = data;
	if ((*u)->bus && sym_sd_bus_is_open((*u)->bus) > 0)
		return 0;
	return reconnect(*u, e);
}

int units_refused(int r, const sd_bus_error *why, const char *what, struct error *e)
{
	const char *text = why && why->message ? why->message : strerror(-r);

	error_set(e, r, "systemd refused to %s: %s", what, text);
	if (r == -EACCES || r == -EPERM ||
		sym_sd_bus_error_has_name(why, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED))
		return error_cure(e, "run it as root: sudo kvmhostctl ...");
	if (sym_sd_bus_error_has_name(why, "org.freedesktop.systemd1.UnitMasked"))
		return error_cure(e, "systemctl unmask that unit, if it is to run again");
	return r;
}

static enum unit_state parse_state(const char *active)
{
	static const struct {
		const char *word;
		enum unit_state state;
	} words[] = {
		{ "inactive", UNIT_INACTIVE },
		{ "activating", UNIT_ACTIVATING },
		{ "deactivating", UNIT_DEACTIVATING },
		{ "failed", UNIT_FAILED },
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (streq(active, words[i].word))
			return words[i].state;
	return UNIT_ACTIVE;
}

/* 0 at the end of the list. */
static int read_unit(sd_bus_message *m, struct unit *out)
{
	const char *active;
	uint32_t job;
	int r = sym_sd_bus_message_read(m, UNIT_ROW, &out->name, NULL, NULL, &active, &out->sub,
		NULL, NULL, &job, NULL, NULL);

	if (r <= 0)
		return r;
	out->state = parse_state(active);
	out->job = job != 0;
	return 1;
}

static int read_list(struct units *u)
{
	struct unit one;
	size_t cap = 0;
	int r = sym_sd_bus_message_enter_container(u->list, 'a', UNIT_ROW);

	while (r >= 0 && (r = read_unit(u->list, &one)) > 0) {
		if (u->n == cap) {
			cap = cap ? cap * 2 : 64;
			u->v = xrealloc(u->v, cap * sizeof(*u->v));
		}
		u->v[u->n++] = one;
	}
	if (r < 0)
		return r;
	for (size_t i = 0; i < u->n; i++)
		strmap_put(&u->by_name, u->v[i].name, &u->v[i]);
	return 0;
}

static int on_list(sd_bus_message *m, void *arg, _unused_ sd_bus_error *ret)
{
	struct units *u = arg;

	u->list = sym_sd_bus_message_ref(m);
	return 0;
}

static int ask(struct units *u)
{
	return sym_sd_bus_call_method_async(u->bus, &u->asked, u->to, SYSTEMD_PATH, SYSTEMD_MANAGER,
		"ListUnitsByPatterns", on_list, u, "asas", 0, 5, UNITS_PREFIX "*", UNIT_NETWORKD,
		UNIT_NETWORKMANAGER, UNIT_RESOLVED, UNIT_ONLINE);
}

int units_ahead(struct host *h)
{
	struct units *u;
	int r = units_bus(h, &u, NULL);

	if (r >= 0 && !u->listed && !u->asked)
		r = ask(u);
	while (r >= 0 && u->asked && !u->list)
		if ((r = sym_sd_bus_process(u->bus, NULL)) == 0)
			break;
	return r;
}

static int await_list(struct units *u, const sd_bus_error **why)
{
	int r = u->asked ? 0 : ask(u);

	while (r >= 0 && !u->list) {
		r = sym_sd_bus_process(u->bus, NULL);
		if (r == 0)
			r = sym_sd_bus_wait(u->bus, UINT64_MAX);
	}
	if (r < 0)
		return r;
	*why = sym_sd_bus_message_get_error(u->list);
	return *why ? -sym_sd_bus_error_get_errno(*why) : read_list(u);
}

static int list(struct host *h, struct units **out, struct error *e)
{
	const sd_bus_error *why = NULL;
	struct units *u;
	int r = units_bus(h, &u, e);

	if (r < 0)
		return r;
	*out = u;
	if (u->listed)
		return 0;
	r = await_list(u, &why);
	u->asked = sym_sd_bus_slot_unref(u->asked);
	if (r < 0) {
		units_refused(r, why, "list its units", e);
		drop_list(u);
	}
	u->listed = r >= 0;
	return r;
}

int units_state(struct host *h, const char *name, struct unit *out, struct error *e)
{
	const struct unit *found;
	struct units *u;
	int r = list(h, &u, e);

	if (r < 0)
		return r;
	found = strmap_get(&u->by_name, name);
	*out = found ? *found
		     : (struct unit){ .name = name, .state = UNIT_INACTIVE, .sub = "dead" };
	return 0;
}

int units_loaded(struct host *h, const char *name, struct error *e)
{
	struct units *u;
	int r = list(h, &u, e);

	return r < 0 ? r : strmap_get(&u->by_name, name) != NULL;
}

int units_reload(struct host *h, struct error *e)
{
	sd_bus_error why = SD_BUS_ERROR_NULL;
	struct units *u;
	int r = units_bus(h, &u, e);

	if (r < 0)
		return r;
	r = sym_sd_bus_call_method(
		u->bus, u->to, SYSTEMD_PATH, SYSTEMD_MANAGER, "Reload", &why, NULL, NULL);
	if (r < 0)
		r = units_refused(r, &why, "read its units again", e);
	sym_sd_bus_error_free(&why);
	return r < 0 ? r : 0;
}

int units_each(struct host *h, const char *prefix, void (*fn)(const struct unit *u, void *arg),
	void *arg, struct error *e)
{
	struct units *u;
	int r = list(h, &u, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < u->n; i++)
		if (startswith(u->v[i].name, prefix))
			fn(&u->v[i], arg);
	return 0;
}
