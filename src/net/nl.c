/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/nl.h"
#include <linux/rtnetlink.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <sys/socket.h>

/* Below the send buffer, above any single message; the kernel copies it whole. */
#define NL_SEND_MAX ((size_t)128 << 10)
/* The kernel fills at most 32 KiB of a dump at once, but for a link that takes more; see grow(). */
#define NL_RECV_USUAL ((size_t)64 << 10)
#define NL_RECV_MAX ((size_t)64 << 20)
#define NL_BUFFER (8 << 20)

struct nl {
	struct nl_sock *sock;
	int fd;
	uint32_t seq; /* of the last message made */
	uint32_t first; /* of calls[0] */
	struct netlink_call *calls;
	size_t n_calls, cap_calls;
	char *out;
	size_t len;
	size_t last; /* offset of the last queued message */
	char *in;
	size_t in_size;
};

static int open_socket(struct nl *nl)
{
	int on = 1, size = NL_BUFFER, r;

	nl->sock = nl_socket_alloc();
	if (!nl->sock)
		return -ENOMEM;
	r = nl_connect(nl->sock, NETLINK_ROUTE);
	if (r < 0)
		return errno ? -errno : -EPROTO;
	nl->fd = nl_socket_get_fd(nl->sock);
	/* Best effort: without CAP_NET_ADMIN there is nothing to write, hence little to receive. */
	setsockopt(nl->fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	setsockopt(nl->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(nl->fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	/* The error need not repeat the request. */
	setsockopt(nl->fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	return 0;
}

static void nl_close_(void *data)
{
	struct nl *nl = data;

	nl_socket_free(nl->sock);
	free(nl->calls);
	free(nl->out);
	free(nl->in);
	free(nl);
}

static int nl_open(struct host *h _unused_, void **data, struct error *e)
{
	struct nl *nl = xmalloc(sizeof(*nl));
	int r;

	*nl = (struct nl){ .fd = -1 };
	r = open_socket(nl);
	if (r < 0) {
		nl_close_(nl);
		return error_set(e, r, "cannot open a netlink socket: %s", strerror(-r));
	}
	nl->out = xmalloc(NL_SEND_MAX);
	nl->in_size = NL_RECV_USUAL;
	nl->in = xmalloc(nl->in_size);
	*data = nl;
	return 0;
}

static const struct handle nl_handle = {
	.name = "netlink",
	.open = nl_open,
	.close = nl_close_,
};

int netlink_get(struct host *h, struct nl **nl, struct error *e)
{
	void *data;
	int r = host_handle(h, &nl_handle, &data, e);

	if (r >= 0)
		*nl = data;
	return r;
}

/* Puts the message behind those that wait, with the next number. */
static void append(struct nl *nl, struct nl_msg *m)
{
	struct nlmsghdr *head = nlmsg_hdr(m);
	size_t len = NLMSG_ALIGN(head->nlmsg_len);

	head->nlmsg_seq = ++nl->seq;
	memcpy(nl->out + nl->len, head, head->nlmsg_len);
	memset(nl->out + nl->len + head->nlmsg_len, 0, len - head->nlmsg_len);
	nl->last = nl->len;
	nl->len += len;
	nlmsg_free(m);
}

void netlink_queue(struct nl *nl, struct nl_msg *m, struct netlink_call call)
{
	if (nl->len + NLMSG_ALIGN(nlmsg_hdr(m)->nlmsg_len) > NL_SEND_MAX)
		netlink_flush(nl);
	if (nl->n_calls == nl->cap_calls) {
		nl->cap_calls = nl->cap_calls ? nl->cap_calls * 2 : 64;
		nl->calls = xrealloc(nl->calls, nl->cap_calls * sizeof(*nl->calls));
	}
	append(nl, m);
	if (!nl->n_calls)
		nl->first = nl->seq;
	nl->calls[nl->n_calls++] = call;
}

/* The kernel's sentence, or NULL. */
static const char *extack(const struct nlmsghdr *m)
{
	const struct nlmsgerr *err = nlmsg_data(m);
	size_t at = sizeof(*err);
	struct nlattr *tb[NLMSGERR_ATTR_MAX + 1];

	if (!(m->nlmsg_flags & NLM_F_ACK_TLVS))
		return NULL;
	if (!(m->nlmsg_flags & NLM_F_CAPPED))
		at += NLMSG_ALIGN(err->msg.nlmsg_len) - NLMSG_HDRLEN;
	if (NLMSG_HDRLEN + at > m->nlmsg_len)
		return NULL;
	if (nla_parse(tb, NLMSGERR_ATTR_MAX, (struct nlattr *)((char *)nlmsg_data(m) + at),
		    (int)(m->nlmsg_len - NLMSG_HDRLEN - at), NULL) < 0 ||
		!tb[NLMSGERR_ATTR_MSG])
		return NULL;
	return nla_get_string(tb[NLMSGERR_ATTR_MSG]);
}

static void fail(const struct netlink_call *c, int code, const char *words)
{
	if (!c->e || c->e->code)
		return;
	if (words)
		error_set(c->e, code, "cannot %s %s: %s (%s)", c->what, c->name, words,
			strerror(-code));
	else
		error_set(c->e, code, "cannot %s %s: %s", c->what, c->name, strerror(-code));
	if (code == -EPERM)
		error_cure(c->e, "run it as root");
}

static struct netlink_call *call_of(struct nl *nl, const struct nlmsghdr *m)
{
	uint32_t at = m->nlmsg_seq - nl->first;

	return at < nl->n_calls ? &nl->calls[at] : NULL;
}

static void answer(struct nl *nl, const struct nlmsghdr *m)
{
	const struct netlink_call *c = call_of(nl, m);
	const struct nlmsgerr *err = nlmsg_data(m);

	if (c && m->nlmsg_type == NLMSG_ERROR && err->error && -err->error != c->ignore)
		fail(c, err->error, extack(m));
}

/* No answer came for what is still open: nobody may take that for success. */
static void fail_all(struct nl *nl, int code)
{
	for (size_t i = 0; i < nl->n_calls; i++)
		fail(&nl->calls[i], code, "no answer from the kernel");
}

/*
 * All answers are queued before send(2) returns, so nothing is waited for: an
 * empty socket before the last answer means that answers were lost.
 * Longer than in_size: the rest of it is lost.
 */
static ssize_t receive(struct nl *nl)
{
	ssize_t n;

	do
		n = recv(nl->fd, nl->in, nl->in_size, MSG_DONTWAIT | MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -EPROTO : -errno;
	return n;
}

static int send_all(struct nl *nl)
{
	ssize_t n;

	do
		n = send(nl->fd, nl->out, nl->len, 0);
	while (n < 0 && errno == EINTR);
	nl->len = 0;
	return n < 0 ? -errno : 0;
}

static int exchange(struct nl *nl)
{
	uint32_t last = nl->seq;
	int r = send_all(nl);

	while (r >= 0) {
		ssize_t n = receive(nl);
		int left = (int)MIN_OF(n, (ssize_t)nl->in_size);

		if (n < 0)
			return (int)n;
		for (struct nlmsghdr *m = (void *)nl->in; nlmsg_ok(m, left);
			m = nlmsg_next(m, &left)) {
			answer(nl, m);
			if (m->nlmsg_seq == last && m->nlmsg_type == NLMSG_ERROR)
				return 0;
		}
	}
	return r;
}

void netlink_flush(struct nl *nl)
{
	int r;

	if (!nl->n_calls)
		return;
	((struct nlmsghdr *)(nl->out + nl->last))->nlmsg_flags |= NLM_F_ACK;
	r = exchange(nl);
	if (r < 0)
		fail_all(nl, r);
	nl->n_calls = 0;
}

/* 1: go on, 0: it ended well, negative: it failed. */
static int dump_one(const struct nlmsghdr *m, netlink_dump_fn *fn, void *arg)
{
	if (m->nlmsg_type == NLMSG_DONE)
		return nlmsg_datalen(m) >= 4 ? MIN_OF(*(int *)nlmsg_data(m), 0) : 0;
	if (m->nlmsg_type == NLMSG_ERROR)
		return ((struct nlmsgerr *)nlmsg_data(m))->error;
	fn(m, arg);
	return 1;
}

/*
 * What did not fit was one link, whose message is as long as it has VFs: room
 * for the next try. To ask for each length beforehand would double the calls.
 */
static int grow(struct nl *nl, size_t size)
{
	if (size > NL_RECV_MAX)
		return -EMSGSIZE;
	nl->in = xrealloc(nl->in, size);
	nl->in_size = size;
	return 0;
}

int netlink_dump(
	struct nl *nl, struct nl_msg *request, netlink_dump_fn *fn, void *arg, struct error *e)
{
	bool interrupted = false;
	size_t needed = 0;
	int r;

	netlink_flush(nl);
	nlmsg_hdr(request)->nlmsg_flags |= NLM_F_DUMP;
	append(nl, request);
	r = send_all(nl);
	if (r >= 0)
		r = 1;
	while (r > 0) {
		ssize_t n = receive(nl);
		int left = (int)MIN_OF(n, (ssize_t)nl->in_size);

		if (n < 0)
			r = (int)n;
		else
			needed = MAX_OF(needed, (size_t)n);
		for (struct nlmsghdr *m = (void *)nl->in; r > 0 && nlmsg_ok(m, left);
			m = nlmsg_next(m, &left)) {
			if (m->nlmsg_seq != nl->seq)
				continue;
			interrupted |= m->nlmsg_flags & NLM_F_DUMP_INTR;
			r = dump_one(m, fn, arg);
		}
	}
	/* The end may have been in what was lost. */
	if (needed > nl->in_size && (r >= 0 || r == -EPROTO)) {
		interrupted = true;
		r = grow(nl, needed);
	}
	if (r < 0)
		return error_set(
			e, r, "cannot read links and addresses from the kernel: %s", strerror(-r));
	return interrupted;
}

int netlink_dump_whole(struct nl *nl, struct nl_msg *m, netlink_dump_fn *fn, void *arg, size_t *n,
	const char *what, struct error *e)
{
	size_t before = *n;
	int r = 1;

	for (int try = 0; r > 0 && try < NL_DUMP_TRIES; try++) {
		*n = before;
		nlmsg_get(m);
		r = netlink_dump(nl, m, fn, arg, e);
	}
	nlmsg_free(m);
	return r > 0 ? error_set(e, -EAGAIN, "%s change faster than they can be read", what) : r;
}
