/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/bus.h"

static int bus_open(struct host *h _unused_, void **data, struct error *e)
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

static void bus_close(void *data)
{
	sym_sd_bus_flush_close_unref(data);
}

static const struct handle bus_handle = {
	.name = "system bus",
	.open = bus_open,
	.close = bus_close,
};

int bus_get(struct host *h, sd_bus **bus, struct error *e)
{
	void *data;
	int r = host_handle(h, &bus_handle, &data, e);

	if (r >= 0)
		*bus = data;
	return r;
}
