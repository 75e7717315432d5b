/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/complaint.h"
#include <ctype.h>

/* The number at s and where it ends; -1: there is none. */
static long number(const char *s, const char **end)
{
	long n = 0;

	if (!isdigit((unsigned char)*s))
		return -1;
	for (; isdigit((unsigned char)*s) && n < 100000; s++)
		n = n * 10 + (*s - '0');
	*end = s;
	return n;
}

static const struct guest_disk *disk_at(const struct machine *m, long i)
{
	const struct list *disks = &m->spec->guest->disks;

	return i >= 0 && (size_t)i < disks->n ? &LIST_AT(disks, const struct guest_disk, i) : NULL;
}

static const char *disk_path(const struct machine *m, long i)
{
	const struct guest_disk *d = disk_at(m, i);

	return d ? d->path : NULL;
}

/* "base0-0: ": the image that disk 0 is made on, not one further down. */
static const char *base_path(const struct machine *m, const char *s)
{
	const char *end;
	const struct guest_disk *d = disk_at(m, number(s, &end));

	return d && startswith(end, "-0,") ? d->base : NULL;
}

static const char *boot_path(const struct machine *m, long fd)
{
	const struct guest_kernel *k = &m->spec->guest->kernel;

	return fd < 0                   ? NULL
	       : fd == m->kernel_number ? k->image
	       : fd == m->initrd_number ? k->initrd
					: NULL;
}

/* "qemu-system-x86_64: " */
static const char *skip_program(const char *line)
{
	const char *colon = strstr(line, ": ");

	return colon && startswith(line, "qemu-") && !memchr(line, ' ', (size_t)(colon - line))
		       ? colon + 2
		       : line;
}

/* "-blockdev driver=qcow2,node-name=disk0,file=file0: ": the disk it is about, and what follows. */
static const char *skip_blockdev(
	const struct machine *m, const char *line, bool *base, const char **rest)
{
	static const char *const nodes[] = { "node-name=disk", "node-name=file", "node-name=format",
		"node-name=base" };
	const char *colon = strstr(line, ": "), *end;

	if (!colon || !startswith(line, "-blockdev "))
		return NULL;
	*rest = colon + 2;
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		const char *at = strstr(line, nodes[i]);

		*base = endswith(nodes[i], "base");
		if (at && at < colon)
			return *base ? base_path(m, at + strlen(nodes[i]))
				     : disk_path(m, number(at + strlen(nodes[i]), &end));
	}
	return NULL;
}

/* The path that a descriptor's name at s stands for, and where that name ends. */
static const char *stands_for(const struct machine *m, const char *s, const char **end)
{
	const char *after;

	if ((after = startswith(s, "/dev/fdset/")))
		return disk_path(m, number(after, end));
	if ((after = startswith(s, "/proc/self/fd/")))
		return boot_path(m, number(after, end));
	return NULL;
}

const char *complaint_flag(const char *line, size_t *len)
{
	static const char before[] = "support requested feature: CPUID.";
	const char *at = strstr(line, before);

	at = at ? strchr(at + strlen(before), '.') : NULL;
	if (!at)
		return NULL;
	*len = strcspn(at + 1, " ");
	return at + 1;
}

bool complaint_idle(const char *line)
{
	return strstr(line, "IOMMU_IOAS_MAP failed: Bad address, PCI BAR?") != NULL;
}

void complaint(const struct machine *m, const char *line, struct strbuf *out)
{
	const char *rest, *path, *disk;
	bool base = false;

	line = skip_program(line);
	if (startswith(line, "unable to find CPU model")) {
		sb_addf(out, "%s; `%s -cpu help` lists all", line, m->qemu);
		return;
	}
	disk = skip_blockdev(m, line, &base, &rest);
	if (disk) {
		sb_addf(out, "%s %s: ", base ? "base image" : "disk", disk);
		line = rest;
	}
	while (*line) {
		path = stands_for(m, line, &rest);
		if (path) {
			sb_add(out, path);
			line = rest;
		} else {
			sb_addc(out, *line++);
		}
	}
	if (disk && endswith(sb_str(out), " format"))
		sb_addf(out, "; see what it is, and write that as %s: qemu-img info %s",
			base ? "`base_format`" : "its `format`", disk);
}
