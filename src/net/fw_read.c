/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Our rules as they stand in the tables of iptables. */
#include "net/xt_blob.h"
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <sys/socket.h>

enum fw_chain fw_own_chain(const char *name)
{
	if (!startswith(name, FW_CHAIN_PREFIX))
		return FW_CHAINS;
	for (int c = FW_FIRST_OWN; c < FW_STRAY; c++)
		if (streq(name, fw_chain_names[c]))
			return c;
	return FW_STRAY;
}

bool fw_base_chain(const char *name, enum fw_chain *out)
{
	for (int c = 0; c < FW_FIRST_OWN; c++)
		if (streq(name, fw_chain_names[c])) {
			*out = c;
			return true;
		}
	return false;
}

/* There is room for all: no entry is more than one rule. */
static void add_rule(struct fw_rules *rules, const struct fw_rule *r)
{
	rules->v[rules->n++] = *r;
}

/* A chain of ours, up to the RETURN before the next chain's head. */
static void read_chain(const struct xt_blob *b, const struct xt_chain *c, struct fw_texts *texts,
	struct fw_rules *rules)
{
	struct fw_rule r;

	for (uint32_t at = c->first;; at = xt_blob_next(b, at)) {
		if (xt_blob_next(b, at) >= b->info.size || xt_blob_head(b, xt_blob_next(b, at)))
			return;
		fw_xt_decode(xt_blob_entry(b, at), xt_blob_target(b, at), texts, &r);
		r.chain = c->which;
		add_rule(rules, &r);
	}
}

static bool accepts(const struct xt_blob *b, unsigned hook)
{
	return streq(xt_blob_target(b, b->info.underflow[hook]), "ACCEPT");
}

/* In the kernel's chains only our jumps are of interest; others' rules that lead to us are theirs.
 */
static void read_base(const struct xt_blob *b, unsigned hook, struct fw_texts *texts,
	struct fw_rules *rules, bool *others)
{
	static const enum fw_chain chains[NF_INET_NUMHOOKS] = {
		[NF_INET_PRE_ROUTING] = FW_BASE_PREROUTING,
		[NF_INET_LOCAL_IN] = FW_BASE_INPUT,
		[NF_INET_FORWARD] = FW_BASE_FORWARD,
		[NF_INET_LOCAL_OUT] = FW_BASE_OUTPUT,
		[NF_INET_POST_ROUTING] = FW_BASE_POSTROUTING,
	};
	static const struct fw_rule plain = { .target = FW_JUMP };
	struct fw_rule r;

	if (!(b->info.valid_hooks & 1u << hook))
		return;
	for (uint32_t at = b->info.hook_entry[hook]; at < b->info.underflow[hook];
		at = xt_blob_next(b, at)) {
		const char *name = xt_blob_target(b, at);
		struct fw_rule want = plain;

		if (fw_own_chain(name) == FW_CHAINS) {
			*others = true;
			continue;
		}
		fw_xt_decode(xt_blob_entry(b, at), name, texts, &r);
		want.jump = r.jump;
		if (!fw_rule_equal(&r, &want))
			continue;
		r.chain = chains[hook];
		add_rule(rules, &r);
	}
	*others |= !accepts(b, hook);
}

static void read_table(struct host *h, struct xt_blob *b, struct fw_seen *seen, bool *others)
{
	struct fw_texts texts = { .arena = h->pass, .family = b->family };
	struct fw_rules *rules = &seen->rules;

	*seen = (struct fw_seen){ 0 };
	rules->v = arena_alloc(h->pass, xt_blob_chains(b, h->pass) * sizeof(*rules->v));
	for (unsigned hook = 0; hook < NF_INET_NUMHOOKS; hook++)
		read_base(b, hook, &texts, rules, others);
	for (size_t i = 0; i < b->n_chains; i++) {
		const struct xt_chain *c = &b->chains[i];

		if (c->which == FW_CHAINS) {
			*others = true;
			continue;
		}
		seen->present = true;
		if (c->which == FW_STRAY)
			add_rule(rules, &(struct fw_rule){ .chain = FW_STRAY,
						.stray = arena_strdup(h->pass, c->name) });
		else
			read_chain(b, c, &texts, rules);
	}
}

struct reader {
	struct host *h;
	struct fw_view *v;
};

static bool may_be_ours(const char *table)
{
	for (size_t i = 0; i < fw_n_tables; i++)
		if (streq(fw_tables[i].table, table))
			return true;
	return false;
}

static void see_table(struct xt_blob *b, const char *table, void *arg)
{
	const struct reader *rd = arg;

	for (size_t i = 0; i < fw_n_tables; i++)
		if (fw_tables[i].family == b->family && streq(fw_tables[i].table, table))
			read_table(rd->h, b, &rd->v->tables[i], &rd->v->others);
	if (streq(table, "filter"))
		rd->v->drops |= !accepts(b, NF_INET_FORWARD);
}

int fw_xt_read(struct host *h, struct fw_view *v, struct error *e)
{
	struct reader rd = { h, v };
	int r = xt_tables_read(h, AF_INET, may_be_ours, see_table, &rd, e);

	v->usable = true;
	return r < 0 ? r : xt_tables_read(h, AF_INET6, may_be_ours, see_table, &rd, e);
}
