/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostprep/module_live.h"
#include <ctype.h>
#include <fcntl.h>
#include <linux/if.h>

static char *module_path(const char *module, const char *below)
{
	return xprintf("/sys/module/%s%s%s", module, *below ? "/" : "", below);
}

char *module_param(struct host *h, const char *module, const char *param)
{
	_cleanup_free_ char *below = xprintf("parameters/%s", param);
	_cleanup_free_ char *path = module_path(module, below), *value = NULL;
	size_t n;

	if (file_read(h->root, path, 64 * 1024, &value, &n) < 0)
		return NULL;
	while (n && isspace((unsigned char)value[n - 1]))
		value[--n] = '\0';
	return TAKE_PTR(value);
}

/* The directory's inode number: kernfs never gives one twice in a boot. */
char *module_load_id(struct host *h, const char *module)
{
	_cleanup_free_ char *path = module_path(module, ""),
			    *state = module_path(module, "initstate");
	_cleanup_free_ char *boot = host_boot_id(h);
	struct stat st;

	if (!boot || !file_exists(h->root, state) || file_stat(h->root, path, &st) < 0)
		return NULL;
	return xprintf("%s:%llu", boot, (unsigned long long)st.st_ino);
}

static char *first_holder(struct host *h, const char *module)
{
	_cleanup_free_ char *path = module_path(module, "holders"), **names = NULL;
	size_t n;

	if (file_list(h->root, path, &names, &n) < 0 || n == 0)
		return NULL;
	return xprintf("module %s needs it", names[0]);
}

/* Up, or part of something that is: it carries traffic, or is about to. */
static bool is_used(struct host *h, const char *link)
{
	_cleanup_free_ char *path = xprintf("/sys/class/net/%s/flags", link), *flags = NULL;
	_cleanup_free_ char *master = xprintf("/sys/class/net/%s/master", link);

	return file_exists(h->root, master) || file_read_line(h->root, path, &flags) < 0 ||
	       (strtoul(flags, NULL, 0) & IFF_UP);
}

/* A network card whose links all lie idle, and that has no virtual functions. */
static bool is_idle_card(struct host *h, const char *device)
{
	_cleanup_free_ char *dir = xprintf("%s/net", device), **links = NULL;
	_cleanup_free_ char *vfs = xprintf("%s/sriov_numvfs", device), *count = NULL;
	size_t n, i;

	if (file_list(h->root, dir, &links, &n) < 0 || n == 0)
		return false;
	if (file_read_line(h->root, vfs, &count) == 0 && !streq(count, "0"))
		return false;
	for (i = 0; i < n; i++)
		if (is_used(h, links[i]))
			return false;
	return true;
}

/* A device that the driver serves: a directory beside the driver's own files. */
static char *first_device(struct host *h, const char *drivers, const char *driver, bool for_reload)
{
	_cleanup_free_ char *dir = xprintf("%s/%s", drivers, driver), **names = NULL;
	size_t n, i;

	if (file_list(h->root, dir, &names, &n) < 0)
		return NULL;
	for (i = 0; i < n; i++) {
		_cleanup_free_ char *path = xprintf("%s/%s", dir, names[i]);
		_cleanup_close_ int fd = file_open(h->root, path, O_PATH | O_DIRECTORY, 0);

		if (fd < 0 || streq(names[i], "module"))
			continue;
		if (!for_reload || !is_idle_card(h, path))
			return xprintf("it drives %s", names[i]);
	}
	return NULL;
}

/*
 * The use count does not know of devices: that of a NIC's driver is 0 while
 * the NIC carries this host's traffic. Only platform devices (the PC speaker,
 * a watchdog) are let go without asking.
 */
static char *bound_device(struct host *h, const char *module, bool for_reload)
{
	_cleanup_free_ char *drivers = module_path(module, "drivers"), **names = NULL;
	char *device = NULL;
	size_t n, i;

	if (file_list(h->root, drivers, &names, &n) < 0)
		return NULL;
	for (i = 0; i < n && !device; i++)
		if (!startswith(names[i], "platform:"))
			device = first_device(h, drivers, names[i], for_reload);
	return device;
}

static char *held_by(struct host *h, const char *module, bool for_reload)
{
	_cleanup_free_ char *path = module_path(module, "refcnt"), *count = NULL;
	_cleanup_free_ char *link = NULL;
	char *held = first_holder(h, module);

	if (held)
		return held;
	if (file_read_line(h->root, path, &count) < 0)
		return xstrdup("this kernel cannot unload modules");
	if (!streq(count, "0"))
		return xprintf("it is in use (%s users)", count);
	link = module_link(h, module, for_reload);
	if (link)
		return xprintf(for_reload ? "link %s would go with it" : "link %s is up", link);
	return bound_device(h, module, for_reload);
}

char *module_held(struct host *h, const char *module)
{
	return held_by(h, module, false);
}

char *module_held_for_reload(struct host *h, const char *module)
{
	return held_by(h, module, true);
}
