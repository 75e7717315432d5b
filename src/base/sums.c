/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/sums.h"

LIBRARY_DEFINE(SUMS_FUNCTIONS);

int sums_load(struct error *e)
{
	static struct library library = {
		.file = "libnettle.so.8",
		.cure = "install it: apt install libnettle8, or dnf install nettle",
		.functions = functions,
	};

	return library_load(&library, "make a SHA-256 sum", e);
}
