/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Modules as the kernel has them: looked up in its module tree, and in /sys/module. */
#ifndef KVMHOST_MODULE_LIVE_H
#define KVMHOST_MODULE_LIVE_H

#include "reconcile/host.h"

struct kmod_ctx;

struct module_tree {
	struct kmod_ctx *ctx;
	int dir;
};

/* The module trees: the running kernel's; below --root DIR all that are installed there. */
struct module_trees {
	struct module_tree *v;
	size_t n;
	bool opened;
};

struct module_state {
	bool no_tree; /* there is no module tree to look in */
	bool known; /* as a file or built in */
	bool builtin;
	bool loaded;
	const char *alias_of; /* the name is only an alias, of this module; in the arena */
};

int module_trees_open(struct host *h, struct module_trees *t, struct error *e);
void module_trees_close(struct module_trees *t);

void module_look(struct host *h, const struct module_trees *t, const char *name, struct arena *a,
	struct module_state *out);

/* Whether its file lists the parameter. When not, *near is one that is spelled like it or NULL. */
bool module_has_param(const struct module_trees *t, const char *module, const char *param,
	struct arena *a, const char **near);

/* The parameter's value now, freed by the caller; NULL when the kernel does not show it. */
char *module_param(struct host *h, const char *module, const char *param);

/* Tells one load of the module from the next; freed by the caller; NULL: it is not loaded. */
char *module_load_id(struct host *h, const char *module);

/*
 * A link that is up and would go with the module, freed by the caller; or NULL. For a reload also
 * one that is down and would not come back.
 */
char *module_link(struct host *h, const char *module, bool for_reload);

/* Why it cannot be unloaded without harm, freed by the caller; NULL: it can. */
char *module_held(struct host *h, const char *module);
/* The same for a moment: a network card that nobody uses comes back as it was. */
char *module_held_for_reload(struct host *h, const char *module);

int module_load(const char *module, struct error *e);
int module_unload(const char *module, struct error *e);

#endif
