/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The doctor's checks of what else is at work on the network. */
#include "hostprep/doctor.h"
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>

/*
 * Somebody who listens on a port of all addresses keeps a network's dnsmasq
 * out, unless his socket is bound to one interface, as that of a dnsmasq with
 * one is. Of that only the kernel's socket diagnosis tells (sock_diag(7)).
 */

enum { ANSWER_MAX = 64 << 10, ANY_STATE = -1, PORT_DNS = 53, PORT_DHCP = 67 };

static bool is_everywhere(const struct inet_diag_msg *m, uint16_t port)
{
	static const uint32_t any[4];

	return ntohs(m->id.idiag_sport) == port && !m->id.idiag_if &&
	       !memcmp(m->id.idiag_src, any, m->idiag_family == AF_INET ? 4 : sizeof(any));
}

static int ask(int fd, int family)
{
	const struct {
		struct nlmsghdr head;
		struct inet_diag_req_v2 request;
	} m = {
		.head = { .nlmsg_len = sizeof(m),
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.request = { .sdiag_family = (uint8_t)family,
			.sdiag_protocol = IPPROTO_UDP,
			.idiag_states = (uint32_t)ANY_STATE },
	};

	return send(fd, &m, sizeof(m), 0) < 0 ? -errno : 0;
}

/* 1: somebody does, 0: nobody; -errno: this kernel does not tell. */
static int diagnosed(int family, uint16_t port)
{
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	_cleanup_free_ char *answer = xmalloc(ANSWER_MAX);
	int r = fd < 0 ? -errno : ask(fd, family), found = 0;

	while (r >= 0) {
		ssize_t n = recv(fd, answer, ANSWER_MAX, 0);
		const struct nlmsghdr *m = (const void *)answer;

		if (n <= 0)
			return n < 0 ? -errno : -EPROTO;
		for (; NLMSG_OK(m, (size_t)n); m = NLMSG_NEXT(m, n)) {
			if (m->nlmsg_type == NLMSG_DONE)
				return found;
			if (m->nlmsg_type == NLMSG_ERROR)
				return ((const struct nlmsgerr *)NLMSG_DATA(m))->error;
			found |= is_everywhere(NLMSG_DATA(m), port);
		}
	}
	return r;
}

/* "  1: 00000000:0043 00000000:0000 07 ...", as proc_net_udp(5) has it. */
static bool listed(struct doctor *d, const char *path, const char *any, uint16_t port)
{
	_cleanup_free_ char *text = NULL, *wanted = xprintf(" %s:%04X ", any, port);

	return file_read(d->h->root, path, 16 << 20, &text, NULL) == 0 && strstr(text, wanted);
}

static bool listens_everywhere(struct doctor *d, int family, uint16_t port)
{
	int found = d->h->live ? diagnosed(family, port) : -ENOTSUP;

	if (found >= 0)
		return found;
	return family == AF_INET
		       ? listed(d, "/proc/net/udp", "00000000", port)
		       : listed(d, "/proc/net/udp6", "00000000000000000000000000000000", port);
}

static void look_port(struct doctor *d, uint16_t port, const char *advice)
{
	if (!listens_everywhere(d, AF_INET, port) && !listens_everywhere(d, AF_INET6, port)) {
		doctor_found(d, HEALTH_PASS, "nobody has port %u of all addresses", port);
		return;
	}
	doctor_found(d, HEALTH_WARN, "somebody listens on port %u of all addresses", port);
	doctor_cure(d, "see who: ss -ulpn sport = %u; %s", port, advice);
}

static void look_dns_port(struct doctor *d)
{
	look_port(d, PORT_DNS, "have it listen on its own addresses (dnsmasq: bind-dynamic)");
}

static void look_dhcp_port(struct doctor *d)
{
	look_port(d, PORT_DHCP,
		"have it serve its own interfaces alone (dnsmasq: bind-dynamic), or stop it");
}

static void look_bridge_filter(struct doctor *d)
{
	const char *now = doctor_line(d, "/proc/sys/net/bridge/bridge-nf-call-iptables");

	if (!now || streq(now, "0")) {
		doctor_found(d, HEALTH_PASS, "%s",
			now ? "net.bridge.bridge-nf-call-iptables is 0"
			    : "br_netfilter is not loaded");
		return;
	}
	doctor_found(d, HEALTH_WARN, "net.bridge.bridge-nf-call-iptables is %s", now);
	doctor_cure(d, "host: {kernel: {sysctl: {net.bridge.bridge-nf-call-iptables: 0}}}; with "
		       "containers on bridges, see what they need first");
}

const struct check doctor_network[] = {
	{ "dns-port", "Networks can serve names",
		"One who listens on port 53 of every address keeps out the dnsmasq of a network.",
		look_dns_port },
	{ "dhcp-port", "Networks can serve addresses",
		"A DHCP server on port 67 of every address keeps out the dnsmasq of a network, or "
		"answers its guests.",
		look_dhcp_port },
	{ "bridge-filter", "Bridged packets are not filtered twice",
		"With br_netfilter what guests on one bridge send each other passes the host's "
		"FORWARD rules, and is often dropped there.",
		look_bridge_filter },
};
const size_t n_doctor_network = ARRAY_SIZE(doctor_network);
