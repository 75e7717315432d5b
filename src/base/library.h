/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Libraries that are loaded when they are needed. Two bring others of many
 * megabytes along, whose relocations alone take longer than a plan:
 *
 *	#define KMOD_FUNCTIONS(X) X(kmod_new) X(kmod_unref)
 *	LIBRARY_DECLARE(KMOD_FUNCTIONS)           in kmod.h
 *	LIBRARY_DEFINE(KMOD_FUNCTIONS)            in kmod.c
 *
 * makes sym_kmod_new and sym_kmod_unref, of the types that the library's
 * header says; NULL until library_load().
 */
#ifndef KVMHOST_LIBRARY_H
#define KVMHOST_LIBRARY_H

#include "base/error.h"

struct library {
	const char *file; /* "libkmod.so.2" */
	const char *cure; /* how to get it */
	const struct library_function {
		const char *name;
		void **to;
	} * functions; /* ends with a name of NULL */
	void *handle;
};

/* Does nothing when it is loaded already. `what` cannot be done without it. */
int library_load(struct library *l, const char *what, struct error *e);

#define LIBRARY_FUNCTION_DECLARE(name) extern __typeof__(name) *sym_##name;
#define LIBRARY_FUNCTION_DEFINE(name) __typeof__(name) *sym_##name;
#define LIBRARY_FUNCTION_ENTRY(name) { #name, (void **)&sym_##name },

#define LIBRARY_DECLARE(list) list(LIBRARY_FUNCTION_DECLARE)
#define LIBRARY_DEFINE(list) \
	list(LIBRARY_FUNCTION_DEFINE) static const struct library_function functions[] = { list( \
		LIBRARY_FUNCTION_ENTRY){ NULL, NULL } }

#endif
