/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Links, addresses and routes. Of a busy machine most of these events are
 * nobody's business: what counts are links that carry our mark, their ports,
 * links that come, go or change their name, cards with VFs, and what is on
 * those of ours.
 */
#include "net/links.h"
#include "net/watch.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER = 32 << 10, RECEIVE = 4 << 20 };

struct known {
	int index, master;
	bool marked;
	char name[IFNAMSIZ];
};

struct route_watch {
	struct known *v;
	size_t n, cap;
	bool stale; /* something was lost, so they are not known any more */
};

static struct known *find(struct route_watch *w, int index)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->v[i].index == index)
			return &w->v[i];
	return NULL;
}

/* The bridge or bond may be told of after its port. */
static bool is_port(struct route_watch *w, const struct known *k)
{
	const struct known *master = k->master ? find(w, k->master) : NULL;

	return master && master->marked;
}

static bool is_ours(struct route_watch *w, const struct known *k)
{
	return k->marked || is_port(w, k);
}

static struct known *add(struct route_watch *w, int index)
{
	if (w->n == w->cap) {
		w->cap = w->cap ? w->cap * 2 : 64;
		w->v = xrealloc(w->v, w->cap * sizeof(*w->v));
	}
	w->v[w->n] = (struct known){ .index = index };
	return &w->v[w->n++];
}

static bool marked(const struct nlattr *alias)
{
	return alias && startswith(nla_get_string(alias), LINK_MARK);
}

/*
 * The kernel tells that something of a card's VFs changed, or that its link
 * came, in one message, and says neither what it was nor that it has any.
 */
static bool has_vfs(const char *name, struct nlattr **tb)
{
	_cleanup_free_ char *path = xprintf("/sys/class/net/%s/device/sriov_numvfs", name);
	_cleanup_free_ char *number = NULL;

	return !tb[IFLA_LINKINFO] && file_read_line(AT_FDCWD, path, &number) >= 0 &&
	       !streq(number, "0");
}

static enum event link_came(struct route_watch *w, const struct ifinfomsg *head, struct nlattr **tb,
	char what[static WATCH_WHAT_MAX])
{
	const char *name = nla_get_string(tb[IFLA_IFNAME]);
	struct known *k = find(w, head->ifi_index);
	bool new = !k, renamed = k && !streq(k->name, name), was_ours;

	snprintf(what, WATCH_WHAT_MAX, "the link %s %s", name,
		new       ? "came"
		: renamed ? "has this name now"
			  : "changed");
	if (new)
		k = add(w, head->ifi_index);
	was_ours = is_ours(w, k);
	snprintf(k->name, sizeof(k->name), "%s", name);
	k->marked = marked(tb[IFLA_IFALIAS]);
	k->master = tb[IFLA_MASTER] ? (int)nla_get_u32(tb[IFLA_MASTER]) : 0;
	return new || renamed || was_ours || is_ours(w, k) || has_vfs(name, tb) ? EVENT_CHANGED
										: EVENT_NONE;
}

static enum event link_went(
	struct route_watch *w, const struct ifinfomsg *head, char what[static WATCH_WHAT_MAX])
{
	struct known *k = find(w, head->ifi_index);

	if (!k)
		return EVENT_NONE;
	snprintf(what, WATCH_WHAT_MAX, "the link %s went", k->name);
	*k = w->v[--w->n];
	return EVENT_GONE;
}

/* Of a bridge the family AF_BRIDGE tells of a port's state, once more and in another form. */
static enum event on_link(
	struct route_watch *w, const struct nlmsghdr *m, char what[static WATCH_WHAT_MAX])
{
	const struct ifinfomsg *head = nlmsg_data(m);
	struct nlattr *tb[IFLA_MAX + 1];

	if (head->ifi_family != AF_UNSPEC ||
		nlmsg_parse((struct nlmsghdr *)m, sizeof(*head), tb, IFLA_MAX, NULL) < 0 ||
		!tb[IFLA_IFNAME])
		return EVENT_NONE;
	return m->nlmsg_type == RTM_NEWLINK ? link_came(w, head, tb, what)
					    : link_went(w, head, what);
}

static enum event on_address(
	struct route_watch *w, const struct nlmsghdr *m, char what[static WATCH_WHAT_MAX])
{
	const struct ifaddrmsg *head = nlmsg_data(m);
	const struct known *k = find(w, (int)head->ifa_index);
	struct nlattr *tb[IFA_MAX + 1], *at;
	char text[INET6_ADDRSTRLEN] = "";

	if (!k || !is_ours(w, k) ||
		nlmsg_parse((struct nlmsghdr *)m, sizeof(*head), tb, IFA_MAX, NULL) < 0)
		return EVENT_NONE;
	at = tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS];
	if (at)
		inet_ntop(head->ifa_family, nla_data(at), text, sizeof(text));
	snprintf(what, WATCH_WHAT_MAX, "the address %s/%u %s %s", text, head->ifa_prefixlen,
		m->nlmsg_type == RTM_NEWADDR ? "came to" : "went from", k->name);
	return m->nlmsg_type == RTM_NEWADDR ? EVENT_CHANGED : EVENT_GONE;
}

static enum event on_route(
	struct route_watch *w, const struct nlmsghdr *m, char what[static WATCH_WHAT_MAX])
{
	const struct rtmsg *head = nlmsg_data(m);
	struct nlattr *tb[RTA_MAX + 1];
	bool came = m->nlmsg_type == RTM_NEWROUTE;
	const struct known *k;

	/* Clones are the kernel's cache, its own come and go with addresses. */
	if (head->rtm_flags & RTM_F_CLONED ||
		(came && (head->rtm_type != RTN_UNICAST || head->rtm_protocol == RTPROT_KERNEL)) ||
		nlmsg_parse((struct nlmsghdr *)m, sizeof(*head), tb, RTA_MAX, NULL) < 0 ||
		!tb[RTA_OIF])
		return EVENT_NONE;
	k = find(w, (int)nla_get_u32(tb[RTA_OIF]));
	/* Through a bridge they are the administrator's; through a port they lead past it. */
	if (!k || !(came ? is_port(w, k) : is_ours(w, k)))
		return EVENT_NONE;
	snprintf(what, WATCH_WHAT_MAX, "a route %s %s", came ? "came to" : "went from", k->name);
	return came ? EVENT_CHANGED : EVENT_GONE;
}

/* Few change; which of them are ours only the record knows. */
static enum event on_rule(char what[static WATCH_WHAT_MAX])
{
	snprintf(what, WATCH_WHAT_MAX, "a rule that chooses a routing table went");
	return EVENT_CHANGED;
}

static enum event on_message(
	struct route_watch *w, const struct nlmsghdr *m, char what[static WATCH_WHAT_MAX])
{
	switch (m->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK: return on_link(w, m, what);
	case RTM_NEWADDR:
	case RTM_DELADDR: return on_address(w, m, what);
	case RTM_NEWROUTE:
	case RTM_DELROUTE: return on_route(w, m, what);
	case RTM_DELRULE: return on_rule(what);
	default: return EVENT_NONE;
	}
}

/* What is there now is known, not news. The answer comes among the first events. */
static int ask_for_links(int fd)
{
	struct {
		struct nlmsghdr head;
		struct ifinfomsg link;
	} ask = {
		.head = { .nlmsg_len = sizeof(ask),
			.nlmsg_type = RTM_GETLINK,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
	};

	return send(fd, &ask, sizeof(ask), 0) < 0 ? -errno : 0;
}

/*
 * After events were lost: of a link that came unheard nobody would hear how it goes. All links come
 * once more, as news, which costs a look. Nothing is on its way any more: a dump has ended.
 */
static void know_anew(int fd, struct route_watch *w)
{
	if (!w->stale)
		return;
	w->stale = false;
	w->n = 0;
	(void)ask_for_links(fd);
}

static enum event route_read(int fd, void *state, char what[static WATCH_WHAT_MAX])
{
	_cleanup_free_ char *buffer = xmalloc(BUFFER);
	struct route_watch *w = state;
	char one[WATCH_WHAT_MAX];
	enum event worst = EVENT_NONE, event;

	for (;;) {
		ssize_t got = recv(fd, buffer, BUFFER, MSG_DONTWAIT);
		int left = (int)got;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == ENOBUFS) {
			/* Too many at once, and some are lost: reason enough. */
			if (worst == EVENT_NONE)
				snprintf(what, WATCH_WHAT_MAX, "a flood of network events");
			worst = EVENT_GONE;
			w->stale = true;
			continue;
		}
		if (got <= 0) {
			know_anew(fd, w);
			return worst;
		}
		for (struct nlmsghdr *m = (struct nlmsghdr *)buffer; nlmsg_ok(m, left);
			m = nlmsg_next(m, &left)) {
			w->stale |= m->nlmsg_flags & NLM_F_DUMP_INTR;
			if ((event = on_message(w, m, one)) > worst) {
				memcpy(what, one, sizeof(one));
				worst = event;
			}
		}
	}
}

static int subscribe(int fd)
{
	static const int groups[] = { RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
		RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE };
	struct sockaddr_nl any = { .nl_family = AF_NETLINK };
	int size = RECEIVE;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof(int)) <
			0)
			return -errno;
	return 0;
}

static void route_close(int fd, void *state)
{
	struct route_watch *w = state;

	if (fd >= 0)
		close(fd);
	free(w->v);
	free(w);
}

static int route_open(void **state, struct error *e)
{
	struct route_watch *w = xmalloc(sizeof(*w));
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), r;

	*w = (struct route_watch){ 0 };
	r = fd < 0 ? -errno : subscribe(fd);
	if (r >= 0)
		r = ask_for_links(fd);
	if (r < 0) {
		route_close(fd, w);
		return error_set(e, r, "cannot hear of changes of links: %s", strerror(-r));
	}
	*state = w;
	return fd;
}

const struct watch watch_route = {
	.name = "links",
	.open = route_open,
	.read = route_read,
	.close = route_close,
};
