/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Firmware and GRUB read file systems, not journals: what fsync(2) has made
 * safe for Linux may still stand in the journal alone, and a machine that
 * loses power then boots by what was there before, or by blocks that belong
 * to somebody else by now. So the journal's content is brought to its place.
 */
#include "hostprep/boot.h"
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#ifndef EXT4_IOC_CHECKPOINT /* Linux 5.14 */
#define EXT4_IOC_CHECKPOINT _IOW('f', 43, __u32)
#endif

/*
 * A file system of its own, as the EFI partition is, is written back whole: tools do not sync what
 * they leave there. XFS can be made to do it only by freezing it, and whoever is killed in there
 * leaves it frozen: not done.
 */
static void flush(struct host *h, const char *directory, dev_t root)
{
	_cleanup_close_ int fd = file_open(h->root, directory, O_RDONLY | O_DIRECTORY, 0);
	__u32 flags = 0;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return;
	if (st.st_dev != root)
		(void)syncfs(fd);
	(void)ioctl(fd, EXT4_IOC_CHECKPOINT, &flags);
}

void boot_flush(struct host *h)
{
	static const char *const directories[] = { "/boot", "/efi", "/boot/efi" };
	struct stat root;
	size_t i;

	if (!h->live || fstat(h->root, &root) < 0)
		return;
	for (i = 0; i < ARRAY_SIZE(directories); i++)
		flush(h, directories[i], root.st_dev);
}
