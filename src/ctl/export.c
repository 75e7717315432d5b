/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kvmhostctl export virt-who */
#include "base/file.h"
#include "ctl/ctl.h"
#include "runner/guestctl.h"
#include <ctype.h>
#include <unistd.h>

/* virt-who's numbers, which are libvirt's: virDomainState. */
static int state_number(const char *state)
{
	static const struct {
		const char *name;
		int number;
	} states[] = { { "starting", 1 }, { "running", 1 }, { "paused", 3 }, { "stopping", 4 },
		{ "stopped", 5 }, { "failed", 6 } };

	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		if (streq_null(states[i].name, state))
			return states[i].number;
	return 0;
}

/* The firmware's, by which subscriptions know a machine; else from /etc/machine-id. */
static int host_uuid(struct host *h, char out[static 37], struct error *e)
{
	_cleanup_free_ char *text = NULL;
	int r = file_read_line(h->root, "/sys/class/dmi/id/product_uuid", &text);

	if (r >= 0 && strlen(text) == 36) {
		for (int i = 0; i <= 36; i++)
			out[i] = (char)tolower((unsigned char)text[i]);
		return 0;
	}
	free(TAKE_PTR(text));
	r = file_read_line(h->root, "/etc/machine-id", &text);
	if (r < 0 || strlen(text) < 32) {
		error_set(e, -ENODATA,
			"this host has no identity, neither the firmware's nor /etc/machine-id");
		return error_cure(e, "systemd-machine-id-setup");
	}
	snprintf(out, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", text, text + 8, text + 12, text + 16,
		text + 20);
	return 0;
}

static json_t *guests_json(json_t *all)
{
	json_t *v = json_array(), *g;
	size_t i;

	json_array_foreach (json_object_get(all, "guests"), i, g) {
		json_t *uuid = json_object_get(g, "uuid");

		if (uuid)
			json_array_append_new(v, json_pack("{s:O, s:i}", "guestId", uuid, "state",
							 state_number(json_string_value(
								 json_object_get(g, "state")))));
	}
	return v;
}

static int virt_who(struct ctl *c, struct error *e)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };
	char uuid[37], name[256] = "";
	json_t *all, *out;
	int r = host_uuid(&c->host, uuid, e);

	if (r >= 0)
		r = guestctl_list(&c->host, true, &text, e);
	if (r < 0)
		return r;
	all = json_loads(sb_str(&text), 0, NULL);
	gethostname(name, sizeof(name) - 1);
	out = json_pack("{s:[{s:s, s:s, s:o}]}", "hypervisors", "uuid", uuid, "name", name,
		"guests", guests_json(all));
	json_dumpf(out, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(out);
	json_decref(all);
	return 0;
}

int verb_export(struct ctl *c, int argc _unused_, char **argv)
{
	_cleanup_error_ struct error e = { 0 };

	if (!streq(argv[0], "virt-who")) {
		error_set(&e, -EINVAL, "`export %s` does not exist", argv[0]);
		error_cure(&e, "kvmhostctl export virt-who");
		return ctl_fail(c, &e);
	}
	/* Guests' UUIDs stand in files that are root's. */
	if (ctl_host(c, "reads the guests' UUIDs", "export virt-who"))
		return 1;
	return virt_who(c, &e) < 0 ? ctl_fail(c, &e) : 0;
}
