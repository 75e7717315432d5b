/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * r->host_devices is all that the guest had of the host at some time, by the ids that qemu_args()
 * gives: {"device0": {"id": ..., "name": ..., "asked": ...}}. Those that it lost are in
 * r->state.lost too, which is shared with them.
 */
#include "runner/run_lost.h"
#include "runner/run_watch.h"
#include <syslog.h>

static json_t *one_of(struct runner *r, const char *id)
{
	return id ? json_object_get(r->host_devices, id) : NULL;
}

static void forget_loss(struct runner *r, const json_t *one)
{
	for (size_t i = json_array_size(r->state.lost); i-- > 0;)
		if (json_array_get(r->state.lost, i) == one)
			json_array_remove(r->state.lost, i);
}

static void note(struct runner *r, const char *id, json_t *name)
{
	forget_loss(r, one_of(r, id));
	json_object_set_new(r->host_devices, id, json_pack("{s:s, s:o}", "id", id, "name", name));
}

static void note_list(struct runner *r, const char *prefix, const struct assigned *v, size_t n)
{
	for (size_t i = 0; v && i < n; i++) {
		char id[32];

		snprintf(id, sizeof(id), "%s%zu", prefix, i);
		if (v[i].what)
			note(r, id, json_sprintf("%s (%s)", v[i].what, v[i].address));
	}
}

void run_lost_begin(struct runner *r)
{
	const struct guest *g = r->spec.guest;

	r->host_devices = json_object();
	r->state.lost = json_array();
	note_list(r, "device", r->spec.assigned.devices, g->devices.n);
	note_list(r, "net", r->spec.assigned.interfaces, g->interfaces.n);
}

void run_lost_end(struct runner *r)
{
	json_decref(r->host_devices);
	json_decref(r->state.lost);
	r->host_devices = r->state.lost = NULL;
}

/* In the record before the client has its answer, and looks. */
static void found_again(struct runner *r, const char *id, json_t *name)
{
	bool lost = json_array_size(r->state.lost) > 0;

	note(r, id, name);
	if (lost)
		runner_save(r);
}

/* As qemu_net.c writes it: by `host`, or by a path. NULL: no device of the host's. */
static const char *address_in(json_t *with)
{
	const char *host = json_string_value(json_object_get(with, "host"));
	const char *path = json_string_value(json_object_get(with, "sysfsdev"));
	const char *slash = path ? strrchr(path, '/') : NULL;

	return host ? host : slash ? slash + 1 : NULL;
}

void run_lost_command(void *runner, json_t *command, enum control_progress at)
{
	struct runner *r = runner;
	const char *name = json_string_value(json_object_get(command, "execute"));
	json_t *with = json_object_get(command, "arguments");
	const char *id = json_string_value(json_object_get(with, "id"));
	const char *address = address_in(with);

	if (!name || !id)
		return;
	if (streq(name, "device_del") && at != CONTROL_DONE && one_of(r, id))
		json_object_set_new(one_of(r, id), "asked", json_boolean(at == CONTROL_SENT));
	else if (streq(name, "device_add") && at == CONTROL_DONE && address)
		found_again(r, id, json_string(address));
}

bool run_lost(struct runner *r, const char *id)
{
	json_t *one = one_of(r, id);
	const char *name = json_string_value(json_object_get(one, "name"));
	bool asked = json_is_true(json_object_get(one, "asked"));
	char line[400];

	if (!one || r->told)
		return false;
	forget_loss(r, one);
	json_array_append(r->state.lost, one);
	if (asked)
		snprintf(line, sizeof(line), "the device %s is taken out of the guest", name);
	else
		snprintf(line, sizeof(line),
			"the device %s is gone from the guest, which runs on without it", name);
	said(&r->said, runner_clock(), asked ? LOG_INFO : LOG_ERR, line);
	return true;
}
