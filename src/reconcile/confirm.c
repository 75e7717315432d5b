/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reconcile/confirm.h"
#include "base/log.h"
#include "base/stop.h"
#include "reconcile/apply.h"
#include "reconcile/generation.h"
#include "reconcile/record.h"
#include "reconcile/status.h"
#include "reconcile/undo.h"

int confirm_nothing(struct error *e)
{
	error_set(e, -ENOENT, "no change waits to be confirmed");
	return error_cure(e, "kvmhostctl status tells what the last apply came to");
}

static int put_back(struct host *h, const char *document, const char *reason, struct error *e)
{
	int back, r;

	stop_defer();
	back = undo_replay(h, e);
	/* A device, say; of us it means that there is something to wait for. */
	if (back == -EBUSY)
		return e->code = -EIO;
	if (back < 0)
		return back;
	generation_drop_aside(h);
	if (*document)
		apply_hold(h, document, reason);
	r = record_save(h, e);
	if (r >= 0)
		r = status_confirmed(h, false, e);
	return r < 0 ? r : back;
}

int confirm_recover(struct host *h, struct error *e)
{
	char document[65];
	uint64_t until;
	int r;

	if (!undo_pending(h))
		return 0;
	r = undo_awaited(h, document, &until, e);
	if (r < 0)
		return r;
	if (until > h->uptime()) {
		error_set(e, -EBUSY, "the last apply waits %llu s more to be confirmed",
			(unsigned long long)(until - h->uptime()));
		return error_cure(e, "kvmhostctl confirm keeps its changes, kvmhostctl revert puts "
				     "them back");
	}
	r = put_back(h, document,
		!r      ? "it was cut off while it was applied"
		: until ? "nobody confirmed it in time"
			: "the machine was rebooted before anybody confirmed it",
		e);
	if (r >= 0)
		log_notice("an earlier apply was cut off; put back: %d resource%s", r,
			plural((size_t)r));
	return r;
}

int confirm_accept(struct host *h, struct error *e)
{
	char document[65];
	uint64_t until;
	int r;

	if (!undo_pending(h))
		return confirm_nothing(e);
	r = undo_awaited(h, document, &until, e);
	if (r < 0)
		return r;
	if (until <= h->uptime())
		return error_set(e, -ETIME, "too late: the change is being put back");
	stop_defer();
	r = undo_commit(h, e);
	if (r >= 0)
		r = generation_accept_aside(h, document, e);
	return r < 0 ? r : status_confirmed(h, true, e);
}

int confirm_revert(struct host *h, const char *reason, struct error *e)
{
	char document[65];
	uint64_t until;
	int r;

	if (!undo_pending(h))
		return confirm_nothing(e);
	r = undo_awaited(h, document, &until, e);
	return r < 0 ? r : put_back(h, document, reason, e);
}
