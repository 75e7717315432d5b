/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libsystemd's bus, loaded when it is needed: it brings libgcrypt and three compressors. */
#ifndef KVMHOST_SDBUS_H
#define KVMHOST_SDBUS_H

#include "base/library.h"
#include <systemd/sd-bus.h>

#define SDBUS_FUNCTIONS(X) \
	X(sd_bus_call) \
	X(sd_bus_call_async) \
	X(sd_bus_call_method) \
	X(sd_bus_call_method_async) \
	X(sd_bus_error_free) \
	X(sd_bus_error_get_errno) \
	X(sd_bus_error_has_name) \
	X(sd_bus_flush_close_unref) \
	X(sd_bus_get_property) \
	X(sd_bus_get_property_string) \
	X(sd_bus_get_property_trivial) \
	X(sd_bus_is_open) \
	X(sd_bus_match_signal) \
	X(sd_bus_message_append) \
	X(sd_bus_message_append_array) \
	X(sd_bus_message_close_container) \
	X(sd_bus_message_enter_container) \
	X(sd_bus_message_exit_container) \
	X(sd_bus_message_get_cookie) \
	X(sd_bus_message_get_error) \
	X(sd_bus_message_get_reply_cookie) \
	X(sd_bus_message_new_method_call) \
	X(sd_bus_message_open_container) \
	X(sd_bus_message_read) \
	X(sd_bus_message_ref) \
	X(sd_bus_message_set_auto_start) \
	X(sd_bus_message_skip) \
	X(sd_bus_message_unref) \
	X(sd_bus_new) \
	X(sd_bus_open_system) \
	X(sd_bus_path_encode) \
	X(sd_bus_process) \
	X(sd_bus_set_address) \
	X(sd_bus_slot_unref) \
	X(sd_bus_start) \
	X(sd_bus_wait)
LIBRARY_DECLARE(SDBUS_FUNCTIONS)

/* Comes before any of them. */
int sdbus_load(struct error *e);

/* For _cleanup_(): nothing was made where nothing could be loaded. */
static inline void sdbus_close_p(sd_bus **bus)
{
	if (*bus)
		sym_sd_bus_flush_close_unref(*bus);
}

static inline void sdbus_message_p(sd_bus_message **m)
{
	if (*m)
		sym_sd_bus_message_unref(*m);
}

static inline void sdbus_error_p(sd_bus_error *e)
{
	if (e->name)
		sym_sd_bus_error_free(e);
}

#endif
