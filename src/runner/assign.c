/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/assign.h"
#include "iommu/vfio.h"
#include "iommu/vfio_holder.h"
#include "reconcile/record.h"
#include "runner/assign_vf.h"
#include "runner/identity.h"
#include <fcntl.h>

static const struct field rows[] = {
	FIELD_LIST(struct assign, devices, type_string, .doc = "The guest's devices of the host."),
	FIELD_INT(struct assign, owner, 0, UINT32_MAX, .doc = "The guest's user."),
};
const struct table assign_table =
	TABLE(struct assign, rows, .key = &type_name, .doc = "What guests have of the host.");

/* Both: what is released waits for the guest that lets go of it. */
static void come_after(struct wants *w, struct resource *r, struct resource *user, const char *kind,
	const char *name)
{
	struct resource *needed = wants_find(w, kind, name);

	if (!needed)
		return;
	want_after(w, r, needed);
	want_after(w, user, needed);
}

void assign_derive(const struct resource *guest, struct wants *w)
{
	const struct guest *g = guest->want;
	struct resource *r, *user = wants_find(w, "guest", guest->name);
	struct assign *want;
	struct vf_name vf;

	if (!guest_assigned(g))
		return;
	r = want_derive(w, guest, "assignment", guest->name, true);
	want = (struct assign *)r->want;
	want->devices = g->devices;
	want->owner = guest_uid(guest->name);
	want->guest = g;
	want->wants = w;
	obj_mark_set(want, "devices");
	obj_mark_set(want, "owner");
	want_set(w, want_derive(w, r, "module", "vfio_pci", true), "state", "loaded");
	come_after(w, r, user, "iommu", "host");
	/* A dangling reference is reported from the row. */
	for (size_t i = 0; i < g->devices.n; i++)
		come_after(w, r, user, "device", LIST_AT(&g->devices, const char *, i));
	for (size_t i = 0; i < g->interfaces.n; i++)
		if (interface_vf(&LIST_AT(&g->interfaces, const struct guest_interface, i), &vf))
			come_after(w, r, user, "sriov", vf.pool);
}

/* --- nodes and file ----------------------------------------------------------------------------
 */

static const char *node_of(struct host *h, int group)
{
	return arena_printf(h->pass, "/dev/vfio/%d", group);
}

/* -1: there is no node. */
static int64_t node_owner(struct host *h, int group)
{
	struct stat st;

	return file_stat(h->root, node_of(h, group), &st) < 0 ? -1 : (int64_t)st.st_uid;
}

static int set_owner(struct host *h, int group, uid_t owner, struct error *e)
{
	const char *node = node_of(h, group);
	_cleanup_close_ int fd = file_open(h->root, node, O_PATH | O_NOFOLLOW, 0);

	if (fd >= 0 && fchownat(fd, "", owner, (gid_t)-1, AT_EMPTY_PATH) >= 0)
		return 0;
	return error_set(e, fd < 0 ? fd : -errno, "cannot give %s to user %lu: %s", node,
		(unsigned long)owner, strerror(fd < 0 ? -fd : errno));
}

static json_t *read_file(struct host *h, const char *guest)
{
	_cleanup_free_ char *path = assignment_path(guest), *text = NULL;
	size_t len;

	return file_read(h->root, path, 1 << 16, &text, &len) < 0 ? NULL
								  : json_loadb(text, len, 0, NULL);
}

static int write_file(
	struct host *h, const struct resource *r, const struct functions *f, struct error *e)
{
	const struct assign *want = r->want;
	_cleanup_free_ char *path = assignment_path(r->name), *text = NULL;
	json_t *json = assignment_json(want->guest, &f->assigned);
	int ret;

	text = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	ret = text ? file_write_atomic(h->root, path, text, strlen(text), 0600) : -ENOMEM;
	return ret < 0 ? error_set(e, ret, "cannot write %s: %s", path, strerror(-ret)) : 0;
}

static bool file_says(struct host *h, const struct resource *r, const struct functions *f)
{
	const struct assign *want = r->want;
	json_t *now = read_file(h, r->name), *json = assignment_json(want->guest, &f->assigned);
	bool equal = json_equal(now, json);

	json_decref(now);
	json_decref(json);
	return equal;
}

/* --- the kind ----------------------------------------------------------------------------------
 */

/* The file, which is written last; or what an apply that was cut off had bound before. */
static bool is_there(struct host *h, const struct resource *r)
{
	_cleanup_free_ char *path = assignment_path(r->name);
	bool there = file_exists(h->root, path);
	size_t n = 0;

	if (!there && !r->want)
		assign_vf_left(h, r, NULL, &n);
	return there || n;
}

static int assign_observe(struct host *h, const struct resource *r, void **have, struct error *e)
{
	struct assign *want = (struct assign *)r->want;
	struct functions *f;
	int ret;

	*have = is_there(h, r) ? obj_new(h->pass, &assign_table, r->name) : NULL;
	if (!want)
		return 0;
	f = arena_alloc(h->pass, sizeof(*f));
	ret = assign_find(h, r, f, e);
	want->found = ret < 0 ? NULL : f;
	/* What is not there is its own resource's to say; this one waits for that, and the guest.
	 */
	if (ret < 0)
		*have = NULL;
	if (ret == -EBUSY || ret == -EPERM)
		return ret;
	error_clear(e);
	return 0;
}

static void assign_diff(struct host *h, struct step *s)
{
	const struct assign *want = s->want;
	const struct functions *f = s->r->want ? want->found : NULL;
	const struct pci_device **left;
	size_t n;

	if (!f) {
		if (!s->have)
			step_change(h, s, "devices", "devices", NULL,
				obj_text(want, "devices", h->pass));
		return;
	}
	for (size_t i = 0; i < f->n; i++) {
		const struct function *x = &f->v[i];
		int64_t owner = node_owner(h, x->d->group);

		if (x->vf && !vfio_bound(x->d))
			step_change(h, s, "devices",
				arena_printf(
					h->pass, "driver of %s (%s)", x->at->what, x->d->address),
				x->d->driver ? x->d->driver : "none", VFIO_DRIVER);
		if (owner != want->owner)
			step_change(h, s, "owner",
				arena_printf(
					h->pass, "owner of %s (%s)", x->at->what, x->d->address),
				owner < 0 ? NULL
					  : arena_printf(h->pass, "user %lld", (long long)owner),
				arena_printf(h->pass, "user %lld", (long long)want->owner));
	}
	if (!s->n_changes && !file_says(h, s->r, f))
		step_change(h, s, "devices", "devices", s->have ? "others" : NULL,
			obj_text(want, "devices", h->pass));
	left = assign_vf_left(h, s->r, f, &n);
	for (size_t i = 0; i < n; i++)
		step_change(h, s, "devices",
			arena_printf(h->pass, "driver of %s", left[i]->address), VFIO_DRIVER,
			"as before");
}
/* The nodes that the guest had go back to root, where they are still there. */
static int give_back(
	struct host *h, const char *guest, const struct functions *keep, struct error *e)
{
	json_t *had = read_file(h, guest), *item, *list;
	const char *part, *key;
	int r = 0;

	json_object_foreach (had, part, list)
		json_object_foreach (list, key, item) {
			int group = (int)json_integer_value(json_object_get(item, "group"));
			bool kept = false;

			for (size_t i = 0; keep && i < keep->n; i++)
				kept |= keep->v[i].d->group == group;
			if (r >= 0 && !kept && node_owner(h, group) == (int64_t)guest_uid(guest))
				r = set_owner(h, group, 0, e);
		}
	json_decref(had);
	return r;
}

static int release(struct host *h, const struct step *s, struct error *e)
{
	_cleanup_free_ char *path = assignment_path(s->r->name);
	int r = give_back(h, s->r->name, NULL, e);

	if (r >= 0)
		r = assign_vf_unbind(h, s->r, NULL, e);
	if (r >= 0)
		r = file_remove(h->root, path);
	return r < 0 && !e->code ? error_set(e, r, "cannot remove %s: %s", path, strerror(-r)) : r;
}

/* Where all that is left to do is to give back what the guest's QEMU still has open, it waits. */
static void assign_refine(struct host *h, struct step *s)
{
	const struct assign *want = s->r->want;
	const struct vfio_holder *holder;
	const struct pci_device **left;
	const char *wait;
	size_t n;

	if (want && !want->found)
		return;
	left = assign_vf_left(h, s->r, want ? want->found : NULL, &n);
	if (!n || (want && s->n_changes > n))
		return;
	holder = vfio_holder(h, left[0]);
	if (!holder)
		return;
	wait = arena_printf(h->pass, "%s to be stopped or restarted, which has %s", holder->words,
		left[0]->address);
	*(want ? &s->wait : &s->in_use) = wait;
}

static int assign_apply(struct host *h, struct step *s, struct error *e)
{
	const struct assign *want = s->r->want;
	struct functions f = { 0 };
	int r;

	if (!want)
		return release(h, s, e);
	pci_forget(h);
	r = assign_find(h, s->r, &f, e);
	if (r >= 0)
		r = assign_vf_keep(h, s->r, &f, e);
	if (r >= 0)
		r = give_back(h, s->r->name, &f, e);
	if (r >= 0)
		r = assign_vf_unbind(h, s->r, &f, e);
	if (r >= 0)
		r = assign_vf_bind(h, s->r, &f, e);
	/* The file comes last: what is cut off before is seen by its owners, or by its absence. */
	for (size_t i = 0; i < f.n && r >= 0; i++)
		r = set_owner(h, f.v[i].d->group, (uid_t)want->owner, e);
	return r < 0 ? r : write_file(h, s->r, &f, e);
}

static int assign_owned(struct host *h, const struct kind *k _unused_,
	void (*found)(const char *name, void *arg), void *arg, struct error *e)
{
	_cleanup_free_ char **names = NULL;
	size_t n = 0;
	int r = file_list(h->root, ASSIGNED_DIR, &names, &n);

	if (r < 0 && r != -ENOENT)
		return error_set(e, r, "cannot list " ASSIGNED_DIR ": %s", strerror(-r));
	for (size_t i = 0; i < n; i++)
		if (endswith(names[i], ".json"))
			found(arena_strndup(h->pass, names[i], strlen(names[i]) - strlen(".json")),
				arg);
	return 0;
}

const struct kind assign_kind = {
	.name = "assignment",
	.table = &assign_table,
	.observe = assign_observe,
	.diff = assign_diff,
	.refine = assign_refine,
	.apply = assign_apply,
	.owned = assign_owned,
};
