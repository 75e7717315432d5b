/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether this machine can run a named processor, before a guest is started
 * with it. QEMU knows, and is asked once for all models, by QMP, without a
 * machine; its answer is kept in CPU_MODELS until QEMU or KVM is another, or
 * the host boots.
 */
#ifndef KVMHOST_CPU_MODELS_H
#define KVMHOST_CPU_MODELS_H

#include "base/error.h"
#include "reconcile/host.h"

#define CPU_MODELS "/run/kvmhost/cpu-models.json"

/*
 * -EINVAL with the reason: QEMU knows no such processor, or KVM lacks some of its flags; what QEMU
 * cannot emulate it leaves out, and says so. Where nothing can be known (no rights, a model with
 * flags of its own) the guest's start tells.
 */
int cpu_model_check(struct host *h, const char *model, struct error *e);

#endif
