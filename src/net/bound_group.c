/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/bound.h"
#include "config/type.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <net/if.h>

struct groups {
	struct arena *arena;
	struct bound *v;
	size_t n;
};

static void add(struct groups *g, int index, int family, const void *address)
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(family, address, text, sizeof(text));
	*ARENA_PUSH(g->arena, g->v, g->n) =
		(struct bound){ .index = index, .what = arena_strdup(g->arena, text) };
}

/* 224.0.0.0/24, and 239.255.255.250, by which programs of one house find each other. */
static bool of_one_link(struct in_addr group)
{
	uint32_t address = ntohl(group.s_addr);

	return address >> 8 == 0xe00000 || address == 0xeffffffa;
}

/* net/ipv4/igmp.c: a line of the interface, "2 eth0 : 2 V3"; after it its groups, as words of
 * memory. */
static void read_igmp(struct groups *g, char *text)
{
	struct in_addr group;
	int index = 0;
	char *line;

	while ((line = strsep(&text, "\n"))) {
		if (isdigit((unsigned char)*line))
			index = atoi(line);
		else if (sscanf(line, " %8x ", &group.s_addr) == 1 && index && !of_one_link(group))
			add(g, index, AF_INET, &group);
	}
}

/* RFC 4291, 2.7: the scope's four bits; 2 is the link's. ff0x::c is as 239.255.255.250. */
static bool of_one_link6(const struct in6_addr *group)
{
	static const uint8_t ssdp[14] = { [13] = 0x0c };

	return (group->s6_addr[1] & 0x0f) <= 2 || !memcmp(group->s6_addr + 2, ssdp, sizeof(ssdp));
}

/* net/ipv6/mcast.c: "2 eth0 ff020000000000000000000000000001 1 0000000C 0" */
static void read_igmp6(struct groups *g, char *text)
{
	char *line;

	while ((line = strsep(&text, "\n"))) {
		struct in6_addr group;
		char digits[33];
		int index;
		size_t i = 0;

		if (sscanf(line, "%d %*s %32[0-9a-f] ", &index, digits) != 2)
			continue;
		while (i < sizeof(group) && sscanf(digits + 2 * i, "%2hhx", &group.s6_addr[i]) == 1)
			i++;
		if (i == sizeof(group) && !of_one_link6(&group))
			add(g, index, AF_INET6, &group);
	}
}

void bound_groups_read(struct host *h, struct bound **v, size_t *n)
{
	_cleanup_free_ char *igmp = NULL, *igmp6 = NULL;
	struct groups g = { .arena = h->pass };

	if (file_read(h->root, "/proc/net/igmp", 1 << 24, &igmp, NULL) >= 0)
		read_igmp(&g, igmp);
	if (file_read(h->root, "/proc/net/igmp6", 1 << 24, &igmp6, NULL) >= 0)
		read_igmp6(&g, igmp6);
	*v = g.v;
	*n = g.n;
}

/* net/ipv4/ipmr.c, net/ipv6/ip6mr.c: a line with titles, then " 0 eth0  0 0 0 0 ..." */
bool multicast_routed(struct host *h, const char *link)
{
	static const char *const files[] = { "/proc/net/ip_mr_vif", "/proc/net/ip6_mr_vif" };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_free_ char *text = NULL;
		char *rest, *line, name[IFNAMSIZ];

		if (file_read(h->root, files[i], 1 << 20, &text, NULL) < 0)
			continue;
		rest = text;
		while ((line = strsep(&rest, "\n")))
			if (sscanf(line, " %*u %15s ", name) == 1 && streq(name, link))
				return true;
	}
	return false;
}
