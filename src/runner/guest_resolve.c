/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is wanted as it is written down: with what comes of the host's identity. */
#include "runner/guest_kind.h"

struct host_id {
	char *text; /* NULL: not read yet */
};

static int id_open(struct host *h _unused_, void **data, struct error *e _unused_)
{
	*data = xcalloc(1, sizeof(struct host_id));
	return 0;
}

static void id_forget(void *data)
{
	struct host_id *id = data;

	free(id->text);
	id->text = NULL;
}

static void id_close(void *data)
{
	id_forget(data);
	free(data);
}

static const struct handle id_handle = {
	.name = "machine-id",
	.open = id_open,
	.forget = id_forget,
	.close = id_close,
};

static int host_id(struct host *h, const char **out, struct error *e)
{
	struct host_id *id;
	void *data;
	int r = host_handle(h, &id_handle, &data, e);

	if (r < 0)
		return r;
	id = data;
	if (!id->text)
		r = file_read_line(h->root, "/etc/machine-id", &id->text);
	if (r >= 0 && strlen(id->text) >= 32) {
		*out = id->text;
		return 0;
	}
	id_forget(id);
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

bool guest_is_written(struct host *h, const char *name, const struct guest *want, struct spec *out)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };
	_cleanup_free_ char *there = NULL;
	struct guest_path p = guest_path(name, FILE_SPEC);
	size_t len;

	if (guest_resolve(h, name, want, out, NULL) < 0 ||
		file_read(h->root, p.s, SPEC_MAX, &there, &len) < 0)
		return false;
	spec_json(out, &text);
	return len == text.len && !memcmp(there, sb_str(&text), len);
}
