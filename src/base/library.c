/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/library.h"
#include <dlfcn.h>

int library_load(struct library *l, const char *what, struct error *e)
{
	const struct library_function *f;
	void *handle;

	if (l->handle)
		return 0;
	handle = dlopen(l->file, RTLD_NOW);
	for (f = l->functions; handle && f->name; f++) {
		*f->to = dlsym(handle, f->name);
		if (!*f->to)
			break;
	}
	if (handle && !f->name) {
		l->handle = handle;
		return 0;
	}
	error_set(e, -ELIBACC, "cannot %s: %s", what, dlerror());
	error_cure(e, "%s", l->cure);
	for (f = l->functions; f->name; f++)
		*f->to = NULL;
	if (handle)
		dlclose(handle);
	return -ELIBACC;
}
