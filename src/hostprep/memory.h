/* SPDX-License-Identifier: GPL-2.0-or-later */
/* host.memory: memory.c declares and judges, memory_knobs.c finds what to set and asks again where
 * memory is in pieces. */
#ifndef KVMHOST_MEMORY_H
#define KVMHOST_MEMORY_H

#include "hostprep/knob.h"

struct node_pages {
	struct obj obj; /* its name is the node's number */
	int64_t pages;
};

struct hugepages {
	struct obj obj; /* its name is the size, 2MiB */
	int64_t pages; /* in all */
	struct list nodes; /* struct node_pages */
	const char *mount;
};

struct memory {
	struct obj obj;
	struct list hugepages; /* struct hugepages */
	bool ksm;
};
extern const struct table memory_table;
extern const struct kind memory_kind;

uint64_t hugepages_size(const struct hugepages *p);
int64_t hugepages_total(const struct hugepages *p);
/* So large that memory which has been in use seldom has one: asked for at boot too. */
bool hugepages_gigantic(const struct hugepages *p);

/* hugepagesz=1G hugepages=4. The caller frees. */
char *hugepages_parameter(const struct hugepages *p);
/* Whether the document itself, or others, reserve another number by the kernel's command line. */
void hugepages_check_list(const struct resource *r, const struct wants *w, struct diags *d);
int hugepages_check_others(struct host *h, const struct memory *m, struct error *e);

/* Bytes that are set aside in all. */
uint64_t hugepages_sum(const struct memory *m);

int memory_knobs(struct host *h, const struct memory *want, struct knobs *k, struct error *e);
struct shortage {
	const struct knob *knob; /* the pool; NULL: none was short */
	unsigned long long found; /* pages that there was memory for */
};
/*
 * Moves memory together until all pages are there or it no longer helps; then the pool is as it
 * was before: half of what is asked for serves nobody, and is missing to all others. A pool that
 * there is no room for at all is left alone (skipped).
 */
int memory_set(
	struct host *h, struct step *s, struct knobs *k, struct shortage *lack, struct error *e);
/* Bytes of a page of this pool; 0: the knob is none. */
uint64_t pool_page_size(const struct knob *k);

#endif
