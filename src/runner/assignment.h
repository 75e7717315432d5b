/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which functions of the host's devices a guest is given: written by the
 * daemon when they are bound to vfio-pci, read by the runner at each start.
 * RUN_DIR/assigned/NAME.json, gone with the boot as the bindings are:
 *
 *	{"format": 1,
 *	 "interfaces": {"2": {"what": "uplink/0", "address": "0000:01:10.0", "id": "8086:10ca",
 *"group": 14}}, "devices": {"0": {"what": "nic2", ...}}}
 *
 * The keys are places in the guest's lists.
 */
#ifndef KVMHOST_ASSIGNMENT_H
#define KVMHOST_ASSIGNMENT_H

#include "base/error.h"
#include "runner/guest.h"
#include <jansson.h>

#define ASSIGNED_DIR "/run/kvmhost/assigned"

/* "0000:01:10.0"; a domain may be longer than four digits (VMD). */
enum { PCI_ADDRESS_MAX = 24 };

struct assigned {
	const char *what; /* as the document names it; NULL: nothing is assigned here */
	char address[PCI_ADDRESS_MAX];
	char id[10]; /* "8086:10ca" */
	int group;
};

struct assignment {
	struct assigned *interfaces, *devices; /* as many as the guest's */
};

/* All empty. */
void assignment_init(struct arena *a, const struct guest *g, struct assignment *out);
json_t *assignment_json(const struct guest *g, const struct assignment *x);
/* What is not there stays empty. -EBADMSG: damaged. */
int assignment_parse(struct arena *a, const struct guest *g, json_t *json, struct assignment *out);

/* The caller frees. */
char *assignment_path(const char *guest);
/* -ENOENT: there is none, e is left alone. */
int assignment_load(int root, const char *guest, struct arena *a, const struct guest *g,
	struct assignment *out, struct error *e);

/* What has the id that qemu_args() gives it, or NULL. */
struct assigned *assignment_by_id(
	const struct guest *g, const struct assignment *x, const char *id);
/*
 * What an item of "lost" in state.json is (run_lost.h); NULL: it was plugged out as wanted, and is
 * not among what the guest was started with any more.
 */
const struct assigned *assignment_lost(
	const struct guest *g, const struct assignment *x, const json_t *lost);

/* That it is there as below, for the place in which the guest asks for `name`. */
int assignment_check_place(int root, const struct assigned *x, const char *name, struct error *e);
/*
 * Everything that the guest asks for is there, is the device that it was when it was assigned, and
 * is bound to vfio-pci. The error names what is not.
 */
int assignment_check(int root, const struct guest *g, const struct assignment *x, struct error *e);

#endif
