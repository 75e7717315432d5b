/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sriov/vf_set.h"
#include "net/link.h"
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

static const struct vf *listed(const struct sriov *want, unsigned number)
{
	for (size_t i = 0; i < want->vfs.n; i++) {
		const struct vf *v = &LIST_AT(&want->vfs, struct vf, i);

		if (strtoul(v->obj.name, NULL, 10) == number)
			return v;
	}
	return NULL;
}

static struct vf by_default(struct host *h)
{
	struct diags d = { .arena = h->pass };
	struct vf v = { 0 };

	obj_parse(&vf_table, NULL, "", "", &v, &d);
	return v;
}

/* A driver that does not know of the setting has it at its default. */
static bool asked_for(const struct vf *v, enum vf_row row)
{
	const char *name = vf_table.fields[row].name;

	return v->obj.node && node_get(v->obj.node, name) &&
	       (row == VF_SPOOF_CHECK ? v->spoof_check : v->trust);
}

/*
 * A VF that is trusted may give itself another MAC address, and whoever drives
 * it may have done so: that is not fought.
 */
static bool has_its_own_mac(
	struct host *h, const struct pci_device *pf, unsigned number, const struct vf *have)
{
	const struct pci_device *vf;
	const char *const *vfs;
	struct pci *p;
	size_t n;

	if (!have->trust || !(have->obj.set & VF_BIT(VF_MAC)) || pci_get(h, &p, NULL) < 0)
		return false;
	vfs = pci_vfs(p, pf, &n);
	vf = number < n && vfs[number] ? pci_find(p, vfs[number]) : NULL;
	return vf && vf->driver;
}

struct vf vf_wanted(struct host *h, const char *name, const struct sriov *want, bool before,
	const struct pci_device *pf, unsigned number, const struct vf *have)
{
	const struct vf *given = listed(want, number);
	struct vf v = given ? *given : by_default(h);

	if (before) {
		/* Of a VF that was just made no address may be told: all zeros. */
		v.obj.set = given ? given->obj.set & (have->obj.set | VF_BIT(VF_MAC)) : 0;
		return v;
	}
	if (!(v.obj.set & VF_BIT(VF_MAC))) {
		v.mac = sriov_vf_mac(h, name, number);
		v.obj.set |= VF_BIT(VF_MAC);
	}
	if (v.trust && has_its_own_mac(h, pf, number, have))
		v.obj.set &= ~VF_BIT(VF_MAC);
	for (enum vf_row row = VF_SPOOF_CHECK; row <= VF_TRUST; row++)
		if (!(have->obj.set & VF_BIT(row)) && !asked_for(&v, row))
			v.obj.set &= ~VF_BIT(row);
	return v;
}

static uint64_t rows_of(const struct change *c, size_t n)
{
	uint64_t rows = 0;

	for (size_t i = 0; i < n; i++)
		rows |= VF_BIT(c[i].field - vf_table.fields);
	return rows;
}

static uint64_t diff_vf(struct host *h, struct step *s, unsigned number, const struct vf *want,
	const struct vf *have)
{
	struct change *c;
	size_t n;

	if (!obj_differs(want, have))
		return 0;
	n = obj_diff(want, have, h->pass, &c);
	for (size_t i = 0; i < n; i++)
		step_change(h, s, "vfs", arena_printf(h->pass, "vfs.%u.%s", number, c[i].path),
			c[i].have, c[i].want);
	return rows_of(c, n);
}

/* Of what is not there yet, only what the document says is worth a line. */
static void diff_absent(struct host *h, struct step *s, const struct sriov *want, size_t from)
{
	struct vf usual = by_default(h);

	for (size_t i = 0; i < want->vfs.n; i++) {
		const struct vf *v = &LIST_AT(&want->vfs, struct vf, i);
		unsigned number = (unsigned)strtoul(v->obj.name, NULL, 10);

		if (number >= from)
			diff_vf(h, s, number, v, &usual);
	}
}

uint64_t vfs_diff(struct host *h, struct step *s, const struct sriov *want, bool before)
{
	const struct sriov *seen = s->have;
	size_t n = MIN_OF(seen->vfs.n, (size_t)want->max_vfs);
	uint64_t rows = 0;

	for (unsigned i = 0; i < n; i++) {
		const struct vf *have = &LIST_AT(&seen->vfs, struct vf, i);
		struct vf v = vf_wanted(h, s->r->name, want, before, seen->state.pf, i, have);

		rows |= diff_vf(h, s, i, &v, have);
	}
	/* Where nothing of VFs can be read, nothing of them is compared. */
	if (!before && seen->max_vfs < want->max_vfs)
		diff_absent(h, s, want, n);
	return rows;
}

/*
 * One request for all, and why it was refused
 */

struct setting {
	struct host *h;
	struct nl *nl;
	const struct pci_device *pf;
	const struct vf_link *link;
	struct vf *wanted; /* by number */
	uint64_t *rows; /* of each, that differ */
	size_t n;
	struct error *e;
};

enum {
	VFS_PER_MESSAGE = 256,
	VF_MESSAGE_MAX = 60 << 10, /* the list is one attribute, whose length has 16 bits */
};

/* Of at most VFS_PER_MESSAGE from `from` on; where the rest begins. */
static unsigned queue_some(struct setting *c, unsigned from, struct error *e)
{
	struct nl_msg *m = link_change_large(c->link->index, VF_MESSAGE_MAX);
	struct nlattr *list = netlink_nest(m, IFLA_VFINFO_LIST);
	unsigned i = from;

	for (unsigned n = 0; i < c->n && n < VFS_PER_MESSAGE; i++) {
		if (!c->rows[i])
			continue;
		vf_put(m, i, &c->wanted[i], c->rows[i]);
		n++;
	}
	netlink_nest_end(m, list);
	netlink_queue(c->nl, m, (struct netlink_call){ "set up the VFs of", c->link->name, 0, e });
	return i;
}

static void set_all(struct setting *c, struct error *e)
{
	for (unsigned i = 0; i < c->n;)
		i = queue_some(c, i, e);
	netlink_flush(c->nl);
}

static int set_rows(struct setting *c, unsigned number, uint64_t rows)
{
	struct nl_msg *m = link_change(c->link->index, false);
	struct nlattr *list = netlink_nest(m, IFLA_VFINFO_LIST);
	_cleanup_error_ struct error e = { 0 };

	vf_put(m, number, &c->wanted[number], rows);
	netlink_nest_end(m, list);
	netlink_queue(c->nl, m, (struct netlink_call){ "set up a VF of", c->link->name, 0, &e });
	netlink_flush(c->nl);
	return e.code;
}

static const char *driver_of(const struct setting *c)
{
	return arena_printf(c->h->pass, "the driver %s of %s (%s)",
		c->pf->driver ? c->pf->driver : "?", c->pf->address, c->link->name);
}

static void explain(const struct setting *c, unsigned number, enum vf_row row, int code)
{
	const struct field *f = &vf_table.fields[row];
	const char *value = obj_text(&c->wanted[number], f->name, c->h->pass);

	error_set(c->e, code, "%s refuses `%s: %s` for VF %u: %s", driver_of(c), f->name, value,
		number, strerror(-code));
	if (code == -EPERM)
		error_cure(c->e, "run it as root");
	else if ((VF_BIT(row) & VF_RATES) && !c->link->carrier)
		error_cure(c->e, "the card has no link, whose speed bounds rates: plug it in");
	else if (f->def && streq(f->def, value))
		error_cure(c->e, "write for vfs.%u what the driver can: see `ip link show dev %s`",
			number, c->link->name);
	else
		error_cure(
			c->e, "take `%s` out of vfs.%u; the driver cannot do it", f->name, number);
}

/*
 * The kernel does one attribute after the other and stops at the first that
 * the driver refuses, without saying which.
 */
static int find_refused(struct setting *c)
{
	static const uint64_t groups[] = { VF_BIT(VF_MAC), VF_VLANS, VF_BIT(VF_MAX_RATE), VF_RATES,
		VF_BIT(VF_SPOOF_CHECK), VF_BIT(VF_LINK_STATE), VF_BIT(VF_TRUST) };
	static const enum vf_row names[] = { VF_MAC, VF_VLAN, VF_MAX_RATE, VF_MIN_RATE,
		VF_SPOOF_CHECK, VF_LINK_STATE, VF_TRUST };

	for (unsigned i = 0; i < c->n; i++)
		for (size_t g = 0; g < ARRAY_SIZE(groups); g++) {
			enum vf_row row = names[g];
			int r = c->rows[i] & groups[g] ? set_rows(c, i, groups[g]) : 0;

			if (r == 0)
				continue;
			if (row == VF_VLAN && c->wanted[i].protocol)
				row = VF_PROTOCOL;
			explain(c, i, row, r);
			return r;
		}
	return 0;
}

/* What was accepted and is not so: some drivers take anything. */
static int verify(struct setting *c)
{
	const struct vf_link *l;
	int r;

	vf_links_forget(c->h);
	r = vf_link_get(c->h, c->link->name, &l, c->e);
	if (r < 0)
		return r;
	for (unsigned i = 0; l && i < MIN_OF(c->n, l->vfs.n); i++) {
		const struct vf *have = &LIST_AT(&l->vfs, struct vf, i);
		struct change *ch;

		c->wanted[i].obj.set &= c->rows[i];
		if (!c->rows[i] || !obj_diff(&c->wanted[i], have, c->h->pass, &ch))
			continue;
		error_set(c->e, -EOPNOTSUPP, "%s took `%s: %s` for VF %u and has %s", driver_of(c),
			ch->path, ch->want, i, ch->have ? ch->have : "nothing of it");
		return error_cure(
			c->e, "take `%s` out of vfs.%u; the driver cannot do it", ch->path, i);
	}
	return 0;
}

static size_t collect(
	struct setting *c, const struct step *s, const struct sriov *want, bool before)
{
	size_t differ = 0;

	c->n = MIN_OF(c->link->vfs.n, (size_t)want->max_vfs);
	c->wanted = arena_alloc(c->h->pass, (c->n + 1) * sizeof(*c->wanted));
	c->rows = arena_alloc(c->h->pass, (c->n + 1) * sizeof(*c->rows));
	for (unsigned i = 0; i < c->n; i++) {
		const struct vf *have = &LIST_AT(&c->link->vfs, struct vf, i);
		struct change *ch;
		size_t n;

		c->wanted[i] = vf_wanted(c->h, s->r->name, want, before, c->pf, i, have);
		if (obj_differs(&c->wanted[i], have)) {
			n = obj_diff(&c->wanted[i], have, c->h->pass, &ch);
			c->rows[i] = rows_of(ch, n);
		}
		if (!c->link->carrier)
			c->rows[i] &= ~VF_RATES;
		differ += c->rows[i] != 0;
	}
	return differ;
}

int vfs_set(struct host *h, const struct step *s, const struct sriov *want, bool before,
	const struct pci_device *pf, const char *net, struct error *e)
{
	struct setting c = { .h = h, .pf = pf, .e = e };
	_cleanup_error_ struct error why = { 0 };
	int r;

	vf_links_forget(h);
	r = vf_link_get(h, net, &c.link, e);
	if (r < 0 || !c.link || (r = netlink_get(h, &c.nl, e)) < 0 || !collect(&c, s, want, before))
		return r;
	set_all(&c, &why);
	if (why.code && (r = find_refused(&c)) < 0)
		return r;
	return verify(&c);
}
