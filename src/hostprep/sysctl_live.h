/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kernel settings of the running kernel, /proc/sys. Paths are those below it. */
#ifndef KVMHOST_SYSCTL_LIVE_H
#define KVMHOST_SYSCTL_LIVE_H

#include "reconcile/host.h"

/* The value, freed by the caller; NULL when the kernel has no such setting or it was never set. */
int sysctl_read(struct host *h, const char *path, char **value, struct error *e);
/* Writes it and reads it back; the kernel's refusal is explained with its cure. */
int sysctl_write(struct host *h, const char *path, const char *value, struct error *e);
/* Why there is no such setting, in words; in the arena. */
const char *sysctl_missing(struct host *h, const char *path, struct arena *a);
/* The module that brings the setting, where that is known; or NULL. */
const char *sysctl_module(const char *path);
/* The interface of net.ipv4.conf.NAME.x and its like, freed by the caller; or NULL. */
char *sysctl_link(const char *path);

#endif
