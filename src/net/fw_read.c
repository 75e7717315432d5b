/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A table as the kernel hands it out (IPT_SO_GET_ENTRIES): all entries one
 * after the other. A chain of a user begins with an entry whose target is
 * ERROR with the chain's name, and ends with an unconditional RETURN; the
 * kernel's chains begin where info.hook_entry says and end with their policy at
 * info.underflow. A jump is a verdict that is the offset of a chain's first
 * rule.
 */
#include "net/fw_xt.h"
#include <linux/netfilter/x_tables.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <sys/socket.h>

#define TRIES 8

static const char *names_path(int family)
{
	return family == AF_INET ? "/proc/net/ip_tables_names" : "/proc/net/ip6_tables_names";
}

struct chain {
	uint32_t first; /* offset of its first rule */
	const char *name; /* in the blob */
	enum fw_chain which; /* FW_CHAINS: not ours */
};

/* IPv6 has structures of its own, of the same members but for the entries. */
/* NOLINTBEGIN(misc-redundant-expression): that both sides are the same is what is asserted */
_Static_assert(sizeof(struct ipt_getinfo) == sizeof(struct ip6t_getinfo) &&
		       sizeof(struct ipt_get_entries) == sizeof(struct ip6t_get_entries) &&
		       (int)IPT_SO_GET_INFO == (int)IP6T_SO_GET_INFO &&
		       (int)IPT_SO_GET_ENTRIES == (int)IP6T_SO_GET_ENTRIES,
	"linux/netfilter_ipv6/ip6_tables.h");
/* NOLINTEND(misc-redundant-expression) */

struct blob {
	int family;
	struct ipt_getinfo info;
	struct ipt_get_entries *entries;
	size_t room; /* bytes of entries; what is left of one table serves the next */
	struct chain *chains; /* of users, by offset */
	size_t n_chains;
};

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

/* The names file is root's; a kernel without ip_tables, or before the module is loaded, has none.
 */
static int read_names(struct host *h, int family, char **names, struct error *e)
{
	int r = file_read(h->root, names_path(family), 4096, names, NULL);

	if (r >= 0 || r == -ENOENT)
		return 0;
	error_set(e, r, "cannot read %s: %s", names_path(family), strerror(-r));
	return r == -EACCES ? error_cure(e, "reading the firewall needs root") : r;
}

/* The table stands on a line of its own. */
static bool is_named(const char *names, const char *table)
{
	size_t len = strlen(table);

	for (const char *at = names; at && *at; at = strchr(at, '\n'), at += at != NULL)
		if (!strncmp(at, table, len) && (at[len] == '\n' || !at[len]))
			return true;
	return false;
}

int fw_xt_made(struct host *h, const struct fw_table *t, struct error *e)
{
	_cleanup_free_ char *names = NULL;
	int r = read_names(h, t->family, &names, e);

	return r < 0 ? r : is_named(names, t->table);
}

static int get(int fd, const char *table, struct blob *b)
{
	int level = b->family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
	socklen_t len = sizeof(b->info);

	memset(&b->info, 0, sizeof(b->info));
	snprintf(b->info.name, sizeof(b->info.name), "%s", table);
	if (getsockopt(fd, level, IPT_SO_GET_INFO, &b->info, &len) < 0)
		return -errno;
	len = (socklen_t)(sizeof(*b->entries) + b->info.size);
	if (len > b->room) {
		free(b->entries);
		b->entries = xmalloc(len);
		b->room = len;
	}
	memset(b->entries, 0, sizeof(*b->entries));
	snprintf(b->entries->name, sizeof(b->entries->name), "%s", table);
	b->entries->size = b->info.size;
	return getsockopt(fd, level, IPT_SO_GET_ENTRIES, b->entries, &len) < 0 ? -errno : 0;
}

/* Between the two questions another writer may have changed the size: EAGAIN. */
static int fetch(int fd, const char *table, struct blob *b)
{
	int r = -EAGAIN;

	b->chains = NULL;
	b->n_chains = 0;
	for (int i = 0; i < TRIES && r == -EAGAIN; i++)
		r = get(fd, table, b);
	return r;
}

static const void *entry_at(const struct blob *b, uint32_t at)
{
	return (const char *)b->entries->entrytable + at;
}

static uint32_t next_of(const struct blob *b, uint32_t at)
{
	return at + fw_xt_next_offset(entry_at(b, at), b->family);
}

static const struct xt_entry_target *target_of(const struct blob *b, uint32_t at)
{
	const char *e = entry_at(b, at);

	return (const void *)(e + fw_xt_target_offset(e, b->family));
}

/* The chain's name if a chain begins here, else NULL. */
static const char *head(const struct blob *b, uint32_t at)
{
	const struct xt_entry_target *t = target_of(b, at);

	return streq(t->u.user.name, XT_ERROR_TARGET)
		       ? ((const struct xt_error_target *)t)->errorname
		       : NULL;
}

/* The last entry of all is an ERROR target too, of no chain. Returns how many entries there are. */
static size_t find_chains(struct blob *b, struct arena *a)
{
	size_t n = 0;

	for (uint32_t at = 0; at < b->info.size; at = next_of(b, at), n++) {
		const char *name = head(b, at);
		struct chain *c;

		if (!name || next_of(b, at) >= b->info.size)
			continue;
		c = ARENA_PUSH(a, b->chains, b->n_chains);
		*c = (struct chain){ next_of(b, at), name, fw_own_chain(name) };
	}
	return n;
}

static const struct chain *chain_at(const struct blob *b, uint32_t first)
{
	size_t from = 0, to = b->n_chains;

	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (b->chains[mid].first < first)
			from = mid + 1;
		else
			to = mid;
	}
	return from < b->n_chains && b->chains[from].first == first ? &b->chains[from] : NULL;
}

/* The target's name as libiptc gives it; "" for a goto or fall through, which we never write. */
static const char *target_name(const struct blob *b, uint32_t at)
{
	const struct xt_entry_target *t = target_of(b, at);
	const struct chain *c;
	int verdict;

	if (*t->u.user.name)
		return t->u.user.name;
	verdict = ((const struct xt_standard_target *)t)->verdict;
	if (verdict == XT_RETURN)
		return "RETURN";
	if (verdict < 0)
		return verdict == -NF_ACCEPT - 1 ? "ACCEPT" : verdict == -NF_DROP - 1 ? "DROP" : "";
	c = chain_at(b, (uint32_t)verdict);
	return c ? c->name : "";
}

/* There is room for all: no entry is more than one rule. */
static void add_rule(struct fw_rules *rules, const struct fw_rule *r)
{
	rules->v[rules->n++] = *r;
}

/* A chain of ours, up to the RETURN before the next chain's head. */
static void read_chain(
	const struct blob *b, const struct chain *c, struct fw_texts *texts, struct fw_rules *rules)
{
	struct fw_rule r;

	for (uint32_t at = c->first;; at = next_of(b, at)) {
		if (next_of(b, at) >= b->info.size || head(b, next_of(b, at)))
			return;
		fw_xt_decode(entry_at(b, at), target_name(b, at), texts, &r);
		r.chain = c->which;
		add_rule(rules, &r);
	}
}

static bool accepts(const struct blob *b, unsigned hook)
{
	return streq(target_name(b, b->info.underflow[hook]), "ACCEPT");
}

/* In the kernel's chains only our jumps are of interest; others' rules that lead to us are theirs.
 */
static void read_base(const struct blob *b, unsigned hook, struct fw_texts *texts,
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
		at = next_of(b, at)) {
		const char *name = target_name(b, at);
		struct fw_rule want = plain;

		if (fw_own_chain(name) == FW_CHAINS) {
			*others = true;
			continue;
		}
		fw_xt_decode(entry_at(b, at), name, texts, &r);
		want.jump = r.jump;
		if (!fw_rule_equal(&r, &want))
			continue;
		r.chain = chains[hook];
		add_rule(rules, &r);
	}
	*others |= !accepts(b, hook);
}

static void read_table(struct host *h, struct blob *b, struct fw_seen *seen, bool *others)
{
	struct fw_texts texts = { .arena = h->pass, .family = b->family };
	struct fw_rules *rules = &seen->rules;

	*seen = (struct fw_seen){ 0 };
	rules->v = arena_alloc(h->pass, find_chains(b, h->pass) * sizeof(*rules->v));
	for (unsigned hook = 0; hook < NF_INET_NUMHOOKS; hook++)
		read_base(b, hook, &texts, rules, others);
	for (size_t i = 0; i < b->n_chains; i++) {
		const struct chain *c = &b->chains[i];

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

static void see_table(struct host *h, struct blob *b, size_t i, struct fw_view *v)
{
	read_table(h, b, &v->tables[i], &v->others);
	if (streq(fw_tables[i].table, "filter"))
		v->drops |= !accepts(b, NF_INET_FORWARD);
}

static int read_family(struct host *h, int family, struct fw_view *v, struct error *e)
{
	_cleanup_free_ char *names = NULL;
	_cleanup_close_ int fd = -1;
	struct blob b = { .family = family };
	int r = read_names(h, family, &names, e);

	if (r < 0 || !names || !*names)
		return r;
	fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_set(e, -errno, "cannot open a socket: %s", strerror(errno));
	for (size_t i = 0; i < fw_n_tables && r >= 0; i++) {
		const struct fw_table *t = &fw_tables[i];

		if (t->family != family || !is_named(names, t->table))
			continue;
		r = fetch(fd, t->table, &b);
		if (r < 0)
			error_set(e, r, "cannot read the %s table %s: %s",
				family == AF_INET ? "iptables" : "ip6tables", t->table,
				strerror(-r));
		else
			see_table(h, &b, i, v);
	}
	free(b.entries);
	return r;
}

int fw_xt_read(struct host *h, struct fw_view *v, struct error *e)
{
	int r = read_family(h, AF_INET, v, e);

	v->usable = true;
	return r < 0 ? r : read_family(h, AF_INET6, v, e);
}
