/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files hold all modules, so they are written once for all steps. In
 * between stands what depends on them: a module that we loaded goes before
 * its line does, so that a crash leaves the line as a witness; one that the
 * document wants is loaded after, with its options.
 */
#include "hostprep/module.h"
#include "reconcile/dropin.h"
#include "reconcile/plan.h"
#include "reconcile/record.h"

static bool changes_to(const struct step *s, const char *path, const char *want)
{
	size_t i;

	for (i = 0; i < s->n_changes; i++)
		if (streq(s->changes[i].path, path) && s->changes[i].want &&
			streq(s->changes[i].want, want))
			return true;
	return false;
}

/*
 * A blacklist line alone stops loading by alias, that is for a device. By
 * name, as a dependency or from modules-load.d of others the module would
 * still come; the install line stops that, and says so to whoever tries.
 */
static void edit(struct module_lines *own, const char *name, const struct module *want)
{
	size_t i;

	module_drop(own, name);
	if (!want)
		return;
	for (i = 0; i < want->options.n; i++) {
		const struct module_option *o = &LIST_AT(&want->options, struct module_option, i);

		module_add(own, name, MODULE_OPTION, o->obj.name, o->value);
	}
	if (want->state == WISH_BLACKLISTED) {
		module_add(own, name, MODULE_BLACKLIST, NULL, NULL);
		module_add(own, name, MODULE_INSTALL, NULL, NULL);
	}
	if (want->state == WISH_LOADED)
		module_add(own, name, MODULE_LOAD, NULL, NULL);
}

static bool writes_options(const struct step *s)
{
	size_t i;

	for (i = 0; i < s->n_changes; i++)
		if (endswith(s->changes[i].path, " (modprobe.d)") &&
			startswith(s->changes[i].path, "options."))
			return true;
	return false;
}

/*
 * Many parameters are not shown by the kernel. That the module was loaded
 * before its options were written is kept, so that the plan can say it waits
 * until another load is seen.
 */
static void remember_load(struct host *h, const struct step *s)
{
	_cleanup_free_ char *load = module_load_id(h, s->r->name);
	json_t *kept;

	if (!h->live || !writes_options(s))
		return;
	kept = record_kept(h, s->r->id);
	if (load)
		json_object_set_new(kept, "written_during", json_string(load));
	else
		json_object_del(kept, "written_during");
	record_touch(h);
}

bool module_marked(struct host *h, const struct step *s, const char *mark)
{
	return record_has(h, s->r->id) && json_object_get(record_kept(h, s->r->id), mark);
}

void module_mark(struct host *h, const struct step *s, const char *mark, bool on)
{
	if (!record_has(h, s->r->id) || module_marked(h, s, mark) == on)
		return;
	if (on)
		json_object_set_new(record_kept(h, s->r->id), mark, json_true());
	else
		json_object_del(record_kept(h, s->r->id), mark);
	record_touch(h);
}

static int write_files(struct host *h, struct step *const *steps, size_t n, struct error *e)
{
	_cleanup_arena_ struct arena *a = arena_new();
	struct module_lines own = { .arena = a };
	size_t i;
	int r;

	r = module_read_own(h, &own, e);
	if (r < 0)
		return r;
	for (i = 0; i < n; i++)
		if (!steps[i]->error.code)
			edit(&own, steps[i]->r->name, module_wanted(steps[i]));
	return module_write_own(h, &own, e);
}

/* Between plan and apply the module may have found a user: the next plan says so. */
static void unload(struct host *h, struct step *s)
{
	_cleanup_free_ char *held = NULL;

	if (s->error.code || !changes_to(s, MODULE_RUNNING, "not loaded"))
		return;
	held = module_held(h, s->r->name);
	if (!held)
		module_unload(s->r->name, &s->error);
}

/* An install line of somebody may run a command and load nothing. */
static void load(struct host *h, struct step *s)
{
	_cleanup_free_ char *loaded = NULL;
	const char *name = s->r->name;

	if (s->error.code || !changes_to(s, MODULE_RUNNING, "loaded") ||
		module_load(name, &s->error) < 0)
		return;
	loaded = module_load_id(h, name);
	if (loaded)
		return;
	error_set(&s->error, -EPERM,
		"module %s is still not loaded: a file of modprobe.d runs a "
		"command instead",
		name);
	error_cure(&s->error,
		"find the line and remove it: grep -rE 'install +%s' /etc/modprobe.d "
		"/lib/modprobe.d",
		name);
}

static bool reloads(const struct step *s)
{
	size_t i;

	for (i = 0; i < s->n_changes; i++)
		if (startswith(s->changes[i].path, "options") && s->changes[i].want &&
			endswith(s->changes[i].path, MODULE_OPTION_RUNNING))
			return true;
	return false;
}

/* Out and in again, with the options that the files have now. */
static void reload(struct host *h, struct step *s)
{
	_cleanup_free_ char *held = NULL;

	if (s->error.code || !reloads(s))
		return;
	held = module_held_for_reload(h, s->r->name);
	if (held)
		return;
	module_mark(h, s, MODULE_RELOADING, true);
	if (record_save(h, &s->error) < 0)
		return;
	if (module_unload(s->r->name, &s->error) == 0 && module_load(s->r->name, &s->error) < 0)
		return;
	module_mark(h, s, MODULE_RELOADING, false);
	module_mark(h, s, MODULE_RELOADED, !s->error.code && module_wanted(s));
}

static void run_live(struct host *h, struct step *s)
{
	load(h, s);
	if (!s->error.code && changes_to(s, MODULE_RUNNING, "loaded"))
		module_mark(h, s, MODULE_RELOADING, false);
	if (module_wanted(s))
		unload(h, s);
	reload(h, s);
}

static int mark_stale(struct host *h, struct step *const *steps, size_t n, struct error *e)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (changes_to(steps[i], MODULE_INITRAMFS, "anew, if it has the module"))
			module_mark(h, steps[i], MODULE_STALE, true);
	return record_save(h, e);
}

void module_apply_all(struct host *h, struct step *const *steps, size_t n)
{
	_cleanup_error_ struct error e = { 0 };
	size_t i;

	for (i = 0; h->live && i < n; i++)
		if (!module_wanted(steps[i]))
			unload(h, steps[i]);
	for (i = 0; i < n; i++)
		if (module_wanted(steps[i]))
			remember_load(h, steps[i]);
	if (mark_stale(h, steps, n, &e) < 0 || write_files(h, steps, n, &e) < 0) {
		dropin_failed(steps, n, &e);
		return;
	}
	for (i = 0; h->live && i < n; i++)
		run_live(h, steps[i]);
	if (module_initramfs(h, steps, n, &e) < 0)
		dropin_failed(steps, n, &e);
}
