/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The module kind's own parts: module.c declares and observes, module_diff.c compares,
 * module_apply.c does. */
#ifndef KVMHOST_MODULE_H
#define KVMHOST_MODULE_H

#include "hostprep/hostprep.h"
#include "hostprep/module_files.h"
#include "hostprep/module_live.h"

enum module_wish { WISH_LOADED, WISH_AVAILABLE, WISH_BLACKLISTED };

struct module_option {
	struct obj obj;
	const char *value;
};

extern const struct table module_option_table;

/* have: `state` is the kernel's (loaded or available), which is what a release restores. */
struct module {
	struct obj obj;
	struct list options; /* struct module_option */
	int state; /* enum module_wish */
};

/* What a pass caches of the machine. */
struct modules {
	bool loaded, foreign_loaded;
	struct module_trees trees;
	struct module_lines own, foreign;
};
int modules_get(struct host *h, struct modules **out, struct error *e);
/* What files of others say; read when a module is compared, not when none is wanted. */
const struct module_lines *modules_foreign(struct host *h, struct modules *m);

/* What the document wants; NULL when it lets the module go. */
const struct module *module_wanted(const struct step *s);
const char *module_option(const struct module *m, const char *param);

/* The change that module_diff plans and module_apply_all does to the running kernel. */
#define MODULE_RUNNING "state (running kernel)"
/* What an option's change to the running kernel ends with: the module is loaded again for it. */
#define MODULE_OPTION_RUNNING " (running kernel)"
#define MODULE_INITRAMFS "initramfs"

/*
 * Marks in the record, made before the deed and gone after it, so that the run after a kill
 * finishes: the module is being loaded again; the initramfs has it as it was.
 */
#define MODULE_RELOADING "reloading"
#define MODULE_STALE "initramfs_stale"
/* Its options came into the running kernel by us: a release takes them out of there again. */
#define MODULE_RELOADED "reloaded"
bool module_marked(struct host *h, const struct step *s, const char *mark);
void module_mark(struct host *h, const struct step *s, const char *mark, bool on);

/* Whether this machine has an initramfs that kvmhost can look into and make anew. */
bool module_initramfs_known(struct host *h);
/* Makes it anew where it has one of the modules. */
int module_initramfs(struct host *h, struct step *const *steps, size_t n, struct error *e);

void module_diff(struct host *h, struct step *s);
void module_apply_all(struct host *h, struct step *const *steps, size_t n);

#endif
