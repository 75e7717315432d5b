/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/fw_tc.h"
#include <libiptc/libip6tc.h>
#include <libiptc/libiptc.h>

#define LIBRARY(NAME, P, ENTRY, WORDS, MODULE) \
	static const void *P##_first(const char *chain, struct xtc_handle *t) \
	{ \
		return P##_first_rule(chain, t); \
	} \
	static const void *P##_next(const void *entry, struct xtc_handle *t) \
	{ \
		return P##_next_rule(entry, t); \
	} \
	static const char *P##_target(const void *entry, struct xtc_handle *t) \
	{ \
		return P##_get_target(entry, t); \
	} \
	static int P##_insert( \
		const char *chain, const void *entry, unsigned at, struct xtc_handle *t) \
	{ \
		return P##_insert_entry(chain, (const struct ENTRY *)entry, at, t); \
	} \
	const struct fw_tc NAME = { WORDS, MODULE, P##_init, P##_free, P##_commit, P##_strerror, \
		P##_is_chain, P##_first_chain, P##_next_chain, P##_create_chain, \
		P##_flush_entries, P##_delete_chain, P##_get_references, P##_get_policy, \
		P##_set_policy, P##_delete_num_entry, P##_first, P##_next, P##_target, \
		P##_insert }

LIBRARY(fw_tc4, iptc, ipt_entry, "iptables", "ip");
LIBRARY(fw_tc6, ip6tc, ip6t_entry, "ip6tables", "ip6");
