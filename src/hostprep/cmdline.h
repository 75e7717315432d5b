/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KVMHOST_CMDLINE_H
#define KVMHOST_CMDLINE_H

/* The three places that are compared, as the plan calls them; after the first two, a file's name.
 */
#define CMDLINE_FILE "boot loader ("
#define CMDLINE_MENU "boot menu ("
#define CMDLINE_RUNNING "running kernel"

#endif
