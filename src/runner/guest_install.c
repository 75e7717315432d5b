/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a guest is installed, in the configuration language. */
#include "config/obj.h"
#include "runner/guest.h"
#include "runner/nfs.h"

static void check_one(const struct guest_install *i, struct diags *d)
{
	int n = i->pxe + (i->iso != NULL) + (i->location != NULL);

	if (n != 1)
		diag_error(d,
			obj_mark(i, i->iso        ? "iso"
				    : i->location ? "location"
						  : "pxe"),
			"keep one of them",
			"an installation is by `iso: PATH`, by `location: TREE`, or by `pxe: "
			"true`");
}

static void check_location(const struct guest_install *i, struct diags *d)
{
	static const char *const known[] = { "/", "http://", "https://", "ftp://" };
	struct nfs_place nfs;
	int r = nfs_parse(i->location, &nfs);

	if (r < 0)
		diag_error(d, obj_mark(i, "location"),
			"write nfs://SERVER/PATH, or nfs:SERVER:/PATH",
			"this names no directory on an NFS server");
	for (size_t k = 0; k < ARRAY_SIZE(known); k++)
		r |= startswith(i->location, known[k]) != NULL;
	if (r == 0)
		diag_error(d, obj_mark(i, "location"),
			"write /DIRECTORY, http://, https://, ftp:// or nfs://",
			"a tree to install from is a directory, or on a server of HTTP, FTP or "
			"NFS");
}

static void check_of_location(const struct guest_install *i, struct diags *d)
{
	static const char *const keys[] = { "extra_args", "answers", "kernel_sha256",
		"initrd_sha256" };

	for (size_t k = 0; k < ARRAY_SIZE(keys); k++)
		if (obj_has(i, keys[k]))
			diag_error(d, obj_mark_key(i, keys[k]), "remove it",
				"`%s` is for an installation by `location`", keys[k]);
}

static void check_sum(
	const struct guest_install *i, const char *key, const char *sum, struct diags *d)
{
	if (sum && (strlen(sum) != 64 || strspn(sum, "0123456789abcdefABCDEF") != 64))
		diag_error(d, obj_mark(i, key), "sha256sum FILE prints it",
			"a SHA-256 sum has 64 hexadecimal digits");
}

static void check_install(const void *obj, struct diags *d)
{
	const struct guest_install *i = obj;

	check_one(i, d);
	if (i->location)
		check_location(i, d);
	else
		check_of_location(i, d);
	check_sum(i, "kernel_sha256", i->kernel_sha256, d);
	check_sum(i, "initrd_sha256", i->initrd_sha256, d);
}

static const struct field rows[] = {
	FIELD_STRING(struct guest_install, iso, type_path, .on_change = CHANGE_RECREATE,
		.example = "/srv/iso/debian-12.iso",
		.doc = "A disc to install from. It stays in a drive of its own until this is taken "
		       "out."),
	FIELD_STRING(struct guest_install, location, type_string, .on_change = CHANGE_RECREATE,
		.example = "http://mirror.example/debian/dists/bookworm/main/installer-amd64",
		.doc = "A tree to install from: a directory of the host, or one on a server "
		       "(http, https, ftp, and nfs://SERVER/PATH or nfs:SERVER:/PATH, which this "
		       "host's kernel reads). Kernel and initial RAM disk are found by its "
		       ".treeinfo, "
		       "or where Debian, Ubuntu, Fedora, RHEL and SUSE have them, fetched to "
		       "/var/lib/kvmhost/trees, and booted directly for the installation alone."),
	FIELD_STRING(struct guest_install, extra_args, type_string, .on_change = CHANGE_RECREATE,
		.example = "console=ttyS0",
		.doc = "What the installer's kernel gets on its command line, beside what names "
		       "the "
		       "answers and, on Fedora's and SUSE's, the tree."),
	FIELD_STRING(struct guest_install, answers, type_config_path, .on_change = CHANGE_RECREATE,
		.example = "web1-preseed.cfg",
		.doc = "The installer's answers, put into its initial RAM disk, and the installer "
		       "told of them: a preseed file (Debian), a kickstart file (Fedora, RHEL), or "
		       "an "
		       "AutoYaST profile (SUSE). A file below /etc/kvmhost, or an absolute path. "
		       "Ubuntu's installer takes its answers as `cloud_init.user_data`."),
	FIELD_STRING(struct guest_install, kernel_sha256, type_string, .on_change = CHANGE_RECREATE,
		.example = "0000000000000000000000000000000000000000000000000000000000000000",
		.doc = "The SHA-256 sum that the kernel must have. What .treeinfo says is checked "
		       "in any case."),
	FIELD_STRING(struct guest_install, initrd_sha256, type_string, .on_change = CHANGE_RECREATE,
		.example = "0000000000000000000000000000000000000000000000000000000000000000",
		.doc = "The SHA-256 sum that the initial RAM disk must have."),
	FIELD_BOOL(struct guest_install, pxe, .def = "false", .on_change = CHANGE_RECREATE,
		.doc = "Install by the first interface."),
};
const struct table guest_install_table = TABLE(struct guest_install, rows, .check = check_install,
	.doc = "An installation that is run once: the guest boots from there until it reboots or "
	       "powers off and has written to one of its disks, and from then on by its boot "
	       "order. With no disk of its own, a LUN or a device of the host's, the first reboot "
	       "or power off counts. /var/lib/kvmhost/install/NAME remembers; remove it to install "
	       "again, or write `done` into it to have done.");
