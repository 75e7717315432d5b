/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PE images, as EFI boots them: what stands in one section of a unified kernel image. */
#ifndef KVMHOST_PE_H
#define KVMHOST_PE_H

#include "base/arena.h"

/*
 * The section's text in the arena, up to its first NUL. -ENOENT: there is no such section.
 * -EBADMSG: it is no PE image, or one that is cut off.
 */
int pe_section(int fd, const char *name, struct arena *a, const char **text);

#endif
