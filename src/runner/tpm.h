/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's TPM 2.0: swtpm, a second child of the runner, in the same sandbox and as the same
 * user. What the TPM remembers is one file, which is the guest's user's and which swtpm opens
 * anew through its own descriptor: there is no path to it in there.
 */
#ifndef KVMHOST_TPM_H
#define KVMHOST_TPM_H

#include "base/error.h"

/* Opens, or makes, the guest's file below TPM_DIR. */
#define TPM_DIR "/var/lib/kvmhost/tpm"
int tpm_open(int root, const char *guest, uid_t uid, int *state, struct error *e);

/* state: of tpm_open(); control: the socket whose other end is QEMU's. It ends with that. */
int tpm_spawn(int state, int control, int output, pid_t *pid, struct error *e);

#endif
