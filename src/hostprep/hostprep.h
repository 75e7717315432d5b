/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kinds that prepare the host itself; each is one entry below `host:` in the document. */
#ifndef KVMHOST_HOSTPREP_H
#define KVMHOST_HOSTPREP_H

#include "hostprep/cmdline_token.h"
#include "reconcile/kind.h"

/* host.kernel.sysctl: NAME: VALUE */
extern const struct table sysctl_table;
extern const struct kind sysctl_kind;

/* host.kernel.modules: NAME: {options: {...}, state: ...} */
extern const struct table module_table;
extern const struct kind module_kind;

/* host.kernel.cmdline: [PARAMETER, ...] */
extern const struct kind cmdline_kind;

#endif
