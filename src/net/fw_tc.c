/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/fw_tc.h"
#include "base/library.h"
#include <sys/socket.h>

/* libiptc's entries are of different types in the two libraries, and plain pointers to both. */
#define ROW(NAME, P, MEMBER, SYMBOL) \
	{ \
		P "_" SYMBOL, (void **)&(NAME).MEMBER \
	}
#define LIBRARY(NAME, P, WORDS, MODULE, FILE, PACKAGE) \
	static struct fw_tc NAME = { .words = (WORDS), .module = (MODULE) }; \
	static const struct library_function NAME##_functions[] = { \
		ROW(NAME, P, init, "init"), \
		ROW(NAME, P, free, "free"), \
		ROW(NAME, P, commit, "commit"), \
		ROW(NAME, P, strerror, "strerror"), \
		ROW(NAME, P, is_chain, "is_chain"), \
		ROW(NAME, P, first_chain, "first_chain"), \
		ROW(NAME, P, next_chain, "next_chain"), \
		ROW(NAME, P, create_chain, "create_chain"), \
		ROW(NAME, P, flush, "flush_entries"), \
		ROW(NAME, P, delete_chain, "delete_chain"), \
		ROW(NAME, P, references, "get_references"), \
		ROW(NAME, P, policy, "get_policy"), \
		ROW(NAME, P, set_policy, "set_policy"), \
		ROW(NAME, P, remove, "delete_num_entry"), \
		ROW(NAME, P, first, "first_rule"), \
		ROW(NAME, P, next, "next_rule"), \
		ROW(NAME, P, target, "get_target"), \
		ROW(NAME, P, insert, "insert_entry"), \
		{ NULL, NULL }, \
	}; \
	static struct library NAME##_library = { \
		.file = (FILE), \
		.cure = "install it: apt install " PACKAGE ", or dnf install iptables-libs", \
		.functions = NAME##_functions, \
	}

LIBRARY(tc4, "iptc", "iptables", "ip", "libip4tc.so.2", "libip4tc2");
LIBRARY(tc6, "ip6tc", "ip6tables", "ip6", "libip6tc.so.2", "libip6tc2");

int fw_tc_get(int family, const struct fw_tc **out, struct error *e)
{
	bool ipv4 = family == AF_INET;

	*out = ipv4 ? &tc4 : &tc6;
	return library_load(ipv4 ? &tc4_library : &tc6_library, "write iptables' tables", e);
}
