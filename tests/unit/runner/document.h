/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KVMHOST_TEST_RUNNER_DOCUMENT_H
#define KVMHOST_TEST_RUNNER_DOCUMENT_H

#include "reconcile/kind.h"

bool document_wants(struct arena *a, const char *yaml, struct wants *w, struct diags *d);

#endif
