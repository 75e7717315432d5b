/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/guest_plug.h"
#include "base/log.h"
#include "runner/option_json.h"

#define CONSENT_MS (10 * 1000) /* a guest at work needs one; one that boots does not listen */
#define RELEASE_TRIES 20 /* QEMU lets go of a node a moment after its device is gone */

static int number_of(json_t *o, const char *key)
{
	json_t *n = json_object_get(o, key);

	return json_is_string(n) ? atoi(json_string_value(n)) : (int)json_integer_value(n);
}

static int add_fd(struct guest_qmp *q, json_t *option, struct error *e)
{
	return guest_qmp_command(q, "add-fd",
		json_pack("{s:i}", "fdset-id", number_of(option, "set")), number_of(option, "fd"),
		NULL, e);
}

/* Descriptors of taps go over one by one, under names; "60:61" becomes "fds0:fds1". */
static int name_fds(struct guest_qmp *q, json_t *netdev, const char *key, struct error *e)
{
	const char *text = json_string_value(json_object_get(netdev, key));
	_cleanup_free_ char *copy = text ? xstrdup(text) : NULL;
	_cleanup_strbuf_ struct strbuf names = { 0 };
	char *rest = copy, *number;
	int r = 0;

	for (int i = 0; r >= 0 && (number = strsep(&rest, ":")); i++) {
		json_t *name = json_sprintf("%s%d", key, i);

		sb_addf(&names, "%s%s", i ? ":" : "", json_string_value(name));
		r = guest_qmp_command(
			q, "getfd", json_pack("{s:o}", "fdname", name), atoi(number), NULL, e);
	}
	if (text)
		json_object_set_new(netdev, key, json_string(sb_str(&names)));
	return r;
}

/* With the descriptors that it names. */
static int add_by(struct guest_qmp *q, const char *command, json_t *option, struct error *e)
{
	static const char *const keys[] = { "fd", "fds", "vhostfd", "vhostfds" };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(keys) && r >= 0; i++)
		r = name_fds(q, option, keys[i], e);
	return r < 0 ? r : guest_qmp_command(q, command, json_incref(option), -1, NULL, e);
}

static int add_object(struct guest_qmp *q, json_t *option, struct error *e)
{
	int r = add_by(q, "object-add", option, e);

	/* It serves another device, and stayed. */
	if (r != -EIO || !e || !strstr(e->text, "duplicate"))
		return r;
	error_clear(e);
	return 0;
}

static int add_one(struct guest_qmp *q, const char *option, const char *value, struct error *e)
{
	bool netdev = streq(option, "-netdev"), object = streq(option, "-object");
	bool device = streq(option, "-device");
	json_t *o = option_json(value, netdev   ? "type"
				       : device ? "driver"
				       : object ? "qom-type"
						: NULL);
	int r;

	/* Places in the boot order are given away when QEMU starts. */
	json_object_del(o, "bootindex");
	if (streq(option, "-add-fd"))
		r = add_fd(q, o, e);
	else if (object)
		r = add_object(q, o, e);
	else
		r = add_by(q, netdev ? "netdev_add" : device ? "device_add" : "blockdev-add", o, e);
	json_decref(o);
	return r;
}

static void remove_node(struct guest_qmp *q, const char *node)
{
	for (int i = 0; i < RELEASE_TRIES; i++) {
		_cleanup_error_ struct error e = { 0 };
		int r = guest_qmp_command(
			q, "blockdev-del", json_pack("{s:s}", "node-name", node), -1, NULL, &e);

		if (r != -EIO || !strstr(e.text, "in use"))
			return;
		usleep(50 * 1000);
	}
}

/* What is not there is gone; what stays is told by what comes in its place. */
static void remove_one(struct guest_qmp *q, const char *option, const char *value)
{
	json_t *o = option_json(value, NULL);
	const char *id = json_string_value(json_object_get(o, "id"));

	if (streq(option, "-blockdev"))
		remove_node(q, json_string_value(json_object_get(o, "node-name")));
	else if (streq(option, "-netdev"))
		guest_qmp_command(q, "netdev_del", json_pack("{s:s}", "id", id), -1, NULL, NULL);
	/* What all functions share stays, for the next one: QEMU would not close its descriptor. */
	else if (streq(option, "-object") && !startswith(value, "iommufd,"))
		guest_qmp_command(q, "object-del", json_pack("{s:s}", "id", id), -1, NULL, NULL);
	else if (streq(option, "-add-fd"))
		guest_qmp_command(q, "remove-fd",
			json_pack("{s:i}", "fdset-id", number_of(o, "set")), -1, NULL, NULL);
	json_decref(o);
}

static void remove_all(struct guest_qmp *q, char *const *args)
{
	size_t n = 0;

	while (args[n])
		n++;
	for (; n >= 2; n -= 2)
		remove_one(q, args[n - 2], args[n - 1]);
}

static int add_all(struct guest_qmp *q, char *const *args, bool device, struct error *e)
{
	int r = 0;

	for (size_t i = 0; args[i] && r >= 0; i += 2)
		if (device || !streq(args[i], "-device"))
			r = add_one(q, args[i], args[i + 1], e);
	return r;
}

/* 1: it is there. */
static int is_there(struct guest_qmp *q, const char *id, struct error *e)
{
	json_t *all = NULL, *item;
	int found = 0, r;
	size_t i;

	r = guest_qmp_command(
		q, "qom-list", json_pack("{s:s}", "path", "/machine/peripheral"), -1, &all, e);
	json_array_foreach (all, i, item)
		found |= streq_null(json_string_value(json_object_get(item, "name")), id);
	json_decref(all);
	return r < 0 ? r : found;
}

int plug_in(struct guest_qmp *q, const char *id, char *const *args, struct error *e)
{
	int r = is_there(q, id, e);

	if (r)
		return r < 0 ? r : 0;
	remove_all(q, args);
	r = add_all(q, args, true, e);
	if (r < 0)
		remove_all(q, args);
	return r;
}

static bool stands_still(struct guest_qmp *q)
{
	json_t *status = NULL;
	int r = guest_qmp_command(q, "query-status", NULL, -1, &status, NULL);
	bool still = r >= 0 && json_is_false(json_object_get(status, "running"));

	json_decref(status);
	return still;
}

static int not_let_go(struct guest_qmp *q, bool refused, struct error *e)
{
	if (!refused && stands_still(q)) {
		error_set(e, -ETIMEDOUT, "the guest did not let go of it in 10 s: it is paused");
		return error_cure(e, "kvmhostctl guest resume %s; kvmhostctl apply", q->name);
	}
	error_set(e, refused ? -EBUSY : -ETIMEDOUT, "%s",
		refused ? "the guest refuses to let go of it"
			: "the guest did not let go of it in 10 s; it may be booting, or use it");
	return error_cure(e,
		"stop using it in the guest and apply again, or: kvmhostctl guest "
		"restart %s",
		q->name);
}

int plug_out(struct guest_qmp *q, const char *id, char *const *args, struct error *e)
{
	static const char *const events[] = { "DEVICE_DELETED", "DEVICE_UNPLUG_GUEST_ERROR", NULL };
	_cleanup_error_ struct error asked = { 0 };
	int r = is_there(q, id, e);

	if (r < 0)
		return r;
	if (r) {
		/* That it was asked before is no matter. */
		r = guest_qmp_command(
			q, "device_del", json_pack("{s:s}", "id", id), -1, NULL, &asked);
		if (r < 0 && !strstr(asked.text, "in the process of unplug"))
			return error_set(e, r, "%s", asked.text);
		r = guest_qmp_event(q, id, events, CONSENT_MS);
	}
	if (r)
		return r == -ETIMEDOUT || r == 1 ? not_let_go(q, r == 1, e)
						 : error_set(e, r, "QEMU: %s", strerror(-r));
	remove_all(q, args);
	return 0;
}

/* A drive whose guest has locked it asks for the disc, and opens when the guest lets go. */
static int take_medium_out(struct guest_qmp *q, const char *id, struct error *e)
{
	static const char *const moved[] = { "DEVICE_TRAY_MOVED", NULL };
	int r;

	guest_qmp_command(q, "blockdev-open-tray", json_pack("{s:s}", "id", id), -1, NULL, NULL);
	r = guest_qmp_command(
		q, "blockdev-remove-medium", json_pack("{s:s}", "id", id), -1, NULL, NULL);
	if (r != -EIO)
		return r < 0 ? error_set(e, r, "QEMU: %s", strerror(-r)) : 0;
	r = guest_qmp_event(q, id, moved, CONSENT_MS);
	if (r < 0)
		return r == -ETIMEDOUT ? not_let_go(q, false, e)
				       : error_set(e, r, "QEMU: %s", strerror(-r));
	return guest_qmp_command(
		q, "blockdev-remove-medium", json_pack("{s:s}", "id", id), -1, NULL, e);
}

int plug_medium(struct guest_qmp *q, const char *id, const char *node, char *const *old,
	char *const *new, struct error *e)
{
	int r = take_medium_out(q, id, e);

	if (r < 0)
		return r;
	remove_all(q, old);
	if (node)
		r = add_all(q, new, false, e);
	if (r >= 0 && node)
		r = guest_qmp_command(q, "blockdev-insert-medium",
			json_pack("{s:s, s:s}", "id", id, "node-name", node), -1, NULL, e);
	if (r < 0)
		return r;
	return guest_qmp_command(
		q, "blockdev-close-tray", json_pack("{s:s}", "id", id), -1, NULL, e);
}
