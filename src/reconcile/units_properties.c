/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Properties of units: how a service ended, and those that may be set while it runs. */
#include "reconcile/units_bus.h"

static int unit_path(const char *unit, char **path)
{
	return sym_sd_bus_path_encode(SYSTEMD_PATH "/unit", unit, path);
}

static int get_number(struct units *u, const char *path, const char *name, char type, void *out)
{
	return sym_sd_bus_get_property_trivial(
		u->bus, u->to, path, "org.freedesktop.systemd1.Service", name, NULL, type, out);
}

/* A service that goes to the background and fails on its way has no main process, only a command.
 */
static int read_command_end(struct units *u, const char *path, struct unit_end *out)
{
	sd_bus_message *m = NULL;
	int r = sym_sd_bus_get_property(u->bus, u->to, path, "org.freedesktop.systemd1.Service",
		"ExecStart", NULL, &m, "a(sasbttttuii)");

	if (r >= 0)
		r = sym_sd_bus_message_enter_container(m, 'a', "(sasbttttuii)");
	if (r >= 0)
		r = sym_sd_bus_message_enter_container(m, 'r', "sasbttttuii");
	if (r > 0)
		r = sym_sd_bus_message_skip(m, "sasbttttu");
	if (r > 0)
		r = sym_sd_bus_message_read(m, "ii", &out->code, &out->status);
	sym_sd_bus_message_unref(m);
	return r;
}

int units_end(struct host *h, const char *service, struct unit_end *out, struct error *e)
{
	_cleanup_free_ char *path = NULL, *result = NULL;
	struct units *u;
	int r = units_bus(h, &u, e);

	if (r < 0)
		return r;
	*out = (struct unit_end){ 0 };
	r = unit_path(service, &path);
	if (r >= 0)
		r = sym_sd_bus_get_property_string(u->bus, u->to, path,
			"org.freedesktop.systemd1.Service", "Result", NULL, &result);
	if (r >= 0)
		r = get_number(u, path, "ExecMainCode", 'i', &out->code);
	if (r >= 0)
		r = get_number(u, path, "ExecMainStatus", 'i', &out->status);
	if (r >= 0)
		r = get_number(u, path, "MainPID", 'u', &out->main_pid);
	if (r >= 0)
		r = get_number(u, path, "NRestarts", 'u', &out->restarts);
	if (r >= 0 && !out->code && !streq(result, "success"))
		r = read_command_end(u, path, out);
	if (r < 0)
		return error_set(e, r, "cannot ask systemd about %s: %s", service, strerror(-r));
	snprintf(out->result, sizeof(out->result), "%s", result);
	return 0;
}

static int begin_set(struct units *u, sd_bus_message **m, const char *unit)
{
	int r = sym_sd_bus_message_new_method_call(
		u->bus, m, u->to, SYSTEMD_PATH, SYSTEMD_MANAGER, "SetUnitProperties");

	if (r >= 0)
		r = sym_sd_bus_message_append(*m, "sb", unit, true);
	return r < 0 ? r : sym_sd_bus_message_open_container(*m, 'a', "(sv)");
}

/* r is what putting the message together came to. */
static int end_set(struct units *u, sd_bus_message *m, int r, struct error *e)
{
	_cleanup_(sdbus_error_p) sd_bus_error why = SD_BUS_ERROR_NULL;

	if (r >= 0)
		r = sym_sd_bus_message_close_container(m);
	if (r >= 0)
		r = sym_sd_bus_call(u->bus, m, 0, &why, NULL);
	return r < 0 ? units_refused(r, &why, "set properties of a unit", e) : 0;
}

int units_set(
	struct host *h, const char *unit, const struct unit_property *v, size_t n, struct error *e)
{
	_cleanup_(sdbus_message_p) sd_bus_message *m = NULL;
	struct units *u;
	int r = units_bus(h, &u, e);

	if (r < 0)
		return r;
	r = begin_set(u, &m, unit);
	for (size_t i = 0; i < n && r >= 0; i++)
		r = sym_sd_bus_message_append(m, "(sv)", v[i].name, "t", v[i].value);
	return end_set(u, m, r, e);
}

int units_allow_devices(
	struct host *h, const char *unit, const char *which, const char *how, struct error *e)
{
	_cleanup_(sdbus_message_p) sd_bus_message *m = NULL;
	_cleanup_free_ char *path = NULL;
	struct units *u;
	uint32_t pid;
	int r = units_bus(h, &u, e);

	if (r < 0)
		return r;
	r = begin_set(u, &m, unit);
	if (r >= 0)
		r = sym_sd_bus_message_append(
			m, "(sv)", "DeviceAllow", "a(ss)", (unsigned)1, which, how);
	r = end_set(u, m, r, e);
	/* The control group is changed after the answer, and before the next. */
	if (r >= 0 && unit_path(unit, &path) >= 0)
		(void)get_number(u, path, "MainPID", 'u', &pid);
	return r;
}

int units_set_bytes(struct host *h, const char *unit, const char *property, const uint8_t *v,
	size_t n, struct error *e)
{
	_cleanup_(sdbus_message_p) sd_bus_message *m = NULL;
	struct units *u;
	int r = units_bus(h, &u, e);

	if (r < 0)
		return r;
	r = begin_set(u, &m, unit);
	if (r >= 0)
		r = sym_sd_bus_message_open_container(m, 'r', "sv");
	if (r >= 0)
		r = sym_sd_bus_message_append(m, "s", property);
	if (r >= 0)
		r = sym_sd_bus_message_open_container(m, 'v', "ay");
	if (r >= 0)
		r = sym_sd_bus_message_append_array(m, 'y', v, n);
	if (r >= 0)
		r = sym_sd_bus_message_close_container(m);
	if (r >= 0)
		r = sym_sd_bus_message_close_container(m);
	return end_set(u, m, r, e);
}
