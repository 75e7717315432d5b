/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which backend. Both are looked at in every pass, so that what one of them
 * still holds of ours is found when the other is spoken.
 */
#include "net/firewall.h"

const char *const fw_backend_names[] = { "iptables", "nftables", NULL };

const struct fw_backend *const fw_backends[FW_BACKENDS] = {
#ifdef HAVE_IPTC
	[FW_IPTABLES] = &fw_iptc,
#endif
#ifdef HAVE_NFT
	[FW_NFTABLES] = &fw_nft,
#endif
};

static const char *const choices[] = { "auto", "iptables", "nftables", NULL };

static const struct field settings_rows[] = {
	FIELD_ENUM(struct firewall_settings, backend, choices, .def = "auto",
		.doc = "Where the rules for networks stand: `iptables`, in chains of kvmhost's own "
		       "in the tables that iptables-legacy shows; `nftables`, in a table of its "
		       "own, `kvmhost`. `auto` speaks what the host speaks: iptables where others "
		       "have rules there or the kernel has no nf_tables, else nftables. A change "
		       "moves the rules: the new ones are in force before the old ones go. What "
		       "differs: rules in iptables also let guests' DHCP and DNS in where the host "
		       "refuses by iptables, and fill in checksums for DHCP clients older than "
		       "2012. "
		       "In nftables no table overrules another's drop: a host that refuses there "
		       "must "
		       "let in what comes from the bridges itself."),
};
const struct table firewall_settings_table = TABLE(
	struct firewall_settings, settings_rows, .doc = "Which firewall of the kernel is spoken.");

struct seen {
	bool read;
	struct fw_view views[FW_BACKENDS];
};

static int seen_open(struct host *h _unused_, void **data, struct error *e _unused_)
{
	*data = xmalloc(sizeof(struct seen));
	memset(*data, 0, sizeof(struct seen));
	return 0;
}

static void seen_forget(void *data)
{
	memset(data, 0, sizeof(struct seen));
}

const struct handle fw_views_handle = {
	.name = "firewall",
	.open = seen_open,
	.forget = seen_forget,
	.close = free,
};

int fw_views_get(struct host *h, const struct fw_view **views, struct error *e)
{
	struct seen *seen;
	void *data;
	int r = host_handle(h, &fw_views_handle, &data, e);

	if (r < 0)
		return r;
	seen = data;
	for (size_t i = 0; i < FW_BACKENDS && !seen->read; i++) {
		struct fw_view *v = &seen->views[i];

		v->tables = arena_alloc(h->pass, fw_n_tables * sizeof(*v->tables));
		if (!fw_backends[i] || !h->live)
			continue;
		r = fw_backends[i]->observe(h, v, e);
		if (r < 0)
			return r;
	}
	seen->read = true;
	*views = seen->views;
	return 0;
}

void fw_views_forget(struct host *h)
{
	void *data;

	if (host_handle(h, &fw_views_handle, &data, NULL) >= 0)
		seen_forget(data);
}

static int refuse(enum fw_backend_id id, struct error *e)
{
	if (!fw_backends[id]) {
		error_set(e, -EOPNOTSUPP, "this kvmhost was built without the firewall backend %s",
			fw_backend_names[id]);
		return error_cure(e, "build it with -D%s=enabled", fw_backend_names[id]);
	}
	error_set(e, -EOPNOTSUPP, "this kernel has no nf_tables");
	return error_cure(e, "write host: {firewall: {backend: iptables}}, or use a kernel with "
			     "CONFIG_NF_TABLES");
}

int fw_choose(const struct fw_view *views, const struct firewall *f, struct error *e)
{
	enum fw_backend_id id;

	if (f && obj_has(f, "backend"))
		id = (enum fw_backend_id)f->backend;
	else if (!fw_backends[FW_NFTABLES] || !views[FW_NFTABLES].usable ||
		 (fw_backends[FW_IPTABLES] && views[FW_IPTABLES].others))
		id = FW_IPTABLES;
	else
		id = FW_NFTABLES;
	if (!fw_backends[id] || (id == FW_NFTABLES && !views[id].usable))
		return refuse(id, e);
	return (int)id;
}
