/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of kvmhostctl: its verbs, and which options go with which. */
#ifndef KVMHOST_CTL_VERBS_H
#define KVMHOST_CTL_VERBS_H

#include "ctl/ctl.h"
#include <getopt.h>

enum {
	OPT_CONFIG = 256,
	OPT_ROOT,
	OPT_JSON,
	OPT_MASS,
	OPT_CONFIRM,
	OPT_OVERDUE,
	OPT_MERGED,
	OPT_MAN,
	OPT_LIST,
	OPT_TREE,
	OPT_NO_COLOR, /* this and those below go with every verb */
	OPT_HELP,
	OPT_VERSION
};

/* A bit for each option that not every verb knows what to do with. */
#define TAKES(option) (1U << ((option)-OPT_CONFIG))

extern const struct option ctl_options[];

/* The verb of argv[0] with what follows; given: the options before and behind it, as TAKES(). */
int verbs_run(struct ctl *c, unsigned given, int argc, char **argv);

/* Help: of one verb, or of all where word is NULL or no verb. */
void verbs_usage(FILE *to, const char *word);

/* What getopt_long() refused: its result ('?' or ':'), and the word it stopped at. */
int verbs_bad_option(const struct ctl *c, int opt, const char *word);

#endif
