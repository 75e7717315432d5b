/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kind `dhcp`: a client that asks for the addresses of a bridge. Derived
 * from bridges. networkd does it where it runs, told by the kind `manager`;
 * else a unit of ours with a client that the distributions have.
 */
#include "net/dhcp.h"
#include "base/stop.h"
#include "net/address.h"
#include "net/manager.h"
#include <time.h>

enum { JOB_SECONDS = 30, LEASE_SECONDS = 30, STEP_MSEC = 100 };

struct dhcp {
	struct obj obj;
	int client;
	bool lease; /* the bridge has an address */
};

static const char *const client_names[] = { "networkd", "dhcpcd", "dhclient", NULL };

static const struct field dhcp_fields[] = {
	FIELD_ENUM(struct dhcp, client, client_names, .doc = "Who asks for the addresses."),
};
static const struct table dhcp_table =
	TABLE(struct dhcp, dhcp_fields, .key = &type_ifname, .doc = "Bridges' DHCP clients.");

static const char *unit_of(struct host *h, const char *bridge, enum dhcp_client c)
{
	return arena_printf(h->pass, "kvmhost-%s@%s.service", client_names[c], bridge);
}

static bool installed(struct host *h, enum dhcp_client c)
{
	static const char *const dirs[] = { "/usr/sbin", "/sbin", "/usr/bin" };

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		_cleanup_free_ char *path = xprintf("%s/%s", dirs[i], client_names[c]);

		if (file_exists(h->root, path))
			return true;
	}
	return false;
}

static bool networkd_runs(struct host *h)
{
	const struct manager_daemon *d = manager_daemon("networkd");
	struct unit unit;

	return manager_unit(h, d, &unit, NULL) >= 0 &&
	       (unit.state == UNIT_ACTIVE || unit.state == UNIT_ACTIVATING);
}

int dhcp_client(struct host *h, enum dhcp_client *out, struct error *e)
{
	if (networkd_runs(h)) {
		*out = DHCP_NETWORKD;
		return 0;
	}
	for (enum dhcp_client c = DHCP_DHCPCD; c <= DHCP_DHCLIENT; c++)
		if (installed(h, c)) {
			*out = c;
			return 0;
		}
	error_set(e, -ENOPKG,
		"addressing: dhcp needs a DHCP client; neither dhcpcd nor dhclient is installed, "
		"and systemd-networkd does not run");
	return error_cure(e, "apt install dhcpcd-base, or dnf install dhcpcd");
}

static int has_address(struct host *h, const char *bridge, bool *has, struct error *e)
{
	const struct address *all;
	const struct links *ls;
	const struct link *l;
	size_t n;
	int r = links_get(h, &ls, e);

	if (r >= 0)
		r = addresses_get(h, &all, &n, e);
	if (r < 0)
		return r;
	l = links_name(ls, bridge);
	*has = l && address_next(all, n, l->index, NULL);
	return 0;
}

static int client_running(struct host *h, const char *bridge, int *client, struct error *e)
{
	const struct links *ls;
	const struct link *l;
	struct unit unit;
	int r = links_get(h, &ls, e);

	*client = -1;
	for (enum dhcp_client c = DHCP_DHCPCD; r >= 0 && c <= DHCP_DHCLIENT; c++) {
		r = units_state(h, unit_of(h, bridge, c), &unit, e);
		if (r >= 0 && (unit.state == UNIT_ACTIVE || unit.state == UNIT_ACTIVATING))
			*client = c;
	}
	l = r >= 0 ? links_name(ls, bridge) : NULL;
	if (l && *client < 0 && networkd_runs(h) && manager_daemon("networkd")->manages(h, l))
		*client = DHCP_NETWORKD;
	return r;
}

static int dhcp_observe(struct host *h, const struct resource *r, void **have, struct error *e)
{
	struct dhcp *d;
	int client, ret;

	*have = NULL;
	if (!h->live)
		return 0;
	ret = client_running(h, r->name, &client, e);
	if (ret < 0 || client < 0 || (!r->want && client == DHCP_NETWORKD))
		return ret;
	d = obj_new(h->pass, &dhcp_table, r->name);
	d->client = client;
	obj_mark_set(d, "client");
	ret = has_address(h, r->name, &d->lease, e);
	if (ret >= 0)
		*have = d;
	return ret;
}

static void dhcp_diff(struct host *h, struct step *s)
{
	const struct dhcp *have = s->have;
	enum dhcp_client c = DHCP_NETWORKD;

	if (dhcp_client(h, &c, NULL) < 0)
		return;
	if (!have || have->client != (int)c)
		step_change(h, s, "client", "client", have ? client_names[have->client] : NULL,
			client_names[c]);
	if (!have || have->lease || s->n_changes)
		return;
	step_change(h, s, "lease", "lease", NULL, "an address");
	s->wait = arena_printf(h->pass, "a DHCP server to answer on %s", s->r->name);
}

static int run_job(struct host *h, const char *unit, enum unit_verb verb, struct error *e)
{
	struct unit_job job = { .unit = unit, .verb = verb, .reset = verb == UNIT_START };
	int r = units_run(h, &job, 1, JOB_SECONDS, e);

	if (r >= 0 && job.error.code) {
		*e = job.error;
		return error_cure(e, "journalctl -u %s says why", unit);
	}
	return r;
}

/* The address that a port brought along may be there before networkd has the bridge. */
static int leased(
	struct host *h, const char *bridge, enum dhcp_client client, bool *is, struct error *e)
{
	const struct links *ls;
	int r = has_address(h, bridge, is, e);

	if (r >= 0 && *is && client == DHCP_NETWORKD && (r = links_get(h, &ls, e)) >= 0)
		*is = manager_daemon("networkd")->manages(h, links_name(ls, bridge));
	return r;
}

/* Of another answer than an address in its time nothing tells. */
static int await_lease(struct host *h, const char *bridge, enum dhcp_client client, struct error *e)
{
	for (int t = 0; t < LEASE_SECONDS * 1000; t += STEP_MSEC) {
		bool has;
		int r;

		links_forget(h);
		r = leased(h, bridge, client, &has, e);
		if (r < 0 || has)
			return r;
		if (stop_asked())
			return error_set(e, -EINTR, "%s came before a DHCP server answered on %s",
				stop_name(stop_asked()), bridge);
		nanosleep(&(struct timespec){ .tv_nsec = STEP_MSEC * 1000000L }, NULL);
	}
	error_set(
		e, -ETIMEDOUT, "no DHCP server answered on %s within %d s", bridge, LEASE_SECONDS);
	return error_cure(e, "look for the server and the cable, or write addresses: addressing: "
			     "[ADDRESS/LENGTH]");
}

static int dhcp_apply(struct host *h, struct step *s, struct error *e)
{
	const struct dhcp *have = s->have;
	int was = have ? have->client : -1, is = -1, r = 0;
	enum dhcp_client client = DHCP_NETWORKD;

	if (s->want) {
		r = dhcp_client(h, &client, e);
		is = client;
	}
	if (r >= 0 && was > DHCP_NETWORKD && was != is)
		r = run_job(h, unit_of(h, s->r->name, was), UNIT_STOP, e);
	if (r >= 0 && is > DHCP_NETWORKD)
		r = run_job(h, unit_of(h, s->r->name, is), UNIT_START, e);
	if (r < 0 || !s->want)
		return r;
	r = await_lease(h, s->r->name, client, e);
	/* It has worked before: at boot the server may come later than we, and the client goes on.
	 */
	if (r != -ETIMEDOUT || !s->r->recorded)
		return r;
	error_clear(e);
	return 0;
}

struct search {
	void (*found)(const char *name, void *arg);
	void *arg;
	const char *prefix;
};

static void found_unit(const struct unit *u, void *arg)
{
	_cleanup_free_ char *name = NULL;
	struct search *s = arg;

	if (u->state != UNIT_ACTIVE && u->state != UNIT_ACTIVATING)
		return;
	name = strndup(u->name + strlen(s->prefix),
		strlen(u->name) - strlen(s->prefix) - strlen(".service"));
	s->found(name, s->arg);
}

/* Without a runtime directory of ours no unit of ours was ever started. */
static int dhcp_owned(struct host *h, const struct kind *k _unused_,
	void (*found)(const char *name, void *arg), void *arg, struct error *e)
{
	static const char *const prefixes[] = { "kvmhost-dhcpcd@", "kvmhost-dhclient@" };
	int r = 0;

	if (!h->live || !file_exists(h->root, RUN_DIR "/dhcp"))
		return 0;
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(prefixes); i++)
		r = units_each(
			h, prefixes[i], found_unit, &(struct search){ found, arg, prefixes[i] }, e);
	return r;
}

const struct kind dhcp_kind = {
	.name = "dhcp",
	.table = &dhcp_table,
	.undo = true,
	.observe = dhcp_observe,
	.diff = dhcp_diff,
	.apply = dhcp_apply,
	.owned = dhcp_owned,
};
