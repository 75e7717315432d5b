/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What answered before the first network step must answer after the last one,
 * or the network goes back. What did not answer before proves nothing.
 */
#include "net/probe.h"
#include "base/log.h"
#include "base/stop.h"
#include "net/ping.h"
#include <linux/rtnetlink.h>
#include <time.h>

enum {
	BEFORE_MSEC = 1000,
	AFTER_STEP_MSEC = 1000,
};
#define TIMEOUT_DEFAULT (30 * USEC_PER_SEC)

struct probe {
	bool gateways; /* those of now, whoever they are; else `v` */
	bool family[2]; /* of gateways: IPv4 and IPv6 answered before */
	struct ping *v;
	size_t n;
	uint64_t timeout;
	char *before; /* who answered, for words */
};

struct gateways {
	struct ping *v;
	size_t n;
};

static void add(struct gateways *g, int family, const void *bytes, int link)
{
	struct ping p = { .ip.family = family, .link = link };

	memcpy(p.ip.b, bytes, family == AF_INET ? 4 : 16);
	/* Only a link-local address needs to be told where it is. */
	if (family == AF_INET || !IN6_IS_ADDR_LINKLOCAL(&p.ip.v6))
		p.link = 0;
	for (size_t i = 0; i < g->n; i++)
		if (g->v[i].link == p.link && g->v[i].ip.family == family &&
			memcmp(g->v[i].ip.b, p.ip.b, sizeof(p.ip.b)) == 0)
			return;
	g->v = xrealloc(g->v, (g->n + 1) * sizeof(*g->v));
	g->v[g->n++] = p;
}

static void add_hops(struct gateways *g, int family, struct nlattr *hops)
{
	struct rtnexthop *hop = nla_data(hops);
	int left = nla_len(hops);

	for (; RTNH_OK(hop, left); left -= NLMSG_ALIGN(hop->rtnh_len), hop = RTNH_NEXT(hop)) {
		struct nlattr *via = nla_find((struct nlattr *)RTNH_DATA(hop),
			(int)(hop->rtnh_len - sizeof(*hop)), RTA_GATEWAY);

		if (via)
			add(g, family, nla_data(via), hop->rtnh_ifindex);
	}
}

static void on_route(const struct nlmsghdr *m, void *arg)
{
	const struct rtmsg *head = nlmsg_data(m);
	struct nlattr *tb[RTA_MAX + 1];

	if (m->nlmsg_type != RTM_NEWROUTE || head->rtm_dst_len || head->rtm_type != RTN_UNICAST ||
		head->rtm_flags & RTM_F_CLONED ||
		nlmsg_parse((struct nlmsghdr *)m, sizeof(*head), tb, RTA_MAX, NULL) < 0)
		return;
	if (tb[RTA_TABLE] && nla_get_u32(tb[RTA_TABLE]) != RT_TABLE_MAIN)
		return;
	if (tb[RTA_GATEWAY])
		add(arg, head->rtm_family, nla_data(tb[RTA_GATEWAY]),
			tb[RTA_OIF] ? (int)nla_get_u32(tb[RTA_OIF]) : 0);
	if (tb[RTA_MULTIPATH])
		add_hops(arg, head->rtm_family, tb[RTA_MULTIPATH]);
}

/* A gateway that an interrupted dump missed would not be asked; one twice is one. */
static int find_of_family(struct nl *nl, struct gateways *g, unsigned char family, struct error *e)
{
	struct rtmsg head = { .rtm_family = family };
	int r = 1;

	for (int try = 0; r > 0 && try < NL_DUMP_TRIES; try++)
		r = netlink_dump(
			nl, netlink_request(RTM_GETROUTE, 0, &head, sizeof(head)), on_route, g, e);
	return MIN_OF(r, 0);
}

static int find_gateways(struct nl *nl, struct gateways *g, struct error *e)
{
	int r = find_of_family(nl, g, AF_INET, e);

	return r < 0 ? r : find_of_family(nl, g, AF_INET6, e);
}

static char *names(const struct ping *v, size_t n, bool answered)
{
	struct strbuf out = { 0 };
	char *text;

	for (size_t i = 0; i < n; i++) {
		if (v[i].answered != answered)
			continue;
		sb_add(&out, out.len ? ", " : "");
		ip_format(&v[i].ip, &out);
	}
	text = xstrdup(sb_str(&out));
	sb_free(&out);
	return text;
}

static void probe_free(void *state)
{
	struct probe *p = state;

	free(p->v);
	free(p->before);
	free(p);
}

/* Of what is asked after the change only what answered now. */
static void keep_answered(struct probe *p)
{
	size_t n = 0;

	p->before = names(p->v, p->n, true);
	for (size_t i = 0; i < p->n; i++) {
		if (!p->v[i].answered)
			continue;
		p->family[p->v[i].ip.family == AF_INET6] = true;
		p->v[n++] = p->v[i];
	}
	p->n = n;
}

static struct probe *wanted(const struct rollback *r)
{
	const struct ip *first = r && r->probe.n ? r->probe.v : NULL;
	struct probe *p;

	if (first && !first->family && first->b[0] == PROBE_NONE)
		return NULL;
	p = xmalloc(sizeof(*p));
	*p = (struct probe){ .gateways = !first || !first->family,
		.timeout = r && r->timeout ? r->timeout : TIMEOUT_DEFAULT };
	for (size_t i = 0; !p->gateways && i < r->probe.n; i++) {
		struct gateways g = { p->v, p->n };
		const struct ip *ip = &LIST_AT(&r->probe, struct ip, i);

		add(&g, ip->family, ip->b, 0);
		p->v = g.v;
		p->n = g.n;
	}
	return p;
}

static int ask_before(struct nl *nl, struct probe *p, struct error *e)
{
	struct gateways g = { 0 };
	int r = p->gateways ? find_gateways(nl, &g, e) : 0;

	if (p->gateways) {
		p->v = g.v;
		p->n = g.n;
	}
	if (r < 0 || !p->n)
		return r;
	r = ping_all(nl, p->v, p->n, BEFORE_MSEC, e);
	if (r >= 0 && (size_t)r < p->n) {
		_cleanup_free_ char *silent = names(p->v, p->n, false);

		log_notice(
			"%s %s did not answer before the change, so its silence will prove nothing",
			p->gateways ? "the gateway" : "the probe", silent);
	}
	return r;
}

static int probe_begin(struct host *h, const void *document, void **state, struct error *e)
{
	struct probe *p = h->live ? wanted(document_rollback(document)) : NULL;
	struct nl *nl;
	int r;

	*state = NULL;
	if (!p)
		return 0;
	r = netlink_get(h, &nl, e);
	if (r >= 0)
		r = ask_before(nl, p, e);
	if (r >= 0)
		keep_answered(p);
	if (r < 0 || !p->n)
		probe_free(p);
	else
		*state = p;
	return r < 0 ? r : 0;
}

/* Of each family that had one, one of the gateways of now. */
static int gateways_answer(struct nl *nl, const struct probe *p, unsigned milliseconds)
{
	struct gateways g = { 0 };
	bool family[2] = { false, false };
	int r = find_gateways(nl, &g, NULL);

	if (r >= 0 && g.n)
		ping_all(nl, g.v, g.n, milliseconds, NULL);
	for (size_t i = 0; i < g.n; i++)
		family[g.v[i].ip.family == AF_INET6] |= g.v[i].answered;
	free(g.v);
	return (family[0] || !p->family[0]) && (family[1] || !p->family[1]);
}

static bool answer(struct nl *nl, struct probe *p, unsigned milliseconds)
{
	if (p->gateways)
		return gateways_answer(nl, p, milliseconds);
	return ping_all(nl, p->v, p->n, milliseconds, NULL) == (int)p->n;
}

static int lost(const struct probe *p, struct error *e)
{
	_cleanup_free_ char *silent = p->gateways ? NULL : names(p->v, p->n, false);

	if (p->gateways)
		error_set(e, -EHOSTUNREACH,
			"after the change no gateway answers any more, by ARP or by ping, for %llu "
			"s "
			"(before it did: %s)",
			(unsigned long long)(p->timeout / USEC_PER_SEC), p->before);
	else
		error_set(e, -EHOSTUNREACH, "after the change %s did not answer for %llu s", silent,
			(unsigned long long)(p->timeout / USEC_PER_SEC));
	return error_cure(e, "look at ports, addressing and VLANs of what changed; host.rollback "
			     "says who is asked and how long");
}

static uint64_t now_usec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * USEC_PER_SEC + (uint64_t)t.tv_nsec / 1000;
}

static int probe_still(struct host *h, void *state, struct error *e)
{
	/* Where there is no gateway (yet), there is nobody whose answer could be waited for. */
	const struct timespec pause = { .tv_nsec = 100 * 1000 * 1000 };
	struct probe *p = state;
	uint64_t end = now_usec() + p->timeout;
	struct nl *nl;
	int r = netlink_get(h, &nl, e);

	if (r < 0)
		return r;
	while (!answer(nl, p, AFTER_STEP_MSEC)) {
		if (stop_asked())
			return -EINTR;
		if (now_usec() >= end)
			return lost(p, e);
		nanosleep(&pause, NULL);
	}
	return 0;
}

const struct guard network_guard = {
	.begin = probe_begin,
	.still = probe_still,
	.end = probe_free,
};
