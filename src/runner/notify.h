/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sd_notify(3) in a few lines: the runner stays small without libsystemd. */
#ifndef KVMHOST_NOTIFY_H
#define KVMHOST_NOTIFY_H

#include "base/util.h"

/* Connects to $NOTIFY_SOCKET, so that it works after rights are given up. -1: not under systemd. */
int notify_open(void);
/* "READY=1\nSTATUS=..."; a failure is of no consequence and is not reported. */
void notify_send(int fd, const char *fmt, ...) _printf_(2, 3);

#endif
