/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sriov/vf_links.h"
#include "base/strmap.h"
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

struct vf_links {
	struct arena *arena; /* the pass's in which it was begun */
	struct vf_link **v;
	size_t n;
	struct strmap by_name;
};

/* Only those of cards: a host may have a thousand taps. */
static void add_link(const struct nlmsghdr *m, void *arg)
{
	struct vf_links *ls = arg;
	struct vf_link *l = vf_link_read(m, ls->arena);

	if (!l)
		return;
	*ARENA_PUSH(ls->arena, ls->v, ls->n) = l;
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
	if (r == -EMSGSIZE)
		error_cure(e, "a card has more VFs than this kernel can tell of at once: give it "
			      "fewer (`max_vfs`)");
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
	return mac_equal(permanent ? &l->permanent : &l->mac, mac);
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
