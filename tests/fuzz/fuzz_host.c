/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a host's document: from text to ordered wants, with all kinds' checks. */
#include "config/document.h"
#include "reconcile/kind.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool truth, const char *what)
{
	if (truth)
		return;
	fprintf(stderr, "broken promise: %s\n", what);
	abort();
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
		must(!obj_differs(w.v[i]->want, w.v[i]->want), "nothing differs from itself");
	f = open_memstream(&text, &len);
	diags_print(&d, f, false);
	fclose(f);
	return 0;
}
