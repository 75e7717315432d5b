/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What differs for a module, told apart into what a step can do (our files;
 * loading; unloading what nobody uses) and what has to wait for a reload, a
 * reboot or the administrator. A step with both does the first; the next plan
 * then shows the second alone, as a wait.
 */
#include "hostprep/module.h"
#include "hostprep/value.h"
#include "reconcile/plan.h"
#include "reconcile/record.h"

struct compare {
	struct host *h;
	struct step *s;
	const char *name;
	const struct module *want; /* NULL: let go */
	struct modules *m;
	bool loaded;
	size_t can_do;
	const char *wait; /* the first thing that has to */
};

static void differ(
	struct compare *c, const char *field, const char *path, const char *have, const char *want)
{
	step_change(c->h, c->s, field, path, have, want);
	c->can_do++;
}

static void differ_waiting(struct compare *c, const char *field, const char *path, const char *have,
	const char *want, const char *wait)
{
	step_change(c->h, c->s, field, path, have, want);
	if (!c->wait)
		c->wait = wait;
}

static const char *option_path(struct compare *c, const char *param, const char *where)
{
	return arena_printf(c->h->pass, "options.%s (%s)", param, where);
}

static void diff_option_lines(struct compare *c)
{
	size_t i;

	for (i = 0; c->want && i < c->want->options.n; i++) {
		const struct module_option *o =
			&LIST_AT(&c->want->options, struct module_option, i);
		const struct module_line *own =
			module_line(&c->m->own, c->name, MODULE_OPTION, o->obj.name);

		if (!own || !streq(own->value, o->value))
			differ(c, "options", option_path(c, o->obj.name, "modprobe.d"),
				own ? own->value : NULL, o->value);
	}
	for (i = 0; i < c->m->own.n; i++) {
		const struct module_line *own = &c->m->own.v[i];

		if (own->word == MODULE_OPTION && streq(own->module, c->name) &&
			!(c->want && module_option(c->want, own->param)))
			differ(c, "options", option_path(c, own->param, "modprobe.d"), own->value,
				NULL);
	}
}

static bool says(struct compare *c, enum module_word word)
{
	return module_line(&c->m->own, c->name, word, NULL) != NULL;
}

static bool wishes(const struct compare *c, enum module_wish wish)
{
	return c->want && (enum module_wish)c->want->state == wish;
}

static void diff_state_lines(struct compare *c)
{
	bool kept_out = says(c, MODULE_BLACKLIST) || says(c, MODULE_INSTALL);
	bool both = says(c, MODULE_BLACKLIST) && says(c, MODULE_INSTALL);

	if (wishes(c, WISH_BLACKLISTED) ? !both : kept_out)
		differ(c, "state", "state (modprobe.d)", kept_out ? "blacklisted" : NULL,
			kept_out && !wishes(c, WISH_BLACKLISTED) ? NULL : "blacklisted");
	if (says(c, MODULE_LOAD) != wishes(c, WISH_LOADED))
		differ(c, "state", "state (modules-load.d)", says(c, MODULE_LOAD) ? "loaded" : NULL,
			wishes(c, WISH_LOADED) ? "loaded" : NULL);
}

static void diff_unload(struct compare *c)
{
	_cleanup_free_ char *held = module_held(c->h, c->name);

	if (!held)
		differ(c, "state", MODULE_RUNNING, "loaded", "not loaded");
	else
		differ_waiting(c, "state", MODULE_RUNNING, "loaded", "not loaded",
			arena_printf(c->h->pass,
				"module %s to be unloaded: %s; free it and run modprobe -r %s, or "
				"reboot",
				c->name, held, c->name));
}

/* Why the value in our file is not that of the loaded module; NULL: it is, or nobody can tell. */
static const char *stale_option(struct compare *c, const struct module_option *o, char **now)
{
	_cleanup_free_ char *load = NULL;
	const char *written;

	*now = module_param(c->h, c->name, o->obj.name);
	if (*now)
		return value_same_param(*now, o->value) ? NULL : *now;
	/* Not shown by the kernel: was this load there when we wrote the file? */
	load = module_load_id(c->h, c->name);
	written = json_string_value(json_object_get(
		c->s->r->recorded ? record_kept(c->h, c->s->r->id) : NULL, "written_during"));
	return load && written && streq(load, written) ? "as it was loaded" : NULL;
}

static const char *reload(struct compare *c, const char *param, const char *now, const char *held)
{
	const char *why =
		now ? arena_printf(c->h->pass, "it has %s=%s", param, now)
		    : arena_printf(c->h->pass, "%s was written after it was loaded", param);

	return arena_printf(c->h->pass,
		"module %s to be loaded again: %s, but %s; free it and run kvmhostctl reload, or "
		"reboot",
		c->name, why, held);
}

/* Done now where nobody uses the module; else it waits. */
static void differ_loaded(struct compare *c, const char *param, const char *have, const char *want,
	const char *held, const char *now)
{
	const char *path = option_path(c, param, "running kernel");

	if (held) {
		differ_waiting(c, "options", path, have, want, reload(c, param, now, held));
		return;
	}
	differ(c, "options", path, have, want);
	c->s->reason = arena_printf(c->h->pass, "module %s is loaded again for it", c->name);
}

static void diff_loaded_options(struct compare *c)
{
	_cleanup_free_ char *held = module_held_for_reload(c->h, c->name);
	size_t i;

	for (i = 0; i < c->want->options.n; i++) {
		const struct module_option *o =
			&LIST_AT(&c->want->options, struct module_option, i);
		_cleanup_free_ char *now = NULL;
		const char *stale = stale_option(c, o, &now);

		if (stale)
			differ_loaded(c, o->obj.name, stale, o->value, held, now);
	}
}

/* Options that we brought into the running kernel go out of it again, if nobody minds. */
static void diff_release_options(struct compare *c)
{
	_cleanup_free_ char *held = NULL;

	if (!module_marked(c->h, c->s, MODULE_RELOADED))
		return;
	held = module_held_for_reload(c->h, c->name);
	if (!held)
		differ(c, "options", "options (running kernel)", "ours", "as they were");
}

/* Let go: loaded again if it was; unloaded if it was our file that loaded it and nobody minds. */
static void diff_release_live(struct compare *c)
{
	const struct module *before = c->s->want;
	_cleanup_free_ char *held = NULL;

	if (!before || !obj_has(before, "state"))
		return;
	if (before->state == WISH_LOADED && !c->loaded)
		differ(c, "state", MODULE_RUNNING, "not loaded", "loaded");
	if (before->state == WISH_LOADED && c->loaded)
		diff_release_options(c);
	if (before->state == WISH_LOADED || !c->loaded || !says(c, MODULE_LOAD))
		return;
	held = module_held(c->h, c->name);
	if (!held)
		differ(c, "state", MODULE_RUNNING, "loaded", "not loaded");
}

static void diff_live(struct compare *c)
{
	bool reloading = module_marked(c->h, c->s, MODULE_RELOADING);

	if (!c->loaded && (reloading || (c->want && wishes(c, WISH_LOADED))))
		differ(c, "state", MODULE_RUNNING, "not loaded", "loaded");
	else if (!c->want)
		diff_release_live(c);
	else if (wishes(c, WISH_BLACKLISTED) && c->loaded)
		diff_unload(c);
	else if (c->loaded)
		diff_loaded_options(c);
}

/* It has the files of modprobe.d as they were when it was made. */
static void diff_initramfs(struct compare *c)
{
	bool stale = module_marked(c->h, c->s, MODULE_STALE);
	size_t i;

	for (i = 0; i < c->s->n_changes && !stale; i++)
		stale = endswith(c->s->changes[i].path, " (modprobe.d)");
	if (stale && module_initramfs_known(c->h))
		differ(c, "options", MODULE_INITRAMFS, "as it was made",
			"anew, if it has the module");
}

static const char *where(struct compare *c, const struct module_line *l)
{
	return l->line ? arena_printf(c->h->pass, "%s:%u", l->file, l->line) : l->file;
}

/* Lines of others that speak against the document. They are theirs to change. */
static void diff_foreign(struct compare *c)
{
	const struct module_lines *foreign = modules_foreign(c->h, c->m);
	const struct module_line *l;
	size_t i;

	l = module_line(foreign, c->name, MODULE_BLACKLIST, NULL);
	if (l && wishes(c, WISH_LOADED))
		differ_waiting(c, "state", "state (next boot)", "blacklisted", "loaded",
			arena_printf(c->h->pass, "%s to be removed: it blacklists %s", where(c, l),
				c->name));
	for (i = 0; i < c->want->options.n; i++) {
		const struct module_option *o =
			&LIST_AT(&c->want->options, struct module_option, i);

		l = module_line(foreign, c->name, MODULE_OPTION, o->obj.name);
		if (l && l->later && !value_same_param(l->value, o->value))
			differ_waiting(c, "options", option_path(c, o->obj.name, "next load"),
				l->value, o->value,
				arena_printf(c->h->pass,
					"%s to be removed: it sets %s=%s for %s and is read "
					"after " MODPROBE_PATH,
					where(c, l), o->obj.name, l->value, c->name));
	}
}

void module_diff(struct host *h, struct step *s)
{
	struct compare c = { .h = h, .s = s, .name = s->r->name, .want = module_wanted(s) };
	struct module_state seen;
	struct modules *m;

	if (modules_get(h, &m, NULL) < 0)
		return; /* observe has just told of it */
	c.m = m;
	module_look(h, &m->trees, c.name, h->pass, &seen);
	c.loaded = seen.loaded;
	diff_option_lines(&c);
	diff_state_lines(&c);
	diff_initramfs(&c);
	/* What is built in is always there; observe has judged its options. */
	if (h->live && !seen.builtin)
		diff_live(&c);
	if (c.want)
		diff_foreign(&c);
	if (!c.can_do)
		s->wait = c.wait;
	else if (c.wait)
		s->reason = arena_printf(h->pass, "will then wait for %s", c.wait);
}
