/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A machine made of files in a temporary directory. Offline it is an image
 * (--root DIR); with `live` set its proc/ and sys/ stand for the kernel's, so
 * that the running half is tested without touching this machine.
 */
#ifndef TEST_HOSTPREP_FIXTURE_H
#define TEST_HOSTPREP_FIXTURE_H

#include "hostprep/hostprep.h"
#include "reconcile/apply.h"
#include "reconcile/record.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

struct machine {
	char dir[64];
	struct host host;
	struct arena *arena;
	struct wants wants;
	struct plan plan;
};

int machine_setup(void **state);
int machine_teardown(void **state);

void put(struct machine *m, const char *path, const char *text);
/* The file's text; NULL when there is none. Lives in m->arena. */
const char *get(struct machine *m, const char *path);
#define assert_file(m, path, text) assert_string_equal(get(m, path), text)
#define assert_no_file(m, path) assert_null(get(m, path))

/* A tree of modules as depmod makes it: igb with max_vfs and debug; kvm built in. */
void put_modules(struct machine *m, const char *release);

/* Parses the document (sections cmdline, devices, iommu, cpu, memory, modules and sysctl); fails
 * the test when it is not valid. */
void want(struct machine *m, const char *yaml);
/* The diagnostics of a document that is not valid. */
const char *reject(struct machine *m, const char *yaml);
/* Plans what was wanted last. */
struct plan *plan(struct machine *m);
/* The only step; fails the test when there is not exactly one. */
struct step *only_step(struct machine *m);
/* Applies, and expects that nothing fails. */
void settle(struct machine *m);
/* The first step of the plan that changes path: "HAVE -> WANT", - for absent; NULL: none does. */
const char *change(struct machine *m, const char *path);
/* Applies, expects failure, returns the first failed step's "text; cure". */
const char *apply_fails(struct machine *m);
/* As if the process had ended and another begun. */
void restart(struct machine *m);

#endif
