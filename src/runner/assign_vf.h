/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The virtual functions of an assignment: which they are, and their bindings. */
#ifndef KVMHOST_ASSIGN_VF_H
#define KVMHOST_ASSIGN_VF_H

#include "runner/assign.h"

/*
 * The number of the function that interface i of the guest has: the one that
 * it names, or of the pool's the one that it had, or one that nobody has or
 * names. The same for all guests however often it is asked in a pass.
 */
int assign_vf_number(struct host *h, const struct resource *r, size_t i);

/* Where that function is. -ENOENT: not there yet. */
int assign_vf_find(struct host *h, const struct resource *r, size_t i, const struct pci_device **vf,
	struct error *e);

/* A part of what the record keeps of an assignment; NULL: none. Borrowed. */
json_t *assign_vf_kept(struct host *h, const char *id, const char *part);

/* Notes numbers and what is about to be bound in the record, before it is; saved. */
int assign_vf_keep(
	struct host *h, const struct resource *r, const struct functions *f, struct error *e);
int assign_vf_bind(
	struct host *h, const struct resource *r, const struct functions *f, struct error *e);

/* What is bound and not in f (NULL: all that is); in the pass arena. */
const struct pci_device **assign_vf_left(
	struct host *h, const struct resource *r, const struct functions *f, size_t *n);
/* Gives that back, but for what somebody still has open. */
int assign_vf_unbind(
	struct host *h, const struct resource *r, const struct functions *f, struct error *e);

#endif
