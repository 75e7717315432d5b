/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a guest is started from: its entry of the document with every default
 * filled in, and what was worked out for it. Written by the daemon, read by
 * the runner:
 *
 *	{"format": 1, "name": "web1", "uid": 1899000000, "uuid": "...", "guest": {...},
 *	 "interfaces": [{"tap": "web1-tap0", "mac": "52:54:00:..."}]}
 *
 * In started.json also the number of each interface's link, "index", and the functions of devices
 * that it was started with, "assigned", as assignment.h has them.
 */
#ifndef KVMHOST_SPEC_H
#define KVMHOST_SPEC_H

#include "base/error.h"
#include "base/strbuf.h"
#include "runner/assignment.h"
#include "runner/guest.h"
#include "runner/guest_files.h"
#include "runner/identity.h"

struct spec_interface {
	char tap[IFNAMSIZ]; /* of a virtual function without meaning */
	struct mac mac;
	unsigned index; /* of a started guest: the link's number; 0: not known */
};

struct spec {
	const char *name;
	uid_t uid; /* and gid */
	char uuid[UUID_TEXT];
	const struct guest *guest;
	struct spec_interface *interfaces; /* as many as the guest's */
	struct assignment assigned; /* of a started guest; else NULLs */
};

/* Works out what the document leaves open. host_id as in identity.h. Keeps g and name. */
void spec_resolve(struct arena *a, const struct guest *g, const char *name, const char *host_id,
	struct spec *out);

enum { SPEC_MAX = 1 << 20 }; /* bytes of its text */
void spec_json(const struct spec *s, struct strbuf *out);
/* Back from text; what it points to is in the arena. -EBADMSG: damaged, e says what. */
int spec_parse(struct arena *a, const char *text, size_t len, struct spec *out, struct error *e);
/*
 * The same of a text that will mostly say of its guest what `its`, the text of `like`, says of
 * like's: then out has like's guest, and only what follows is read.
 */
int spec_parse_like(struct arena *a, const char *text, size_t len, const struct spec *like,
	const struct strbuf *its, struct spec *out, struct error *e);
/* file: FILE_SPEC or FILE_STARTED. -ENOENT: there is none, e is left alone. */
int spec_load(int root, const char *name, const char *file, struct arena *a, struct spec *out,
	struct error *e);

/* The same from an open file. */
int spec_load_fd(int fd, const char *name, struct arena *a, struct spec *out, struct error *e);

/* The guest would see another machine: starting from `b` instead of `a` needs a restart. */
bool guest_differs(const struct guest *a, const struct guest *b);
bool interface_differs(const struct guest_interface *a, const struct guest_interface *b);
bool disk_differs(const struct guest_disk *a, const struct guest_disk *b);
/* ... in its interfaces: their number or addresses. What they are connected to does not count. */
bool interfaces_differ(const struct guest *a, const struct guest *b);
/* ... in its devices of the host. */
bool devices_differ(const struct guest *a, const struct guest *b);
/* ... in its disks. How an image is made, and its size, does not count. */
bool disks_differ(const struct guest *a, const struct guest *b);

/* The part of the spec that counts while the guest runs. */
struct live {
	uint64_t shutdown_timeout; /* microseconds */
	int restart; /* enum guest_restart */
};
/* Defaults where the file is missing or damaged: dir is the guest's directory. */
struct live live_load(int dir);
void live_json(const struct guest *g, struct strbuf *out);

#endif
