/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a link's message tells of VFs, also of so many that the length of their list wraps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sriov/vf_links.h"
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

const struct kind *const kinds[] = { &sriov_kind };
const size_t n_kinds = ARRAY_SIZE(kinds);
const struct table document_table = { 0 };

static const uint8_t card[6] = { 0x52, 0x54, 0, 0x1a, 0xb1, 1 };

static void put_u32_pair(struct nl_msg *m, int type, uint32_t vf, uint32_t value)
{
	uint32_t pair[] = { vf, value };

	netlink_put(m, type, pair, sizeof(pair));
}

/* As rtnl_fill_vfinfo() has it; stats: as kernels that know nothing of RTEXT_FILTER_SKIP_STATS do.
 */
static void put_vf(struct nl_msg *m, uint32_t i, bool stats)
{
	struct nlattr *info = netlink_nest(m, IFLA_VF_INFO), *list;
	struct ifla_vf_mac mac = { .vf = i, .mac = { 0x52, 0x54, 0, 0, i >> 8, i & 0xff } };
	struct ifla_vf_broadcast broadcast = { { 0xff } };
	struct ifla_vf_vlan vlan = { i, i % 4094, 0 };
	struct ifla_vf_vlan_info vlans = { i, i % 4094, 0, htons(0x8100) };
	struct ifla_vf_rate rate = { i, 0, i };
	uint64_t count = 0;

	netlink_put(m, IFLA_VF_MAC, &mac, sizeof(mac));
	netlink_put(m, IFLA_VF_BROADCAST, &broadcast, sizeof(broadcast));
	netlink_put(m, IFLA_VF_VLAN, &vlan, sizeof(vlan));
	netlink_put(m, IFLA_VF_RATE, &rate, sizeof(rate));
	put_u32_pair(m, IFLA_VF_TX_RATE, i, i);
	put_u32_pair(m, IFLA_VF_SPOOFCHK, i, 1);
	put_u32_pair(m, IFLA_VF_LINK_STATE, i, IFLA_VF_LINK_STATE_ENABLE);
	put_u32_pair(m, IFLA_VF_RSS_QUERY_EN, i, UINT32_MAX);
	put_u32_pair(m, IFLA_VF_TRUST, i, i % 2);
	list = netlink_nest(m, IFLA_VF_VLAN_LIST);
	netlink_put(m, IFLA_VF_VLAN_INFO, &vlans, sizeof(vlans));
	netlink_nest_end(m, list);
	list = stats ? netlink_nest(m, IFLA_VF_STATS) : NULL;
	for (int type = IFLA_VF_STATS_RX_PACKETS; list && type <= IFLA_VF_STATS_TX_DROPPED; type++)
		netlink_put(m, type, &count, sizeof(count));
	if (list)
		netlink_nest_end(m, list);
	netlink_nest_end(m, info);
}

/* The kernel's own end of a nest: what does not fit into the length is lost. */
static void end_list(struct nl_msg *m, struct nlattr *list)
{
	list->nla_len = (uint16_t)((char *)nlmsg_tail(nlmsg_hdr(m)) - (char *)list);
}

static struct nl_msg *message(uint32_t n, bool stats)
{
	struct ifinfomsg head = { .ifi_index = 7 };
	struct nl_msg *m = netlink_request_large(RTM_NEWLINK, 0, &head, sizeof(head), 1 << 20);
	struct nlattr *list;
	uint8_t up = 1;

	netlink_put_text(m, IFLA_IFNAME, "kvmt0");
	netlink_put(m, IFLA_ADDRESS, card, sizeof(card));
	netlink_put_u32(m, IFLA_NUM_VF, n);
	list = netlink_nest(m, IFLA_VFINFO_LIST);
	for (uint32_t i = 0; i < n; i++)
		put_vf(m, i, stats);
	end_list(m, list);
	netlink_put(m, IFLA_CARRIER, &up, sizeof(up));
	netlink_put(m, IFLA_PERM_ADDRESS, card, sizeof(card));
	return m;
}

static void check(uint32_t n, bool stats)
{
	_cleanup_arena_ struct arena *a = arena_new();
	struct nl_msg *m = message(n, stats);
	struct vf_link *l = vf_link_read(nlmsg_hdr(m), a);

	assert_non_null(l);
	assert_string_equal(l->name, "kvmt0");
	assert_int_equal(l->index, 7);
	assert_true(l->carrier); /* stands behind the list */
	assert_memory_equal(&l->mac, card, sizeof(card));
	assert_memory_equal(&l->permanent, card, sizeof(card));
	assert_int_equal(l->vfs.n, n);
	for (uint32_t i = 0; i < n; i++) {
		const struct vf *v = &LIST_AT(&l->vfs, struct vf, i);
		const uint8_t mac[] = { 0x52, 0x54, 0, 0, i >> 8, i & 0xff };

		assert_memory_equal(&v->mac, mac, sizeof(mac));
		assert_int_equal(v->vlan, i % 4094);
		assert_int_equal(v->max_rate, i * VF_RATE_UNIT);
		assert_true(v->spoof_check);
		assert_int_equal(v->trust, i % 2);
		assert_int_equal(v->link_state, IFLA_VF_LINK_STATE_ENABLE);
	}
	nlmsg_free(m);
}

static void test_few(void **state _unused_)
{
	check(1, false);
	check(7, true);
	check(128, true);
}

/* Each number about the two places where the length wraps, and one where it is too short to be one.
 */
static void test_many(void **state _unused_)
{
	for (uint32_t n = 190; n <= 380; n++) {
		check(n, false);
		check(n, true);
	}
	check(1024, false);
	check(1024, true);
}

/* What is asked for in the kernel's words is, told in the same words, what was asked for. */
static void test_written_and_read(void **state _unused_)
{
	static const struct vf all[] = {
		{ .mac = { { 0x52, 0x54, 0, 0x6d, 0x90, 2 } },
			.vlan = 42,
			.qos = 5,
			.protocol = 1,
			.spoof_check = true,
			.link_state = IFLA_VF_LINK_STATE_ENABLE,
			.min_rate = 100 * VF_RATE_UNIT,
			.max_rate = 500 * VF_RATE_UNIT },
		{ .mac = { { 0x52, 0x54, 0, 0x6d, 0x90, 3 } },
			.vlan = 4094,
			.trust = true,
			.link_state = IFLA_VF_LINK_STATE_DISABLE },
		{ .mac = { { 0x52, 0x54, 0, 0x6d, 0x90, 4 } },
			.vlan = 7,
			.max_rate = UINT32_MAX * VF_RATE_UNIT },
	};
	_cleanup_arena_ struct arena *a = arena_new();
	struct ifinfomsg head = { .ifi_index = 7 };
	struct nl_msg *m = netlink_request(RTM_NEWLINK, 0, &head, sizeof(head));
	struct nlattr *list;
	struct vf_link *l;

	netlink_put_text(m, IFLA_IFNAME, "kvmt0");
	netlink_put_u32(m, IFLA_NUM_VF, ARRAY_SIZE(all));
	list = netlink_nest(m, IFLA_VFINFO_LIST);
	for (unsigned i = 0; i < ARRAY_SIZE(all); i++)
		vf_put(m, i, &all[i], ~UINT64_C(0));
	netlink_nest_end(m, list);
	l = vf_link_read(nlmsg_hdr(m), a);
	assert_int_equal(l->vfs.n, ARRAY_SIZE(all));
	for (unsigned i = 0; i < ARRAY_SIZE(all); i++) {
		const struct vf *v = &LIST_AT(&l->vfs, struct vf, i);

		assert_memory_equal(&v->mac, &all[i].mac, sizeof(v->mac));
		assert_int_equal(v->vlan, all[i].vlan);
		assert_int_equal(v->qos, all[i].qos);
		assert_int_equal(v->protocol, all[i].protocol);
		assert_int_equal(v->spoof_check, all[i].spoof_check);
		assert_int_equal(v->trust, all[i].trust);
		assert_int_equal(v->link_state, all[i].link_state);
		assert_int_equal(v->min_rate, all[i].min_rate);
		assert_int_equal(v->max_rate, all[i].max_rate);
	}
	nlmsg_free(m);
}

/* A message that ends in the middle of its list is read as far as it goes. */
static void test_cut_off(void **state _unused_)
{
	_cleanup_arena_ struct arena *a = arena_new();
	struct nl_msg *m = message(400, true);
	uint32_t whole = nlmsg_hdr(m)->nlmsg_len;

	for (uint32_t len = whole - 1; len > 64; len -= 61) {
		nlmsg_hdr(m)->nlmsg_len = len;
		vf_link_read(nlmsg_hdr(m), a);
	}
	nlmsg_hdr(m)->nlmsg_len = whole;
	nlmsg_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_few),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_written_and_read),
		cmocka_unit_test(test_cut_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
