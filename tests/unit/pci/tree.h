/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PCI functions as files, for tests: a directory with the /sys of a machine that need not exist. */
#ifndef TEST_PCI_TREE_H
#define TEST_PCI_TREE_H

#include <stdbool.h>

struct tree_device {
	const char *path; /* below sys/devices: "pci0000:00/0000:00:1c.0/0000:01:00.0" */
	const char *id; /* "8086:10C9" */
	const char *class; /* "20000", as the kernel prints it */
	const char *driver; /* NULL: none */
	const char *physfn; /* its PF's address */
	int vf; /* its number at the PF */
	int group; /* 0: none */
	int numa_node;
	int total_vfs; /* 0: no SR-IOV */
	int num_vfs;
	const char *net; /* NULL: none; "virtio0/net/ens3" lies deeper */
};

/* An empty directory under /tmp; tree_remove() ends it. */
void tree_make(char dir[64]);
void tree_remove(const char *dir);
/* Adds or replaces a function. */
void tree_put(const char *dir, const struct tree_device *d);
/* Any file and any link. */
void tree_file(const char *dir, const char *path, const char *text);
void tree_link(const char *dir, const char *path, const char *target);
/* Runs a shell command in it. */
void tree_run(const char *dir, const char *command);

#endif
