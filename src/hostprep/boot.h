/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Boot loaders: which one hands this machine its kernel command line, what
 * stands there and by whom, and how ours gets there. One file per loader,
 * boot_NAME.c; boot.c chooses, by evidence, and refuses rather than guesses.
 */
#ifndef KVMHOST_BOOT_H
#define KVMHOST_BOOT_H

#include "hostprep/cmdline_token.h"
#include "reconcile/host.h"

/* One way to boot this system, as the loader will do it next time. */
struct boot_entry {
	const char *title;
	const char *version; /* of the kernel, where the entry says it */
	struct tokens tokens;
};

struct boot {
	struct arena *arena;
	const struct boot_loader *loader;
	const char *evidence; /* why it is this one */
	struct tokens own; /* in our file */
	struct tokens others; /* set by others, with their places */
	struct token dropped_by; /* others' file and line that throws ours away; file NULL: none */
	struct boot_entry *entries; /* read back; only of a live machine */
	size_t n;
	bool half; /* the menu ends within what one script wrote: the power went meanwhile */
};

struct boot_loader {
	const char *name; /* "GRUB" */
	const char *evidence; /* what detect() looks for */
	const char *file; /* that our parameters stand in */
	const char *mark; /* is there while one of them is ours; NULL: ask wrote */
	bool (*wrote)(struct host *h);
	const char *short_file; /* for the plan */
	const char *menu, *short_menu; /* where the entries are; NULL: they cannot be read */
	const char *tool;
	/* Whether its tools and files are here. info: who says by EFI that he booted us, or NULL.
	 */
	bool (*detect)(struct host *h, const char *info);
	/* Fills own and others, entries where h->live. */
	int (*read)(struct host *h, struct boot *b, struct error *e);
	/* Writes our file. */
	int (*write)(struct host *h, const struct boot *b, struct error *e);
	/* Live only: makes the entries anew with the loader's own tool and reads them back. */
	int (*install)(struct host *h, struct boot *b, struct error *e);
};

extern const struct boot_loader boot_systemd, boot_proxmox, boot_sdbootutil, boot_grubby,
	boot_ostree, boot_bootc, boot_bootc_image;
/* Of unified kernel images: how they are made. */
extern const struct boot_loader boot_mkinitcpio, boot_mkinitcpio_directory, boot_uki;
extern const struct boot_loader *const boot_grubs[]; /* as distributions have it; ends with NULL */

/* Whether a file of ours is there for any loader: else nothing here can be ours. */
bool boot_wrote(struct host *h);
/* The loader and what it has; lives in b->arena. Errors name what was looked for. */
int boot_read(struct host *h, struct boot *b, struct error *e);
/* What was written for the next boot is where boot loaders read it, as far as this can be had. */
void boot_flush(struct host *h);
/* Our tokens stand in every entry exactly once, or why not. */
int boot_check(const struct boot *b, struct error *e);

#endif
