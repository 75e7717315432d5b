/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Netlink's attributes by their type. As nla_parse() of libnl without a policy,
 * in one loop without calls: a plan takes thousands of messages apart.
 */
#ifndef KVMHOST_ATTRIBUTES_H
#define KVMHOST_ATTRIBUTES_H

#include <netlink/attr.h>
#include <netlink/msg.h>
#include <string.h>

/* The last one of each type up to max; NULL where there is none. What is cut off is none. */
static inline void attributes_at(const char *at, size_t left, struct nlattr **tb, int max)
{
	memset(tb, 0, ((size_t)max + 1) * sizeof(*tb));
	while (left >= NLA_HDRLEN) {
		struct nlattr *a = (struct nlattr *)(uintptr_t)at;
		size_t size = NLA_ALIGN(a->nla_len);

		if (a->nla_len < NLA_HDRLEN || a->nla_len > left)
			return;
		if ((a->nla_type & NLA_TYPE_MASK) <= max)
			tb[a->nla_type & NLA_TYPE_MASK] = a;
		if (size >= left)
			return;
		at += size;
		left -= size;
	}
}

static inline void attributes_nested(const struct nlattr *nest, struct nlattr **tb, int max)
{
	attributes_at((const char *)nest + NLA_HDRLEN, nest->nla_len - (size_t)NLA_HDRLEN, tb, max);
}

/* head: the size of the message's fixed part. */
static inline void attributes_of(const struct nlmsghdr *m, size_t head, struct nlattr **tb, int max)
{
	size_t before = NLMSG_HDRLEN + NLMSG_ALIGN(head);

	attributes_at((const char *)m + before, m->nlmsg_len > before ? m->nlmsg_len - before : 0,
		tb, max);
}

#endif
