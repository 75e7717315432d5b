/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/ping.h"
#include <linux/icmp.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netinet/icmp6.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	AGAIN_MSEC = 250,
	TICKS_PER_SEC = 100, /* USER_HZ, of struct nda_cacheinfo */
};

/* Both families' echo messages begin alike; the kernel sums up those of IPv6. */
struct echo {
	uint8_t type, code;
	uint16_t sum, id, sequence;
};

struct asking {
	struct ping *v;
	size_t n;
	int v4, v6; /* raw sockets */
	uint16_t id;
	uint64_t start; /* ms */
};

static uint64_t now_msec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static size_t ip_size(const struct ip *ip)
{
	return ip->family == AF_INET ? 4 : 16;
}

static bool same_ip(const struct ip *ip, int family, const void *bytes)
{
	return ip->family == family && memcmp(ip->b, bytes, ip_size(ip)) == 0;
}

/* RFC 1071: the sum is the same in any order of bytes. */
static uint16_t checksum(const struct echo *m)
{
	uint16_t words[sizeof(*m) / 2];
	uint32_t sum = 0;

	memcpy(words, m, sizeof(words));
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		sum += words[i];
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t) ~(sum + (sum >> 16));
}

/* Errors are no answer, and no answer is what counts. */
static void send_echo(const struct asking *a, size_t i)
{
	const struct ping *p = &a->v[i];
	struct echo m = { .id = a->id, .sequence = htons((uint16_t)i) };
	struct sockaddr_in to4 = { .sin_family = AF_INET, .sin_addr = p->ip.v4 };
	struct sockaddr_in6 to6 = {
		.sin6_family = AF_INET6, .sin6_addr = p->ip.v6, .sin6_scope_id = (unsigned)p->link
	};

	if (p->ip.family == AF_INET) {
		m.type = ICMP_ECHO;
		m.sum = checksum(&m);
		sendto(a->v4, &m, sizeof(m), MSG_DONTWAIT, (struct sockaddr *)&to4, sizeof(to4));
	} else {
		m.type = ICMP6_ECHO_REQUEST;
		sendto(a->v6, &m, sizeof(m), MSG_DONTWAIT, (struct sockaddr *)&to6, sizeof(to6));
	}
}

static void on_reply(struct asking *a, const uint8_t *m, size_t len, uint8_t type)
{
	struct echo reply;
	size_t i;

	if (len < sizeof(reply))
		return;
	memcpy(&reply, m, sizeof(reply));
	i = ntohs(reply.sequence);
	if (reply.type == type && reply.id == a->id && i < a->n)
		a->v[i].answered = true;
}

static void read_replies(struct asking *a)
{
	uint8_t buffer[2048];
	ssize_t got;

	while ((got = recv(a->v4, buffer, sizeof(buffer), MSG_DONTWAIT)) > 0) {
		/* With the header of IP before it, whose length counts in words of four bytes. */
		size_t head = (size_t)(buffer[0] & 0xf) * 4;

		if (head < (size_t)got)
			on_reply(a, buffer + head, (size_t)got - head, ICMP_ECHOREPLY);
	}
	while ((got = recv(a->v6, buffer, sizeof(buffer), MSG_DONTWAIT)) > 0)
		on_reply(a, buffer, (size_t)got, ICMP6_ECHO_REPLY);
}

struct neighbours {
	struct asking *asking;
	struct nl *nl;
	bool kick; /* have the kernel ask them; else: see who answered */
};

/* Known, and to be asked anew: with traffic alone the kernel would wait five seconds first. */
static void kick(struct nl *nl, const struct ndmsg *seen, const struct ip *ip)
{
	struct ndmsg head = { .ndm_family = seen->ndm_family,
		.ndm_ifindex = seen->ndm_ifindex,
		.ndm_state = NUD_PROBE };
	struct nl_msg *m = netlink_request(RTM_NEWNEIGH, NLM_F_REPLACE, &head, sizeof(head));

	netlink_put(m, NDA_DST, ip->b, ip_size(ip));
	netlink_queue(nl, m, (struct netlink_call){ "ask", "a neighbour", 0, NULL });
}

static bool confirmed(const struct asking *a, struct nlattr **tb)
{
	struct nda_cacheinfo times;

	if (!tb[NDA_CACHEINFO] || nla_len(tb[NDA_CACHEINFO]) < (int)sizeof(times))
		return false;
	memcpy(&times, nla_data(tb[NDA_CACHEINFO]), sizeof(times));
	return (uint64_t)times.ndm_confirmed * 1000 / TICKS_PER_SEC < now_msec() - a->start;
}

static void on_neighbour(const struct nlmsghdr *m, void *arg)
{
	const struct ndmsg *head = nlmsg_data(m);
	struct neighbours *ns = arg;
	struct nlattr *tb[NDA_MAX + 1];

	if (m->nlmsg_type != RTM_NEWNEIGH ||
		nlmsg_parse((struct nlmsghdr *)m, sizeof(*head), tb, NDA_MAX, NULL) < 0 ||
		!tb[NDA_DST])
		return;
	for (size_t i = 0; i < ns->asking->n; i++) {
		struct ping *p = &ns->asking->v[i];

		if (!same_ip(&p->ip, head->ndm_family, nla_data(tb[NDA_DST])) ||
			(p->link && p->link != head->ndm_ifindex))
			continue;
		if (ns->kick && head->ndm_state & (NUD_REACHABLE | NUD_STALE | NUD_DELAY))
			kick(ns->nl, head, &p->ip);
		else if (!ns->kick && head->ndm_state & NUD_REACHABLE && confirmed(ns->asking, tb))
			p->answered = true;
	}
}

static void look_at_neighbours(struct asking *a, struct nl *nl, bool kicking)
{
	struct neighbours ns = { a, nl, kicking };
	struct ndmsg head = { .ndm_family = AF_UNSPEC };

	netlink_dump(
		nl, netlink_request(RTM_GETNEIGH, 0, &head, sizeof(head)), on_neighbour, &ns, NULL);
	if (kicking)
		netlink_flush(nl);
}

static size_t answers(const struct asking *a)
{
	size_t n = 0;

	for (size_t i = 0; i < a->n; i++)
		n += a->v[i].answered;
	return n;
}

static size_t ask(struct asking *a, struct nl *nl, unsigned milliseconds)
{
	struct pollfd fds[] = { { .fd = a->v4, .events = POLLIN },
		{ .fd = a->v6, .events = POLLIN } };
	uint64_t end = a->start + milliseconds, next = 0, now;

	look_at_neighbours(a, nl, true);
	while ((now = now_msec()) < end) {
		if (now >= next) {
			look_at_neighbours(a, nl, false);
			for (size_t i = 0; i < a->n; i++)
				if (!a->v[i].answered)
					send_echo(a, i);
			next = now + AGAIN_MSEC;
		}
		if (answers(a) == a->n)
			break;
		poll(fds, ARRAY_SIZE(fds), (int)((next < end ? next : end) - now));
		read_replies(a);
	}
	look_at_neighbours(a, nl, false);
	return answers(a);
}

static int open_sockets(struct asking *a)
{
	struct icmp6_filter only;

	a->v4 = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
	if (a->v4 < 0)
		return -errno;
	/* -1 where the kernel has no IPv6: nothing is asked by it then. */
	a->v6 = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6);
	ICMP6_FILTER_SETBLOCKALL(&only);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &only);
	if (a->v6 >= 0)
		setsockopt(a->v6, IPPROTO_ICMPV6, ICMP6_FILTER, &only, sizeof(only));
	return 0;
}

int ping_all(struct nl *nl, struct ping *v, size_t n, unsigned milliseconds, struct error *e)
{
	struct asking a = { .v = v, .n = n, .v4 = -1, .v6 = -1, .start = now_msec() };
	int r;

	for (size_t i = 0; i < n; i++)
		v[i].answered = false;
	if (getrandom(&a.id, sizeof(a.id), 0) < 0)
		return error_set(e, -errno, "no random number: %s", strerror(errno));
	r = open_sockets(&a);
	if (r < 0)
		return error_set(e, r, "cannot send an ICMP echo: %s", strerror(-r));
	r = (int)ask(&a, nl, milliseconds);
	close_p(&a.v4);
	close_p(&a.v6);
	return r;
}
