/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SIGINT and SIGTERM while the machine is being changed. They are blocked, and whoever works looks
 * between two steps whether one is pending: no system call is interrupted, nothing is half done.
 */
#ifndef KVMHOST_STOP_H
#define KVMHOST_STOP_H

/* From now on both wait until somebody looks; before, they do what the program has said. */
void stop_defer(void);
/* The signal that waits, 0: none, or it is being obeyed. */
int stop_asked(void);
/*
 * The same, once: who obeys may have to wait for something on the way back, which stop_asked() cuts
 * short. The signal stays pending, for an event loop that ends by it.
 */
int stop_obey(void);
/* "SIGTERM" */
const char *stop_name(int signal);

#endif
