/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/sdbus.h"

LIBRARY_DEFINE(SDBUS_FUNCTIONS);

int sdbus_load(struct error *e)
{
	static struct library library = {
		.file = "libsystemd.so.0",
		.cure = "install it: apt install libsystemd0, or dnf install systemd-libs",
		.functions = functions,
	};

	return library_load(&library, "talk to systemd", e);
}
