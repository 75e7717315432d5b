/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/image.h"
#include <endian.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

/* Where a format keeps its size: at the start of the file. */
struct header {
	const char *magic;
	size_t at;
	uint64_t unit;
	bool big_endian;
};

static const struct header headers[] = {
	/* docs/interop/qcow2.txt; block/vmdk.c VMDK4Header, in sectors; block/vpc.c VHDFooter;
	   block/qed.h */
	[DISK_QCOW2] = { "QFI\xfb", 24, 1, true },
	[DISK_VMDK] = { "KDMV", 12, 512, false },
	[DISK_VPC] = { "conectix", 48, 1, true },
	[DISK_QED] = { "QED", 48, 1, false },
};

static uint64_t raw_size(int fd)
{
	struct stat st;
	uint64_t size = 0;

	if (fstat(fd, &st) < 0)
		return 0;
	if (S_ISBLK(st.st_mode))
		return ioctl(fd, BLKGETSIZE64, &size) < 0 ? 0 : size;
	return S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
}

uint64_t image_size(int fd, enum disk_format format)
{
	const struct header *h;
	char bytes[64];
	uint64_t n;

	if (format == DISK_RAW)
		return raw_size(fd);
	if ((size_t)format >= ARRAY_SIZE(headers) || !headers[format].magic)
		return 0;
	h = &headers[format];
	if (pread(fd, bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes) ||
		memcmp(bytes, h->magic, strlen(h->magic)) != 0)
		return 0;
	memcpy(&n, bytes + h->at, sizeof(n));
	n = h->big_endian ? be64toh(n) : le64toh(n);
	return n > UINT64_MAX / h->unit ? 0 : n * h->unit;
}

bool image_can_grow(enum disk_format format)
{
	return format == DISK_RAW || format == DISK_QCOW2 || format == DISK_QED;
}
