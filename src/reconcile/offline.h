/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --root DIR: what a machine that boots from the tree needs beside the files of its resources. */
#ifndef KVMHOST_OFFLINE_H
#define KVMHOST_OFFLINE_H

#include "reconcile/host.h"

/*
 * Enables kvmhostd there, as long as the document wants anything: it makes at boot what an image
 * cannot hold. What we did not enable is not disabled. Needs the record, and may change it.
 */
int offline_enable(struct host *h, bool wanted, struct error *e);

#endif
