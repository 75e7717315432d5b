/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostprep/pe.h"
#include <endian.h>

/* Offsets of the format's fields; all numbers are little-endian. */
enum { DOS_NEW_HEADER = 0x3c, DOS_SIZE = 0x40 };
enum { COFF_SECTIONS = 6, COFF_OPTIONAL_SIZE = 20, COFF_SIZE = 24 }; /* with the signature */
enum { SECTION_NAME = 8, SECTION_VIRTUAL_SIZE = 8, SECTION_RAW_SIZE = 16, SECTION_RAW = 20 };
enum { SECTION_SIZE = 40, SECTIONS_MAX = 96, TEXT_MAX = 64 << 10 };

static int read_at(int fd, void *buffer, size_t n, off_t at)
{
	ssize_t got = pread(fd, buffer, n, at);

	if (got < 0)
		return -errno;
	return (size_t)got == n ? 0 : -EBADMSG;
}

static uint32_t number(const uint8_t *p)
{
	uint32_t n;

	memcpy(&n, p, sizeof(n));
	return le32toh(n);
}

static uint16_t short_number(const uint8_t *p)
{
	uint16_t n;

	memcpy(&n, p, sizeof(n));
	return le16toh(n);
}

/* Where the table of sections begins, and how long it is. */
static int find_table(int fd, off_t *at, size_t *n)
{
	uint8_t dos[DOS_SIZE], coff[COFF_SIZE];
	int r = read_at(fd, dos, sizeof(dos), 0);

	if (r == 0 && memcmp(dos, "MZ", 2) != 0)
		r = -EBADMSG;
	if (r < 0)
		return r;
	r = read_at(fd, coff, sizeof(coff), number(dos + DOS_NEW_HEADER));
	if (r < 0)
		return r;
	if (memcmp(coff, "PE\0", 4) != 0)
		return -EBADMSG;
	*n = short_number(coff + COFF_SECTIONS);
	*at = (off_t)number(dos + DOS_NEW_HEADER) + COFF_SIZE +
	      short_number(coff + COFF_OPTIONAL_SIZE);
	return *n <= SECTIONS_MAX ? 0 : -EBADMSG;
}

/* The file may be padded behind what is meant, or hold less than what is loaded. */
static int read_text(int fd, const uint8_t *section, struct arena *a, const char **text)
{
	size_t n =
		MIN_OF(number(section + SECTION_VIRTUAL_SIZE), number(section + SECTION_RAW_SIZE));
	char *buffer;
	int r;

	if (n > TEXT_MAX)
		return -EFBIG;
	buffer = arena_alloc(a, n + 1);
	r = read_at(fd, buffer, n, number(section + SECTION_RAW));
	if (r < 0)
		return r;
	buffer[n] = '\0';
	*text = buffer;
	return 0;
}

int pe_section(int fd, const char *name, struct arena *a, const char **text)
{
	uint8_t section[SECTION_SIZE];
	size_t n, i;
	off_t at;
	int r = find_table(fd, &at, &n);

	for (i = 0; r == 0 && i < n; i++) {
		r = read_at(fd, section, sizeof(section), at + (off_t)(i * SECTION_SIZE));
		if (r == 0 && strncmp((const char *)section, name, SECTION_NAME) == 0)
			return read_text(fd, section, a, text);
	}
	return r < 0 ? r : -ENOENT;
}
