/* SPDX-License-Identifier: GPL-2.0-or-later */
/* host.cpu: cpu.c declares and judges, cpu_knobs.c finds what to set on this machine, cpu_slices.c
 * keeps everybody but guests off isolated CPUs. */
#ifndef KVMHOST_CPU_H
#define KVMHOST_CPU_H

#include "hostprep/knob.h"

struct cpu {
	struct obj obj;
	const char *max_cstate; /* "auto" or a number */
	const char *governor;
	uint64_t min_frequency, max_frequency; /* Hz */
	const char *isolated; /* CPUs as a list */
	bool smt, nested;
};
extern const struct table cpu_table;
extern const struct kind cpu_kind;

/* Its time stamp counter runs at one rate whatever the C-state and frequency. */
bool cpu_constant_tsc(struct host *h);
bool cpu_is_intel(struct host *h);
/* kvm_intel or kvm_amd: by what the processor can, or, where the firmware hides it, by its maker.
 */
const char *cpu_kvm_module(struct host *h);

/* The files that make this machine as wanted; an error where it has none that could. */
int cpu_knobs(struct host *h, const struct cpu *want, struct knobs *k, struct error *e);
/* What the driver made of a value that it did not take: its name and what it offers. */
int cpu_refused(struct host *h, const struct knob *k, struct error *e);

/* CPUs that host processes may use, where some are isolated. */
int cpu_slices_check(struct host *h, const char *isolated, struct error *e);
void cpu_slices_diff(struct host *h, struct step *s, const char *isolated);
int cpu_slices_apply(struct host *h, struct step *s, const char *isolated, struct error *e);

#endif
