/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading a machine's PCI functions: the same files as kvmhost reads, into nothing. */
#include "floor.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static unsigned long read_file(int dir, const char *name)
{
	char text[4096];
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text));
	close(fd);
	return n > 0;
}

static unsigned long read_link(int dir, const char *name)
{
	char text[4096];

	return readlinkat(dir, name, text, sizeof(text)) > 0;
}

static int open_below(const char *root, const char *path)
{
	char whole[4096];

	snprintf(whole, sizeof(whole), "%s%s", root, path);
	return open(whole, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static unsigned long read_function(int all, const char *address)
{
	static const char *const files[] = { "uevent", "driver_override", "numa_node",
		"sriov_totalvfs", "sriov_numvfs", "sriov_drivers_autoprobe" };
	static const char *const links[] = { "iommu_group", "physfn" };
	int dir = openat(all, address, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unsigned long n = read_link(all, address);

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		n += read_file(dir, files[i]);
	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++)
		n += read_link(dir, links[i]);
	close(dir);
	return n;
}

/* A PF's links to its VFs. */
static void read_vfs(int all, const char *pf, unsigned n)
{
	int dir = openat(all, pf, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char name[32];

	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "virtfn%u", i);
		read_link(dir, name);
	}
	close(dir);
}

static bool is_pf(const char *address)
{
	return strcmp(address + strlen(address) - 5, ":00.0") == 0 && strncmp(address + 5, "00", 2);
}

unsigned long pci_walk(const char *root, bool pfs_alone)
{
	int fd = open_below(root, "/sys/bus/pci/devices");
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	unsigned long n = 0;

	if (!d)
		die("%s: no PCI devices", root);
	while ((entry = readdir(d))) {
		if (entry->d_name[0] == '.' || (pfs_alone && !is_pf(entry->d_name)))
			continue;
		n++;
		read_function(fd, entry->d_name);
		if (!pfs_alone && is_pf(entry->d_name))
			read_vfs(fd, entry->d_name, 64);
	}
	closedir(d);
	return n;
}

unsigned long net_walk(const char *root)
{
	int fd = open_below(root, "/sys/class/net");
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	unsigned long n = 0;

	while (d && (entry = readdir(d)))
		n += entry->d_name[0] != '.' && read_link(fd, entry->d_name);
	if (d)
		closedir(d);
	return n;
}
