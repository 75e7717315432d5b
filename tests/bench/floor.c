/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The floor: what the kernel itself asks for the work, with nothing between.
 *
 *   floor observe                    links, addresses, nat, filter and mangle
 *   floor observe nft                links, addresses, chains, rules and sets of nf_tables
 *   floor-guests observe guests FILE...
 *                                    links, addresses, tables, what systemd says of guests' units,
 *                                    and each of the files
 *   floor create  N [RULES] [MODE]   N bridges with an address, up, and their rules
 *   floor taps    N                  N taps in bridges, up; `destroy N group` takes them away
 *   floor destroy N [each|group]     take them away again
 *   floor pfs     ROOT               what a machine made of files has in PFs
 *   floor devices ROOT               all of its PCI functions
 *
 * RULES: none, min, nat (default) or full; nft-min, nft-nat, nft-full: the
 *        same by libnftables; nft-sets: a constant number of rules, one set
 *        element per network
 * MODE:  batch (default): every message in as few sends as fit, one
 *        acknowledgement; acked: one send and one acknowledgement each
 *
 * Prints microseconds per phase as JSON. Acts in the network namespace that it
 * is started in.
 */
#include "floor.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

void net_name(char name[16], int i)
{
	snprintf(name, 16, "bn%d", i);
}

uint32_t net_addr(int i)
{
	return htonl(10U << 24 | (100U + (unsigned)i / 250) << 16 | (unsigned)i % 250 << 8);
}

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double mark, total;

static void begin(const char *what, long n)
{
	printf("{\"what\":\"%s\",\"n\":%ld", what, n);
	mark = now_us();
}

static void phase(const char *name)
{
	double now = now_us();

	printf(",\"%s_us\":%.1f", name, now - mark);
	total += now - mark;
	mark = now_us();
}

static void end(void)
{
	printf(",\"total_us\":%.1f}\n", total);
}

static int observe(bool nft)
{
	unsigned long links, addrs, rules;
	int fd;

	begin("observe", 0);
	fd = link_socket();
	phase("open");
	links = link_dump(fd);
	phase("links");
	addrs = addr_dump(fd);
	phase("addrs");
	rules = nft ? nft_walk() : xt_walk();
	phase("rules");
	printf(",\"links\":%lu,\"addrs\":%lu,\"rules\":%lu", links, addrs, rules);
	end();
	return 0;
}

#ifdef FLOOR_GUESTS
/* systemd is asked first, as nothing else need wait for it. */
static int observe_guests(char *const *files)
{
	unsigned long links, addrs, rules, units, n_files;
	struct sd_bus *bus;
	int fd;

	begin("observe", 0);
	bus = units_ask();
	phase("ask");
	fd = link_socket();
	links = link_dump(fd);
	phase("links");
	addrs = addr_dump(fd);
	phase("addrs");
	rules = xt_walk();
	phase("rules");
	n_files = files_read(files);
	phase("files");
	units = units_count(bus);
	phase("units");
	printf(",\"links\":%lu,\"addrs\":%lu,\"rules\":%lu,\"units\":%lu,\"files\":%lu", links,
		addrs, rules, units, n_files);
	end();
	return 0;
}
#endif

static void forward(void)
{
	int fd = open("/proc/sys/net/ipv4/ip_forward", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "1\n", 2) != 2)
		die("ip_forward: %m");
	close(fd);
}

static bool rules_of(const char *word, enum floor_rules *rules, bool *nft)
{
	static const char *const words[] = {
		[FLOOR_NONE] = "none",
		[FLOOR_MIN] = "min",
		[FLOOR_NAT] = "nat",
		[FLOOR_FULL] = "full",
	};

	*nft = !strncmp(word, "nft-", 4);
	word += *nft ? 4 : 0;
	for (unsigned i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strcmp(word, words[i])) {
			*rules = (enum floor_rules)i;
			return true;
		}
	*rules = FLOOR_NAT;
	return *nft && !strcmp(word, "sets");
}

static int create(int n, const char *word, bool acked)
{
	enum floor_rules rules;
	bool nft;
	int fd;

	if (!rules_of(word, &rules, &nft))
		die("there are no rules `%s`", word);
	begin("create", n);
	fd = link_socket();
	link_create(fd, n, acked);
	phase("links");
	link_give_addresses(fd, n, acked);
	phase("addrs");
	forward();
	phase("forward");
	if (nft)
		nft_create(n, rules, !strcmp(word, "nft-sets"));
	else if (rules)
		xt_create(n, rules);
	phase("rules");
	end();
	return 0;
}

static int taps(int n)
{
	begin("taps", n);
	taps_create(link_socket(), n);
	phase("links");
	end();
	return 0;
}

static int destroy(int n, bool group)
{
	begin("destroy", n);
	link_destroy(link_socket(), n, group);
	phase("links");
	xt_destroy();
	phase("rules");
	end();
	return 0;
}

static int walk(const char *root, bool pfs_alone)
{
	unsigned long functions, nets;

	begin(pfs_alone ? "pfs" : "devices", 0);
	functions = pci_walk(root, pfs_alone);
	phase("pci");
	nets = net_walk(root);
	phase("nets");
	printf(",\"functions\":%lu,\"nets\":%lu", functions, nets);
	end();
	return 0;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "", *word = argc > 3 ? argv[3] : "";
	int n = argc > 2 ? atoi(argv[2]) : 0;

#ifdef FLOOR_GUESTS
	if (!strcmp(verb, "observe") && argc > 3)
		return observe_guests(argv + 3);
#endif
	if (!strcmp(verb, "observe"))
		return observe(argc > 2 && !strcmp(argv[2], "nft"));
	if (argc > 2 && (!strcmp(verb, "pfs") || !strcmp(verb, "devices")))
		return walk(argv[2], !strcmp(verb, "pfs"));
	if (!strcmp(verb, "create") && n > 0)
		return create(n, *word ? word : "nat", argc > 4 && !strcmp(argv[4], "acked"));
	if (!strcmp(verb, "taps") && n > 0)
		return taps(n);
	if (!strcmp(verb, "destroy") && n > 0 && !strncmp(word, "nft", 3))
		return nft_destroy(), 0;
	if (!strcmp(verb, "destroy") && n > 0)
		return destroy(n, !strcmp(word, "group"));
	fputs("usage: floor observe [nft] | observe guests FILE... | create N [RULES] "
	      "[batch|acked] | taps N | destroy N "
	      "[each|group|nft] | pfs ROOT | devices ROOT\n",
		stderr);
	return 2;
}
