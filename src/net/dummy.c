/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kind `dummy`: a link that leads nowhere, for addresses that are always there. */
#include "net/link_kind.h"
#include "net/manager.h"

struct dummy {
	struct obj obj;
	int64_t mtu;
	struct mac mac;
	struct link_state state;
};

static const struct field dummy_fields[] = {
	FIELD_INT(struct dummy, mtu, 68, 65535, .example = "1500",
		.doc = "Largest packet in bytes. Left out, 1500."),
	FIELD_VALUE(struct dummy, mac, struct mac, type_mac, .example = "\"52:54:00:6d:90:50\"",
		.doc = "Its address. Left out, one by chance."),
};

const struct table dummy_table = TABLE(struct dummy, dummy_fields, .key = &type_ifname,
	.key_word = "LINK",
	.doc = "Links that lead nowhere, by interface name: ports that keep a bridge up where "
	       "no card is, or stand-ins for one.");

const struct link_kind dummy_link = {
	.kind = &dummy_kind,
	.type = "dummy",
	.driver = "dummy",
	.state = offsetof(struct dummy, state),
};

const struct kind dummy_kind = {
	.name = "dummy",
	.table = &dummy_table,
	.claims = "link",
	.recreate_costs = DISRUPT_LINK,
	.undo = true,
	.derive = manager_imply,
	.observe = link_kind_observe,
	.diff = link_kind_diff,
	.apply = link_kind_apply,
	.owned = links_owned,
};
