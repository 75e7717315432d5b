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
	json_object_set_new(kept, "address", json_string(address));
	json_object_set_new(kept, "boot", json_string(boot_id(h)));
	record_touch(h);
	return record_save(h, e);
}

static int no_method(const struct pci_device *pf, struct error *e)
{
	error_set(e, -EOPNOTSUPP,
		"the driver %s of %s does not make VFs through sriov_numvfs in /sys", pf->driver,
		pf->address);
	return error_cure(e,
		"if its module has an option for it (modinfo %s), name it: {device: {driver: %s, "
		"port: 0}, module_option: max_vfs}",
		pf->driver, pf->driver);
}

static int refuse_number(const struct pci_device *pf, int64_t number, int code, struct error *e)
{
	if (code == -ENOENT)
		return no_method(pf, e);
	error_set(e, code == -EAGAIN ? -EIO : code, "%s (%s) does not make %lld VFs: %s",
		pf->address, pf->driver, (long long)number, strerror(-code));
	if (code == -ENOMEM)
		return error_cure(e,
			"the firmware left no room for them: see `dmesg | grep %s`; "
			"the kernel parameters pci=realloc and pci=assign-busses "
			"may help",
			pf->address);
	return error_cure(e, "see `dmesg | grep %s`", pf->address);
}

static int write_number(
	struct host *h, const struct pci_device *pf, int64_t number, struct error *e)
{
	char text[24];
	int r;

	snprintf(text, sizeof(text), "%lld", (long long)number);
	r = pci_write(h, pf, "sriov_numvfs", text);
	return r < 0 ? refuse_number(pf, number, r, e) : 0;
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

/* The write that takes VFs away does not return while somebody has one open. */
static int refuse_users(struct host *h, const struct pci_device *pf, struct error *e)
{
	const char *users;

	/* One may have let go in a step before this. */
	vfio_holders_forget(h);
	users = vf_users(h, pf, e);
	if (!users)
		return 0;
	error_set(e, -EBUSY, "the VFs of %s cannot go: in use by %s", pf->address, users);
	return error_cure(e, "stop it, or keep max_vfs");
}

static int set_number(
	struct host *h, const struct pci_device *pf, const struct sriov *want, struct error *e)
{
	int r;

	if (pf->num_vfs) {
		r = refuse_users(h, pf, e);
		if (r >= 0)
			r = write_number(h, pf, 0, e);
		if (r < 0)
			return r;
	}
	return want->max_vfs ? write_number(h, pf, want->max_vfs, e) : 0;
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

int sriov_apply(struct host *h, struct step *s, struct error *e)
{
	/* Without a record of how it was: as a machine comes. */
	static const struct sriov nothing = { .drivers_autoprobe = true };
	const struct sriov *want = s->want ? s->want : &nothing;
	struct sriov now = *(const struct sriov *)s->have;
	bool flapped;
	int r = look_again(h, &now, e);

	if (r < 0 || (r = keep(h, s, &now, e)) < 0)
		return r;
	r = write_autoprobe(h, now.state.pf, want->drivers_autoprobe, e);
	if (r < 0)
		return r;
	flapped = (int64_t)now.state.pf->num_vfs != want->max_vfs;
	if (flapped) {
		r = set_number(h, now.state.pf, want, e);
		if (r < 0 || (r = look_again(h, &now, e)) < 0)
			return r;
	}
	r = set_vfs(h, s, &now, want, flapped, e);
	if (r >= 0)
		r = give_back_down(h, s, &now, e);
	pci_forget(h);
	vf_links_forget(h);
	return r;
}
