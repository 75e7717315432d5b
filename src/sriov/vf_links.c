/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sriov/vf_links.h"
#include "base/strmap.h"
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

struct vf_links {
	struct arena *arena; /* the pass's in which it was begun */
	struct vf_link **v;
	size_t n;
	struct strmap by_name;
};

/* Not reported: not set. The kernel fills in -1 for what the driver leaves alone. */
static void take_bool(struct vf *v, enum vf_row row, bool *member, uint32_t setting)
{
	if (setting == UINT32_MAX)
		return;
	*member = setting != 0;
	v->obj.set |= VF_BIT(row);
}

/* Behind the common head of all: the VF's number and the value. */
static bool setting(struct nlattr *a, uint32_t *out)
{
	const struct ifla_vf_trust *s = a ? nla_data(a) : NULL;

	if (!s || nla_len(a) < (int)sizeof(*s))
		return false;
	*out = s->setting;
	return true;
}

static void take_vlan(struct vf *v, struct nlattr *plain, struct nlattr *list)
{
	const struct ifla_vf_vlan *one = plain ? nla_data(plain) : NULL;
	const struct ifla_vf_vlan_info *info = NULL;
	struct nlattr *a;
	int left;

	if (list)
		nla_for_each_nested(a, list, left) if (!info && nla_len(a) >= (int)sizeof(*info))
			info = nla_data(a);
	if (!one && !info)
		return;
	v->vlan = info ? info->vlan : one->vlan;
	v->qos = info ? info->qos : one->qos;
	v->protocol = info && info->vlan_proto == htons(ETH_P_8021AD);
	v->obj.set |= VF_BIT(VF_VLAN) | VF_BIT(VF_QOS) | VF_BIT(VF_PROTOCOL);
}

static void take_rates(struct vf *v, struct nlattr *a)
{
	const struct ifla_vf_rate *rate = a ? nla_data(a) : NULL;

	if (!rate)
		return;
	v->min_rate = (uint64_t)rate->min_tx_rate * VF_RATE_UNIT;
	v->max_rate = (uint64_t)rate->max_tx_rate * VF_RATE_UNIT;
	v->obj.set |= VF_BIT(VF_MIN_RATE) | VF_BIT(VF_MAX_RATE);
}

static void add_vf(struct vf_link *l, struct nlattr *info)
{
	static const uint8_t none[sizeof(struct mac)];
	struct nlattr *tb[IFLA_VF_MAX + 1];
	const struct ifla_vf_mac *mac;
	struct vf *v;
	uint32_t s;

	if (nla_parse_nested(tb, IFLA_VF_MAX, info, NULL) < 0 || !tb[IFLA_VF_MAC])
		return;
	mac = nla_data(tb[IFLA_VF_MAC]);
	if (mac->vf >= l->vfs.n)
		return;
	v = &LIST_AT(&l->vfs, struct vf, mac->vf);
	/* All zeros: its driver is to make one up. */
	if (memcmp(mac->mac, none, sizeof(v->mac)) != 0) {
		memcpy(&v->mac, mac->mac, sizeof(v->mac));
		v->obj.set |= VF_BIT(VF_MAC);
	}
	take_vlan(v, tb[IFLA_VF_VLAN], tb[IFLA_VF_VLAN_LIST]);
	take_rates(v, tb[IFLA_VF_RATE]);
	if (setting(tb[IFLA_VF_SPOOFCHK], &s))
		take_bool(v, VF_SPOOF_CHECK, &v->spoof_check, s);
	if (setting(tb[IFLA_VF_TRUST], &s))
		take_bool(v, VF_TRUST, &v->trust, s);
	if (setting(tb[IFLA_VF_LINK_STATE], &s) && s <= IFLA_VF_LINK_STATE_DISABLE) {
		v->link_state = (int)s;
		v->obj.set |= VF_BIT(VF_LINK_STATE);
	}
}

static void add_vfs(struct vf_links *ls, struct vf_link *l, uint32_t n, struct nlattr *list)
{
	struct nlattr *info;
	int left;

	l->vfs = (struct list){ arena_alloc(ls->arena, n * sizeof(struct vf)), n };
	for (uint32_t i = 0; i < n; i++)
		obj_init(&LIST_AT(&l->vfs, struct vf, i), &vf_table,
			arena_printf(ls->arena, "%u", i));
	nla_for_each_nested(info, list, left) add_vf(l, info);
}

static void take_mac(struct mac *to, struct nlattr *a)
{
	if (a && nla_len(a) == sizeof(*to))
		memcpy(to, nla_data(a), sizeof(*to));
}

/* Only those of cards: a host may have a thousand taps. */
static bool has_card(struct nlattr **tb)
{
	return tb[IFLA_IFNAME] && !tb[IFLA_LINKINFO];
}

static void add_link(const struct nlmsghdr *m, void *arg)
{
	const struct ifinfomsg *head = nlmsg_data(m);
	struct nlattr *tb[IFLA_MAX + 1];
	struct vf_links *ls = arg;
	struct vf_link *l;
	uint32_t n;

	if (m->nlmsg_type != RTM_NEWLINK ||
		nlmsg_parse((struct nlmsghdr *)m, sizeof(*head), tb, IFLA_MAX, NULL) < 0 ||
		!has_card(tb))
		return;
	l = arena_alloc(ls->arena, sizeof(*l));
	*ARENA_PUSH(ls->arena, ls->v, ls->n) = l;
	l->name = arena_strdup(ls->arena, nla_get_string(tb[IFLA_IFNAME]));
	l->index = head->ifi_index;
	l->up = head->ifi_flags & IFF_UP;
	l->carrier = tb[IFLA_CARRIER] && nla_get_u8(tb[IFLA_CARRIER]);
	take_mac(&l->mac, tb[IFLA_ADDRESS]);
	take_mac(&l->permanent, tb[IFLA_PERM_ADDRESS]);
	n = tb[IFLA_NUM_VF] ? nla_get_u32(tb[IFLA_NUM_VF]) : 0;
	if (n && tb[IFLA_VFINFO_LIST])
		add_vfs(ls, l, n, tb[IFLA_VFINFO_LIST]);
	strmap_put(&ls->by_name, l->name, l);
}

static struct nl_msg *request(void)
{
	struct ifinfomsg head = { .ifi_family = AF_UNSPEC };
	struct nl_msg *m = netlink_request(RTM_GETLINK, 0, &head, sizeof(head));

	netlink_put_u32(m, IFLA_EXT_MASK, RTEXT_FILTER_VF | RTEXT_FILTER_SKIP_STATS);
	return m;
}

static int links_open(struct host *h _unused_, void **data, struct error *e _unused_)
{
	struct vf_links *ls = xmalloc(sizeof(*ls));

	*ls = (struct vf_links){ 0 };
	*data = ls;
	return 0;
}

static void forget(void *data)
{
	struct vf_links *ls = data;

	strmap_free(&ls->by_name);
	*ls = (struct vf_links){ 0 };
}

static void links_close(void *data)
{
	forget(data);
	free(data);
}

static const struct handle links_handle = {
	.name = "links of PFs",
	.open = links_open,
	.forget = forget,
	.close = links_close,
};

static int load(struct host *h, struct vf_links *ls, struct error *e)
{
	struct nl *nl;
	int r = netlink_get(h, &nl, e);

	if (r < 0)
		return r;
	r = 1;
	for (int try = 0; r > 0 && try < NL_DUMP_TRIES; try++) {
		forget(ls);
		ls->arena = h->pass;
		r = netlink_dump(nl, request(), add_link, ls, e);
	}
	if (r > 0)
		r = error_set(e, -EAGAIN, "links change faster than they can be read (%d tries)",
			NL_DUMP_TRIES);
	if (r < 0)
		forget(ls);
	return r;
}

static int get(struct host *h, const struct vf_links **out, struct error *e)
{
	static const struct vf_links none;
	struct vf_links *ls;
	void *data;
	int r;

	*out = &none;
	if (!h->live)
		return 0;
	r = host_handle(h, &links_handle, &data, e);
	if (r < 0)
		return r;
	ls = data;
	if (!ls->arena && (r = load(h, ls, e)) < 0)
		return r;
	*out = ls;
	return 0;
}

int vf_link_get(struct host *h, const char *name, const struct vf_link **out, struct error *e)
{
	const struct vf_links *ls;
	int r = get(h, &ls, e);

	if (r >= 0)
		*out = strmap_get(&ls->by_name, name);
	return r;
}

static bool is_at(const struct vf_link *l, const struct mac *mac, bool permanent)
{
	return memcmp(permanent ? &l->permanent : &l->mac, mac, sizeof(*mac)) == 0;
}

/* The card's own first: a bond gives its ports one address in common. */
int vf_link_by_mac(
	struct host *h, const struct mac *mac, const struct vf_link **out, struct error *e)
{
	const struct vf_links *ls;
	int r = get(h, &ls, e);

	if (r < 0)
		return r;
	*out = NULL;
	for (int permanent = 1; permanent >= 0; permanent--)
		for (size_t i = 0; i < ls->n && !*out; i++)
			if (is_at(ls->v[i], mac, permanent))
				*out = ls->v[i];
	return 0;
}

void vf_links_forget(struct host *h)
{
	void *data;

	if (host_handle(h, &links_handle, &data, NULL) >= 0)
		forget(data);
}
