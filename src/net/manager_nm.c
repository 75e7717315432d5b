/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What NetworkManager says of a device on the bus; its files in /run are as
 * old as its last stop.
 */
#include "net/bus.h"
#include "net/manager.h"

#define NM "org.freedesktop.NetworkManager"
#define NM_PATH "/org/freedesktop/NetworkManager"

char *networkmanager_device(struct host *h, sd_bus *bus, const struct link *l)
{
	sd_bus_error why = SD_BUS_ERROR_NULL;
	sd_bus_message *m = NULL;
	const char *path;
	char *device = NULL;

	if (sym_sd_bus_call_method(
		    bus, NM, NM_PATH, NM, "GetDeviceByIpIface", &why, &m, "s", l->name) >= 0 &&
		sym_sd_bus_message_read(m, "o", &path) > 0)
		device = arena_strdup(h->pass, path);
	sym_sd_bus_message_unref(m);
	sym_sd_bus_error_free(&why);
	return device;
}

/* A device that it does not know, or that nobody answers for, is in nobody's hands. */
bool networkmanager_manages(struct host *h, const struct link *l)
{
	sd_bus_error why = SD_BUS_ERROR_NULL;
	int managed = 0, r;
	char *device;
	sd_bus *bus;

	if (bus_get(h, &bus, NULL) < 0 || !(device = networkmanager_device(h, bus, l)))
		return false;
	r = sym_sd_bus_get_property_trivial(
		bus, NM, device, NM ".Device", "Managed", &why, 'b', &managed);
	sym_sd_bus_error_free(&why);
	return r >= 0 && managed;
}
