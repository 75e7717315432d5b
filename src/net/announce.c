/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/announce.h"
#include "net/link_wait.h"
#include "net/links.h"
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/if.h>
#include <netinet/icmp6.h>
#include <netinet/if_ether.h>
#include <sys/socket.h>

/* Copper cards negotiate for two to four seconds. */
enum { CARRIER_SECONDS = 5 };

struct announcer {
	int arp, icmp6; /* -1: cannot be had */
};

/* A request for the address that is the sender's own: who knows it notes where it is now. */
static void announce_v4(int fd, const struct link *l, const struct ip *ip)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ARP),
		.sll_ifindex = l->index,
		.sll_halen = ETH_ALEN };
	struct ether_arp m = { .ea_hdr = { .ar_hrd = htons(ARPHRD_ETHER),
				       .ar_pro = htons(ETH_P_IP),
				       .ar_hln = ETH_ALEN,
				       .ar_pln = sizeof(ip->v4),
				       .ar_op = htons(ARPOP_REQUEST) } };

	memset(to.sll_addr, 0xff, ETH_ALEN);
	memcpy(m.arp_sha, &l->mac, ETH_ALEN);
	memcpy(m.arp_spa, &ip->v4, sizeof(ip->v4));
	memcpy(m.arp_tpa, &ip->v4, sizeof(ip->v4));
	sendto(fd, &m, sizeof(m), MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to));
}

struct advertisement {
	struct nd_neighbor_advert head;
	struct nd_opt_hdr option;
	struct mac mac;
};
_Static_assert(sizeof(struct advertisement) == 32, "an option is of whole units of 8 bytes");

/* To all nodes, and overriding what they know. The kernel sums it up. */
static void announce_v6(int fd, const struct link *l, const struct ip *ip)
{
	struct advertisement m = {
		.head = { .nd_na_type = ND_NEIGHBOR_ADVERT, .nd_na_target = ip->v6 },
		.option = { .nd_opt_type = ND_OPT_TARGET_LINKADDR, .nd_opt_len = 1 },
		.mac = l->mac,
	};
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_scope_id = (unsigned)l->index };
	struct in6_pktinfo from = { .ipi6_addr = ip->v6, .ipi6_ifindex = (unsigned)l->index };
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(from))];
	} control = { .head = { .cmsg_level = IPPROTO_IPV6,
			      .cmsg_type = IPV6_PKTINFO,
			      .cmsg_len = CMSG_LEN(sizeof(from)) } };
	struct iovec whole = { &m, sizeof(m) };
	struct msghdr message = { .msg_name = &to,
		.msg_namelen = sizeof(to),
		.msg_iov = &whole,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };

	/* Without the flag, hosts would take a router that they use for one no more. */
	m.head.nd_na_flags_reserved =
		ND_NA_FLAG_OVERRIDE | (l->ipv6_forwards ? ND_NA_FLAG_ROUTER : 0);
	memcpy(CMSG_DATA(&control.head), &from, sizeof(from));
	inet_pton(AF_INET6, "ff02::1", &to.sin6_addr);
	sendmsg(fd, &message, MSG_DONTWAIT);
}

/* Sockets that send only. */
static struct announcer announcer_open(void)
{
	struct announcer a = { socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0),
		socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6) };
	struct icmp6_filter none;
	int hops = 255; /* RFC 4861, 7.1.2: with less it counts as not from here */

	ICMP6_FILTER_SETBLOCKALL(&none);
	if (a.icmp6 >= 0 &&
		(setsockopt(a.icmp6, IPPROTO_ICMPV6, ICMP6_FILTER, &none, sizeof(none)) < 0 ||
			setsockopt(a.icmp6, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops,
				sizeof(hops)) < 0))
		close_p(&a.icmp6);
	return a;
}

static void announce_link(const struct announcer *a, const struct links *ls, const struct link *l)
{
	const struct addr *v;
	size_t n;

	if (!(l->flags & IFF_UP) || l->flags & IFF_NOARP)
		return;
	v = links_addrs(ls, l->index, &n);
	for (size_t i = 0; i < n; i++) {
		if (v[i].cidr.ip.family == AF_INET)
			announce_v4(a->arp, l, &v[i].cidr.ip);
		else
			announce_v6(a->icmp6, l, &v[i].cidr.ip);
	}
}

void announce(struct host *h, const char *link, bool had_carrier)
{
	const struct links *ls;
	const struct link *l;
	struct announcer a;

	if (had_carrier)
		link_wait_carrier(link, CARRIER_SECONDS);
	link_await_running(link);
	links_forget(h);
	l = links_get(h, &ls, NULL) < 0 ? NULL : links_name(ls, link);
	if (!l)
		return;
	a = announcer_open();
	announce_link(&a, ls, l);
	for (size_t i = 0; i < ls->n; i++)
		if (ls->v[i].parent == l->index)
			announce_link(&a, ls, &ls->v[i]);
	close_p(&a.arp);
	close_p(&a.icmp6);
}
