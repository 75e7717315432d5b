/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables of ours in nf_tables, and Docker's chain that has rules of ours. Every transaction ends
 * with a message that names who made it. */
#include "base/arena.h"
#include "net/docker_user.h"
#include "net/nft_msg.h"
#include "net/watch.h"
#include <sys/socket.h>
#include <unistd.h>

#define OUR_TABLES "kvmhost"

enum {
	BUFFER = 32 << 10,
	RECEIVE = 1 << 20,
	/* The table's name is the first attribute of tables, chains, rules, sets and elements
	   alike. */
	ATTR_TABLE = NFTA_TABLE_NAME,
};
_Static_assert(NFTA_TABLE_NAME == 1 && NFTA_CHAIN_TABLE == 1 && NFTA_RULE_TABLE == 1 &&
		       NFTA_SET_TABLE == 1 && NFTA_SET_ELEM_LIST_TABLE == 1 && NFTA_OBJ_TABLE == 1,
	"linux/netfilter/nf_tables.h");

static const char *text_of(const struct nlmsghdr *m, int attribute)
{
	const struct nlattr *a =
		nlmsg_find_attr((struct nlmsghdr *)m, sizeof(struct nfgenmsg), attribute);

	return nft_text(a);
}

/* The chain comes, goes, or has other rules. */
static bool is_docker_user(const struct nlmsghdr *m)
{
	switch (NFNL_MSG_TYPE(m->nlmsg_type)) {
	case NFT_MSG_NEWCHAIN:
	case NFT_MSG_DELCHAIN: return streq(text_of(m, NFTA_CHAIN_NAME), DOCKER_USER);
	case NFT_MSG_NEWRULE:
	case NFT_MSG_DELRULE: return streq(text_of(m, NFTA_RULE_CHAIN), DOCKER_USER);
	default: return false;
	}
}

/* What the message is about, in words; NULL: nothing of ours. */
static const char *touched_by(const struct nlmsghdr *m)
{
	if (startswith(text_of(m, ATTR_TABLE), OUR_TABLES))
		return "table " OUR_TABLES;
	return is_docker_user(m) ? "chain " DOCKER_USER : NULL;
}

/* The end of a transaction: by whom it was. False: by this process. */
static bool by_others(
	const struct nlmsghdr *m, const char *touched, char what[static WATCH_WHAT_MAX])
{
	struct nlattr *tb[NFTA_GEN_MAX + 1];
	uint32_t pid = 0;

	if (nlmsg_parse((struct nlmsghdr *)m, sizeof(struct nfgenmsg), tb, NFTA_GEN_MAX, NULL) < 0)
		return true;
	if (tb[NFTA_GEN_PROC_PID])
		pid = ntohl(nla_get_u32(tb[NFTA_GEN_PROC_PID]));
	snprintf(what, WATCH_WHAT_MAX, "%s (pid %u) changed the nftables %s",
		tb[NFTA_GEN_PROC_NAME] ? nla_get_string(tb[NFTA_GEN_PROC_NAME]) : "a process", pid,
		touched);
	return pid != (uint32_t)getpid();
}

/* What the transaction whose end has not come yet has touched of ours; NULL: nothing. */
struct nft_watch {
	const char *touched;
};

static enum event nft_read(int fd, void *state, char what[static WATCH_WHAT_MAX])
{
	_cleanup_free_ char *buffer = xmalloc(BUFFER);
	struct nft_watch *w = state;
	enum event any = EVENT_NONE;

	for (;;) {
		ssize_t got = recv(fd, buffer, BUFFER, MSG_DONTWAIT);
		int left = (int)got;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == ENOBUFS) {
			snprintf(what, WATCH_WHAT_MAX, "a flood of firewall events");
			any = EVENT_GONE;
			continue;
		}
		if (got <= 0)
			return any;
		for (struct nlmsghdr *m = (struct nlmsghdr *)buffer; nlmsg_ok(m, left);
			m = nlmsg_next(m, &left)) {
			if (NFNL_MSG_TYPE(m->nlmsg_type) != NFT_MSG_NEWGEN) {
				w->touched = w->touched ? w->touched : touched_by(m);
			} else if (w->touched) {
				if (by_others(m, TAKE_PTR(w->touched), what))
					any = EVENT_GONE;
			}
		}
	}
}

static void nft_close(int fd, void *state)
{
	close(fd);
	free(state);
}

static int nft_open(void **state, struct error *e)
{
	static const int group = NFNLGRP_NFTABLES;
	struct sockaddr_nl any = { .nl_family = AF_NETLINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER), size = RECEIVE, r;

	if (fd >= 0) {
		setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
		if (bind(fd, (struct sockaddr *)&any, sizeof(any)) == 0 &&
			setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group,
				sizeof(group)) == 0) {
			struct nft_watch *w = xmalloc(sizeof(*w));

			*w = (struct nft_watch){ 0 };
			*state = w;
			return fd;
		}
	}
	r = -errno;
	if (fd >= 0)
		close(fd);
	return error_set(e, r, "cannot hear of changes of nftables tables: %s", strerror(-r));
}

const struct watch watch_nft = {
	.name = "nftables",
	.open = nft_open,
	.read = nft_read,
	.close = nft_close,
};
