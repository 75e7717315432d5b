/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is wanted as it is written down: with what comes of the host's identity. */
#include "reconcile/machine_id.h"
#include "runner/guest_ahead.h"
#include "runner/guest_kind.h"

static int host_id(struct host *h, const char **out, struct error *e)
{
	const char *id;

	if (machine_id(h, &id) >= 0 && strlen(id) >= 32) {
		*out = id;
		return 0;
	}
	error_set(e, -ENODATA,
		"this host has no identity in /etc/machine-id, which guests' MAC "
		"addresses and UUIDs are derived from");
	return error_cure(e, "systemd-machine-id-setup");
}

int guest_resolve(struct host *h, const char *name, const struct guest *want, struct spec *out,
	struct error *e)
{
	const char *id = NULL;
	int r = host_id(h, &id, e);

	if (r >= 0)
		spec_resolve(h->pass, want, name, id, out);
	return r;
}

bool guest_is_written(struct host *h, const char *name, const struct guest *want, struct spec *out,
	struct strbuf *text)
{
	const struct guest_ahead *ahead = guest_seen_ahead(h, name);
	const char *there = ahead ? ahead->spec : NULL;
	size_t len = there ? ahead->spec_len : 0;
	_cleanup_free_ char *read = NULL;

	if (guest_resolve(h, name, want, out, NULL) < 0)
		return false;
	spec_json(out, text);
	if (!there) {
		if (file_read(h->root, guest_path(name, FILE_SPEC).s, SPEC_MAX, &read, &len) < 0)
			return false;
		there = read;
	}
	return len == text->len && !memcmp(there, text->s, len);
}
