/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kvmhostd on the system bus. Its policy file lets root call everything and others read status. */
#ifndef KVMHOST_BUSNAME_H
#define KVMHOST_BUSNAME_H

#define KVMHOST_BUS_NAME "org.kvmhost1"
#define KVMHOST_BUS_PATH "/org/kvmhost1"
#define KVMHOST_BUS_INTERFACE "org.kvmhost1.Manager"
/* Error names of Reload; the message says what and the cure. */
#define KVMHOST_BUS_ERROR_FAILED KVMHOST_BUS_INTERFACE ".Failed"

#endif
