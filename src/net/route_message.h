/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files about routes read of the kernel's messages (RTM_NEWROUTE, linux/rtnetlink.h). */
#ifndef KVMHOST_ROUTE_MESSAGE_H
#define KVMHOST_ROUTE_MESSAGE_H

#include "net/route.h"
#include <linux/rtnetlink.h>

/* Borrowed from the message; NULL where it has none. */
struct nlattr *route_attr(const struct nlmsghdr *m, int type);
/* 0: none. */
uint32_t route_number(const struct nlmsghdr *m, int type);
/* The one behind hop (NULL: the first) of RTA_MULTIPATH; NULL at its end. */
const struct rtnexthop *route_hop(struct nlattr *multipath, const struct rtnexthop *hop);
/* Its gateway; false: it has none of the route's family. */
bool route_hop_gateway(const struct route *r, const struct rtnexthop *hop, struct ip *out);
/* Seconds that it lasts, rounded up; 0: it has no end. */
uint32_t route_left(const struct nlmsghdr *m);
/* For people, in the arena. */
const char *route_words(struct arena *a, const struct nlmsghdr *m);
/* route_move.c: the message but for the attributes of a type; the caller frees it. */
struct nl_msg *route_copy_without(const struct nlmsghdr *m, int type);

#endif
