/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/fw_tc.h"
#include "base/kmod.h"
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

/* Loads a module, if it is one; a kernel that has it built in needs nothing. */
static void load_module(const char *name)
{
	struct kmod_list *list = NULL, *at;
	struct kmod_ctx *ctx;

	if (kmod_load(NULL) < 0 || !(ctx = sym_kmod_new(NULL, NULL)))
		return;
	sym_kmod_module_new_from_lookup(ctx, name, &list);
	sym_kmod_list_foreach(at, list)
	{
		struct kmod_module *m = sym_kmod_module_get_module(at);

		sym_kmod_module_probe_insert_module(
			m, KMOD_PROBE_APPLY_BLACKLIST, NULL, NULL, NULL, NULL);
		sym_kmod_module_unref(m);
	}
	sym_kmod_module_unref_list(list);
	sym_kmod_unref(ctx);
}

/* As iptables does: what the kernel does not know yet may be a module that nobody asked for. */
struct xtc_handle *fw_tc_open(const struct fw_tc *lib, const struct fw_table *t, struct error *e)
{
	struct xtc_handle *handle = lib->init(t->table);
	_cleanup_free_ char *module = xprintf("%stable_%s", lib->module, t->table);
	int code;

	if (!handle && (errno == ENOENT || errno == ENOPROTOOPT)) {
		load_module(t->family == AF_INET ? "ip_tables" : "ip6_tables");
		load_module(module);
		handle = lib->init(t->table);
	}
	if (handle)
		return handle;
	code = errno ? errno : EINVAL;
	if (code == EPERM) {
		error_set(e, -EPERM, "the kernel refuses the %s table %s", lib->words, t->table);
		error_cure(e, "run it as root");
		return NULL;
	}
	error_set(e, -EOPNOTSUPP, "the kernel has no %s table %s (module %s): %s", lib->words,
		t->table, module, strerror(code));
	error_cure(e,
		"use a kernel with CONFIG_IP_NF_IPTABLES_LEGACY and CONFIG_IP6_NF_IPTABLES_LEGACY, "
		"load the module (modprobe %s), or write host: {firewall: {backend: nftables}}",
		module);
	return NULL;
}
