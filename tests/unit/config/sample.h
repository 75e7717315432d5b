/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A small language that uses every shape and type once, and helpers for tests over it. */
#ifndef KVMHOST_TEST_SAMPLE_H
#define KVMHOST_TEST_SAMPLE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "config/document.h"
#include "config/obj.h"
#include "config/reference.h"
#include "config/type.h"

struct option {
	struct obj obj;
	const char *value;
};

struct link {
	struct obj obj;
	const char *name;
	struct mac mac;
	int64_t vlan;
};

struct cpu {
	struct obj obj;
	int64_t count, quota;
	int model;
	const char *note;
};

struct machine {
	struct obj obj;
	struct cpu cpu;
	uint64_t memory;
	const char *kernel, *password;
	struct list links, after, vfs;
	bool autostart;
	uint64_t timeout;
};

struct network {
	struct obj obj;
	struct cidr address;
	struct ip gateway;
	struct list ports;
	int64_t first, last;
};

struct vf {
	struct obj obj;
	bool trust;
};

struct sample {
	struct obj obj;
	int64_t version;
	struct list machines, networks, options, modules;
};

extern const struct table sample_table, machine_table, network_table, cpu_table;

/* One document loaded and parsed. */
struct loaded {
	struct arena *arena;
	struct diags diags;
	struct document doc;
	struct sample *sample;
	bool ok;
};
void load(struct loaded *l, const char *text);
void load_bytes(struct loaded *l, const char *text, size_t len);
void unload(struct loaded *l);
#define _cleanup_loaded_ _cleanup_(unload)
/* All diagnostics as printed. The caller frees. */
char *messages(struct loaded *l);

/* Fails unless the document is refused with these words, in this order, somewhere in the messages. */
void assert_refused(const char *text, ...) __attribute__((sentinel));
void assert_accepted(const char *text);

#endif
