/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/xt_blob.h"
#include <linux/netfilter/x_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <sys/socket.h>

#define TRIES 8

/* IPv6 has structures of its own, of the same members but for the entries. */
/* NOLINTBEGIN(misc-redundant-expression): that both sides are the same is what is asserted */
_Static_assert(sizeof(struct ipt_getinfo) == sizeof(struct ip6t_getinfo) &&
		       sizeof(struct ipt_get_entries) == sizeof(struct ip6t_get_entries) &&
		       (int)IPT_SO_GET_INFO == (int)IP6T_SO_GET_INFO &&
		       (int)IPT_SO_GET_ENTRIES == (int)IP6T_SO_GET_ENTRIES,
	"linux/netfilter_ipv6/ip6_tables.h");
/* NOLINTEND(misc-redundant-expression) */

static const char *names_path(int family)
{
	return family == AF_INET ? "/proc/net/ip_tables_names" : "/proc/net/ip6_tables_names";
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

static int get(int fd, const char *table, struct xt_blob *b)
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
static int fetch(int fd, const char *table, struct xt_blob *b)
{
	int r = -EAGAIN;

	b->chains = NULL;
	b->n_chains = 0;
	for (int i = 0; i < TRIES && r == -EAGAIN; i++)
		r = get(fd, table, b);
	return r;
}

int xt_tables_read(struct host *h, int family, xt_wanted_fn *wanted, xt_table_fn *fn, void *arg,
	struct error *e)
{
	_cleanup_free_ char *names = NULL;
	_cleanup_close_ int fd = -1;
	struct xt_blob b = { .family = family };
	char *rest, *table;
	int r = read_names(h, family, &names, e);

	if (r < 0 || !names || !*names)
		return r;
	fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_set(e, -errno, "cannot open a socket: %s", strerror(errno));
	rest = names;
	while (r >= 0 && (table = strsep(&rest, "\n"))) {
		if (!*table || (wanted && !wanted(table)))
			continue;
		r = fetch(fd, table, &b);
		if (r < 0)
			error_set(e, r, "cannot read the %s table %s: %s",
				family == AF_INET ? "iptables" : "ip6tables", table, strerror(-r));
		else
			fn(&b, table, arg);
	}
	free(b.entries);
	return r;
}

const void *xt_blob_entry(const struct xt_blob *b, uint32_t at)
{
	return (const char *)b->entries->entrytable + at;
}

uint32_t xt_blob_next(const struct xt_blob *b, uint32_t at)
{
	return at + fw_xt_next_offset(xt_blob_entry(b, at), b->family);
}

static const struct xt_entry_target *target_of(const struct xt_blob *b, uint32_t at)
{
	const char *e = xt_blob_entry(b, at);

	return (const void *)(e + fw_xt_target_offset(e, b->family));
}

/* The chain's name if a chain begins here, else NULL. */
const char *xt_blob_head(const struct xt_blob *b, uint32_t at)
{
	const struct xt_entry_target *t = target_of(b, at);

	return streq(t->u.user.name, XT_ERROR_TARGET)
		       ? ((const struct xt_error_target *)t)->errorname
		       : NULL;
}

/* The last entry of all is an ERROR target too, of no chain. Returns how many entries there are. */
size_t xt_blob_chains(struct xt_blob *b, struct arena *a)
{
	size_t n = 0;

	for (uint32_t at = 0; at < b->info.size; at = xt_blob_next(b, at), n++) {
		const char *name = xt_blob_head(b, at);
		struct xt_chain *c;

		if (!name || xt_blob_next(b, at) >= b->info.size)
			continue;
		c = ARENA_PUSH(a, b->chains, b->n_chains);
		*c = (struct xt_chain){ xt_blob_next(b, at), name, fw_own_chain(name) };
	}
	return n;
}

static const struct xt_chain *chain_at(const struct xt_blob *b, uint32_t first)
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
const char *xt_blob_target(const struct xt_blob *b, uint32_t at)
{
	const struct xt_entry_target *t = target_of(b, at);
	const struct xt_chain *c;
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
