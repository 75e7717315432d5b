/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libkmod, loaded when a module is really asked about: it brings all of
 * libcrypto, whose relocations alone take longer than a plan, and half a
 * megabyte in a daemon that stays. Its functions have sym_ before their names.
 */
#ifndef KVMHOST_KMOD_H
#define KVMHOST_KMOD_H

#include "base/error.h"
#include <libkmod.h>

#define KMOD_FUNCTIONS(X) \
	X(kmod_list_next) \
	X(kmod_module_get_info) \
	X(kmod_module_get_module) \
	X(kmod_module_get_name) \
	X(kmod_module_get_path) \
	X(kmod_module_info_free_list) \
	X(kmod_module_info_get_key) \
	X(kmod_module_info_get_value) \
	X(kmod_module_new_from_lookup) \
	X(kmod_module_new_from_name) \
	X(kmod_module_probe_insert_module) \
	X(kmod_module_remove_module) \
	X(kmod_module_unref) \
	X(kmod_module_unref_list) \
	X(kmod_new) \
	X(kmod_set_log_priority) \
	X(kmod_unref)

#define KMOD_DECLARE(name) extern __typeof__(name) *sym_##name;
KMOD_FUNCTIONS(KMOD_DECLARE)
#undef KMOD_DECLARE

#define sym_kmod_list_foreach(entry, first) \
	for (entry = first; entry; entry = sym_kmod_list_next(first, entry))

/* Call it before any of them; costs nothing the second time. */
int kmod_load(struct error *e);

#endif
