/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Links that are about to send. */
#ifndef KVMHOST_LINK_WAIT_H
#define KVMHOST_LINK_WAIT_H

/* Returns when the interface has a carrier, or after so many seconds. */
void link_wait_carrier(const char *name, unsigned seconds);

/*
 * Until the link can send, a second at most: one that has just got its carrier drops all until the
 * kernel has seen to it, a moment later. Without a carrier nothing is waited for.
 */
void link_await_running(const char *name);

#endif
