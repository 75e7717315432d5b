/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KVMHOST_CONTROL_GROUP_H
#define KVMHOST_CONTROL_GROUP_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Whether two processes are in the same control groups, by /proc/PID/cgroup below root. Not by a
 * part of the text: a service of a user's may have any name, also one of ours.
 */
bool control_group_same(int root, pid_t a, pid_t b);

#endif
