/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/kmod.h"
#include <dlfcn.h>

#define LIBRARY "libkmod.so.2"

#define KMOD_DEFINE(name) __typeof__(name) *sym_##name;
KMOD_FUNCTIONS(KMOD_DEFINE)

#define KMOD_ENTRY(name) { #name, (void **)&sym_##name },
static const struct {
	const char *name;
	void **to;
} functions[] = { KMOD_FUNCTIONS(KMOD_ENTRY) };

int kmod_load(struct error *e)
{
	static void *library;

	if (library)
		return 0;
	library = dlopen(LIBRARY, RTLD_NOW);
	for (size_t i = 0; library && i < ARRAY_SIZE(functions); i++) {
		*functions[i].to = dlsym(library, functions[i].name);
		if (*functions[i].to)
			continue;
		dlclose(library);
		library = NULL;
	}
	if (library)
		return 0;
	error_set(e, -ELIBACC, "kernel modules cannot be looked at: %s", dlerror());
	return error_cure(e, "install the library: apt install libkmod2, or dnf install kmod-libs");
}
