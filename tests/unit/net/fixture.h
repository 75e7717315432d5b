/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The network kinds on a real kernel: the test process moves into a network
 * and a mount namespace of its own, where a small root directory holds the
 * engine's state. Documents go through the whole pipeline.
 */
#ifndef KVMHOST_TEST_NET_FIXTURE_H
#define KVMHOST_TEST_NET_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "reconcile/apply.h"

/* Moves into the namespaces; false, with a reason printed: not possible here. */
bool fixture_enter(void);
/* A main program: the tests in the namespaces; 77 where there are none. */
#define FIXTURE_RUN(tests) \
	(fixture_enter() ? fixture_left(cmocka_run_group_tests(tests, NULL, NULL)) : 77)
/* What each test begins with: no links but lo, empty tables, no state. */
int fixture_reset(void **state);
/* A new start of the engine. */
void fixture_restart(void);
/* A new start of the engine that has lost its record; the kernel's state stays. */
void fixture_lose_record(void);
void fixture_leave(void);
/* The same, with what main() returns. */
int fixture_left(int failed);

/* Goes into documents that say nothing of the host: "iptables", "nftables", "auto"; "": nothing. */
extern const char *net_backend;

/* The document through check, plan and apply; the result of apply(), the outcome in `last`. */
int net_apply(const char *yaml);
/* The plan as kvmhostctl prints it; valid until the next call. Fails the test for a bad document.
 */
const char *net_plan(const char *yaml);
/* The diagnostics of a bad document; "" for a good one. */
const char *net_check(const char *yaml);
/* The text of the first failed step and its cure in the last apply, or "". */
const char *net_failure(void);
/* Applies, and asserts that it worked and that nothing is left to do. */
void net_converge(const char *yaml);

extern struct outcome last;
extern struct host host;

/* Assert that the text holds the words, or that it does not. */
void has(const char *text, const char *words);
void hasnt(const char *text, const char *words);

/* Assert that the texts are equal; a failure shows the lines that are not. */
void same(const char *now, const char *before);

/* Runs a shell command; its output, valid until the next call. Fails the test when the command
 * does. */
const char *sh(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Microseconds since some moment. */
double now_us(void);

#endif
