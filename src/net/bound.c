/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/bound.h"
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>

enum { TCP_LISTEN_STATE = 10, BOOTPC = 68, DHCPV6_CLIENT = 546 };

struct list_of {
	struct arena *arena;
	struct bound *v;
	size_t n;
};

static void see(struct list_of *out, const struct inet_diag_msg *m, int protocol)
{
	const char *what;
	uint16_t port = ntohs(m->id.idiag_sport);

	if (!m->id.idiag_if || m->id.idiag_dport)
		return;
	if (protocol == IPPROTO_UDP && (port == BOOTPC || port == DHCPV6_CLIENT))
		return;
	/* Of a raw socket the port is the number of its protocol. */
	what = arena_printf(out->arena, "%s %u",
		protocol == IPPROTO_TCP   ? "TCP port"
		: protocol == IPPROTO_UDP ? "UDP port"
					  : "IP protocol",
		port);
	*ARENA_PUSH(out->arena, out->v, out->n) =
		(struct bound){ (int)m->id.idiag_if, what, m->idiag_inode };
}

static bool ask(int fd, int family, int protocol)
{
	struct {
		struct nlmsghdr head;
		struct inet_diag_req_v2 body;
	} q = { .head = { .nlmsg_len = sizeof(q),
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.body = { .sdiag_family = (uint8_t)family,
			.sdiag_protocol = (uint8_t)protocol,
			.idiag_states =
				protocol == IPPROTO_TCP ? 1u << TCP_LISTEN_STATE : UINT32_MAX } };

	return send(fd, &q, sizeof(q), 0) == sizeof(q);
}

/* A kernel without the module for it has an error in its place. */
static void read_some(int fd, int family, int protocol, struct list_of *out)
{
	char in[32 << 10] __attribute__((aligned(NLMSG_ALIGNTO)));
	ssize_t n;

	if (!ask(fd, family, protocol))
		return;
	while ((n = recv(fd, in, sizeof(in), 0)) > 0) {
		size_t left = (size_t)n;

		for (const struct nlmsghdr *m = (const void *)in; NLMSG_OK(m, left);
			m = NLMSG_NEXT(m, left)) {
			if (m->nlmsg_type == NLMSG_DONE || m->nlmsg_type == NLMSG_ERROR)
				return;
			if (m->nlmsg_type == SOCK_DIAG_BY_FAMILY &&
				m->nlmsg_len >= NLMSG_LENGTH(sizeof(struct inet_diag_msg)))
				see(out, NLMSG_DATA(m), protocol);
		}
	}
}

/*
 * net/packet/af_packet.c: "sk RefCnt Type Proto Iface R Rmem User Inode". Not told: what sees all
 * frames, which it sees before a bridge does; DHCP clients and those that ask for an address's
 * owner; and what is sent to one link alone (IEEE 802.1X, LACP, LLDP), which a bridge leaves to the
 * card.
 */
static void read_packet(struct host *h, struct list_of *out)
{
	static const unsigned others[] = { ETH_P_ALL, ETH_P_IP, ETH_P_IPV6, ETH_P_ARP, ETH_P_PAE,
		ETH_P_SLOW, ETH_P_LLDP };
	_cleanup_free_ char *text = NULL;
	char *rest, *line;

	if (file_read(h->root, "/proc/net/packet", 1 << 24, &text, NULL) < 0)
		return;
	rest = text;
	while ((line = strsep(&rest, "\n"))) {
		unsigned long inode;
		unsigned type;
		int index;
		bool other = false;

		if (sscanf(line, "%*s %*u %*u %x %d %*u %*u %*u %lu", &type, &index, &inode) != 3)
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(others); i++)
			other |= type == others[i];
		/* 0: it hears nothing (yet). */
		if (!other && type && index)
			*ARENA_PUSH(out->arena, out->v, out->n) = (struct bound){ index,
				arena_printf(out->arena, "frames of type 0x%04x", type), inode };
	}
}

void bound_read(struct host *h, struct bound **v, size_t *n)
{
	static const int families[] = { AF_INET, AF_INET6 },
			 protocols[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_RAW };
	struct list_of out = { .arena = h->pass };
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

	for (size_t i = 0; fd >= 0 && i < ARRAY_SIZE(families); i++)
		for (size_t k = 0; k < ARRAY_SIZE(protocols); k++)
			read_some(fd, families[i], protocols[k], &out);
	read_packet(h, &out);
	*v = out.v;
	*n = out.n;
}
