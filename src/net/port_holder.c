/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which process listens at a port: /proc/net/PROTOCOL has the socket's inode,
 * some /proc/PID/fd/N is a link to it. Costs a walk over all processes, so it
 * is for failures only.
 */
#include "net/dnsmasq.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <fcntl.h>

/* A listening TCP socket; a UDP socket that is not connected. include/net/tcp_states.h */
enum { STATE_LISTEN = 0x0a, STATE_OPEN = 0x07 };

struct row {
	struct ip ip;
	unsigned port, state;
	unsigned long inode;
};

/* "   0: 0100007F:0035 00000000:0000 0A ...": addresses are 32-bit words in host order. */
static bool parse_row(const char *line, bool six, struct row *out)
{
	char address[33];
	uint32_t word;

	if (sscanf(line, " %*u: %32[0-9A-F]:%x %*[0-9A-F]:%*x %x %*s %*s %*s %*u %*u %lu", address,
		    &out->port, &out->state, &out->inode) != 4)
		return false;
	out->ip = (struct ip){ .family = six ? AF_INET6 : AF_INET };
	for (size_t i = 0; i < (six ? 4u : 1u); i++) {
		if (sscanf(address + i * 8, "%8x", &word) != 1)
			return false;
		memcpy(out->ip.b + i * 4, &word, 4);
	}
	return true;
}

static bool in_the_way(const struct row *r, const struct list *addresses)
{
	static const uint8_t any[16];

	if (!memcmp(r->ip.b, any, r->ip.family == AF_INET ? 4 : 16))
		return true;
	for (size_t i = 0; i < addresses->n; i++) {
		const struct ip *own = &LIST_AT(addresses, struct cidr, i).ip;

		if (own->family == r->ip.family &&
			!memcmp(own->b, r->ip.b, own->family == AF_INET ? 4 : 16))
			return true;
	}
	return false;
}

static bool has_socket(int fds, unsigned long inode)
{
	_cleanup_free_ char *want = xprintf("socket:[%lu]", inode);
	_cleanup_free_ char **names = NULL;
	char target[64];
	size_t n = 0;

	if (file_list(fds, ".", &names, &n) < 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		ssize_t len = readlinkat(fds, names[i], target, sizeof(target) - 1);

		if (len < 0)
			continue;
		target[len] = '\0';
		if (streq(target, want))
			return true;
	}
	return false;
}

static void describe(struct host *h, const char *pid, struct port_holder *out)
{
	_cleanup_free_ char *comm = NULL, *cgroup = NULL;
	char path[64];
	char *rest, *line;

	out->pid = atoi(pid);
	snprintf(path, sizeof(path), "/proc/%.20s/comm", pid);
	if (file_read_line(h->root, path, &comm) >= 0)
		snprintf(out->name, sizeof(out->name), "%s", comm);
	snprintf(path, sizeof(path), "/proc/%.20s/cgroup", pid);
	if (file_read(h->root, path, 1 << 16, &cgroup, NULL) < 0)
		return;
	/* "0::/system.slice/dnsmasq.service"; with version 1 among other lines. */
	rest = cgroup;
	while ((line = strsep(&rest, "\n"))) {
		const char *unit = strrchr(line, '/');

		if (unit && (endswith(unit, ".service") || endswith(unit, ".socket")))
			snprintf(out->unit, sizeof(out->unit), "%s", unit + 1);
	}
}

/* Ours are bound to their bridges and in nobody's way. */
bool port_holder_of(struct host *h, unsigned long inode, struct port_holder *out)
{
	_cleanup_free_ char **pids = NULL;
	size_t n = 0;

	if (file_list(h->root, "/proc", &pids, &n) < 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		_cleanup_close_ int fds = -1;
		char path[64];

		if (!isdigit((unsigned char)*pids[i]))
			continue;
		snprintf(path, sizeof(path), "/proc/%.20s/fd", pids[i]);
		fds = file_open(h->root, path, O_RDONLY | O_DIRECTORY, 0);
		if (fds < 0 || !has_socket(fds, inode))
			continue;
		*out = (struct port_holder){ 0 };
		describe(h, pids[i], out);
		return !startswith(out->unit, NETWORK_UNIT_PREFIX);
	}
	return false;
}

static bool find_in(struct host *h, const char *table, uint16_t port, const struct list *addresses,
	struct port_holder *out)
{
	_cleanup_free_ char *path = xprintf("/proc/net/%s", table), *text = NULL;
	char *rest, *line;
	struct row row;

	if (file_read(h->root, path, 1 << 24, &text, NULL) < 0)
		return false;
	rest = text;
	while ((line = strsep(&rest, "\n"))) {
		if (!parse_row(line, endswith(table, "6"), &row) || row.port != port ||
			row.state != (*table == 't' ? STATE_LISTEN : STATE_OPEN) ||
			!in_the_way(&row, addresses) || !port_holder_of(h, row.inode, out))
			continue;
		inet_ntop(row.ip.family, row.ip.b, out->address, sizeof(out->address));
		return true;
	}
	return false;
}

bool port_holder_find(struct host *h, const char *protocol, uint16_t port,
	const struct list *addresses, struct port_holder *out)
{
	_cleanup_free_ char *six = xprintf("%s6", protocol);

	return find_in(h, protocol, port, addresses, out) || find_in(h, six, port, addresses, out);
}

static bool is_loopback(const struct ip *ip)
{
	return ip->family == AF_INET ? ntohl(ip->v4.s_addr) >> 24 == 127
				     : IN6_IS_ADDR_LOOPBACK(&ip->v6);
}

/* A socket of IPv6 may hear IPv4 too. */
uint16_t *ports_listening(struct host *h, struct arena *a, size_t *n)
{
	static const char *const tables[] = { "/proc/net/tcp", "/proc/net/tcp6" };
	uint16_t *v = NULL;

	*n = 0;
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		_cleanup_free_ char *text = NULL;
		char *rest, *line;
		struct row row;

		if (file_read(h->root, tables[i], 1 << 24, &text, NULL) < 0)
			continue;
		rest = text;
		while ((line = strsep(&rest, "\n"))) {
			bool known = false;

			if (!parse_row(line, i, &row) || row.state != STATE_LISTEN ||
				is_loopback(&row.ip))
				continue;
			for (size_t k = 0; k < *n; k++)
				known |= v[k] == row.port;
			if (!known)
				*ARENA_PUSH(a, v, *n) = (uint16_t)row.port;
		}
	}
	return v;
}
