/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/policy.h"
#include "base/strbuf.h"
#include <arpa/inet.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

static struct nlattr *attr(const struct nlmsghdr *m, int type)
{
	return nlmsg_find_attr((struct nlmsghdr *)(uintptr_t)m, sizeof(struct fib_rule_hdr), type);
}

static uint32_t number(const struct nlmsghdr *m, int type)
{
	struct nlattr *at = attr(m, type);

	return at && nla_len(at) >= 4 ? nla_get_u32(at) : 0;
}

uint32_t policy_table(const struct policy *p)
{
	const struct fib_rule_hdr *head = nlmsg_data(p->message);
	uint32_t table = number(p->message, FRA_TABLE);

	return table ? table : head->table;
}

static void add_prefix(
	struct strbuf *out, const char *word, const struct nlmsghdr *m, int type, unsigned len)
{
	const struct fib_rule_hdr *head = nlmsg_data(m);
	char text[INET6_ADDRSTRLEN];
	struct nlattr *at = attr(m, type);

	if (at && inet_ntop(head->family, nla_data(at), text, sizeof(text)))
		sb_addf(out, " %s %s/%u", word, text, len);
}

static const char *describe(struct arena *a, const struct nlmsghdr *m)
{
	static const struct {
		const char *word;
		int type;
	} links[] = { { "iif", FRA_IIFNAME }, { "oif", FRA_OIFNAME } };
	const struct fib_rule_hdr *head = nlmsg_data(m);
	const struct policy p = { NULL, m };
	_cleanup_strbuf_ struct strbuf out = { 0 };

	sb_addf(&out, "%u:", number(m, FRA_PRIORITY));
	add_prefix(&out, "from", m, FRA_SRC, head->src_len);
	add_prefix(&out, "to", m, FRA_DST, head->dst_len);
	if (number(m, FRA_FWMARK))
		sb_addf(&out, " fwmark 0x%x", number(m, FRA_FWMARK));
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		if (attr(m, links[i].type))
			sb_addf(&out, " %s %s", links[i].word,
				nla_get_string(attr(m, links[i].type)));
	if (policy_table(&p))
		sb_addf(&out, " lookup %u", policy_table(&p));
	return arena_strdup(a, sb_str(&out));
}

bool policy_read(struct arena *a, const struct nlmsghdr *m, struct policy *out)
{
	const struct fib_rule_hdr *head = nlmsg_data(m);

	if (m->nlmsg_type != RTM_NEWRULE || nlmsg_datalen(m) < (int)sizeof(*head) ||
		(head->family != AF_INET && head->family != AF_INET6))
		return false;
	*out = (struct policy){ describe(a, m), m };
	return true;
}

bool policy_names(const struct policy *p, const char *link)
{
	struct nlattr *in = attr(p->message, FRA_IIFNAME), *out = attr(p->message, FRA_OIFNAME);

	return (in && streq(nla_get_string(in), link)) || (out && streq(nla_get_string(out), link));
}

bool policy_has_source(const struct policy *p, const struct cidr *c)
{
	const struct fib_rule_hdr *head = nlmsg_data(p->message);
	struct nlattr *at = attr(p->message, FRA_SRC);
	int len = c->ip.family == AF_INET ? 4 : 16;

	return at && head->family == c->ip.family && head->src_len == 8 * len &&
	       nla_len(at) == len && !memcmp(nla_data(at), c->ip.b, (size_t)len);
}

/* ---- reading ---- */

struct reader {
	struct arena *arena;
	struct policy *v;
	size_t n;
};

static void add(const struct nlmsghdr *m, void *arg)
{
	struct nlattr *by = m->nlmsg_type == RTM_NEWRULE ? attr(m, FRA_PROTOCOL) : NULL;
	struct reader *rd = arg;
	struct policy one;

	if (m->nlmsg_type != RTM_NEWRULE || (by && nla_get_u8(by) == RTPROT_KERNEL))
		return;
	if (policy_read(rd->arena, netlink_keep(rd->arena, m), &one))
		*ARENA_PUSH(rd->arena, rd->v, rd->n) = one;
}

static int read_family(struct nl *nl, struct reader *rd, int family, struct error *e)
{
	struct fib_rule_hdr head = { .family = (uint8_t)family };
	int r = netlink_dump_whole(nl, netlink_request(RTM_GETRULE, 0, &head, sizeof(head)), add,
		rd, &rd->n, "rules", e);

	if (r == -EOPNOTSUPP || r == -EAFNOSUPPORT) {
		error_clear(e);
		return 0; /* a kernel without tables to choose from */
	}
	return r;
}

int policies_read(struct nl *nl, struct arena *a, struct policy **v, size_t *n, struct error *e)
{
	struct reader rd = { .arena = a };
	int r = read_family(nl, &rd, AF_INET, e);

	if (r >= 0)
		r = read_family(nl, &rd, AF_INET6, e);
	if (r < 0)
		return r;
	*v = rd.v;
	*n = rd.n;
	return 0;
}

/* ---- writing ---- */

static struct nl_msg *request(
	const struct policy *p, int type, int flags, const char *from, const char *to)
{
	struct fib_rule_hdr head = *(struct fib_rule_hdr *)nlmsg_data(p->message);
	struct nl_msg *m;
	struct nlattr *at;
	int left;

	head.flags &= FIB_RULE_INVERT;
	m = netlink_request(type, flags, &head, sizeof(head));
	nlmsg_for_each_attr(at, (struct nlmsghdr *)(uintptr_t)p->message, sizeof(head), left)
	{
		int t = nla_type(at);

		if ((t == FRA_IIFNAME || t == FRA_OIFNAME) && streq(nla_get_string(at), from))
			netlink_put_text(m, t, to);
		else if (t != FRA_PAD)
			netlink_put(m, t, nla_data(at), (size_t)nla_len(at));
	}
	return m;
}

struct nl_msg *policy_add(const struct policy *p, const char *from, const char *to)
{
	return request(p, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, from, to);
}

struct nl_msg *policy_delete(const struct policy *p, const char *from, const char *to)
{
	return request(p, RTM_DELRULE, 0, from, to);
}

bool policy_same(
	const struct policy *a, const char *link_a, const struct policy *b, const char *link_b)
{
	struct nl_msg *x = policy_add(a, link_a, "x"), *y = policy_add(b, link_b, "x");
	const struct nlmsghdr *hx = nlmsg_hdr(x), *hy = nlmsg_hdr(y);
	bool same = hx->nlmsg_len == hy->nlmsg_len &&
		    !memcmp(nlmsg_data(hx), nlmsg_data(hy), (size_t)nlmsg_datalen(hx));

	nlmsg_free(x);
	nlmsg_free(y);
	return same;
}
