/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Enough of a kernel module for depmod and modinfo: what it says of itself. */
#define MODINFO(name, text) \
	static const char name[] __attribute__((used, section(".modinfo"))) = text
MODINFO(license, "license=GPL");
MODINFO(parm_max_vfs, "parm=max_vfs:Maximum number of virtual functions");
MODINFO(type_max_vfs, "parmtype=max_vfs:uint");
MODINFO(parm_debug, "parm=debug:Debug level");
MODINFO(type_debug, "parmtype=debug:int");
