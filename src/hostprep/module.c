/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kernel modules. What is to hold at every boot stands in two drop-ins,
 * modprobe.d (options, blacklist) and modules-load.d; the running kernel is
 * brought along where that harms nobody. An option takes effect when its
 * module is loaded; a module that is loaded already is not taken away from
 * under its users: the step waits and says what to do.
 */
#include "hostprep/module.h"
#include "hostprep/cpu.h"
#include "hostprep/value.h"
#include "config/type.h"
#include "reconcile/plan.h"

static const char *const wishes[] = { "loaded", "available", "blacklisted", NULL };

static void check_module(const void *obj, struct diags *d)
{
	const struct module *m = obj;

	if (m->state == WISH_BLACKLISTED && m->options.n)
		diag_error(d, obj_mark_key(m, "options"),
			"remove the options, or write `state: available`",
			"%s: a blacklisted module is never loaded, so it has no options",
			m->obj.name);
}

static const struct field module_fields[] = {
	FIELD_MAP(struct module, options, module_option_table, .def = "{}",
		.example = "{max_vfs: 7}",
		.doc = "Parameters to load the module with. A module that is loaded already keeps "
		       "its own until it is loaded again: the plan then shows what it waits for."),
	FIELD_ENUM(struct module, state, wishes, .def = "available",
		.doc = "`loaded`: loaded now and at every boot. `available`: loaded when something "
		       "needs it, which is the kernel's own way. `blacklisted`: not loaded, "
		       "neither "
		       "for a device nor by name; unloaded now if nothing uses it."),
};

const struct table module_table = TABLE(struct module, module_fields, .key = &type_module,
	.key_word = "MODULE", .check = check_module,
	.doc = "Kernel modules. kvmhost keeps their options and blacklist in "
	       "/etc/modprobe.d/zz-kvmhost.conf and loads them at boot through "
	       "/etc/modules-load.d/kvmhost.conf.");

static void modules_forget(void *data)
{
	struct modules *m = data;

	module_trees_close(&m->trees);
	arena_free(m->own.arena);
	*m = (struct modules){ 0 };
}

static int modules_open(struct host *h _unused_, void **data, struct error *e _unused_)
{
	struct modules *m = xmalloc(sizeof(*m));

	*m = (struct modules){ 0 };
	*data = m;
	return 0;
}

static void modules_close(void *data)
{
	modules_forget(data);
	free(data);
}

static const struct handle modules_handle = {
	.name = "module",
	.open = modules_open,
	.forget = modules_forget,
	.close = modules_close,
};

int modules_get(struct host *h, struct modules **out, struct error *e)
{
	struct modules *m;
	void *data;
	int r;

	r = host_handle(h, &modules_handle, &data, e);
	if (r < 0)
		return r;
	m = data;
	if (!m->loaded) {
		modules_forget(m);
		m->own.arena = m->foreign.arena = arena_new();
		r = module_read_own(h, &m->own, e);
		if (r < 0)
			return r;
		m->loaded = true;
	}
	*out = m;
	return 0;
}

const struct module_lines *modules_foreign(struct host *h, struct modules *m)
{
	if (!m->foreign_loaded)
		module_read_foreign(h, &m->foreign);
	m->foreign_loaded = true;
	return &m->foreign;
}

const struct module *module_wanted(const struct step *s)
{
	return s->r->want ? s->want : NULL;
}

const char *module_option(const struct module *m, const char *param)
{
	size_t i;

	for (i = 0; i < m->options.n; i++) {
		const struct module_option *o = &LIST_AT(&m->options, struct module_option, i);

		if (streq(o->obj.name, param))
			return o->value;
	}
	return NULL;
}

static int unknown(
	struct host *h, const struct module_state *seen, const char *name, struct error *e)
{
	_cleanup_free_ char *release = NULL;

	if (seen->alias_of) {
		error_set(e, -ENXIO, "%s is not a module but another name for %s", name,
			seen->alias_of);
		return error_cure(e, "write `%s` instead", seen->alias_of);
	}
	if (!seen->no_tree) {
		error_set(e, -ENXIO, "there is no module %s%s", name,
			h->live ? " for the running kernel" : " for any kernel in that tree");
		return error_cure(e,
			"check its spelling: modprobe -n %s; or install the package "
			"that brings it",
			name);
	}
	(void)file_read_line(h->root, "/proc/sys/kernel/osrelease", &release);
	error_set(e, -ENXIO, "module %s: the running kernel %s has no modules in /lib/modules",
		name, release ? release : "");
	return error_cure(e, "install that kernel's modules, or reboot into an installed kernel");
}

/* What is built in takes its parameters from the kernel's command line alone. */
static int check_builtin(struct host *h, const struct module *want, struct error *e)
{
	const char *name = want->obj.name;
	size_t i;

	if (want->state == WISH_BLACKLISTED) {
		error_set(e, -EOPNOTSUPP, "%s is built into this kernel and cannot be blacklisted",
			name);
		return error_cure(e, "remove it from host.kernel.modules");
	}
	for (i = 0; i < want->options.n; i++) {
		const struct module_option *o = &LIST_AT(&want->options, struct module_option, i);
		_cleanup_free_ char *now = h->live ? module_param(h, name, o->obj.name) : NULL;

		if (now && value_same_param(now, o->value))
			continue;
		error_set(e, -EOPNOTSUPP, "%s is built into this kernel: modprobe.d cannot set %s",
			name, o->obj.name);
		return error_cure(e, "put %s.%s=%s on the kernel command line and reboot", name,
			o->obj.name, o->value);
	}
	return 0;
}

/* The kernel only mutters about a parameter it does not know; a slip of the finger ends here. */
static int check_params(
	const struct modules *m, const struct module *want, struct arena *a, struct error *e)
{
	const char *name = want->obj.name;
	size_t i;

	for (i = 0; i < want->options.n; i++) {
		const char *param = LIST_AT(&want->options, struct module_option, i).obj.name;
		const char *near = NULL;

		/* In our file: it was looked up when it was written. */
		if (module_line(&m->own, name, MODULE_OPTION, param) ||
			module_has_param(&m->trees, name, param, a, &near) || !near)
			continue;
		error_set(e, -EINVAL, "module %s has no parameter %s", name, param);
		return error_cure(e, "did you mean `%s`? modinfo -p %s lists them", near, name);
	}
	return 0;
}

static int check_want(struct host *h, const struct modules *m, const struct module *want,
	const struct module_state *seen, struct error *e)
{
	const char *name = want->obj.name;

	/* A module kept out need not be there; an image may get its kernel later. */
	if (!seen->known)
		return want->state == WISH_BLACKLISTED || (seen->no_tree && !h->live)
			       ? 0
			       : unknown(h, seen, name, e);
	if (seen->builtin)
		return check_builtin(h, want, e);
	return check_params(m, want, h->pass, e);
}

static bool in_own_files(const struct modules *m, const char *name)
{
	size_t i;

	for (i = 0; i < m->own.n; i++)
		if (streq(m->own.v[i].module, name))
			return true;
	return false;
}

/* No line is written for it: in an image without a kernel nothing would ever show that it is there.
 */
static bool asks_nothing(const struct module *want)
{
	return want->state == WISH_AVAILABLE && !want->options.n;
}

/* Derived for whatever processor there is: the other maker's module is never loaded here. */
static bool is_for_other_cpu(struct host *h, const struct resource *r)
{
	return r->want && r->origin && r->origin->kind == &cpu_kind &&
	       !streq(r->name, cpu_kvm_module(h));
}

static int module_observe(struct host *h, const struct resource *r, void **have, struct error *e)
{
	struct module_state seen;
	struct module *got;
	struct modules *m;
	int ret;

	*have = NULL;
	if (h->live && is_for_other_cpu(h, r))
		return NOT_HERE;
	ret = modules_get(h, &m, e);
	if (ret == 0 && !m->trees.opened)
		ret = module_trees_open(h, &m->trees, e);
	if (ret < 0)
		return ret;
	module_look(h, &m->trees, r->name, h->pass, &seen);
	/* Who derived it knows what that means, and says so. */
	if (r->want && r->origin && seen.builtin &&
		((const struct module *)r->want)->state == WISH_BLACKLISTED)
		return NOT_HERE;
	if (r->want) {
		ret = check_want(h, m, r->want, &seen, e);
		if (ret < 0)
			return ret;
	}
	if (!seen.known && !in_own_files(m, r->name) && !(r->want && asks_nothing(r->want)))
		return 0;
	got = obj_new(h->pass, &module_table, r->name);
	got->state = seen.loaded || seen.builtin ? WISH_LOADED : WISH_AVAILABLE;
	obj_mark_set(got, "state");
	*have = got;
	return 0;
}

static int module_owned(struct host *h, const struct kind *k _unused_,
	void (*found)(const char *name, void *arg), void *arg, struct error *e)
{
	struct modules *m;
	size_t i;
	int r;

	r = modules_get(h, &m, e);
	if (r == -EPERM) /* somebody else's file: nothing in it is ours */
		return error_clear(e), 0;
	if (r < 0)
		return r;
	for (i = 0; i < m->own.n; i++)
		found(m->own.v[i].module, arg);
	return 0;
}

const struct kind module_kind = {
	.name = "module",
	.table = &module_table,
	.offline = true,
	.observe = module_observe,
	.diff = module_diff,
	.apply_all = module_apply_all,
	.owned = module_owned,
};
