/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KVMHOST_TEST_RUNNER_FIXTURE_H
#define KVMHOST_TEST_RUNNER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "config/document.h"
#include "config/obj.h"
#include "runner/spec.h"

#define HOST_ID "0123456789abcdef0123456789abcdef"

/* A valid guest from the YAML of its entry; the test fails, showing why, when it is not. */
const struct guest *guest_from(struct arena *a, const char *yaml);
/* The texts of all errors of the entry, one a line; "" when it is valid. */
const char *guest_errors(struct arena *a, const char *yaml);

#endif
