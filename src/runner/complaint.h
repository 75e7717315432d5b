/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What QEMU said, in words of the document. QEMU knows its disks as
 * descriptors and repeats its own options:
 *
 *	qemu-system-x86_64: -blockdev driver=qcow2,node-name=disk0,file=file0: Image is not ...
 *	disk /srv/a.qcow2: Image is not ...
 */
#ifndef KVMHOST_COMPLAINT_H
#define KVMHOST_COMPLAINT_H

#include "base/strbuf.h"
#include "runner/qemu_args.h"

/*
 * The flag in "... doesn't support requested feature: CPUID.07H:EBX.avx512f [bit 16]", of which
 * QEMU writes one line each; NULL: the line is of something else.
 */
const char *complaint_flag(const char *line, size_t *len);

/*
 * The line says what is no harm, again and again: that iommufd, which maps memory alone, does not
 * let one device of the guest reach the registers of another.
 */
bool complaint_idle(const char *line);

/* Adds the line in such words to out. */
void complaint(const struct machine *m, const char *line, struct strbuf *out);

#endif
