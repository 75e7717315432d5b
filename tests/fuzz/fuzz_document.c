/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as a document, or as two with 0xff between them: loading, parsing,
 * printing what is wrong, writing back, and comparing must neither break nor
 * lose anything.
 */
#include "config/document.h"
#include "sample_tables.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct parsed {
	struct diags diags;
	struct document doc;
	struct sample sample;
	bool ok;
};

static void must(bool truth, const char *what)
{
	if (truth)
		return;
	fprintf(stderr, "broken promise: %s\n", what);
	abort();
}

static void parse(struct parsed *p, struct arena *a, const char *text, size_t len)
{
	*p = (struct parsed){ .diags = { .arena = a } };
	document_load_text(&p->doc, "fuzz.yaml", text, len, &p->diags);
	if (!p->doc.root) {
		must(p->diags.errors > 0, "nothing loaded has a reason");
		return;
	}
	p->ok = obj_parse(&sample_table, p->doc.root, NULL, "", &p->sample, &p->diags);
	must(p->ok || p->diags.errors > 0, "what is refused has a reason");
	p->ok = p->ok && p->diags.errors == 0;
}

static void print(struct parsed *p)
{
	_cleanup_strbuf_ struct strbuf json = { 0 };
	size_t errors = p->diags.errors, len;
	_cleanup_free_ char *text = NULL;
	FILE *f = open_memstream(&text, &len);

	diags_print(&p->diags, f, false);
	fclose(f);
	diags_json(&p->diags, &json);
	must(!errors == !p->diags.errors, "printing keeps errors");
	for (size_t i = 0; i < len; i++)
		must((unsigned char)text[i] >= 0x20 || text[i] == '\n', "messages are printable");
	for (size_t i = 0; i < p->diags.n; i++)
		must(p->diags.v[i].mark.source && p->diags.v[i].mark.line, "errors have places");
}

/* What was written back is the same document. */
static void write_back(const struct parsed *p, struct arena *a)
{
	_cleanup_strbuf_ struct strbuf text = { 0 }, again = { 0 }, json = { 0 },
				       json_again = { 0 };
	struct parsed second;

	document_write(&p->doc, false, &text);
	parse(&second, a, sb_str(&text), text.len);
	must(second.ok, "a document written back is valid");
	document_write(&second.doc, false, &again);
	must(streq(sb_str(&text), sb_str(&again)), "writing is stable");
	obj_json(&p->sample, &json);
	obj_json(&second.sample, &json_again);
	must(streq(sb_str(&json), sb_str(&json_again)), "a document written back means the same");
	must(!obj_differs(&p->sample, &second.sample), "and does not differ");
}

static void see(const struct field *f, const void *value, struct mark m, void *arg)
{
	must(f && value_string(arg, f, value) && m.source,
		"a walked value has row, text and place");
}

static void json_back(const struct parsed *p, struct arena *a)
{
	_cleanup_strbuf_ struct strbuf one = { 0 }, two = { 0 };
	struct diags d = { .arena = a };
	struct sample again = { .version = 0 };
	json_t *json;

	obj_json(&p->sample, &one);
	json = json_loads(sb_str(&one), 0, NULL);
	must(json, "an object's JSON is JSON");
	must(obj_parse(&sample_table, node_from_json(a, json), NULL, "", &again, &d),
		"an object's JSON is valid");
	json_decref(json);
	obj_json(&again, &two);
	must(streq(sb_str(&one), sb_str(&two)), "an object's JSON means the same");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct arena *a = arena_new();
	const uint8_t *half = size ? memchr(data, 0xff, size) : NULL;
	size_t len = half ? (size_t)(half - data) : size;
	struct parsed want, have;
	struct change *changes;
	size_t n;

	parse(&want, a, (const char *)data, len);
	print(&want);
	if (!want.ok)
		return 0;
	write_back(&want, a);
	json_back(&want, a);
	obj_walk(&want.sample, see, a);
	must(!obj_differs(&want.sample, &want.sample), "nothing differs from itself");
	obj_diff(&want.sample, NULL, a, &changes);
	if (!half)
		return 0;
	parse(&have, a, (const char *)half + 1, size - len - 1);
	if (!have.ok)
		return 0;
	n = obj_diff(&want.sample, &have.sample, a, &changes);
	must(obj_differs(&want.sample, &have.sample) == (n > 0), "both comparisons agree");
	return 0;
}
