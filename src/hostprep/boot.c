/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostprep/boot.h"
#include "reconcile/dropin.h"

#define LOADER_GUID "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
#define EFI_VARIABLE(name) "/sys/firmware/efi/efivars/" name "-"
#define SECURE_BOOT EFI_VARIABLE("SecureBoot") "8be4df61-93ca-11d2-aa0d-00e098032b8c"

enum { EFI_VARIABLE_MAX = 4096 };

/* What is told by more comes first: Proxmox may be booted by systemd-boot, Fedora by GRUB. */
static const struct boot_loader *const loaders[] = { &boot_bootc_image, &boot_ostree, &boot_bootc,
	&boot_proxmox, &boot_sdbootutil, &boot_grubby, &boot_systemd };

/* A kernel, its initrd and its command line in one file: who makes them of which file. */
static const struct boot_loader *const unified[] = { &boot_mkinitcpio_directory, &boot_mkinitcpio,
	&boot_uki };

/*
 * How else machines boot: told by a file that only these have. kvmhost does not write for them,
 * and says so rather than write where nobody reads.
 */
static const struct {
	const char *path, *name, *cure;
} foreign[] = {
	{ "/run/ostree-booted", "ostree, without rpm-ostree and bootc",
		"ostree admin kargs edit-in-place --append-if-missing=%s" },
	{ "/etc/kernel/proxmox-boot-uuids", "proxmox-boot-tool, which is not there",
		"install proxmox-kernel-helper, or add %s to /etc/kernel/cmdline by hand" },
	{ "/boot/firmware/cmdline.txt", "the Raspberry Pi's firmware",
		"add %s to /boot/firmware/cmdline.txt and reboot" },
};

/* An EFI variable's text: four bytes of attributes, then UTF-16, of which ASCII is kept. */
static char *efi_text(struct host *h, struct arena *a, const char *path)
{
	_cleanup_free_ char *raw = NULL;
	size_t len, i, n = 0;
	char *text;

	if (file_read(h->root, path, EFI_VARIABLE_MAX, &raw, &len) < 0 || len < 4)
		return NULL;
	text = arena_alloc(a, len);
	for (i = 4; i + 1 < len && (raw[i] || raw[i + 1]); i += 2)
		text[n++] = raw[i + 1] == 0 && raw[i] >= ' ' && raw[i] <= '~' ? raw[i] : '?';
	return text;
}

static bool secure_boot(struct host *h)
{
	_cleanup_free_ char *raw = NULL;
	size_t len;

	return file_read(h->root, SECURE_BOOT, EFI_VARIABLE_MAX, &raw, &len) == 0 && len >= 5 &&
	       raw[4] == 1;
}

static int refuse_unified(const char *stub, struct error *e)
{
	error_set(e, -EOPNOTSUPP,
		"this machine boots a unified kernel image (%s), and nothing says who makes it: "
		"there is no preset of mkinitcpio with an image to make, and no `layout=uki` for "
		"kernel-install",
		stub);
	return error_cure(e, "build the image anew with the parameters, and reboot");
}

/* What is signed cannot be added to, and an image that is made anew here may not be signed. */
static int refuse_signed(const char *stub, struct error *e)
{
	error_set(e, -EOPNOTSUPP,
		"this machine boots a unified kernel image (%s) under Secure Boot: its command "
		"line is signed with it, and the firmware would refuse one that kvmhost has made "
		"anew",
		stub);
	return error_cure(e, "build the image with the parameters, sign it, and reboot");
}

static int refuse_foreign(struct host *h, struct error *e)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(foreign); i++) {
		if (!file_exists(h->root, foreign[i].path))
			continue;
		error_set(e, -EOPNOTSUPP,
			"this machine boots by %s (%s is there), for which kvmhost "
			"cannot write the kernel command line",
			foreign[i].name, foreign[i].path);
		return error_cure(e, foreign[i].cure, "KEY=VALUE");
	}
	return 0;
}

static int refuse_unknown(const char *info, struct error *e)
{
	if (info)
		error_set(e, -EOPNOTSUPP,
			"this machine was booted by %s (EFI variable LoaderInfo), "
			"for which kvmhost cannot write the kernel command line",
			info);
	else
		error_set(e, -EOPNOTSUPP,
			"cannot tell how this machine boots: there is no "
			"/boot/grub/grub.cfg or /boot/grub2/grub.cfg with a grub-mkconfig that "
			"made it, no grubby, no loader/entries with kernel-install, and no other "
			"tool that kvmhost knows");
	return error_cure(e, "take the parameters out of the document and give them to the boot "
			     "loader by hand; on Debian and Ubuntu, apt install grub2-common "
			     "brings GRUB's tools");
}

static void take_first(struct host *h, struct boot *b, const struct boot_loader *const *list,
	size_t n, const char *said)
{
	size_t i;

	for (i = 0; i < n && !b->loader; i++)
		if (list[i]->detect(h, said))
			b->loader = list[i];
	if (b->loader)
		b->evidence = arena_printf(b->arena, "%s%s%s", b->loader->evidence,
			said ? ", EFI says: " : "", said ? said : "");
}

/* Where firmware cannot be asked what was booted, files alone must tell. */
static bool may_be_unified(struct host *h)
{
	return !h->live || (!file_exists(h->root, "/sys/firmware/efi") &&
				   !file_exists(h->root, "/boot/grub/grub.cfg") &&
				   !file_exists(h->root, "/boot/grub2/grub.cfg"));
}

static int find_loader(struct host *h, struct boot *b, struct error *e)
{
	char *info = efi_text(h, b->arena, EFI_VARIABLE("LoaderInfo") LOADER_GUID);
	char *stub = efi_text(h, b->arena, EFI_VARIABLE("StubInfo") LOADER_GUID);
	size_t n = 0;
	int r;

	if (stub && secure_boot(h))
		return refuse_signed(stub, e);
	if (stub || may_be_unified(h))
		take_first(h, b, unified, ARRAY_SIZE(unified), stub ? stub : info);
	if (stub && !b->loader)
		return refuse_unified(stub, e);
	while (boot_grubs[n])
		n++;
	if (!b->loader)
		take_first(h, b, loaders, ARRAY_SIZE(loaders), info);
	if (!b->loader)
		take_first(h, b, boot_grubs, n, info);
	if (b->loader)
		return 0;
	r = refuse_foreign(h, e);
	return r < 0 ? r : refuse_unknown(info, e);
}

/* asked: the loader that was looked for last, and did not write; many look for the same. */
static bool wrote(struct host *h, const struct boot_loader *l, const struct boot_loader **asked)
{
	const struct boot_loader *last = *asked;

	*asked = l;
	if (last && streq_null(last->mark, l->mark) && last->wrote == l->wrote)
		return false;
	return l->mark ? file_exists(h->root, l->mark) : l->wrote(h);
}

bool boot_wrote(struct host *h)
{
	const struct boot_loader *asked = NULL;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(loaders); i++)
		if (wrote(h, loaders[i], &asked))
			return true;
	/* From the end, which has the same file as the end of those above. */
	for (i = ARRAY_SIZE(unified); i > 0; i--)
		if (wrote(h, unified[i - 1], &asked))
			return true;
	for (i = 0; boot_grubs[i]; i++)
		if (wrote(h, boot_grubs[i], &asked))
			return true;
	return false;
}

int boot_read(struct host *h, struct boot *b, struct error *e)
{
	int r;

	b->own.arena = b->others.arena = b->arena;
	r = find_loader(h, b, e);
	return r < 0 ? r : b->loader->read(h, b, e);
}

static int cure_count(const struct boot *b, const char *text, size_t found, struct error *e)
{
	if (found)
		return error_cure(e,
			"find where else it is set (grep -r %s /etc/default /etc/grub.d), "
			"and remove it there",
			text);
	if (b->dropped_by.file)
		return error_cure(e,
			"%s:%u sets the variable anew: let it begin with what was there, "
			"GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX ...\"",
			b->dropped_by.file, b->dropped_by.line);
	return error_cure(e, "see what %s makes of %s", b->loader->tool, b->loader->file);
}

int boot_check(const struct boot *b, struct error *e)
{
	size_t i, k;

	if (!b->n) {
		error_set(e, -EBADMSG, "%s has no entry for this system", b->loader->menu);
		return error_cure(e, "see what %s says", b->loader->tool);
	}
	if (b->half) {
		error_set(e, -EBADMSG, "%s was run, but what it wrote is cut off", b->loader->tool);
		return error_cure(e, "make room: df /boot");
	}
	for (i = 0; i < b->n; i++)
		for (k = 0; k < b->own.n; k++) {
			size_t found = tokens_count(&b->entries[i].tokens, &b->own.v[k]);
			_cleanup_free_ char *text = token_text(&b->own.v[k]);

			if (found == 1)
				continue;
			error_set(e, -EBADMSG, "%s was run, but its entry `%s` has %s %zu times",
				b->loader->tool, b->entries[i].title, text, found);
			return cure_count(b, text, found, e);
		}
	return 0;
}
