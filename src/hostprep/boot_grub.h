/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GRUB's own parts: boot_grub.c keeps ours, boot_grub_settings.c reads others', boot_grub_menu.c
 * the menu. */
#ifndef KVMHOST_BOOT_GRUB_H
#define KVMHOST_BOOT_GRUB_H

#include "hostprep/boot.h"

#define GRUB_DEFAULTS "/etc/default/grub"
#define GRUB_DIRECTORY "/etc/default/grub.d"
#define GRUB_OWN_NAME "90-kvmhost.cfg"
#define GRUB_BLOCK_BEGIN "# BEGIN kvmhost"
#define GRUB_BLOCK_END "# END kvmhost"

enum { GRUB_FILE_MAX = 16 << 20 };

struct grub_layout {
	struct boot_loader loader; /* first */
	const char *script; /* grub-mkconfig */
	const char *directory, *menu, *menu_new;
	const char *own; /* NULL: a block at the end of GRUB_DEFAULTS */
};

static inline const struct grub_layout *grub_layout(const struct boot *b)
{
	return (const struct grub_layout *)b->loader;
}

/* Appends a line's words up to --. */
void grub_add_words(struct tokens *t, const char *s, const char *file, unsigned line);
/* The value of an assignment with its quotes gone; *keeps: the former value is part of it. */
void grub_shell_value(const char *s, const char *name, struct strbuf *out, bool *keeps);
/* Fills b->others. */
void grub_read_settings(struct host *h, struct boot *b);

/* Adds the entries of a grub.cfg that 10_linux made, or, when it made none, the script NN_linux. */
void grub_read_menu(struct boot *b, const char *text);
/* The same of a file, in place of those that were read; none where there is no such file. */
int grub_read_menu_file(struct host *h, struct boot *b, const char *path, struct error *e);
int grub_replace_menu(struct host *h, const struct grub_layout *l, struct error *e);

#endif
