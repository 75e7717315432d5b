/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Networks on the machine: bridges first, all at once, then their addresses, all at once. */
#include "net/manager.h"
#include "net/network.h"
#include "net/bridge_link.h"
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

struct job {
	struct bridge_link link;
	bool keep_foreign;
};

static struct nl_msg *addr_request(int type, int flags, int index, const struct cidr *c)
{
	struct ifaddrmsg head = {
		.ifa_family = (uint8_t)c->ip.family,
		.ifa_prefixlen = c->prefix,
		.ifa_index = (unsigned)index,
		/* Nobody else is there to have it, and a bridge without ports never finds out. */
		.ifa_flags = c->ip.family == AF_INET6 ? IFA_F_NODAD : 0,
	};
	struct nl_msg *m = netlink_request(type, flags, &head, sizeof(head));
	size_t len = c->ip.family == AF_INET ? 4 : 16;
	uint32_t broadcast;

	netlink_put(m, IFA_LOCAL, c->ip.b, len);
	netlink_put(m, IFA_ADDRESS, c->ip.b, len);
	if (type == RTM_NEWADDR && c->ip.family == AF_INET && c->prefix < 31) {
		broadcast = c->ip.v4.s_addr | htonl(UINT32_MAX >> c->prefix);
		netlink_put(m, IFA_BROADCAST, &broadcast, sizeof(broadcast));
	}
	return m;
}

static bool present(const struct addr *a, size_t n, const struct cidr *c)
{
	for (size_t i = 0; i < n; i++)
		if (a[i].cidr.prefix == c->prefix && a[i].cidr.ip.family == c->ip.family &&
			!memcmp(a[i].cidr.ip.b, c->ip.b, c->ip.family == AF_INET ? 4 : 16))
			return true;
	return false;
}

static void write_setting(
	struct host *h, const struct job *j, const char *setting, const char *value)
{
	_cleanup_free_ char *path = xprintf("/proc/sys/net/ipv6/conf/%s/%s", j->link.name, setting);
	_cleanup_close_ int fd = file_open(h->root, path, O_WRONLY, 0);
	struct step *s = j->link.step;

	/* A kernel without IPv6 has none to switch off. */
	if (fd == -ENOENT && !network_has(s->want, AF_INET6))
		return;
	if (fd < 0 || write(fd, value, strlen(value)) < 0) {
		error_set(&s->error, fd < 0 ? fd : -errno, "cannot set %s: %s", path,
			strerror(fd < 0 ? -fd : errno));
		error_cure(
			&s->error, "IPv6 may be off on the kernel's command line (ipv6.disable=1)");
	}
}

/*
 * Without an address of ours there is no IPv6 on the bridge, or guests could
 * send packets by it past all that the document says. With one, no guest tells
 * the host where the world is.
 */
static void set_ipv6(struct host *h, const struct job *j)
{
	bool on = network_has(j->link.step->want, AF_INET6);
	const struct link *there = j->link.there;

	if (j->keep_foreign && !on)
		return;
	if (on) {
		write_setting(h, j, "accept_ra", "0");
		write_setting(h, j, "addr_gen_mode", "0");
	}
	if (!there || there->ipv6_off == on)
		write_setting(h, j, "disable_ipv6", on ? "0" : "1");
}

/* Returns whether any went. */
static bool remove_addrs(struct nl *nl, const struct job *j, const struct addr *a, size_t n)
{
	const struct network *want = j->link.step->want;
	bool any = false;

	for (size_t i = 0; i < n && !j->keep_foreign; i++) {
		if (network_lists(want, &a[i].cidr))
			continue;
		any = true;
		netlink_queue(nl, addr_request(RTM_DELADDR, 0, j->link.index, &a[i].cidr),
			(struct netlink_call){ "remove an address of", j->link.name, EADDRNOTAVAIL,
				&j->link.step->error });
	}
	return any;
}

/*
 * What must go goes first: with the primary address of a network the kernel
 * drops its secondary ones, so whatever is wanted is put there after it.
 */
static void set_addrs(struct nl *nl, const struct links *ls, const struct job *j)
{
	const struct network *want = j->link.step->want;
	const struct addr *a = NULL;
	size_t n = 0;
	bool gone;

	if (j->link.there)
		a = links_addrs(ls, j->link.there->index, &n);
	gone = remove_addrs(nl, j, a, n);
	for (size_t i = 0; i < want->addresses.n; i++) {
		const struct cidr *c = &LIST_AT(&want->addresses, struct cidr, i);

		if (!gone && present(a, n, c))
			continue;
		netlink_queue(nl,
			addr_request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, j->link.index, c),
			(struct netlink_call){
				"give an address to", j->link.name, EEXIST, &j->link.step->error });
	}
}

static struct bridge_link to_link(struct host *h, struct step *s, const struct link *there)
{
	const struct network *want = s->want;
	char mark[LINK_MARK_MAX];

	return (struct bridge_link){
		.step = s,
		.name = want->bridge,
		.there = there,
		.mark = s->verb == STEP_RESTORE ? "" : arena_strdup(h->pass, link_mark(s->r, mark)),
		.mtu = obj_has(want, "mtu") ? (uint32_t)want->mtu : 0,
		/* Guests that were given no IPv6 shall not reach the host by it. */
		.no_ipv6 = !network_has(want, AF_INET6),
	};
}

static bool is_ours(const struct link *l, const struct resource *r)
{
	return l && (!link_marked(l) || link_is_marked_for(l, r));
}

/* Sorts the steps into links to go and links to be. */
static void sort_out(struct host *h, const struct links *ls, struct step *s, struct job *keep,
	size_t *n_keep, struct doomed *go, size_t *n_go)
{
	const struct network *n = s->want ? s->want : s->have;
	const struct link *there;

	if (!s->want) {
		there = n ? links_name(ls, n->bridge) : NULL;
		if (is_ours(there, s->r))
			go[(*n_go)++] = (struct doomed){ there, s };
	} else if (bridge_link_find(ls, s, n->bridge, &there)) {
		keep[(*n_keep)++] =
			(struct job){ to_link(h, s, there), network_keeps_foreign(h, s) };
	}
}

static void keep_all(struct host *h, struct nl *nl, const struct links *ls, struct job *v, size_t n)
{
	struct bridge_link *links = arena_alloc(h->pass, n * sizeof(*links));

	for (size_t i = 0; i < n; i++)
		links[i] = v[i].link;
	bridge_links_apply(h, nl, links, n);
	for (size_t i = 0; i < n; i++) {
		v[i].link = links[i];
		if (!v[i].link.step->error.code)
			set_ipv6(h, &v[i]);
		if (!v[i].link.step->error.code)
			set_addrs(nl, ls, &v[i]);
	}
	netlink_flush(nl);
}

void network_apply_all(struct host *h, struct step *const *steps, size_t n)
{
	struct job *keep = arena_alloc(h->pass, n * sizeof(*keep));
	struct doomed *go = arena_alloc(h->pass, n * sizeof(*go));
	size_t n_keep = 0, n_go = 0;
	const struct links *ls;
	struct nl *nl;

	managers_expect(h, steps, n);
	for (size_t i = 0; i < n; i++)
		if (links_get(h, &ls, &steps[i]->error) >= 0 &&
			netlink_get(h, &nl, &steps[i]->error) >= 0)
			sort_out(h, ls, steps[i], keep, &n_keep, go, &n_go);
	if (n_go)
		links_remove(nl, ls, go, n_go);
	if (n_keep)
		keep_all(h, nl, ls, keep, n_keep);
	links_forget(h);
}
