/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What NetworkManager says of a device on the bus; its files in /run are as
 * old as its last stop.
 */
#include "base/sdbus.h"
#include "net/manager.h"

#define NM "org.freedesktop.NetworkManager"
#define NM_PATH "/org/freedesktop/NetworkManager"

static int open_bus(struct host *h _unused_, void **data, struct error *e)
{
	sd_bus *bus;
	int r = sdbus_load(e);

	if (r < 0)
		return r;
	r = sym_sd_bus_open_system(&bus);
	if (r < 0)
		return error_set(e, r, "cannot reach the system bus: %s", strerror(-r));
	*data = bus;
	return 0;
}

static void close_bus(void *data)
{
	sym_sd_bus_flush_close_unref(data);
}

static const struct handle bus_handle = {
	.name = "NetworkManager",
	.open = open_bus,
	.close = close_bus,
};

/* A device that it does not know, or that nobody answers for, is in nobody's hands. */
bool networkmanager_manages(struct host *h, const struct link *l)
{
	sd_bus_error why = SD_BUS_ERROR_NULL;
	sd_bus_message *m = NULL;
	const char *device;
	int managed = 0, r;
	void *bus;

	if (host_handle(h, &bus_handle, &bus, NULL) < 0)
		return false;
	r = sym_sd_bus_call_method(
		bus, NM, NM_PATH, NM, "GetDeviceByIpIface", &why, &m, "s", l->name);
	if (r >= 0)
		r = sym_sd_bus_message_read(m, "o", &device);
	if (r >= 0)
		r = sym_sd_bus_get_property_trivial(
			bus, NM, device, NM ".Device", "Managed", &why, 'b', &managed);
	sym_sd_bus_message_unref(m);
	sym_sd_bus_error_free(&why);
	return r >= 0 && managed;
}
