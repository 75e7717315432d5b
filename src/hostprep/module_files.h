/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of modprobe.d(5) and modules-load.d(5) say of modules: ours,
 * and everybody else's.
 *
 * All directories' files are read in the order of their names and the last
 * option wins. Distributions use plain names (systemd.conf has options for
 * bonding and dummy), so ours sorts after them.
 */
#ifndef KVMHOST_MODULE_FILES_H
#define KVMHOST_MODULE_FILES_H

#include "reconcile/host.h"

#define MODPROBE_FILE "zz-kvmhost.conf"
#define MODPROBE_PATH "/etc/modprobe.d/" MODPROBE_FILE
#define MODULES_LOAD_PATH "/etc/modules-load.d/kvmhost.conf"

enum module_word { MODULE_OPTION, MODULE_BLACKLIST, MODULE_INSTALL, MODULE_LOAD };

/* One fact: an `options` line gives one for each parameter. Names are with _ for -. */
struct module_line {
	enum module_word word;
	const char *module;
	const char *param, *value; /* of MODULE_OPTION; a parameter without = has the value "1" */
	const char *file; /* as people see it */
	unsigned line; /* 0: not from a file */
	bool later; /* takes effect after ours, so that it wins */
};

struct module_lines {
	struct arena *arena;
	struct module_line *v;
	size_t n;
};

int module_read_own(struct host *h, struct module_lines *own, struct error *e);
/* Other people's modprobe.d files and, live, the kernel command line. */
void module_read_foreign(struct host *h, struct module_lines *foreign);

/* The last such fact, which is the one that holds; param NULL: any. NULL: there is none. */
const struct module_line *module_line(
	const struct module_lines *l, const char *module, enum module_word word, const char *param);

/* In memory: drops all that is said of the module; adds one fact. */
void module_drop(struct module_lines *own, const char *module);
void module_add(struct module_lines *own, const char *module, enum module_word word,
	const char *param, const char *value);
/* Writes both of our files, sorted; one with nothing to say is removed. */
int module_write_own(struct host *h, struct module_lines *own, struct error *e);

#endif
