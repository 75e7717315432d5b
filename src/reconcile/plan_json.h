/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Steps as JSON, for `plan --json` and the status file. The caller owns what is returned. */
#ifndef KVMHOST_PLAN_JSON_H
#define KVMHOST_PLAN_JSON_H

#include "reconcile/plan.h"
#include <jansson.h>

json_t *step_json(const struct step *s);
json_t *steps_json(struct step *const *steps, size_t n);

#endif
