/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unified kernel images: their command line is a section of the image, made of
 * files that mkinitcpio (Arch) or kernel-install with `layout=uki` reads. What
 * was made of them is read back from the images themselves.
 *
 * mkinitcpio reads /etc/kernel/cmdline and, or else, depending on its version,
 * /etc/cmdline.d/NAME.conf. So where the first is there it is what we edit; a
 * file of our own in the directory only where others have some there, because
 * ours alone would make a command line without root=.
 */
#include "hostprep/kernel_cmdline.h"
#include "base/tool.h"
#include "reconcile/dropin.h"
#include <ctype.h>

#define MKINITCPIO "/usr/bin/mkinitcpio"
#define PRESETS "/etc/mkinitcpio.d"
#define DIRECTORY "/etc/cmdline.d"
#define OWN_NAME "90-kvmhost.conf"
#define OWN_PATH DIRECTORY "/" OWN_NAME

enum { TEXT_MAX = 1 << 20 };

static int check_images(struct host *h, struct boot *b, struct error *e)
{
	int r = boot_images_read(h, b, e);

	return r < 0 ? r : boot_check(b, e);
}

static int read_with_images(struct host *h, struct boot *b, struct error *e)
{
	int r = kernel_cmdline_read(h, b, e);

	return r == 0 && h->live ? boot_images_read(h, b, e) : r;
}

/*
 * kernel-install
 */

/* The last word of key=value lines. */
static bool says_uki(struct host *h, const char *path, bool before)
{
	_cleanup_free_ char *text = NULL;
	const char *p;

	if (file_read(h->root, path, TEXT_MAX, &text, NULL) < 0)
		return before;
	for (p = text; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		const char *value = startswith(p, "layout=");

		if (value)
			before = startswith(value, "uki") && (!value[3] || isspace(value[3]));
	}
	return before;
}

static bool uki_detect(struct host *h, const char *said _unused_)
{
	static const char *const directories[] = { "/usr/lib/kernel/install.conf.d",
		"/etc/kernel/install.conf.d" };
	bool uki = says_uki(h, "/usr/lib/kernel/install.conf", false);
	size_t i, k, n;

	uki = says_uki(h, "/etc/kernel/install.conf", uki);
	for (i = 0; i < ARRAY_SIZE(directories); i++) {
		_cleanup_free_ char **names = NULL;

		if (file_list(h->root, directories[i], &names, &n) < 0)
			continue;
		for (k = 0; k < n; k++) {
			_cleanup_free_ char *path = xprintf("%s/%s", directories[i], names[k]);

			uki = endswith(names[k], ".conf") ? says_uki(h, path, uki) : uki;
		}
	}
	return uki && file_exists(h->root, KERNEL_INSTALL);
}

static int uki_install(struct host *h, struct boot *b, struct error *e)
{
	int r = boot_images_read(h, b, e);

	if (r == 0)
		r = kernel_install_add(h, b, e);
	return r < 0 ? r : check_images(h, b, e);
}

const struct boot_loader boot_uki = {
	.name = "unified kernel images by kernel-install",
	.evidence = KERNEL_INSTALL ", layout=uki",
	.file = KERNEL_CMDLINE,
	.mark = KERNEL_CMDLINE_OWN,
	.short_file = "kernel/cmdline",
	.menu = "EFI/Linux",
	.short_menu = "EFI/Linux",
	.tool = "kernel-install",
	.detect = uki_detect,
	.read = read_with_images,
	.write = kernel_cmdline_write,
	.install = uki_install,
};

/*
 * mkinitcpio
 */

/* A preset with PRESET_uki="PATH", or as it was called before, PRESET_efi_image. */
static bool makes_images(const char *preset)
{
	const char *p;

	for (p = preset; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		const char *equals = strchr(p, '='), *name = p + strspn(p, " \t");
		size_t n = equals ? (size_t)(equals - name) : 0;

		if (*name == '#' || n > strcspn(name, " \t\n"))
			continue;
		if ((n > 4 && strncmp(equals - 4, "_uki", 4) == 0) ||
			(n > 10 && strncmp(equals - 10, "_efi_image", 10) == 0))
			return true;
	}
	return false;
}

static bool any_makes_images(struct host *h)
{
	_cleanup_free_ char **names = NULL;
	bool found = false;
	size_t n, i;

	if (!file_exists(h->root, MKINITCPIO) || file_list(h->root, PRESETS, &names, &n) < 0)
		return false;
	for (i = 0; i < n && !found; i++) {
		_cleanup_free_ char *path = xprintf(PRESETS "/%s", names[i]), *text = NULL;

		found = endswith(names[i], ".preset") &&
			file_read(h->root, path, TEXT_MAX, &text, NULL) == 0 && makes_images(text);
	}
	return found;
}

static bool is_others(const char *name)
{
	return endswith(name, ".conf") && !streq(name, OWN_NAME);
}

/* Without the other file, which is read first, and with words of others in the directory. */
static bool directory_counts(struct host *h)
{
	_cleanup_free_ char **names = NULL;
	size_t n, i;

	if (file_exists(h->root, KERNEL_CMDLINE) || file_list(h->root, DIRECTORY, &names, &n) < 0)
		return false;
	for (i = 0; i < n; i++)
		if (is_others(names[i]))
			return true;
	return false;
}

static bool directory_detect(struct host *h, const char *said _unused_)
{
	return any_makes_images(h) && directory_counts(h);
}

static bool mkinitcpio_detect(struct host *h, const char *said _unused_)
{
	return any_makes_images(h);
}

/* Lines that begin with # are left out, as the tool does. */
static void read_lines(struct tokens *t, char *text, const char *file)
{
	unsigned number = 0;
	size_t before, i;
	char *line;

	while ((line = strsep(&text, "\n"))) {
		number++;
		before = t->n;
		if (*line != '#')
			tokens_read(t, line);
		for (i = before; i < t->n; i++) {
			t->v[i].file = file;
			t->v[i].line = number;
		}
	}
}

static void read_others(struct host *h, struct boot *b)
{
	_cleanup_free_ char **names = NULL;
	size_t n = 0, i;

	if (file_list(h->root, DIRECTORY, &names, &n) < 0)
		return;
	for (i = 0; i < n; i++) {
		_cleanup_free_ char *path = xprintf(DIRECTORY "/%s", names[i]), *text = NULL;
		_cleanup_free_ char *shown = host_shown(h, path);

		if (is_others(names[i]) && file_read(h->root, path, TEXT_MAX, &text, NULL) == 0)
			read_lines(&b->others, text, arena_strdup(b->arena, shown));
	}
}

static int read_own(struct host *h, struct boot *b, struct error *e)
{
	_cleanup_free_ char *text = NULL;
	int r = dropin_read(h, OWN_PATH, &text, e);
	char *line, *rest = text;

	while (r == 0 && (line = strsep(&rest, "\n")))
		if (*line && *line != '#')
			*ARENA_PUSH(b->arena, b->own.v, b->own.n) = token_of(b->arena, line);
	return r;
}

static int directory_read(struct host *h, struct boot *b, struct error *e)
{
	int r = read_own(h, b, e);

	read_others(h, b);
	return r == 0 && h->live ? boot_images_read(h, b, e) : r;
}

static int directory_write(struct host *h, const struct boot *b, struct error *e)
{
	_cleanup_strbuf_ struct strbuf body = { 0 };
	size_t i;

	for (i = 0; i < b->own.n; i++) {
		_cleanup_free_ char *text = token_text(&b->own.v[i]);

		sb_addf(&body, "%s\n", text);
	}
	return dropin_write(h, OWN_PATH, sb_str(&body), e);
}

static int mkinitcpio_read(struct host *h, struct boot *b, struct error *e)
{
	read_others(h, b);
	return read_with_images(h, b, e);
}

static int mkinitcpio_install(struct host *h, struct boot *b, struct error *e)
{
	_cleanup_free_ char *tool = host_shown(h, MKINITCPIO);
	int r = tool_run((char *const[]){ tool, "-P", NULL }, h->lock, e);

	return r < 0 ? r : check_images(h, b, e);
}

const struct boot_loader boot_mkinitcpio_directory = {
	.name = "unified kernel images by mkinitcpio",
	.evidence = MKINITCPIO ", a preset with an image in " PRESETS ", files in " DIRECTORY,
	.file = OWN_PATH,
	.mark = OWN_PATH,
	.short_file = "cmdline.d/" OWN_NAME,
	.menu = "EFI/Linux",
	.short_menu = "EFI/Linux",
	.tool = "mkinitcpio -P",
	.detect = directory_detect,
	.read = directory_read,
	.write = directory_write,
	.install = mkinitcpio_install,
};

const struct boot_loader boot_mkinitcpio = {
	.name = "unified kernel images by mkinitcpio",
	.evidence = MKINITCPIO ", a preset with an image in " PRESETS,
	.file = KERNEL_CMDLINE,
	.mark = KERNEL_CMDLINE_OWN,
	.short_file = "kernel/cmdline",
	.menu = "EFI/Linux",
	.short_menu = "EFI/Linux",
	.tool = "mkinitcpio -P",
	.detect = mkinitcpio_detect,
	.read = mkinitcpio_read,
	.write = kernel_cmdline_write,
	.install = mkinitcpio_install,
};
