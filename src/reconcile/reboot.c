/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reconcile/reboot.h"
#include "base/strbuf.h"

#define REQUIRED "/run/reboot-required"
#define PACKAGES REQUIRED ".pkgs"
#define OURS "kvmhost"
#define TEXT "*** System restart required by kvmhost ***\n"

enum { PACKAGES_MAX = 1 << 20 };

/* The lines but ours; whether ours was among them. */
static bool others(const char *text, struct strbuf *out)
{
	bool found = false;
	size_t n;

	for (; *text; text += n + (text[n] == '\n')) {
		n = strcspn(text, "\n");
		if (n == strlen(OURS) && strncmp(text, OURS, n) == 0)
			found = true;
		else if (n)
			sb_addf(out, "%.*s\n", (int)n, text);
	}
	return found;
}

static int replace(struct host *h, const char *path, const char *text, struct error *e)
{
	int r = *text ? file_write_atomic(h->root, path, text, strlen(text), 0644)
		      : file_remove(h->root, path);

	return r < 0 ? error_set(e, r, "cannot write %s: %s", path, strerror(-r)) : 0;
}

static bool is_ours(struct host *h)
{
	_cleanup_free_ char *text = NULL;

	return file_read(h->root, REQUIRED, PACKAGES_MAX, &text, NULL) == 0 && streq(text, TEXT);
}

int reboot_tell(struct host *h, bool pending, struct error *e)
{
	_cleanup_strbuf_ struct strbuf rest = { 0 };
	_cleanup_free_ char *text = NULL;
	bool told;
	int r;

	if (!h->live || !file_exists(h->root, "/etc/debian_version"))
		return 0;
	if (file_read(h->root, PACKAGES, PACKAGES_MAX, &text, NULL) < 0)
		text = xstrdup("");
	told = others(text, &rest);
	if (pending && !file_exists(h->root, REQUIRED) && (r = replace(h, REQUIRED, TEXT, e)) < 0)
		return r;
	if (told == pending)
		return 0;
	if (pending)
		sb_add(&rest, OURS "\n");
	r = replace(h, PACKAGES, sb_str(&rest), e);
	if (r < 0 || rest.len || !is_ours(h))
		return r;
	return replace(h, REQUIRED, "", e);
}
