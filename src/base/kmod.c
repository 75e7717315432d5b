/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/kmod.h"

LIBRARY_DEFINE(KMOD_FUNCTIONS);

int kmod_load(struct error *e)
{
	static struct library library = {
		.file = "libkmod.so.2",
		.cure = "install it: apt install libkmod2, or dnf install kmod-libs",
		.functions = functions,
	};

	return library_load(&library, "look at kernel modules", e);
}
