/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The half of module_live.h that asks libkmod. */
#include "hostprep/module_live.h"
#include "base/kmod.h"
#include "config/diag.h"
#include <fcntl.h>

static void kmod_unref_p(struct kmod_ctx **ctx)
{
	if (*ctx)
		sym_kmod_unref(*ctx);
}

static void module_unref_p(struct kmod_module **m)
{
	if (*m)
		sym_kmod_module_unref(*m);
}

static void list_free_p(struct kmod_list **l)
{
	if (*l)
		sym_kmod_module_unref_list(*l);
}

static void info_free_p(struct kmod_list **l)
{
	if (*l)
		sym_kmod_module_info_free_list(*l);
}

static int open_tree(struct host *h, struct module_trees *t, const char *release, struct error *e)
{
	static const char *const no_config[] = { NULL };
	_cleanup_free_ char *path = xprintf("/lib/modules/%s", release), *dir = NULL, *dep = NULL;
	struct module_tree tree = { 0 };
	int r;

	/* A directory without an index, left behind by a removed kernel, is no tree. */
	dep = xprintf("%s/modules.dep.bin", path);
	if (!file_exists(h->root, dep))
		return 0;
	r = kmod_load(e);
	if (r < 0)
		return r;
	tree.dir = file_open(h->root, path, O_PATH | O_DIRECTORY, 0);
	if (tree.dir < 0)
		return 0;
	dir = xprintf("/proc/self/fd/%d", tree.dir);
	tree.ctx = sym_kmod_new(dir, no_config);
	if (!tree.ctx) {
		close(tree.dir);
		return 0;
	}
	sym_kmod_set_log_priority(tree.ctx, 0);
	t->v = xrealloc(t->v, (t->n + 1) * sizeof(*t->v));
	t->v[t->n++] = tree;
	return 0;
}

int module_trees_open(struct host *h, struct module_trees *t, struct error *e)
{
	_cleanup_free_ char *release = NULL, **names = NULL;
	size_t n, i;
	int r;

	*t = (struct module_trees){ .opened = true };
	if (h->live) {
		r = file_read_line(h->root, "/proc/sys/kernel/osrelease", &release);
		if (r < 0)
			return error_set(
				e, r, "cannot read /proc/sys/kernel/osrelease: %s", strerror(-r));
		return open_tree(h, t, release, e);
	}
	if (file_list(h->root, "/lib/modules", &names, &n) < 0)
		return 0;
	for (i = 0, r = 0; i < n && r >= 0; i++)
		r = open_tree(h, t, names[i], e);
	return r;
}

void module_trees_close(struct module_trees *t)
{
	size_t i;

	for (i = 0; i < t->n; i++) {
		sym_kmod_unref(t->v[i].ctx);
		close(t->v[i].dir);
	}
	free(t->v);
	*t = (struct module_trees){ 0 };
}

/* The module of exactly that name, or with *other the name it is an alias of. */
static struct kmod_module *look_in(
	struct kmod_ctx *ctx, const char *name, struct arena *a, const char **other)
{
	_cleanup_(list_free_p) struct kmod_list *list = NULL;
	struct kmod_list *i;

	if (sym_kmod_module_new_from_lookup(ctx, name, &list) < 0)
		return NULL;
	sym_kmod_list_foreach(i, list)
	{
		struct kmod_module *m = sym_kmod_module_get_module(i);

		if (streq(sym_kmod_module_get_name(m), name))
			return m;
		*other = arena_strdup(a, sym_kmod_module_get_name(m));
		sym_kmod_module_unref(m);
	}
	return NULL;
}

/* Built in everywhere it is known: where it is a file, options and blacklists work. */
static void look_in_trees(
	const struct module_trees *t, const char *name, struct arena *a, struct module_state *out)
{
	size_t i;

	for (i = 0; i < t->n; i++) {
		_cleanup_(module_unref_p) struct kmod_module *m =
			look_in(t->v[i].ctx, name, a, &out->alias_of);
		bool builtin;

		if (!m)
			continue;
		builtin = sym_kmod_module_get_path(m) == NULL;
		out->builtin = out->known ? out->builtin && builtin : builtin;
		out->known = true;
	}
	if (out->known)
		out->alias_of = NULL;
}

void module_look(struct host *h, const struct module_trees *t, const char *name, struct arena *a,
	struct module_state *out)
{
	_cleanup_free_ char *dir = xprintf("/sys/module/%s", name);
	_cleanup_free_ char *state = xprintf("%s/initstate", dir);

	*out = (struct module_state){ .no_tree = t->n == 0 };
	look_in_trees(t, name, a, out);
	if (!h->live || !file_exists(h->root, dir))
		return;
	out->loaded = file_exists(h->root, state);
	/* A module that is there without ever having been loaded is part of the kernel. */
	if (!out->loaded)
		out->builtin = true;
	out->known = true;
}

/* The name before the colon, with _ for - as the document has it. */
static const char *plain_param(struct arena *a, const char *value)
{
	char *name = arena_strndup(a, value, strcspn(value, ":")), *p;

	for (p = name; (p = strchr(p, '-'));)
		*p = '_';
	return name;
}

bool module_has_param(const struct module_trees *t, const char *module, const char *param,
	struct arena *a, const char **near)
{
	const char **names = NULL, *other;
	size_t n = 0, k;

	for (k = 0; k < t->n; k++) {
		_cleanup_(module_unref_p) struct kmod_module *m =
			look_in(t->v[k].ctx, module, a, &other);
		_cleanup_(info_free_p) struct kmod_list *list = NULL;
		struct kmod_list *i;

		if (!m || sym_kmod_module_get_info(m, &list) < 0)
			continue;
		sym_kmod_list_foreach(i, list)
		{
			const char *value = sym_kmod_module_info_get_value(i);

			/* parm=NAME:what it does, parmtype=NAME:type */
			if (startswith(sym_kmod_module_info_get_key(i), "parm"))
				*ARENA_PUSH(a, names, n) = plain_param(a, value);
		}
	}
	for (k = 0; k < n; k++)
		if (streq(names[k], param))
			return true;
	*near = suggest(param, names, n);
	return false;
}

static int explain_load(const char *module, int r, struct error *e)
{
	/* Not ENOENT: the engine takes that for a moving world and tries again. */
	error_set(e, r == -ENOENT ? -ENXIO : r, "cannot load module %s: %s", module, strerror(-r));
	switch (-r) {
	case EPERM:
	case EACCES:
		return error_cure(e, geteuid() == 0 ? "the kernel takes no modules here: a "
						      "container, or modules_disabled"
						    : "run as root");
	case EKEYREJECTED:
		return error_cure(e,
			"Secure Boot takes signed modules only: sign it and enroll the "
			"key, or install the distribution's");
	case ENODEV: return error_cure(e, "no device for it: see what it says: dmesg | tail");
	case EINVAL:
	case ERANGE:
		return error_cure(
			e, "an option's value may be wrong: dmesg | tail; modinfo -p %s", module);
	case ENOENT:
	case ENOEXEC:
		return error_cure(e, "its files do not fit the running kernel: depmod, or reboot "
				     "into the kernel that was installed last");
	}
	return error_cure(e, "see what the kernel says: dmesg | tail");
}

/* A context of its own: it reads the modprobe.d files as they are now. */
int module_load(const char *module, struct error *e)
{
	_cleanup_(kmod_unref_p) struct kmod_ctx *ctx = NULL;
	_cleanup_(module_unref_p) struct kmod_module *m = NULL;
	const char *other = NULL;
	struct arena *a;
	int r = kmod_load(e);

	if (r < 0)
		return r;
	ctx = sym_kmod_new(NULL, NULL);
	if (!ctx)
		return error_set(
			e, -ENOMEM, "cannot load module %s: libkmod does not start", module);
	sym_kmod_set_log_priority(ctx, 0);
	a = arena_new();
	m = look_in(ctx, module, a, &other);
	arena_free(a);
	if (!m)
		return explain_load(module, -ENOENT, e);
	r = sym_kmod_module_probe_insert_module(
		m, KMOD_PROBE_APPLY_BLACKLIST, NULL, NULL, NULL, NULL);
	if (r == KMOD_PROBE_APPLY_BLACKLIST) {
		error_set(e, -EPERM, "cannot load module %s: a file blacklists it", module);
		return error_cure(e,
			"find the line and remove it: grep -rw %s /etc/modprobe.d "
			"/lib/modprobe.d",
			module);
	}
	return r < 0 ? explain_load(module, r, e) : 0;
}

int module_unload(const char *module, struct error *e)
{
	_cleanup_(kmod_unref_p) struct kmod_ctx *ctx = NULL;
	_cleanup_(module_unref_p) struct kmod_module *m = NULL;
	int r = kmod_load(e);

	if (r < 0)
		return r;
	ctx = sym_kmod_new(NULL, NULL);
	r = ctx ? sym_kmod_module_new_from_name(ctx, module, &m) : -ENOMEM;
	if (r == 0) {
		sym_kmod_set_log_priority(ctx, 0);
		r = sym_kmod_module_remove_module(m, 0);
	}
	if (r == 0 || r == -ENOENT)
		return 0;
	error_set(e, r == -EAGAIN ? -EBUSY : r, "cannot unload module %s: %s", module,
		r == -EAGAIN ? "it is in use" : strerror(-r));
	return error_cure(e, "modprobe -r %s says what holds it; or reboot", module);
}
