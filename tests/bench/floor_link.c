/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rtnetlink by hand: requests packed into one buffer, one acknowledgement at
 * its end. A bridge comes in one message, named, numbered by us and up, so
 * that those who listen hear of it once.
 */
#include "floor.h"
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define GROUP 7777 /* all of ours: one message can take them away */
#define INDEX_BASE 100000 /* our own indexes: no answer is needed to go on */
#define BUFFER ((size_t)4 << 20)

struct buf {
	char *p;
	size_t len;
	struct nlmsghdr *last;
};

static unsigned seq;

int link_socket(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), big = 8 << 20;
	struct sockaddr_nl self = { .nl_family = AF_NETLINK };

	if (fd < 0)
		die("socket: %m");
	if (bind(fd, (void *)&self, sizeof(self)) < 0)
		die("bind: %m");
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &big, sizeof(big));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof(big));
	return fd;
}

static struct buf buf_new(void)
{
	struct buf b = { .p = calloc(1, BUFFER) };

	if (!b.p)
		die("out of memory");
	return b;
}

static void *put(struct buf *b, const void *data, size_t n)
{
	void *at = b->p + b->len;

	if (b->len + NLMSG_ALIGN(n) > BUFFER)
		die("the buffer is full");
	memset(at, 0, NLMSG_ALIGN(n));
	if (data)
		memcpy(at, data, n);
	b->len += NLMSG_ALIGN(n);
	return at;
}

static void message(struct buf *b, int type, int flags, const void *head, size_t n)
{
	b->last = put(b, NULL, sizeof(*b->last));
	b->last->nlmsg_type = (uint16_t)type;
	b->last->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	b->last->nlmsg_seq = ++seq;
	put(b, head, n);
}

static void message_end(struct buf *b)
{
	b->last->nlmsg_len = (uint32_t)(b->p + b->len - (char *)b->last);
}

static struct rtattr *attr(struct buf *b, int type, const void *data, size_t n)
{
	struct rtattr *a = put(b, NULL, RTA_LENGTH(n));

	a->rta_type = (unsigned short)type;
	a->rta_len = (unsigned short)RTA_LENGTH(n);
	if (n)
		memcpy(RTA_DATA(a), data, n);
	return a;
}

static void attr_end(struct buf *b, struct rtattr *a)
{
	a->rta_len = (unsigned short)(b->p + b->len - (char *)a);
}

/* Sends, then reads until the acknowledgement of the last message. Any error but `ignore` is final.
 */
static void flush(int fd, struct buf *b, int ignore)
{
	static char in[1 << 16];

	if (!b->len)
		return;
	b->last->nlmsg_flags |= NLM_F_ACK;
	if (send(fd, b->p, b->len, 0) < 0)
		die("send of %zu bytes: %m", b->len);
	b->len = 0;
	for (;;) {
		ssize_t n = recv(fd, in, sizeof(in), 0);

		if (n < 0)
			die("recv: %m");
		for (struct nlmsghdr *h = (void *)in; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
			const struct nlmsgerr *e = NLMSG_DATA(h);

			if (h->nlmsg_type != NLMSG_ERROR)
				continue;
			if (e->error && -e->error != ignore)
				die("netlink: %s", strerror(-e->error));
			if (h->nlmsg_seq == seq)
				return;
		}
	}
}

static void add_bridge(struct buf *b, int i)
{
	struct ifinfomsg head = {
		.ifi_index = INDEX_BASE + i, .ifi_flags = IFF_UP, .ifi_change = IFF_UP
	};
	uint32_t group = GROUP;
	struct rtattr *info;
	char name[16];

	net_name(name, i);
	message(b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof(head));
	attr(b, IFLA_IFNAME, name, strlen(name) + 1);
	attr(b, IFLA_GROUP, &group, sizeof(group));
	info = attr(b, IFLA_LINKINFO, NULL, 0);
	attr(b, IFLA_INFO_KIND, "bridge", sizeof("bridge"));
	attr_end(b, info);
	message_end(b);
}

void link_create(int fd, int n, bool acked)
{
	struct buf b = buf_new();

	for (int i = 0; i < n; i++) {
		add_bridge(&b, i);
		if (acked)
			flush(fd, &b, 0);
	}
	flush(fd, &b, 0);
	free(b.p);
}

static void add_address(struct buf *b, int i)
{
	struct ifaddrmsg head = {
		.ifa_family = AF_INET, .ifa_prefixlen = 24, .ifa_index = (unsigned)(INDEX_BASE + i)
	};
	uint32_t host = net_addr(i) | htonl(1), broadcast = net_addr(i) | htonl(255);

	message(b, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof(head));
	attr(b, IFA_LOCAL, &host, sizeof(host));
	attr(b, IFA_ADDRESS, &host, sizeof(host));
	attr(b, IFA_BROADCAST, &broadcast, sizeof(broadcast));
	message_end(b);
}

void link_give_addresses(int fd, int n, bool acked)
{
	struct buf b = buf_new();

	for (int i = 0; i < n; i++) {
		add_address(&b, i);
		if (acked)
			flush(fd, &b, 0);
	}
	flush(fd, &b, 0);
	free(b.p);
}

void link_attach_taps(int fd, int n)
{
	struct buf b = buf_new();
	uint32_t group = GROUP;

	for (int i = 0; i < n; i++) {
		struct ifinfomsg head = { .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
		uint32_t bridge = (uint32_t)(INDEX_BASE + i / TAPS_PER_BRIDGE);
		char name[16];

		tap_name(name, i);
		message(&b, RTM_NEWLINK, 0, &head, sizeof(head));
		attr(&b, IFLA_IFNAME, name, strlen(name) + 1);
		attr(&b, IFLA_GROUP, &group, sizeof(group));
		attr(&b, IFLA_MASTER, &bridge, sizeof(bridge));
		message_end(&b);
	}
	flush(fd, &b, 0);
	free(b.p);
}

void link_destroy(int fd, int n, bool group)
{
	struct buf b = buf_new();
	uint32_t number = GROUP;

	for (int i = 0; i < (group ? 1 : n); i++) {
		struct ifinfomsg head = { .ifi_index = group ? 0 : INDEX_BASE + i };

		message(&b, RTM_DELLINK, 0, &head, sizeof(head));
		if (group)
			attr(&b, IFLA_GROUP, &number, sizeof(number));
		message_end(&b);
	}
	/* The group may be empty already. */
	flush(fd, &b, group ? ENODEV : 0);
	free(b.p);
}

static unsigned long dump(int fd, int type, const void *head, size_t len)
{
	static char in[1 << 18];
	char out[64];
	struct buf b = { .p = out };
	unsigned long got = 0;

	message(&b, type, NLM_F_DUMP, head, len);
	message_end(&b);
	if (send(fd, b.p, b.len, 0) < 0)
		die("send: %m");
	for (;;) {
		ssize_t n = recv(fd, in, sizeof(in), 0);

		if (n < 0)
			die("recv: %m");
		for (struct nlmsghdr *h = (void *)in; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
			if (h->nlmsg_type == NLMSG_DONE)
				return got;
			if (h->nlmsg_type == NLMSG_ERROR)
				die("the dump failed");
			got++;
		}
	}
}

unsigned long link_dump(int fd)
{
	struct ifinfomsg head = { .ifi_family = AF_UNSPEC };

	return dump(fd, RTM_GETLINK, &head, sizeof(head));
}

unsigned long addr_dump(int fd)
{
	struct ifaddrmsg head = { .ifa_family = AF_UNSPEC };

	return dump(fd, RTM_GETADDR, &head, sizeof(head));
}
