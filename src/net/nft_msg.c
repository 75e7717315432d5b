/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/nft_msg.h"
#include "net/attributes.h"
#include <sys/socket.h>

/* The kernel fills at most 32 KiB of a dump at once. */
#define RECV_MAX ((size_t)64 << 10)
/* A batch is one send, whatever its size, and each of its messages may be refused. */
#define SOCKET_BUFFER (64 << 20)

/* ---- building ---- */

void nft_buf_free(struct nft_buf *b)
{
	free(b->b);
	*b = (struct nft_buf){ 0 };
}

static void *add(struct nft_buf *b, size_t n)
{
	size_t padded = NLMSG_ALIGN(n), at = b->len;

	if (b->len + padded > b->cap) {
		b->cap = 2 * (b->len + padded) + 4096;
		b->b = xrealloc(b->b, b->cap);
	}
	memset(b->b + at, 0, padded);
	b->len += padded;
	return b->b + at;
}

static struct nlmsghdr *header(const struct nft_buf *b)
{
	return (void *)(b->b + b->message);
}

static void close_message(struct nft_buf *b)
{
	if (b->len > b->message)
		header(b)->nlmsg_len = (uint32_t)(b->len - b->message);
}

static void begin(struct nft_buf *b, int type, int flags, int family, uint16_t resource)
{
	struct {
		struct nlmsghdr head;
		struct nfgenmsg gen;
	} * m;

	close_message(b);
	b->message = b->len;
	m = add(b, sizeof(*m));
	m->head.nlmsg_type = (uint16_t)type;
	m->head.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	m->gen.nfgen_family = (uint8_t)family;
	m->gen.version = NFNETLINK_V0;
	m->gen.res_id = htons(resource);
}

void nft_message(struct nft_buf *b, int type, int flags, int family)
{
	begin(b, NFNL_SUBSYS_NFTABLES << 8 | type, flags, family, 0);
}

void nft_put(struct nft_buf *b, int type, const void *data, size_t len)
{
	struct nlattr *a = add(b, NLA_HDRLEN + len);

	a->nla_type = (uint16_t)type;
	a->nla_len = (uint16_t)(NLA_HDRLEN + len);
	if (len)
		memcpy((char *)a + NLA_HDRLEN, data, len);
}

void nft_put_text(struct nft_buf *b, int type, const char *text)
{
	nft_put(b, type, text, strlen(text) + 1);
}

void nft_put_u32(struct nft_buf *b, int type, uint32_t host_order)
{
	uint32_t v = htonl(host_order);

	nft_put(b, type, &v, sizeof(v));
}

size_t nft_nest(struct nft_buf *b, int type)
{
	size_t at = b->len;

	nft_put(b, type | NLA_F_NESTED, NULL, 0);
	return at;
}

void nft_nest_end(struct nft_buf *b, size_t nest)
{
	((struct nlattr *)(b->b + nest))->nla_len = (uint16_t)(b->len - nest);
}

void nft_batch(struct nft_buf *b, uint32_t generation)
{
	begin(b, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	nft_put_u32(b, NFNL_BATCH_GENID, generation);
}

/* ---- the socket ---- */

struct nft_socket {
	int fd;
	uint32_t seq;
	char *in;
};

static void socket_close(void *data)
{
	struct nft_socket *s = data;

	close(s->fd);
	free(s->in);
	free(s);
}

static int socket_open(struct host *h _unused_, void **data, struct error *e)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER), r;
	const struct sockaddr_nl self = { .nl_family = AF_NETLINK };
	struct nft_socket *s;
	int on = 1, size = SOCKET_BUFFER;

	if (fd < 0 || bind(fd, (const struct sockaddr *)&self, sizeof(self)) < 0) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return error_set(e, r, "cannot open a netfilter socket: %s", strerror(-r));
	}
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	/* An error need not repeat the request. */
	setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	s = xmalloc(sizeof(*s));
	*s = (struct nft_socket){ .fd = fd, .in = xmalloc(RECV_MAX) };
	*data = s;
	return 0;
}

static const struct handle socket_handle = {
	.name = "nf_tables",
	.open = socket_open,
	.close = socket_close,
};

int nft_socket_get(struct host *h, struct nft_socket **s, struct error *e)
{
	void *data;
	int r = host_handle(h, &socket_handle, &data, e);

	if (r >= 0)
		*s = data;
	return r;
}

/* Gives each message a number and sends all at once; the number of the first. */
static int send_all(struct nft_socket *s, struct nft_buf *b, uint32_t *first)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	ssize_t n;

	close_message(b);
	*first = s->seq + 1;
	for (size_t at = 0; at < b->len;) {
		struct nlmsghdr *m = (void *)(b->b + at);

		m->nlmsg_seq = ++s->seq;
		at += NLMSG_ALIGN(m->nlmsg_len);
	}
	do
		n = sendto(
			s->fd, b->b, b->len, 0, (const struct sockaddr *)&kernel, sizeof(kernel));
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* All answers but the rest of a dump are queued before send(2) returns: nothing is waited for. */
static ssize_t receive(struct nft_socket *s)
{
	ssize_t n;

	do
		n = recv(s->fd, s->in, RECV_MAX, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static int error_of(const struct nlmsghdr *m)
{
	return ((const struct nlmsgerr *)nlmsg_data(m))->error;
}

int nft_ask(struct nft_socket *s, struct nft_buf *b, nft_fn *fn, void *arg)
{
	bool interrupted = false;
	uint32_t first;
	int r = send_all(s, b, &first);

	b->len = b->message = 0;
	while (r >= 0) {
		ssize_t n = receive(s);
		int left = (int)n;

		if (n < 0)
			return n == -EAGAIN ? -EPROTO : (int)n;
		for (struct nlmsghdr *m = (void *)s->in; nlmsg_ok(m, left);
			m = nlmsg_next(m, &left)) {
			if (m->nlmsg_seq - first > s->seq - first)
				continue;
			interrupted |= m->nlmsg_flags & NLM_F_DUMP_INTR;
			if (m->nlmsg_type == NLMSG_ERROR)
				return error_of(m);
			if (m->nlmsg_type == NLMSG_DONE)
				return interrupted ? -EINTR : 0;
			fn(m, arg);
		}
	}
	return r;
}

struct elements {
	nft_element_fn *fn;
	void *arg;
};

static void see_elements(const struct nlmsghdr *m, void *arg)
{
	struct nlattr *tb[NFTA_SET_ELEM_LIST_MAX + 1], *one;
	const struct elements *x = arg;
	int left;

	nft_attributes(m, tb, NFTA_SET_ELEM_LIST_MAX);
	if (tb[NFTA_SET_ELEM_LIST_ELEMENTS])
		nla_for_each_nested(one, tb[NFTA_SET_ELEM_LIST_ELEMENTS], left) x->fn(one, x->arg);
}

int nft_ask_elements(struct nft_socket *s, int family, const char *table, const char *set,
	nft_element_fn *fn, void *arg)
{
	_cleanup_nft_buf_ struct nft_buf b = { 0 };
	struct elements x = { fn, arg };

	nft_message(&b, NFT_MSG_GETSETELEM, NLM_F_DUMP, family);
	nft_put_text(&b, NFTA_SET_ELEM_LIST_TABLE, table);
	nft_put_text(&b, NFTA_SET_ELEM_LIST_SET, set);
	return nft_ask(s, &b, see_elements, &x);
}

/* What the message number seq of the batch was. */
static int type_of(const struct nft_buf *b, uint32_t seq)
{
	for (size_t at = 0; at < b->len;) {
		const struct nlmsghdr *m = (const void *)(b->b + at);

		if (m->nlmsg_seq == seq)
			return NFNL_MSG_TYPE(m->nlmsg_type);
		at += NLMSG_ALIGN(m->nlmsg_len);
	}
	return -1;
}

int nft_commit(struct nft_socket *s, struct nft_buf *b, int *type)
{
	uint32_t first, last;
	bool acked = false;
	int r, code = 0;
	ssize_t n;

	header(b)->nlmsg_flags |= NLM_F_ACK;
	begin(b, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	r = send_all(s, b, &first);
	last = s->seq - 1;
	if (r < 0)
		return r;
	while ((n = receive(s)) > 0) {
		int left = (int)n;

		for (struct nlmsghdr *m = (void *)s->in; nlmsg_ok(m, left);
			m = nlmsg_next(m, &left)) {
			if (m->nlmsg_type != NLMSG_ERROR || m->nlmsg_seq < first)
				continue;
			acked |= m->nlmsg_seq == last;
			if (!error_of(m) || code)
				continue;
			code = error_of(m);
			*type = type_of(b, m->nlmsg_seq);
		}
	}
	return code ? code : acked ? 0 : -EPROTO;
}

void nft_ask_generation(struct nft_buf *b)
{
	nft_message(b, NFT_MSG_GETGEN, 0, AF_UNSPEC);
}

bool nft_is_generation(const struct nlmsghdr *m, uint32_t *out)
{
	struct nlattr *tb[NFTA_GEN_MAX + 1];

	if (NFNL_MSG_TYPE(m->nlmsg_type) != NFT_MSG_NEWGEN)
		return false;
	nft_attributes(m, tb, NFTA_GEN_MAX);
	*out = nft_u32(tb[NFTA_GEN_ID]);
	return true;
}

/* ---- comments: "TYPE LENGTH TEXT" ---- */

#define UDATA_COMMENT 0

void nft_put_comment(struct nft_buf *b, int type, const char *text)
{
	char udata[2 + 256] = { UDATA_COMMENT };
	size_t n = text ? strlen(text) + 1 : 0;

	if (!n || n > 255)
		return;
	udata[1] = (char)n;
	memcpy(udata + 2, text, n);
	nft_put(b, type, udata, n + 2);
}

const char *nft_comment(const struct nlattr *userdata)
{
	const uint8_t *p = userdata ? nla_data(userdata) : NULL;
	size_t n = userdata ? (size_t)nla_len(userdata) : 0;

	return n >= 3 && p[0] == UDATA_COMMENT && p[1] == n - 2 && !p[n - 1] ? (const char *)p + 2
									     : NULL;
}

/* ---- reading ---- */

void nft_attributes(const struct nlmsghdr *m, struct nlattr **tb, int max)
{
	attributes_of(m, sizeof(struct nfgenmsg), tb, max);
}

uint32_t nft_u32(const struct nlattr *a)
{
	return a && nla_len(a) >= 4 ? ntohl(nla_get_u32(a)) : 0;
}

const char *nft_text(const struct nlattr *a)
{
	return a && nla_len(a) && memchr(nla_data(a), 0, (size_t)nla_len(a)) ? nla_data(a) : "";
}
