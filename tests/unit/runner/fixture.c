/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"

static struct guest *parse(struct arena *a, const char *yaml, struct diags *d)
{
	struct document doc = { 0 };
	struct guest *g = arena_alloc(a, sizeof(*g));

	*d = (struct diags){ .arena = a };
	document_load_text(&doc, "guest.yaml", arena_strdup(a, yaml), strlen(yaml), d);
	if (!d->errors)
		obj_parse(&guest_table, doc.root, "web1", "guests.web1", g, d);
	return g;
}

const struct guest *guest_from(struct arena *a, const char *yaml)
{
	struct diags d;
	struct guest *g = parse(a, yaml, &d);

	if (d.errors) {
		diags_print(&d, stderr, false);
		fail_msg("not a valid guest");
	}
	return g;
}

const char *guest_errors(struct arena *a, const char *yaml)
{
	_cleanup_strbuf_ struct strbuf b = { 0 };
	struct diags d;

	parse(a, yaml, &d);
	for (size_t i = 0; i < d.n; i++)
		sb_addf(&b, "%s\n", d.v[i].text);
	return arena_strdup(a, sb_str(&b));
}
