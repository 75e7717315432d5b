/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel tells of changes: in pieces, and so much at once that some of it is lost. */
#include "fixture.h"
#include "net/nft_msg.h"
#include "net/watch.h"
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

struct heard {
	const struct watch *watch;
	void *state;
	int fd;
	char what[WATCH_WHAT_MAX];
};

static void listen_to(struct heard *h, const struct watch *w)
{
	struct error e = { 0 };

	*h = (struct heard){ .watch = w };
	h->fd = w->open(&h->state, &e);
	assert_true(h->fd >= 0);
	assert_null(e.text);
}

static void stop(struct heard *h)
{
	h->watch->close(h->fd, h->state);
}

/* All that comes until nothing has come for a moment. */
static enum event hear(struct heard *h)
{
	struct pollfd p = { h->fd, POLLIN, 0 };
	enum event worst = EVENT_NONE, event;
	char what[WATCH_WHAT_MAX];

	while (poll(&p, 1, 100) > 0)
		if ((event = h->watch->read(h->fd, h->state, what)) > worst) {
			worst = event;
			memcpy(h->what, what, sizeof(what));
		}
	return worst;
}

/* The receive buffer has room for some of it alone. */
static void after_a_flood_links_are_known_as_before(void **state _unused_)
{
	struct heard h;
	int small = 4096;

	sh("ip link add b0 type bridge; ip link set b0 alias kvmhost:bridge/b0; "
	   "ip address add 10.0.0.1/24 dev b0");
	listen_to(&h, &watch_route);
	hear(&h);
	assert_int_equal(setsockopt(h.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	sh("for i in $(seq 50); do ip link add d$i type veth peer name e$i; done; ip link add b1 "
	   "type bridge; "
	   "ip link set b1 alias kvmhost:bridge/b1; ip address add 10.0.1.1/24 dev b1");
	assert_int_equal(hear(&h), EVENT_GONE);
	assert_string_equal(h.what, "a flood of network events");
	sh("ip address del 10.0.1.1/24 dev b1");
	assert_int_equal(hear(&h), EVENT_GONE);
	assert_string_equal(h.what, "the address 10.0.1.1/24 went from b1");
	sh("ip link del d50");
	assert_int_equal(hear(&h), EVENT_GONE);
	assert_string_equal(h.what, "the link d50 went");
	sh("ip address del 10.0.0.1/24 dev b0");
	assert_int_equal(hear(&h), EVENT_GONE);
	stop(&h);
}

static void tell(int to, int type, int attribute, const void *data, size_t len)
{
	struct nfgenmsg head = { .nfgen_family = AF_INET, .version = NFNETLINK_V0 };
	struct nl_msg *m = nlmsg_alloc();

	assert_non_null(nlmsg_put(m, 0, 0, NFNL_SUBSYS_NFTABLES << 8 | type, 0, 0));
	assert_int_equal(nlmsg_append(m, &head, sizeof(head), NLMSG_ALIGNTO), 0);
	assert_int_equal(nla_put(m, attribute, (int)len, data), 0);
	assert_int_equal(
		send(to, nlmsg_hdr(m), nlmsg_hdr(m)->nlmsg_len, 0), nlmsg_hdr(m)->nlmsg_len);
	nlmsg_free(m);
}

/* The kernel sends one message after the other, and the reader may be faster. */
static void a_transaction_may_come_in_pieces(void **state _unused_)
{
	const char *table = "kvmhost", *theirs = "theirs";
	uint32_t pid = htonl(1);
	struct heard h;
	int v[2];

	listen_to(&h, &watch_nft);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, v), 0);
	tell(v[1], NFT_MSG_DELRULE, NFTA_RULE_TABLE, table, strlen(table) + 1);
	assert_int_equal(watch_nft.read(v[0], h.state, h.what), EVENT_NONE);
	tell(v[1], NFT_MSG_NEWGEN, NFTA_GEN_PROC_PID, &pid, sizeof(pid));
	assert_int_equal(watch_nft.read(v[0], h.state, h.what), EVENT_GONE);
	assert_string_equal(h.what, "a process (pid 1) changed the nftables table kvmhost");
	tell(v[1], NFT_MSG_DELRULE, NFTA_RULE_TABLE, theirs, strlen(theirs) + 1);
	tell(v[1], NFT_MSG_NEWGEN, NFTA_GEN_PROC_PID, &pid, sizeof(pid));
	assert_int_equal(watch_nft.read(v[0], h.state, h.what), EVENT_NONE);
	close(v[0]);
	close(v[1]);
	stop(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(after_a_flood_links_are_known_as_before, fixture_reset),
		cmocka_unit_test_setup(a_transaction_may_come_in_pieces, fixture_reset),
	};

	return FIXTURE_RUN(tests);
}
