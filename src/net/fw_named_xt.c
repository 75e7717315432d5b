/* SPDX-License-Identifier: GPL-2.0-or-later */
/* In the tables of iptables: every entry has both names, each with a mask that ends behind it. */
#include "net/fw_named.h"
#include "net/xt_blob.h"
#include <linux/netfilter/x_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <sys/socket.h>

struct sides {
	const char *name[2]; /* in, out */
	const unsigned char *mask[2];
	bool inverted[2];
};

/* Entries of the two families differ, and the bits of what is inverted do not. */
static struct sides sides_of(const void *entry, int family)
{
	const struct ipt_ip *v4 = &((const struct ipt_entry *)entry)->ip;
	const struct ip6t_ip6 *v6 = &((const struct ip6t_entry *)entry)->ipv6;
	uint8_t inv = family == AF_INET ? v4->invflags : v6->invflags;

	_Static_assert(IPT_INV_VIA_IN == IP6T_INV_VIA_IN && IPT_INV_VIA_OUT == IP6T_INV_VIA_OUT,
		"linux/netfilter_ipv6/ip6_tables.h");
	if (family == AF_INET)
		return (struct sides){ { v4->iniface, v4->outiface },
			{ v4->iniface_mask, v4->outiface_mask },
			{ inv & IPT_INV_VIA_IN, inv & IPT_INV_VIA_OUT } };
	return (struct sides){ { v6->iniface, v6->outiface },
		{ v6->iniface_mask, v6->outiface_mask },
		{ inv & IPT_INV_VIA_IN, inv & IPT_INV_VIA_OUT } };
}

/* Everything but the one name, what was counted, and comments. False: a match of bridges' own. */
static bool shape_of(const void *entry, const char *target, int family, int side, uint64_t *shape)
{
	const char *b = entry;
	size_t head = fw_xt_head(family), end = fw_xt_target_offset(entry, family);
	const struct xt_entry_target *t = (const void *)(b + end);
	char ip[sizeof(struct ip6t_ip6)] __attribute__((aligned(8))) = { 0 };
	/* Behind its last member there may be anything. */
	size_t len = family == AF_INET ? offsetof(struct ipt_ip, invflags) + 1
				       : offsetof(struct ip6t_ip6, invflags) + 1;
	struct sides s;

	memcpy(ip, b, len);
	s = sides_of(ip, family);
	memset((char *)(uintptr_t)s.name[side], 0, IFNAMSIZ);
	memset((unsigned char *)(uintptr_t)s.mask[side], 0, IFNAMSIZ);
	*shape = fw_shape(FW_SHAPE_BEGIN, ip, len);
	for (size_t at = head; at + sizeof(struct xt_entry_match) <= end;) {
		const struct xt_entry_match *m = (const void *)(b + at);

		if (streq(m->u.user.name, "physdev"))
			return false;
		/* The kernel writes the name, and what is behind it in its place is chance. */
		if (!streq(m->u.user.name, "comment")) {
			*shape = fw_shape(*shape, m->u.user.name, strlen(m->u.user.name));
			*shape = fw_shape(*shape, &m->u.user.revision, 1);
			*shape = fw_shape(*shape, m->data, m->u.user.match_size - sizeof(*m));
		}
		at += MAX_OF(m->u.user.match_size, (uint16_t)1);
	}
	*shape = fw_shape(*shape, target, strlen(target));
	*shape = fw_shape(*shape, t->data, t->u.user.target_size - sizeof(*t));
	return true;
}

/* Where iptables is that of nf_tables, these tables have a tool of their own. */
static const char *tool_for(struct host *h, int family)
{
	const char *tool = family == AF_INET ? "iptables" : "ip6tables";
	_cleanup_free_ char *path = xprintf("/usr/sbin/%s-legacy", tool);

	return file_exists(h->root, path) ? strrchr(arena_strdup(h->pass, path), '/') + 1 : tool;
}

static void see_entry(struct fw_named_list *out, const struct xt_blob *b, const char *tool,
	const char *table, const char *chain, size_t number, uint32_t at)
{
	const char *words = b->family == AF_INET ? "iptables" : "ip6tables";
	const void *entry = xt_blob_entry(b, at);
	struct sides s = sides_of(entry, b->family);

	for (int i = 0; i < 2; i++) {
		size_t len = 0;
		uint64_t shape;
		bool whole;

		/* "eth+" stands there with its "+", which the mask leaves out. */
		while (len < IFNAMSIZ && s.mask[i][len])
			len++;
		whole = len && !s.name[i][len - 1];
		if (!len || !shape_of(entry, xt_blob_target(b, at), b->family, i, &shape))
			continue;
		*ARENA_PUSH(out->arena, out->v, out->n) = (struct fw_named){
			.where = arena_printf(
				out->arena, "chain %s of the %s table %s", chain, words, table),
			.shown_by = arena_printf(out->arena, "%s -t %s -S %s", tool, table, chain),
			.rule = arena_printf(out->arena, "rule %zu", number),
			.name = arena_strndup(out->arena, s.name[i], len - whole),
			.prefix = !whole,
			.inverted = s.inverted[i],
			.out = i == 1,
			.shape = shape,
		};
	}
}

/* The kernel's own chain that begins there, or NULL. */
static const char *base_at(const struct xt_blob *b, uint32_t at)
{
	static const char *const names[NF_INET_NUMHOOKS] = { "PREROUTING", "INPUT", "FORWARD",
		"OUTPUT", "POSTROUTING" };

	for (unsigned i = 0; i < NF_INET_NUMHOOKS; i++)
		if (b->info.valid_hooks & 1u << i && b->info.hook_entry[i] == at)
			return names[i];
	return NULL;
}

struct reader {
	struct host *h;
	struct fw_named_list *out;
};

static void see_table(struct xt_blob *b, const char *table, void *arg)
{
	const struct reader *rd = arg;
	const char *tool = tool_for(rd->h, b->family);
	const char *chain = "";
	size_t number = 0;

	xt_blob_chains(b, rd->out->arena);
	for (uint32_t at = 0; at < b->info.size; at = xt_blob_next(b, at)) {
		const char *head = xt_blob_head(b, at), *base = base_at(b, at);

		if (head || base) {
			chain = head ? head : base;
			number = 0;
		}
		if (head)
			continue;
		number++;
		if (fw_own_chain(chain) == FW_CHAINS && !endswith(chain, "_ZONES"))
			see_entry(rd->out, b, tool, table, chain, number, at);
	}
}

int fw_named_xt(struct host *h, struct fw_named_list *out, struct error *e)
{
	struct reader rd = { h, out };
	int r = xt_tables_read(h, AF_INET, NULL, see_table, &rd, e);

	return r < 0 ? r : xt_tables_read(h, AF_INET6, NULL, see_table, &rd, e);
}
