/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kernel settings as files keep them for the next boot: our drop-in, and what
 * the files read after it say.
 *
 * systemd-sysctl(8) reads the *.conf of four directories in the order of their
 * names, a name in an earlier directory hiding the same name in a later one;
 * the last setting wins. sysctl(8) --system reads /etc/sysctl.conf at the very
 * end. Distributions use 10 to 50 and administrators 99, so 90 wins over the
 * former and leaves the latter to be told of.
 */
#ifndef KVMHOST_SYSCTL_FILES_H
#define KVMHOST_SYSCTL_FILES_H

#include "reconcile/host.h"

#define SYSCTL_FILE "90-kvmhost.conf"
#define SYSCTL_PATH "/etc/sysctl.d/" SYSCTL_FILE

/* One line `name = value`. The name is the path below /proc/sys. */
struct sysctl_line {
	const char *name, *value;
	const char *file; /* as people see it */
	unsigned line;
};

struct sysctl_lines {
	struct arena *arena;
	struct sysctl_line *v;
	size_t n;
};

/* net.ipv4.conf.eth0/42.mtu -> net/ipv4/conf/eth0.42/mtu; slashes first: as it stands. */
char *sysctl_name_to_path(const char *name);
/* The reverse: the form with dots. */
char *sysctl_path_to_name(const char *path);

/* Our file's lines. Lives in the arena. */
int sysctl_read_own(struct host *h, struct sysctl_lines *own, struct error *e);
/* Those of all files that are read after ours, in order. What cannot be read is left out. */
void sysctl_read_later(struct host *h, struct sysctl_lines *later);
/* The last one of that name, which is the one that holds; or NULL. */
const struct sysctl_line *sysctl_line(const struct sysctl_lines *l, const char *path);

/* Sets (value NULL: drops) one of our lines in memory. */
void sysctl_edit(struct sysctl_lines *own, const char *path, const char *value);
/* Writes our file, sorted; no lines: removes it. */
int sysctl_write_own(struct host *h, const struct sysctl_lines *own, struct error *e);

#endif
