/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "floor.h"
#include <arpa/inet.h>
#include <dlfcn.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <stdlib.h>

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
