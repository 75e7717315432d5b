/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sets of CPUs. */
#ifndef KVMHOST_CPUS_H
#define KVMHOST_CPUS_H

#include "base/strbuf.h"

enum { CPUS_MAX = 8192 }; /* CONFIG_NR_CPUS of the largest kernels */

struct cpus {
	uint8_t b[CPUS_MAX / 8]; /* bit n % 8 of byte n / 8: as systemd takes them */
};

/* 2-7,10: numbers and ranges, at least one. */
bool cpus_parse(const char *text, struct cpus *out);
bool cpus_has(const struct cpus *c, size_t n);
/* In order, joined where they touch; nothing for no CPU. */
void cpus_format(const struct cpus *c, struct strbuf *out);

#endif
