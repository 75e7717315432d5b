/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/firewall.h"
#include "net/links.h"
#include "reconcile/ahead.h"
#include "reconcile/record.h"

/* Some twenty networks: with fewer a thread costs what it saves. */
#define RECORD_WORTH_IT (4 << 10)

static void look_at_links(struct host *h)
{
	const struct links *links;

	links_get(h, &links, NULL);
}

static void look_at_firewall(struct host *h)
{
	const struct fw_view *views;

	fw_views_get(h, &views, NULL);
}

void network_look_ahead(struct host *h)
{
	static const struct ahead_part parts[] = {
		{ &links_handle, look_at_links },
		{ &fw_views_handle, look_at_firewall },
	};

	if (h->live && record_size(h) >= RECORD_WORTH_IT)
		ahead_begin(h, parts, ARRAY_SIZE(parts));
}
