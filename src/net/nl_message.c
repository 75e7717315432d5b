/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Making requests. Out of memory ends the process: half of a request must not be sent. */
#include "net/nl.h"

static void no_memory(void)
{
	fputs("out of memory\n", stderr);
	exit(71);
}

struct nl_msg *netlink_request_large(int type, int flags, const void *head, size_t len, size_t max)
{
	struct nl_msg *m = nlmsg_alloc_size(max);

	if (!m || !nlmsg_put(m, NL_AUTO_PORT, NL_AUTO_SEQ, type, 0, NLM_F_REQUEST | flags) ||
		nlmsg_append(m, (void *)head, len, NLMSG_ALIGNTO) < 0)
		no_memory();
	return m;
}

struct nl_msg *netlink_request(int type, int flags, const void *head, size_t len)
{
	return netlink_request_large(type, flags, head, len, (size_t)getpagesize());
}

void netlink_put(struct nl_msg *m, int type, const void *data, size_t len)
{
	if (nla_put(m, type, (int)len, data) < 0)
		no_memory();
}

void netlink_put_u32(struct nl_msg *m, int type, uint32_t v)
{
	netlink_put(m, type, &v, sizeof(v));
}

void netlink_put_text(struct nl_msg *m, int type, const char *text)
{
	netlink_put(m, type, text, strlen(text) + 1);
}

struct nlattr *netlink_nest(struct nl_msg *m, int type)
{
	struct nlattr *nest = nla_nest_start(m, type);

	if (!nest)
		no_memory();
	return nest;
}

void netlink_nest_end(struct nl_msg *m, struct nlattr *nest)
{
	/* nla_nest_end() drops an empty nest, which here would be a missing attribute. */
	nla_nest_end_keep_empty(m, nest);
}

const struct nlmsghdr *netlink_keep(struct arena *a, const struct nlmsghdr *m)
{
	void *copy = arena_alloc(a, m->nlmsg_len);

	memcpy(copy, m, m->nlmsg_len);
	return copy;
}
