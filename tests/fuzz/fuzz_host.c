/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a host's document: from text to ordered wants, with all kinds' checks. */
#include "config/document.h"
#include "reconcile/record.h"
#include "reconcile/wants.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool truth, const char *what)
{
	if (truth)
		return;
	fprintf(stderr, "broken promise: %s\n", what);
	abort();
}

/* What the record and the undo log say of a resource is what it was. */
static void must_read_back(struct arena *a, const struct resource *r)
{
	json_t *json = record_json(r->want);
	const void *back = NULL;

	must(record_object(a, r->kind, r->name, json, &back, NULL) == 0, "a record reads back");
	must(back && !obj_differs(r->want, back), "and is what was written");
	json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct arena *a = arena_new();
	_cleanup_wants_ struct wants w = { 0 };
	_cleanup_free_ char *text = NULL;
	struct diags d = { .arena = a };
	struct document doc;
	size_t len;
	bool ok;
	FILE *f;

	document_load_text(&doc, "fuzz.yaml", (const char *)data, size, &d);
	ok = doc.root && wants_build(&w, doc.root, &d);
	must(ok == (d.errors == 0), "what is refused has a reason, and only that");
	for (size_t i = 0; i < d.n; i++)
		must(d.v[i].mark.source && d.v[i].mark.line, "errors have places");
	for (size_t i = 0; ok && i < w.n; i++)
		must_read_back(a, w.v[i]);
	f = open_memstream(&text, &len);
	diags_print(&d, f, false);
	fclose(f);
	return 0;
}
