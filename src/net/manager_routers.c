/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether a manager hears routers' advertisements on a link: it does that
 * itself, and has the kernel hear none (accept_ra 0), as who wants none has.
 */
#include "base/ini.h"
#include "base/tool.h"
#include "net/manager.h"

enum { FILE_MAX = 1 << 20 };

/* ---- systemd-networkd: systemd.network(5) ---- */

struct network_file {
	int accept_ra; /* -1: nothing is said */
	bool forwards, link_local_off;
};

static bool among(const char *value, const char *const *words)
{
	for (; *words; words++)
		if (!strcasecmp(value, *words))
			return true;
	return false;
}

/* The last one counts. */
static void read_assignment(const char *section, const char *key, const char *value, void *arg)
{
	struct network_file *f = arg;
	static const char *const yes[] = { "1", "yes", "y", "true", "t", "on", NULL },
				 *const forwards[] = { "1", "yes", "y", "true", "t", "on", "ipv6",
					 NULL },
				 *const off[] = { "0", "no", "n", "false", "f", "off", "ipv4",
					 NULL };

	if (!streq(section, "Network"))
		return;
	if (streq(key, "IPv6AcceptRA") || streq(key, "IPv6AcceptRouterAdvertisements"))
		f->accept_ra = *value ? among(value, yes) : -1;
	else if (streq(key, "IPForward") || streq(key, "IPv6Forwarding"))
		f->forwards = among(value, forwards);
	else if (streq(key, "LinkLocalAddressing"))
		f->link_local_off = among(value, off);
}

/* NETWORK_FILE=PATH of the link's file of state: the name of its file, in whatever directory. */
static char *network_file_of(struct host *h, const struct link *l)
{
	_cleanup_free_ char *path = xprintf(NETWORKD_LINKS "/%d", l->index), *text = NULL;
	const char *key = "\nNETWORK_FILE=", *at, *name;

	if (file_read(h->root, path, FILE_MAX, &text, NULL) < 0 || !(at = strstr(text, key)))
		return NULL;
	at += strlen(key);
	name = memrchr(at, '/', strcspn(at, "\n"));
	return name ? strndup(name + 1, strcspn(name + 1, "\n")) : NULL;
}

/*
 * With its drop-ins, whose order and precedence are systemd's own. Where nothing is said, routers
 * are heard by who does not forward.
 */
bool networkd_hears_routers(struct host *h, const struct link *l)
{
	_cleanup_free_ char *name = network_file_of(h, l), *which = NULL, *text = NULL;
	struct network_file f = { .accept_ra = -1 };

	if (!name)
		return false;
	which = xprintf("systemd/network/%s", name);
	if (tool_read((char *const[]){ "/usr/bin/systemd-analyze", "cat-config", which, NULL }, -1,
		    &text, NULL) < 0)
		return false;
	ini_each(text, read_assignment, &f);
	return !f.link_local_off && (f.accept_ra < 0 ? !f.forwards : f.accept_ra);
}

/* ---- NetworkManager ---- */

#define NM "org.freedesktop.NetworkManager"

/* Of a{sv} the text `key`; NULL: none. Reads the map to its end. */
static const char *text_of(sd_bus_message *m, const char *wanted)
{
	const char *key, *value, *found = NULL;

	if (sym_sd_bus_message_enter_container(m, 'a', "{sv}") <= 0)
		return NULL;
	while (sym_sd_bus_message_enter_container(m, 'e', "sv") > 0) {
		if (sym_sd_bus_message_read(m, "s", &key) < 0)
			return NULL;
		if (!streq(key, wanted))
			sym_sd_bus_message_skip(m, "v");
		else if (sym_sd_bus_message_read(m, "v", "s", &value) > 0)
			found = value;
		sym_sd_bus_message_exit_container(m);
	}
	sym_sd_bus_message_exit_container(m);
	return found;
}

/* a{sa{sv}}: the settings of the profile that is in force. */
static bool ipv6_is_automatic(sd_bus_message *m)
{
	const char *section, *method = NULL;

	if (sym_sd_bus_message_enter_container(m, 'a', "{sa{sv}}") <= 0)
		return false;
	while (!method && sym_sd_bus_message_enter_container(m, 'e', "sa{sv}") > 0) {
		if (sym_sd_bus_message_read(m, "s", &section) < 0)
			return false;
		if (streq(section, "ipv6"))
			method = text_of(m, "method");
		else
			sym_sd_bus_message_skip(m, "a{sv}");
		sym_sd_bus_message_exit_container(m);
	}
	return method && streq(method, "auto");
}

bool networkmanager_hears_routers(struct host *h, const struct link *l)
{
	sd_bus_error why = SD_BUS_ERROR_NULL;
	sd_bus_message *m = NULL;
	bool hears = false;
	char *device;
	sd_bus *bus;

	if (bus_get(h, &bus, NULL) < 0 || !(device = networkmanager_device(h, bus, l)))
		return false;
	if (sym_sd_bus_call_method(
		    bus, NM, device, NM ".Device", "GetAppliedConnection", &why, &m, "u", 0u) >= 0)
		hears = ipv6_is_automatic(m);
	sym_sd_bus_message_unref(m);
	sym_sd_bus_error_free(&why);
	return hears;
}

/* ---- either ---- */

bool managers_hear_routers(struct host *h, const struct link *l)
{
	for (size_t i = 0; i < n_manager_daemons; i++) {
		const struct manager_daemon *d = &manager_daemons[i];

		if (manager_runs(h, d) && d->manages(h, l) && d->hears_routers(h, l))
			return true;
	}
	return false;
}
