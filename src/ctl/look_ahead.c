/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every plan looks at, links and firewall, and what is one file a guest is looked at by a
 * thread while the document is read, where there is enough of it by the record.
 */
#include "ctl/ctl.h"
#include "net/firewall.h"
#include "net/links.h"
#include "reconcile/ahead.h"
#include "reconcile/record.h"
#include "runner/guest_ahead.h"

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

void ctl_look_ahead(struct host *h)
{
	static const struct ahead_part parts[] = {
		{ &links_handle, look_at_links },
		{ &fw_views_handle, look_at_firewall },
		{ &guest_ahead_handle, guest_look_ahead },
	};

	if (h->live && record_size(h) >= RECORD_WORTH_IT)
		ahead_begin(h, parts, ARRAY_SIZE(parts));
}
