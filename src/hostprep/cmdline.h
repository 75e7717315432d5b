/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parameters on the kernel's command line, each a resource of its own. Three
 * places must agree with the document: our file for the boot loader, the
 * entries that the loader's tool made of it, and the command line of the
 * running kernel, which only a reboot changes: until then the step waits.
 *
 * What somebody else has set already is as wanted and stays his; what he has
 * set to another value is a conflict, told with its place.
 *
 * cmdline.c declares and looks, cmdline_lines.c keeps what a pass has read,
 * cmdline_diff.c compares, cmdline_apply.c writes.
 */
#ifndef KVMHOST_CMDLINE_H
#define KVMHOST_CMDLINE_H

#include "hostprep/boot.h"
#include "reconcile/plan.h"
#include "reconcile/record.h"

/* The three places that are compared, as the plan calls them; after the first two, a file's name.
 */
#define CMDLINE_FILE "boot loader ("
#define CMDLINE_MENU "boot menu ("
#define CMDLINE_RUNNING "running kernel"

/* No key of the document: the item itself says all. Those who derive one may say more. */
struct cmdline {
	struct obj obj;
	int firmware; /* wanted only where the firmware has this table */
	int processor; /* wanted only with such a processor */
	bool next_boot;
};

/* What a pass caches of the boot loader and the running kernel. */
struct lines {
	bool loaded;
	struct boot boot;
	struct tokens running;
	const char *boot_id; /* NULL: not live, or the kernel does not say */
};

int lines_get(struct host *h, struct lines **out, struct error *e);

/*
 * What was removed from the menu and still runs: until the next boot it is told of, though the
 * record has forgotten it. {"boot_id": ..., "parameters": [...]}
 */
#define CMDLINE_LEFT "cmdline_left"
/* Of this boot; borrowed; NULL: nothing. */
json_t *left_running(const struct host *h, const struct lines *l);
void note_left(struct host *h, const struct lines *l, const struct step *s);

/* In the record: nobody can read what the tool makes, and it was killed, or its file was written
 * without it. */
#define CMDLINE_STALE "boot_menu_stale"

void cmdline_diff(struct host *h, struct step *s);
void cmdline_refine(struct host *h, struct step *s);
void cmdline_apply_all(struct host *h, struct step *const *steps, size_t n);

#endif
