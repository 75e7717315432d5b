/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is compared are two values of the table: the one wanted, with the
 * guests' MAC addresses and the host's resolvers filled in, and applied.json,
 * which is written when dnsmasq has been started with it or told of it. So a
 * run that is cut off between files and dnsmasq is done again.
 */
#include "net/leases.h"
#include "reconcile/record.h"
#include "reconcile/units.h"

static const char *const ra_names[] = { "none", "slaac", "dhcp", NULL };
static const char *const state_names[] = { "running", "stopped", "failed", NULL };

static const struct field host_rows[] = {
	FIELD_VALUE(struct dnsmasq_host, mac, struct mac, type_mac, .doc = "Its MAC address."),
	FIELD_VALUE(struct dnsmasq_host, address, struct ip, type_ip, .doc = "Its fixed address."),
	FIELD_VALUE(struct dnsmasq_host, address6, struct ip, type_ip, .doc = "The same of IPv6."),
};
static const struct table host_table =
	TABLE(struct dnsmasq_host, host_rows, .key = &type_name, .doc = "Guests on the network.");

/* What is in dnsmasq.conf asks for a restart, what is in the other files for SIGHUP. */
static const struct field dnsmasq_rows[] = {
	FIELD_ENUM(struct dnsmasq, state, state_names, .doc = "Whether it runs."),
	FIELD_STRING(struct dnsmasq, bridge, type_ifname, .on_change = CHANGE_RECREATE,
		.doc = "The bridge that is served."),
	FIELD_INT(struct dnsmasq, link, 1, INT32_MAX, .doc = "The bridge's index at the start."),
	FIELD_LIST(struct dnsmasq, addresses, type_cidr, .on_change = CHANGE_RECREATE,
		.doc = "Where it listens."),
	FIELD_LIST(struct dnsmasq, range, type_ip, .on_change = CHANGE_RECREATE,
		.doc = "First and last address that is handed out."),
	FIELD_LIST(struct dnsmasq, range6, type_ip, .on_change = CHANGE_RECREATE,
		.doc = "The same of IPv6."),
	FIELD_ENUM(struct dnsmasq, ra, ra_names, .on_change = CHANGE_RECREATE,
		.doc = "How guests come to IPv6 addresses."),
	FIELD_VALUE(struct dnsmasq, lease_time, uint64_t, type_lease_time,
		.on_change = CHANGE_RECREATE, .doc = "How long a lease lasts."),
	FIELD_BOOL(struct dnsmasq, router, .on_change = CHANGE_RECREATE,
		.doc = "Whether guests are told of a way out."),
	FIELD_STRING(struct dnsmasq, domain, type_string, .on_change = CHANGE_RECREATE,
		.doc = "The guests' domain."),
	FIELD_STRING(struct dnsmasq, tftp_root, type_string, .on_change = CHANGE_RECREATE,
		.doc = "The directory served by TFTP."),
	FIELD_STRING(struct dnsmasq, boot_file, type_string, .on_change = CHANGE_RECREATE,
		.doc = "What guests are told to boot."),
	FIELD_LIST(struct dnsmasq, servers, type_string, .doc = "The host's resolvers."),
	FIELD_MAP(struct dnsmasq, hosts, host_table, .doc = "Guests on the network."),
};
const struct table dnsmasq_table = TABLE(
	struct dnsmasq, dnsmasq_rows, .key = &type_name, .doc = "DHCP, DNS and TFTP of networks.");

const struct dnsmasq *dnsmasq_applied(struct host *h, const char *network)
{
	_cleanup_free_ char *text = NULL;
	const void *applied = NULL;
	json_t *json;

	if (file_read(h->root, dnsmasq_path(network, DNSMASQ_APPLIED).s, 1 << 24, &text, NULL) < 0)
		return NULL;
	json = json_loads(text, 0, NULL);
	if (json && record_object(h->pass, &dnsmasq_kind, network, json, &applied, NULL) < 0)
		applied = NULL;
	json_decref(json);
	return applied;
}

static bool same_link(const struct dnsmasq *applied, const struct links *ls)
{
	const struct link *l = applied ? links_name(ls, applied->bridge) : NULL;

	return l && l->index == applied->link;
}

static int dnsmasq_observe(struct host *h, const struct resource *r, void **have, struct error *e)
{
	struct dnsmasq_seen *seen = arena_alloc(h->pass, sizeof(*seen));
	const struct links *ls;
	struct unit unit;
	int err;

	*have = NULL;
	if (!h->live)
		return 0;
	err = units_state(h, dnsmasq_unit(r->name).s, &unit, e);
	if (err >= 0)
		err = links_get(h, &ls, e);
	if (err < 0)
		return err;
	seen->running = unit.state != UNIT_INACTIVE && unit.state != UNIT_FAILED;
	if (!seen->running && !dnsmasq_has_files(h, r->name))
		return 0;
	seen->applied = dnsmasq_applied(h, r->name);
	seen->same_link = same_link(seen->applied, ls);
	if (seen->applied)
		seen->have = *seen->applied;
	else
		obj_init(seen, &dnsmasq_table, r->name);
	seen->have.state = unit.state == UNIT_FAILED ? DNSMASQ_FAILED
			   : seen->running           ? DNSMASQ_RUNNING
						     : DNSMASQ_STOPPED;
	obj_mark_set(seen, "state");
	*have = seen;
	return 0;
}

static void add_changes(struct host *h, struct step *s, const void *want, const void *have)
{
	struct change *v;
	size_t n = obj_diff(want, have, h->pass, &v);

	for (size_t i = 0; i < n; i++)
		step_change(h, s, v[i].field->name, v[i].path, v[i].have, v[i].want);
}

/* Rows that only the have has: a domain that was taken out. */
static void add_removed(
	struct host *h, struct step *s, const struct dnsmasq *want, const struct dnsmasq *have)
{
	static const char *const optional[] = { "range", "range6", "ra", "lease_time", "domain",
		"tftp_root", "boot_file" };

	for (size_t i = 0; i < ARRAY_SIZE(optional); i++)
		if (obj_has(have, optional[i]) && !obj_has(want, optional[i]))
			step_change(h, s, optional[i], optional[i],
				obj_text(have, optional[i], h->pass), NULL);
}

/* The bridge went and came back, or somebody changed the files: no row says it. */
static void add_drift(struct host *h, struct step *s, const struct dnsmasq *want)
{
	const struct dnsmasq_seen *seen = s->have;

	if (s->n_changes || !seen->running)
		return;
	if (!seen->same_link)
		step_change(h, s, "bridge", "bridge", "another link of this name", want->bridge);
	for (size_t i = 0; i < DNSMASQ_FILES; i++)
		if (!dnsmasq_file_is(h, s->r->name, i, want))
			step_change(h, s, i == DNSMASQ_CONF ? "bridge" : "hosts", dnsmasq_files[i],
				"missing or changed", "as wanted");
}

static void dnsmasq_diff(struct host *h, struct step *s)
{
	const struct dnsmasq *want = dnsmasq_resolve(h, s->want);

	add_changes(h, s, want, s->have);
	if (!s->have)
		return;
	add_removed(h, s, want, s->have);
	add_drift(h, s, want);
}

/* What guests find out by themselves only when they ask again; NULL: nothing. */
static const char *leases_in_trouble(struct host *h, const struct step *s)
{
	const struct dnsmasq *want = dnsmasq_resolve(h, s->want);
	const struct lease *first = NULL;
	const char *why = NULL;
	struct lease *v;
	size_t n, others = 0;

	leases_read(h, h->pass, s->r->name, &v, &n);
	for (size_t i = 0; i < n; i++) {
		const char *trouble = lease_trouble(&v[i], want, h->now(), h->pass);

		if (trouble && !first) {
			first = &v[i];
			why = trouble;
		} else if (trouble) {
			others++;
		}
	}
	if (!first)
		return NULL;
	return arena_printf(h->pass,
		"%s%s is leased to %s%s, and %s: restart the guest, or its network, and it asks "
		"for "
		"another",
		ip_text(h->pass, &first->ip),
		others ? arena_printf(h->pass, " (beside %zu more)", others) : "",
		first->mac ? first->mac : "a guest",
		first->name ? arena_printf(h->pass, " (%s)", first->name) : "", why);
}

/* A restart takes no lease and breaks no connection; a stop leaves guests without renewal. */
static void dnsmasq_refine(struct host *h, struct step *s)
{
	const struct dnsmasq_seen *seen = s->have;
	const char *trouble;

	if (!seen || !s->want)
		return;
	if (s->verb == STEP_RECREATE && !seen->running)
		s->verb = STEP_UPDATE;
	trouble = leases_in_trouble(h, s);
	if (s->verb == STEP_RECREATE)
		s->reason = trouble ? arena_printf(h->pass, "dnsmasq is restarted; %s", trouble)
				    : "dnsmasq is restarted; leases stay";
	else
		s->reason = trouble;
}

struct found {
	void (*fn)(const char *name, void *arg);
	void *arg;
};

static void found_unit(const struct unit *u, void *arg)
{
	const char *name = u->name + strlen(NETWORK_UNIT_PREFIX);
	_cleanup_free_ char *network = strndup(name, strcspn(name, "\0") - strlen(".service"));
	struct found *f = arg;

	if (network && u->state != UNIT_INACTIVE && u->state != UNIT_FAILED)
		f->fn(network, f->arg);
}

/* Returns how many. */
static int found_files(struct host *h, const char *dir, const struct found *f, struct error *e)
{
	_cleanup_free_ char **names = NULL;
	size_t n = 0;
	int r = file_list(h->root, dir, &names, &n);

	if (r < 0 && r != -ENOENT)
		return error_set(e, r, "cannot list %s: %s", dir, strerror(-r));
	for (size_t i = 0; i < n; i++)
		f->fn(names[i], f->arg);
	return (int)n;
}

/*
 * No service runs without its files, and they go after it: where there are none there is nothing to
 * ask systemd for.
 */
static int dnsmasq_owned(struct host *h, const struct kind *k _unused_,
	void (*found)(const char *name, void *arg), void *arg, struct error *e)
{
	struct found f = { found, arg };
	int run = found_files(h, NETWORKS_RUN_DIR, &f, e), kept;

	if (run < 0)
		return run;
	kept = found_files(h, NETWORKS_STATE_DIR, &f, e);
	if (kept < 0 || run + kept == 0)
		return kept;
	return units_each(h, NETWORK_UNIT_PREFIX, found_unit, &f, e);
}

static bool always(const struct step *s _unused_)
{
	return true;
}

const struct kind dnsmasq_kind = {
	.name = "dnsmasq",
	.table = &dnsmasq_table,
	.units = true,
	.undo_along = always,
	.derive = dnsmasq_derive_hosts,
	.observe = dnsmasq_observe,
	.diff = dnsmasq_diff,
	.refine = dnsmasq_refine,
	.apply_all = dnsmasq_apply_all,
	.owned = dnsmasq_owned,
};
