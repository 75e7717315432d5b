/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "floor.h"
#include <arpa/inet.h>
#include <dlfcn.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Loaded only when asked for: the other verbs shall not pay for linking it. */
static void run(const char *text)
{
	void *lib = dlopen("libnftables.so.1", RTLD_NOW);
	struct nft_ctx *c;

	if (!lib)
		die("%s", dlerror());
	__typeof__(nft_ctx_new) *ctx_new = dlsym(lib, "nft_ctx_new");
	__typeof__(nft_ctx_buffer_error) *buffer = dlsym(lib, "nft_ctx_buffer_error");
	__typeof__(nft_run_cmd_from_buffer) *cmd = dlsym(lib, "nft_run_cmd_from_buffer");
	__typeof__(nft_ctx_get_error_buffer) *why = dlsym(lib, "nft_ctx_get_error_buffer");
	__typeof__(nft_ctx_free) *ctx_free = dlsym(lib, "nft_ctx_free");

	c = ctx_new(NFT_CTX_DEFAULT);
	buffer(c);
	if (cmd(c, text))
		die("nft: %.300s", why(c));
	ctx_free(c);
}

static void add_sets(FILE *to, int n)
{
	static const char *const names[] = { "nets", "self", "bridges" };

	fputs("add set ip bench nets { type ipv4_addr; flags interval; }\n"
	      "add set ip bench self { type ipv4_addr . ifname; flags interval; }\n"
	      "add set ip bench bridges { type ifname; }\n"
	      "add rule ip bench post ip saddr @nets ip daddr != @nets masquerade\n"
	      "add rule ip bench forward ct state established,related accept\n"
	      "add rule ip bench forward ip saddr . iifname @self accept\n"
	      "add rule ip bench forward oifname @bridges reject\n"
	      "add rule ip bench forward iifname @bridges reject\n",
		to);
	for (int k = 0; k < 3; k++) {
		fprintf(to, "add element ip bench %s {", names[k]);
		for (int i = 0; i < n; i++) {
			struct in_addr a = { net_addr(i) };
			const char *comma = i ? "," : "";

			if (k == 0)
				fprintf(to, "%s %s/24", comma, inet_ntoa(a));
			else if (k == 1)
				fprintf(to, "%s %s/24 . bn%d", comma, inet_ntoa(a), i);
			else
				fprintf(to, "%s bn%d", comma, i);
		}
		fputs(" }\n", to);
	}
}

#define RULE(chain, fmt, ...) fprintf(to, "add rule ip bench " chain " " fmt "\n", __VA_ARGS__)

static void add_network(FILE *to, int i, enum floor_rules rules)
{
	struct in_addr a = { net_addr(i) };
	char net[24];

	snprintf(net, sizeof(net), "%s/24", inet_ntoa(a));
	if (rules >= FLOOR_NAT) {
		RULE("post", "ip saddr %s ip daddr 224.0.0.0/24 return", net);
		RULE("post", "ip saddr %s ip daddr 255.255.255.255 return", net);
		RULE("post",
			"ip saddr %s ip daddr != %s meta l4proto tcp masquerade to :1024-65535",
			net, net);
		RULE("post",
			"ip saddr %s ip daddr != %s meta l4proto udp masquerade to :1024-65535",
			net, net);
	}
	RULE("post", "ip saddr %s ip daddr != %s masquerade", net, net);
	RULE("forward", "ip daddr %s oifname bn%d ct state related,established accept", net, i);
	RULE("forward", "ip saddr %s iifname bn%d accept", net, i);
	RULE("forward", "iifname bn%d oifname bn%d accept", i, i);
	if (rules >= FLOOR_NAT) {
		RULE("forward", "oifname bn%d reject", i);
		RULE("forward", "iifname bn%d reject", i);
	}
	for (int k = 0; k < 2 && rules == FLOOR_FULL; k++) {
		RULE("input", "iifname bn%d udp dport %d accept", i, k ? 67 : 53);
		RULE("input", "iifname bn%d tcp dport %d accept", i, k ? 67 : 53);
		RULE("output", "oifname bn%d udp dport %d accept", i, k ? 68 : 53);
		RULE("output", "oifname bn%d tcp dport %d accept", i, k ? 68 : 53);
	}
}

void nft_create(int n, enum floor_rules rules, bool sets)
{
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	if (!to)
		die("out of memory");
	fputs("add table ip bench\n"
	      "add chain ip bench post { type nat hook postrouting priority 100; }\n"
	      "add chain ip bench forward { type filter hook forward priority 0; }\n"
	      "add chain ip bench input { type filter hook input priority 0; }\n"
	      "add chain ip bench output { type filter hook output priority 0; }\n",
		to);
	if (sets)
		add_sets(to, n);
	for (int i = 0; i < n && !sets; i++)
		add_network(to, i, rules);
	fclose(to);
	run(text);
	free(text);
}

void nft_destroy(void)
{
	run("add table ip bench\ndelete table ip bench\n");
}

/* ---- reading back, with no library between ---- */

struct request {
	struct nlmsghdr head;
	struct nfgenmsg gen;
	char attrs[256];
};

static void attr(struct request *r, int type, const char *text)
{
	struct nlattr *a = (void *)((char *)r + r->head.nlmsg_len);

	a->nla_type = (uint16_t)type;
	a->nla_len = (uint16_t)(NLA_HDRLEN + strlen(text) + 1);
	strcpy((char *)a + NLA_HDRLEN, text);
	r->head.nlmsg_len += NLA_ALIGN(a->nla_len);
}

static struct request request(int type, int family)
{
	return (struct request){
		.head = { .nlmsg_len = NLMSG_LENGTH(sizeof(struct nfgenmsg)),
			.nlmsg_type = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type),
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.gen = { .nfgen_family = (uint8_t)family },
	};
}

typedef void seen_fn(const struct nlmsghdr *h);

static unsigned long dump(int fd, struct request r, seen_fn *seen)
{
	static char in[1 << 16];
	unsigned long got = 0;

	if (send(fd, &r, r.head.nlmsg_len, 0) < 0)
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
			if (seen)
				seen(h);
			got++;
		}
	}
}

static struct {
	int family;
	char table[64], set[64];
} sets[64];
static int n_sets;

static void see_set(const struct nlmsghdr *h)
{
	const struct nfgenmsg *gen = NLMSG_DATA(h);
	const char *at = (const char *)(gen + 1), *end = (const char *)h + h->nlmsg_len;

	if (n_sets == 64)
		die("too many sets");
	sets[n_sets].family = gen->nfgen_family;
	for (; at < end; at += NLA_ALIGN(((const struct nlattr *)at)->nla_len)) {
		const struct nlattr *a = (const void *)at;

		if (a->nla_type == NFTA_SET_TABLE)
			snprintf(sets[n_sets].table, 64, "%s", at + NLA_HDRLEN);
		else if (a->nla_type == NFTA_SET_NAME)
			snprintf(sets[n_sets].set, 64, "%s", at + NLA_HDRLEN);
	}
	n_sets++;
}

unsigned long nft_walk(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	unsigned long got = dump(fd, request(NFT_MSG_GETCHAIN, 0), NULL);

	got += dump(fd, request(NFT_MSG_GETRULE, 0), NULL);
	got += dump(fd, request(NFT_MSG_GETSET, 0), see_set);
	for (int i = 0; i < n_sets; i++) {
		struct request r = request(NFT_MSG_GETSETELEM, sets[i].family);

		attr(&r, NFTA_SET_ELEM_LIST_TABLE, sets[i].table);
		attr(&r, NFTA_SET_ELEM_LIST_SET, sets[i].set);
		got += dump(fd, r, NULL);
	}
	return got;
}
