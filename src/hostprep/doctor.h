/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The doctor: looks at the machine and says what stands in the way of being a
 * good KVM host. One row for each check; rows are never renamed, so that a
 * monitor can ask for one by name. Nothing is changed and nothing is run.
 */
#ifndef KVMHOST_DOCTOR_H
#define KVMHOST_DOCTOR_H

#include "hostprep/facts.h"
#include "reconcile/config.h"

/* Ordered by weight, but for unknown, which weighs nothing. */
enum health { HEALTH_UNKNOWN, HEALTH_PASS, HEALTH_WARN, HEALTH_FAIL };

struct finding {
	enum health state;
	const char *seen; /* what was looked at, and how it is */
	const char *cure; /* a command for this distribution, a YAML line, or NULL */
};

/* Who makes the packages. */
enum family { FAMILY_DEBIAN, FAMILY_FEDORA, FAMILY_SUSE, FAMILY_ARCH, FAMILY_OTHER };

struct doctor {
	struct host *h;
	const struct config *config; /* config->arena NULL: there is no document */
	enum family family;
	struct arena *arena;
	struct finding f; /* of the check that runs */
};

struct check {
	const char *name;
	const char *title; /* a few words */
	const char *why; /* sentences for people and the man page */
	void (*look)(struct doctor *d);
};

/* In the order in which they are shown; NULL behind the last. */
const struct check *check_at(size_t i);
const struct check *check_find(const char *name);

/* Of the machine behind h. The document may be NULL. */
void doctor_open(struct doctor *d, struct host *h, const struct config *c);
void doctor_close(struct doctor *d);
/* Lives until doctor_close(). */
struct finding doctor_look(struct doctor *d, const struct check *c);

const char *health_name(enum health s);
/* The section CHECKS of the man page. */
void doctor_man(struct strbuf *out);

/*
 * For the checks
 */

void doctor_found(struct doctor *d, enum health s, const char *fmt, ...) _printf_(3, 4);
void doctor_cure(struct doctor *d, const char *fmt, ...) _printf_(2, 3);
/* The command that installs a package; names in the order of enum family, NULL: nobody knows. */
void doctor_install(struct doctor *d, const char *const names[FAMILY_OTHER]);
/* First line of a file in the arena; NULL: it cannot be read. */
const char *doctor_line(struct doctor *d, const char *path);
size_t doctor_threads(struct doctor *d); /* that are online; 0: unknown */

extern const struct check doctor_processor[], doctor_host[], doctor_programs[], doctor_network[],
	doctor_guests[];
extern const size_t n_doctor_processor, n_doctor_host, n_doctor_programs, n_doctor_network,
	n_doctor_guests;

#endif
