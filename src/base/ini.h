/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files of sections and assignments, as systemd's (systemd.syntax(7)) and productmd's are. */
#ifndef KVMHOST_INI_H
#define KVMHOST_INI_H

/* Without brackets and the blanks around; section "": before the first. Borrowed from the text. */
typedef void ini_fn(const char *section, const char *key, const char *value, void *arg);
/* Every KEY=VALUE in its order; lines that begin with # or ; are none. Writes into the text. */
void ini_each(char *text, ini_fn *fn, void *arg);

#endif
