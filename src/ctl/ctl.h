/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What kvmhostctl's verbs share. One file per verb or small family of them. */
#ifndef KVMHOST_CTL_H
#define KVMHOST_CTL_H

#include "reconcile/config.h"

/* Exit statuses of plan and apply; EXIT_SIGNAL and its number: ended by one; all else is 0 or 1. */
enum { EXIT_CHANGES = 2, EXIT_REBOOT = 3, EXIT_SIGNAL = 128 };

struct ctl {
	const char **configs; /* --config, in order */
	size_t n_configs;
	const char *root; /* --root, NULL: the running machine */
	bool json;
	bool color; /* of standard output */
	bool color_err; /* of standard error */
	bool allow_mass_removal;
	unsigned confirm; /* seconds, 0: not asked for */
	bool overdue; /* revert: for the timer, only what nobody confirmed in time */
	bool merged;
	bool man;
	bool list;
	bool tree;
	struct host host;
};

int verb_check(struct ctl *c, int argc, char **argv);
int verb_plan(struct ctl *c, int argc, char **argv);
int verb_apply(struct ctl *c, int argc, char **argv);
int verb_confirm(struct ctl *c, int argc, char **argv);
int verb_revert(struct ctl *c, int argc, char **argv);
int verb_status(struct ctl *c, int argc, char **argv);
int verb_diff(struct ctl *c, int argc, char **argv);
int verb_rollback(struct ctl *c, int argc, char **argv);
int verb_history(struct ctl *c, int argc, char **argv);
int verb_devices(struct ctl *c, int argc, char **argv);
int verb_doctor(struct ctl *c, int argc, char **argv);
int verb_export(struct ctl *c, int argc, char **argv);
int verb_topology(struct ctl *c, int argc, char **argv);
int verb_explain(struct ctl *c, int argc, char **argv);
int verb_schema(struct ctl *c, int argc, char **argv);
int verb_guest(struct ctl *c, int argc, char **argv);
int guest_info(struct ctl *c, const char *name);
int verb_console(struct ctl *c, int argc, char **argv);
int verb_import(struct ctl *c, int argc, char **argv);
int verb_reload(struct ctl *c, int argc, char **argv);

/* Says what is wrong on standard error, in the form of all diagnostics; returns 1. */
int ctl_fail(const struct ctl *c, const struct error *e);
/*
 * Opens the host. root_for: what the verb does with the running machine that only root can, such as
 * "changes this host"; NULL: nothing.
 */
int ctl_host(struct ctl *c, const char *root_for, const char *verb);
/* For a verb that only looks: begins to look at the machine while the document is read. */
void ctl_look_ahead(struct host *h);
/* Loads the document and shows its diagnostics; 0 when it is valid. */
int ctl_config(struct ctl *c, struct config *config, int flags);
/* The number of a generation as somebody wrote it, or -EINVAL. */
long long ctl_generation(const char *word, struct error *e);
/* Seconds since 1970 in local time, written to out, which it returns. */
const char *ctl_when(json_int_t t, char *out, size_t size);

#endif
