/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A reboot that is waited for. Every run that comes to an end says in
 * RUN_DIR/reboot.json whether there is one; kvmhostd hears of it, whoever ran,
 * and reboots in the document's window: once for each document, whatever the
 * machine then is like.
 */
#ifndef KVMHOST_REBOOT_H
#define KVMHOST_REBOOT_H

#include "reconcile/host.h"
#include "reconcile/kind.h"

#define REBOOT_FILE "reboot.json"

struct reboot {
	bool pending;
	char document[65]; /* hash of the document that waits */
	char window[64]; /* "": the policy is manual */
};

/*
 * Where people and programs look: RUN_DIR/reboot.json, the message of the day, on Debian and
 * Ubuntu /run/reboot-required and its .pkgs.
 */
int reboot_tell(
	struct host *h, bool pending, const char *document, const struct wants *w, struct error *e);
/* What was told last; nothing is pending where nothing was told. */
void reboot_told(struct host *h, struct reboot *out);

/* When the machine was rebooted for the document, seconds since 1970; 0: never. Needs the record.
 */
uint64_t reboot_made(const struct host *h, const char *document);
/* Remembers that it is now, and has systemd end everything in order. */
int reboot_begin(struct host *h, const char *document, struct error *e);

#endif
