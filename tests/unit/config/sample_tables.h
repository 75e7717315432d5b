/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A small language that uses every shape and type once. */
#ifndef KVMHOST_TEST_SAMPLE_TABLES_H
#define KVMHOST_TEST_SAMPLE_TABLES_H

#include "config/obj.h"
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

#endif
