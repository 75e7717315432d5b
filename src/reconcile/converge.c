/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reconcile/converge.h"
#include "base/log.h"
#include "base/sums.h"
#include "reconcile/confirm.h"
#include "reconcile/generation.h"
#include "reconcile/offline.h"
#include "reconcile/reboot.h"
#include "reconcile/record.h"
#include "reconcile/status.h"

static int held(struct host *h, struct config *c, struct error *e)
{
	const char *reason, *hash = apply_held(h, &reason);

	if (!hash || !streq(hash, config_hash(c)))
		return 0;
	error_set(e, -ECANCELED, "this document was tried and the network put back, because %s",
		reason ? reason : "a step failed");
	return error_cure(e, "change the document, or try it again: kvmhostctl apply");
}

/* The next write of a file takes such a leftover along, but a changed document may have none. */
static void sweep(struct host *h)
{
	static const char *const dirs[] = { "/etc/sysctl.d", "/etc/modprobe.d",
		"/etc/modules-load.d", "/etc/default", "/etc/default/grub.d", "/etc/kernel",
		STATE_DIR };

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		file_sweep(h->root, dirs[i]);
}

/*
 * What the next run has to know of this one. r: what it came to. A document that could not be kept
 * is not in force, whatever the machine is like: the next event would bring back the one before.
 */
static int keep(struct host *h, struct config *c, const struct converge_options *o,
	const struct outcome *out, int r, struct error *e)
{
	int kept = 0;

	if (!out->confirm_by && o->apply.confirm_seconds)
		generation_drop_aside(h);
	if ((r != 0 && r != -EIO) || outcome_put_back(out))
		return 0;
	if (!out->confirm_by)
		kept = generation_accept(h, c, e);
	if (kept < 0 || !o->hold)
		return kept;
	apply_hold(h, o->hold, o->hold_reason);
	json_object_set_new(json_object_get(h->record->root, "held"), "by_hand", json_true());
	return record_save(h, e);
}

/* ... and those who look. */
static void tell(
	struct host *h, struct config *c, const struct outcome *out, int r, const struct error *e)
{
	_cleanup_error_ struct error later = { 0 };

	if (h->live && status_write(h, r, out, e, &later) < 0)
		log_failure(&later);
	if ((r == 0 || r == -EIO) &&
		reboot_tell(h, out->reboot_pending, config_hash(c), &c->wants, &later) < 0)
		log_failure(&later);
}

static int converge_locked(struct host *h, struct config *c, const struct converge_options *o,
	struct outcome *out, struct error *e)
{
	struct apply_options a = o->apply;
	_cleanup_error_ struct error kept = { 0 };
	int r = record_load(h, e);

	sweep(h);
	if (r < 0) {
		tell(h, c, out, r, e);
		return r;
	}
	r = confirm_recover(h, e);
	if (r < 0) {
		/* What waits to be confirmed has told so itself. */
		if (r != -EBUSY)
			tell(h, c, out, r, e);
		return r;
	}
	r = o->try_held ? 0 : held(h, c, e);
	if (r < 0)
		return r;
	a.document_hash = config_hash(c);
	if (a.confirm_seconds && (r = generation_set_aside(h, c, e)) < 0)
		return r;
	r = apply(h, &c->wants, &a, out, e);
	if (r == 0 && !h->live)
		r = offline_enable(h, c->wants.n > 0, e);
	if (keep(h, c, o, out, r, &kept) < 0 && r == 0) {
		r = kept.code;
		error_set(e, r, "all is done, but %s", kept.text);
		if (kept.cure)
			error_cure(e, "%s; then apply once more", kept.cure);
	} else if (kept.code) {
		log_failure(&kept);
	}
	tell(h, c, out, r, e);
	return r;
}

int converge(struct host *h, struct config *c, const struct converge_options *o,
	struct outcome *out, struct error *e)
{
	int r;

	*out = (struct outcome){ 0 };
	/* For config_hash(). */
	r = sums_load(e);
	if (r >= 0)
		r = host_lock(h, o->lock_seconds, e);
	if (r < 0)
		return r;
	r = converge_locked(h, c, o, out, e);
	host_unlock(h);
	return r;
}
