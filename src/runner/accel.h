/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether guests can run under KVM here, tried rather than guessed. */
#ifndef KVMHOST_ACCEL_H
#define KVMHOST_ACCEL_H

#include "base/util.h"
#include <sys/types.h>

struct accel {
	bool kvm;
	/* The group through which an unprivileged user reaches /dev/kvm; 0: none is needed. */
	gid_t group;
	char reason[200]; /* why not KVM; empty: KVM */
};

/* Opens the device at path ("/dev/kvm") and makes a virtual machine with it for a moment. */
void accel_probe(const char *path, struct accel *out);

#endif
