/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/diag.h"
#include <ctype.h>

enum { LONGEST = 63 };

/* Without case, and - like _, so that max-vfs and Max_VFs are no slips of max_vfs. */
static bool fold(const char *s, char out[static LONGEST + 1])
{
	size_t n = strlen(s);

	if (n > LONGEST)
		return false;
	for (size_t i = 0; i <= n; i++)
		out[i] = s[i] == '-' ? '_' : (char)tolower((unsigned char)s[i]);
	return true;
}

static size_t min3(size_t a, size_t b, size_t c)
{
	return MIN_OF(MIN_OF(a, b), c);
}

/*
 * The number of characters inserted, left out, mistaken or swapped with a
 * neighbour (Damerau-Levenshtein, each place edited once).
 */
static size_t slips_between(const char *a, const char *b)
{
	size_t rows[3][LONGEST + 1], *before = rows[0], *above = rows[1], *row = rows[2], *spare;
	size_t n = strlen(a), m = strlen(b);

	for (size_t j = 0; j <= m; j++)
		above[j] = j;
	for (size_t i = 1; i <= n; i++) {
		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			row[j] = min3(above[j] + 1, row[j - 1] + 1,
				above[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = MIN_OF(row[j], before[j - 2] + 1);
		}
		spare = before;
		before = above;
		above = row;
		row = spare;
	}
	return above[m];
}

/* The only word of which this one is the beginning: nft of nftables. No slip, and not sure. */
static const char *begun(const char *beginning, const char *const *words, size_t n, size_t *slips)
{
	const char *found = NULL;
	char b[LONGEST + 1];

	for (size_t i = 0; i < n; i++) {
		if (!fold(words[i], b) || !startswith(b, beginning))
			continue;
		if (found)
			return NULL;
		found = words[i];
	}
	*slips = 2;
	return found;
}

/* What other programs, and people, call it. Said where the second word is one of those at hand. */
static const char *const others[][2] = {
	{ "0", "balance-rr" },
	{ "1", "active-backup" },
	{ "2", "balance-xor" },
	{ "3", "broadcast" },
	{ "4", "802.3ad" },
	{ "5", "balance-tlb" },
	{ "6", "balance-alb" },
	{ "lacp", "802.3ad" },
	{ "rr", "balance-rr" },
	{ "failover", "active-backup" },
	{ "active_standby", "active-backup" },
	{ "0", "slow" },
	{ "1", "fast" },
	{ "slaves", "ports" },
	{ "members", "ports" },
	{ "interfaces", "ports" },
	{ "parent", "link" },
	{ "qinq", "802.1ad" },
	{ "dot1q", "802.1q" },
	{ "ip", "addresses" },
	{ "ip", "addressing" },
	{ "vm", "guests" },
	{ "vms", "guests" },
	{ "domains", "guests" },
	{ "virtual_machines", "guests" },
	{ "nics", "interfaces" },
	{ "nic", "interfaces" },
	{ "vnc", "graphics" },
	{ "spice", "graphics" },
	{ "cdrom", "disks" },
	{ "iso", "disks" },
	{ "volumes", "disks" },
	{ "file", "path" },
	{ "source", "path" },
	{ "image", "path" },
	{ "append", "cmdline" },
	{ "args", "cmdline" },
	{ "params", "options" },
	{ "parameters", "options" },
	{ "pci", "address" },
	{ "pf", "interface" },
	{ "num_vfs", "max_vfs" },
	{ "numvfs", "max_vfs" },
	{ "sriov_numvfs", "max_vfs" },
	{ "target", "to" },
	{ "hd", "disk" },
	{ "hda", "disk" },
	{ "cd", "cdrom" },
	{ "dvd", "cdrom" },
	{ "pxe", "network" },
	{ "wb", "writeback" },
	{ "wt", "writethrough" },
	{ "off", "stopped" },
	{ "shutoff", "stopped" },
	{ "down", "stopped" },
	{ "on", "running" },
	{ "started", "running" },
	{ "never", "no" },
	{ "false", "no" },
	{ "reboot", "restart" },
	{ "virtio_blk", "virtio" },
	{ "virtio_scsi", "scsi" },
	{ "win", "windows" },
	{ "win10", "windows" },
	{ "win11", "windows" },
	{ "on", "unmap" },
	{ "off", "ignore" },
	{ "trim", "unmap" },
	{ "debian", "linux" },
	{ "ubuntu", "linux" },
	{ "masquerade", "nat" },
	{ "route", "routed" },
	{ "none", "isolated" },
	{ "private", "isolated" },
	{ "ignore", "report" },
	{ "forever", "infinite" },
	{ "unlimited", "infinite" },
	{ "fix", "repair" },
	{ "auto", "window" },
};

static const char *by_another_name(const char *word, const char *const *words, size_t n)
{
	for (size_t k = 0; k < ARRAY_SIZE(others); k++)
		for (size_t i = 0; i < n && streq(word, others[k][0]); i++)
			if (streq(words[i], others[k][1]))
				return words[i];
	return NULL;
}

const char *suggest_slips(const char *word, const char *const *words, size_t n, size_t *slips)
{
	char a[LONGEST + 1], b[LONGEST + 1];
	const char *best = NULL;
	size_t least, len;

	if (!fold(word, a))
		return NULL;
	best = by_another_name(a, words, n);
	if (best) {
		if (slips)
			*slips = 1;
		return best;
	}
	len = strlen(a);
	least = len < 2 ? 1 : len < 5 ? 2 : len < 9 ? 3 : 4; /* one more than allowed */
	for (size_t i = 0; i < n; i++) {
		size_t have, distance;

		if (!fold(words[i], b))
			continue;
		have = strlen(b);
		if ((have > len ? have - len : len - have) >= least)
			continue;
		distance = slips_between(a, b);
		/* Where every character was mistaken it is another word. */
		if (distance < least && distance < MAX_OF(len, have)) {
			least = distance;
			best = words[i];
		}
	}
	if (!best && len >= 3)
		best = begun(a, words, n, &least);
	if (best && slips)
		*slips = least;
	return best;
}

const char *suggest(const char *word, const char *const *words, size_t n)
{
	return suggest_slips(word, words, n, NULL);
}
