/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reconcile/dropin.h"

#define HEADER \
	DROPIN_MARK \
	"; what you change here is lost.\n" \
	"# Change %s in /etc/kvmhost/host.yaml instead; see kvmhost.yaml(5).\n"

enum { DROPIN_MAX = 1 << 20 };

int dropin_read(struct host *h, const char *path, char **text, struct error *e)
{
	_cleanup_free_ char *got = NULL, *shown = host_shown(h, path);
	size_t len;
	int r;

	*text = NULL;
	r = file_read(h->root, path, DROPIN_MAX, &got, &len);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return error_set(e, r, "cannot read %s: %s", shown, strerror(-r));
	/* An empty file is nobody's loss. */
	if (len && !startswith(got, DROPIN_MARK)) {
		error_set(e, -EPERM, "%s is there, but kvmhost did not write it", shown);
		error_cure(e, "move its lines to another file of that directory, then remove it");
		return -EPERM;
	}
	*text = TAKE_PTR(got);
	return 0;
}

int dropin_write(struct host *h, const char *path, const char *body, struct error *e)
{
	return dropin_write_for(h, path, "host.kernel", body, e);
}

int dropin_write_for(
	struct host *h, const char *path, const char *section, const char *body, struct error *e)
{
	_cleanup_free_ char *old = NULL, *text = NULL, *shown = host_shown(h, path);
	int r;

	r = dropin_read(h, path, &old, e);
	if (r < 0)
		return r;
	if (!*body) {
		r = old ? file_remove(h->root, path) : 0;
		return r < 0 ? file_failure(e, r, "remove", shown) : 0;
	}
	text = xprintf(HEADER "%s", section, body);
	if (streq_null(old, text))
		return 0;
	r = file_write_atomic(h->root, path, text, strlen(text), 0644);
	return r < 0 ? file_failure(e, r, "write", shown) : 0;
}

void dropin_failed(struct step *const *steps, size_t n, const struct error *e)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (steps[i]->error.code)
			continue;
		error_set(&steps[i]->error, e->code, "%s", e->text);
		if (e->cure)
			error_cure(&steps[i]->error, "%s", e->cure);
	}
}
