/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A rule's matches to and from struct xt_entry_match; strict as fw_xt.c. */
#include "net/fw_xt.h"
#include <linux/netfilter/x_tables.h>
#include <linux/netfilter/xt_addrtype.h>
#include <linux/netfilter/xt_comment.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_tcpudp.h>

#define COMMENT_PREFIX "kvmhost:"
/* Revision 3 of the conntrack match (linux/netfilter/xt_conntrack.h), since Linux 2.6.39. */
#define CONNTRACK_REVISION 3
/* Revision 1 of the addrtype match, since Linux 2.6.24. */
#define ADDRTYPE_REVISION 1

static void ports_to(struct fw_ports p, uint16_t to[2])
{
	to[0] = p.min;
	to[1] = p.max || p.min ? p.max : UINT16_MAX;
}

static struct fw_ports ports_from(const uint16_t from[2])
{
	if (from[0] == 0 && from[1] == UINT16_MAX)
		return (struct fw_ports){ 0 };
	return (struct fw_ports){ from[0], from[1] };
}

static const struct xt_conntrack_mtinfo3 states[] = {
	[FW_ESTABLISHED] = {
		.match_flags = XT_CONNTRACK_STATE,
		.state_mask = XT_CONNTRACK_STATE_BIT(IP_CT_RELATED) |
			      XT_CONNTRACK_STATE_BIT(IP_CT_ESTABLISHED),
	},
	[FW_FORWARDED] = {
		.match_flags = XT_CONNTRACK_STATE,
		.state_mask = XT_CONNTRACK_STATE_DNAT,
	},
};

static const struct xt_addrtype_info_v1 to_local = { .dest = XT_ADDRTYPE_LOCAL };

static bool decode_state(const void *data, struct fw_rule *r)
{
	for (size_t s = FW_ESTABLISHED; s < ARRAY_SIZE(states); s++) {
		/* All its bytes, those between the members too, are what encode_matches() writes.
		 */
		const char *want = (const char *)&states[s];

		if (memcmp(data, want, sizeof(states[s])) != 0)
			continue;
		r->state = s;
		return true;
	}
	return false;
}

static bool decode_addrtype(const void *data, struct fw_rule *r)
{
	r->dst_local = !memcmp(data, &to_local, sizeof(to_local));
	return r->dst_local;
}

static bool decode_tcp(const struct xt_tcp *m, struct fw_rule *r)
{
	r->sport = ports_from(m->spts);
	r->dport = ports_from(m->dpts);
	return !m->option && !m->flg_mask && !m->flg_cmp && !m->invflags &&
	       r->protocol == IPPROTO_TCP;
}

static bool decode_udp(const struct xt_udp *m, struct fw_rule *r)
{
	r->sport = ports_from(m->spts);
	r->dport = ports_from(m->dpts);
	return !m->invflags && r->protocol == IPPROTO_UDP;
}

static bool decode_comment(const struct xt_comment_info *m, struct fw_texts *t, struct fw_rule *r)
{
	const char *owner = startswith(m->comment, COMMENT_PREFIX);

	if (!owner || !memchr(m->comment, 0, sizeof(m->comment)))
		return false;
	r->owner = fw_xt_text(t, 2, owner);
	return true;
}

static bool decode_match(
	const struct xt_entry_match *m, size_t len, struct fw_texts *t, struct fw_rule *r)
{
	const char *name = m->u.user.name;
	int revision = m->u.user.revision;

	len -= sizeof(*m);
	if (streq(name, "tcp") && !revision && len >= sizeof(struct xt_tcp))
		return decode_tcp((const void *)m->data, r);
	if (streq(name, "udp") && !revision && len >= sizeof(struct xt_udp))
		return decode_udp((const void *)m->data, r);
	if (streq(name, "comment") && !revision && len >= sizeof(struct xt_comment_info))
		return decode_comment((const void *)m->data, t, r);
	if (streq(name, "addrtype") && revision == ADDRTYPE_REVISION && len >= sizeof(to_local))
		return decode_addrtype(m->data, r);
	if (streq(name, "conntrack") && revision == CONNTRACK_REVISION && len >= sizeof(states[0]))
		return decode_state(m->data, r);
	return false;
}

bool fw_xt_decode_matches(const void *e, struct fw_texts *t, struct fw_rule *r)
{
	size_t at = fw_xt_head(t->family), end = fw_xt_target_offset(e, t->family);

	while (at + sizeof(struct xt_entry_match) <= end) {
		const struct xt_entry_match *m = (const void *)((const char *)e + at);
		size_t len = m->u.match_size;

		if (len < sizeof(*m) || len > end - at || !decode_match(m, len, t, r))
			return false;
		at += len;
	}
	return at == end;
}

struct writer {
	char *buf;
	size_t len;
};

static void *add_match(struct writer *w, const char *name, int revision, size_t size)
{
	struct xt_entry_match *m = (void *)(w->buf + w->len);

	m->u.match_size = (uint16_t)XT_ALIGN(sizeof(*m) + size);
	snprintf(m->u.user.name, sizeof(m->u.user.name), "%s", name);
	m->u.user.revision = (uint8_t)revision;
	w->len += m->u.match_size;
	return m->data;
}

static void encode_ports(struct writer *w, const struct fw_rule *r)
{
	if (!r->sport.max && !r->dport.max)
		return;
	if (r->protocol == IPPROTO_TCP) {
		struct xt_tcp *m = add_match(w, "tcp", 0, sizeof(*m));

		ports_to(r->sport, m->spts);
		ports_to(r->dport, m->dpts);
	} else {
		struct xt_udp *m = add_match(w, "udp", 0, sizeof(*m));

		ports_to(r->sport, m->spts);
		ports_to(r->dport, m->dpts);
	}
}

size_t fw_xt_encode_matches(char *buf, int family, const struct fw_rule *r)
{
	struct writer w = { buf, fw_xt_head(family) };

	encode_ports(&w, r);
	if (r->dst_local)
		memcpy(add_match(&w, "addrtype", ADDRTYPE_REVISION, sizeof(to_local)), &to_local,
			sizeof(to_local));
	if (r->state)
		memcpy(add_match(&w, "conntrack", CONNTRACK_REVISION, sizeof(states[0])),
			&states[r->state], sizeof(states[0]));
	if (r->owner) {
		struct xt_comment_info *c = add_match(&w, "comment", 0, sizeof(*c));

		snprintf(c->comment, sizeof(c->comment), COMMENT_PREFIX "%s", r->owner);
	}
	return w.len;
}
