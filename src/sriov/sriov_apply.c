/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From what a PF has to what it is to have. Runs again on a PF where it ran half before. */
#include "net/link.h"
#include "reconcile/record.h"
#include "net/link_wait.h"
#include "sriov/sriov_kind.h"
#include <net/if.h>

/* Seconds that a link needs to come back after its PF made VFs, before rates can be set. */
enum { LINK_SECONDS = 10 };

static bool is(const json_t *kept, const char *key, const char *text)
{
	const char *value = json_string_value(json_object_get(kept, key));

	return value && streq(value, text);
}

/* Before the first change: what release and the next boot must know. */
static int keep(struct host *h, const struct step *s, const struct sriov *have, struct error *e)
{
	json_t *kept = record_kept(h, s->r->id);
	const struct vf_link *link = have->state.link;
	const char *address = have->state.pf->address;
	bool same = is(kept, "address", address);

	if (gives_back(s) || (same && is(kept, "boot", boot_id(h))))
		return 0;
	/* After a reboot the network may not be up yet: what counts is how it was at first. */
	if (!same || !json_object_get(kept, "down"))
		json_object_set_new(kept, "down", json_boolean(link && !link->up));
	json_object_del(kept, "refused");
	json_object_set_new(kept, "address", json_string(address));
	json_object_set_new(kept, "boot", json_string(boot_id(h)));
	record_touch(h);
	return record_save(h, e);
}

static int write_autoprobe(struct host *h, const struct pci_device *pf, bool on, struct error *e)
{
	int r = pf->drivers_autoprobe == on
			? 0
			: pci_write(h, pf, "sriov_drivers_autoprobe", on ? "1" : "0");

	if (r < 0)
		return error_set(e, r == -ENOENT ? -EOPNOTSUPP : r,
			"cannot write sriov_drivers_autoprobe of %s: %s", pf->address,
			strerror(-r));
	return 0;
}

static int set_up(struct host *h, const struct vf_link *link, bool up, struct error *e)
{
	struct ifinfomsg head = { .ifi_family = AF_UNSPEC,
		.ifi_index = link->index,
		.ifi_flags = up ? IFF_UP : 0,
		.ifi_change = IFF_UP };
	struct error why = { 0 };
	struct nl *nl;
	int r = netlink_get(h, &nl, e);

	if (r < 0 || link->up == up)
		return r;
	netlink_queue(nl, netlink_request(RTM_NEWLINK, 0, &head, sizeof(head)),
		(struct netlink_call){ up ? "take up" : "take down", link->name, 0, &why });
	netlink_flush(nl);
	*e = why.code ? why : *e;
	return why.code;
}

static bool limits_rates(const struct sriov *want)
{
	for (size_t i = 0; i < want->vfs.n; i++) {
		const struct vf *v = &LIST_AT(&want->vfs, struct vf, i);

		if (v->min_rate || v->max_rate)
			return true;
	}
	return false;
}

/* What was read of PF and links is out of date. */
static int look_again(struct host *h, struct sriov *now, struct error *e)
{
	struct pci *p;
	int r;

	pci_forget(h);
	vf_links_forget(h);
	r = pci_get(h, &p, e);
	if (r < 0)
		return r;
	now->state.pf = pci_find(p, now->state.pf->address);
	if (!now->state.pf)
		return error_set(e, -EAGAIN, "%s vanished", now->device.address);
	return pf_link(h, now->state.pf, &now->state.link, e);
}

/* The PF is up, and the link that it had is back, as far as somebody needs it. */
static int set_link(
	struct host *h, struct sriov *now, const struct sriov *want, bool flapped, struct error *e)
{
	const struct vf_link *link = now->state.link;
	bool was_up = link->up;
	int r = set_up(h, link, true, e);

	if (r < 0)
		return r;
	if (limits_rates(want) && (flapped || !was_up))
		link_wait_carrier(link->name, LINK_SECONDS);
	return was_up && !flapped ? 0 : look_again(h, now, e);
}

static int set_vfs(struct host *h, const struct step *s, struct sriov *now,
	const struct sriov *want, bool flapped, struct error *e)
{
	int r;

	if (!now->state.link || !want->max_vfs)
		return 0;
	r = gives_back(s) ? 0 : set_link(h, now, want, flapped, e);
	if (r < 0 || !now->state.link)
		return r;
	return vfs_set(h, s, want, gives_back(s), now->state.pf, now->state.link->name, e);
}

static int give_back_down(
	struct host *h, const struct step *s, const struct sriov *now, struct error *e)
{
	if (!gives_back(s) || !now->state.link ||
		!json_is_true(json_object_get(record_kept(h, s->r->id), "down")))
		return 0;
	return set_up(h, now->state.link, false, e);
}

/*
 * An event must not take the VFs away once more for a number that the driver
 * refuses. Where it cannot be saved, one does.
 */
static void remember_refused(struct host *h, const struct step *s)
{
	const struct sriov *want = s->want;

	if (!want || gives_back(s))
		return;
	json_object_set_new(record_kept(h, s->r->id), "refused", json_integer(want->max_vfs));
	record_touch(h);
	(void)record_save(h, NULL);
}

static void forget_refused(struct host *h, const struct step *s)
{
	if (json_object_del(record_kept(h, s->r->id), "refused") == 0)
		record_touch(h);
}

static int wait_for_rates(
	struct host *h, struct sriov *now, const struct sriov *had, struct error *e)
{
	const struct vf_link *link = now->state.link;

	if (!link || !link->up || !limits_rates(had))
		return 0;
	link_wait_carrier(link->name, LINK_SECONDS);
	return look_again(h, now, e);
}

/* The VFs that there were, driven and set up as they were. */
static int make_again(struct host *h, const struct step *s, struct sriov *now,
	const struct sriov *had, struct error *e)
{
	int r = write_autoprobe(h, now->state.pf, had->drivers_autoprobe, e);

	if (r >= 0)
		r = vf_number_write(h, now->state.pf, had->max_vfs, e);
	if (r >= 0)
		r = look_again(h, now, e);
	if (r >= 0)
		r = wait_for_rates(h, now, had, e);
	if (r < 0 || !now->state.link)
		return r;
	return vfs_set(h, s, had, true, now->state.pf, now->state.link->name, e);
}

/* The number was refused when the VFs that there were had gone. */
static int put_back(struct host *h, const struct step *s, struct sriov *now,
	const struct sriov *had, struct error *e)
{
	_cleanup_free_ char *cure = e->cure ? xstrdup(e->cure) : NULL;
	_cleanup_error_ struct error why = { 0 };
	int r = look_again(h, now, &why);

	if (!had->max_vfs || (r >= 0 && now->state.pf->num_vfs))
		return e->code;
	remember_refused(h, s);
	if (r >= 0)
		r = make_again(h, s, now, had, &why);
	if (r >= 0)
		error_set(e, e->code, "%s; the %lld that it had are there again", e->text,
			(long long)had->max_vfs);
	else
		error_set(e, e->code, "%s; the %lld that it had are %s: %s", e->text,
			(long long)had->max_vfs,
			now->state.pf && now->state.pf->num_vfs
				? "there again, but not as they were"
				: "gone too",
			why.text ? why.text : strerror(-r));
	return cure ? error_cure(e, "%s", cure) : e->code;
}

int sriov_apply(struct host *h, struct step *s, struct error *e)
{
	/* Without a record of how it was: as a machine comes. */
	static const struct sriov nothing = { .drivers_autoprobe = true };
	const struct sriov *want = s->want ? s->want : &nothing;
	struct sriov now = *(const struct sriov *)s->have, had = now;
	bool flapped;
	int r = look_again(h, &now, e);

	if (r < 0 || (r = keep(h, s, &now, e)) < 0)
		return r;
	had.max_vfs = now.state.pf->num_vfs;
	had.drivers_autoprobe = now.state.pf->drivers_autoprobe;
	had.vfs = now.state.link ? now.state.link->vfs : (struct list){ 0 };
	r = write_autoprobe(h, now.state.pf, want->drivers_autoprobe, e);
	if (r < 0)
		return r;
	flapped = (int64_t)now.state.pf->num_vfs != want->max_vfs;
	if (flapped) {
		r = vf_number_set(h, now.state.pf, want, e);
		if (r < 0)
			return put_back(h, s, &now, &had, e);
		forget_refused(h, s);
		r = look_again(h, &now, e);
		if (r < 0)
			return r;
	}
	r = set_vfs(h, s, &now, want, flapped, e);
	if (r >= 0)
		r = give_back_down(h, s, &now, e);
	pci_forget(h);
	vf_links_forget(h);
	return r;
}
