/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libkmod, loaded when it is needed: it brings libcrypto. */
#ifndef KVMHOST_KMOD_H
#define KVMHOST_KMOD_H

#include "base/library.h"
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
LIBRARY_DECLARE(KMOD_FUNCTIONS)

#define sym_kmod_list_foreach(entry, first) \
	for ((entry) = (first); (entry); (entry) = sym_kmod_list_next(first, entry))

/* Comes before any of them. */
int kmod_load(struct error *e);

#endif
