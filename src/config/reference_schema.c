/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON Schema 2020-12, for editors and for checks far from the host. */
#include "config/reference_internal.h"
#include "config/compose.h"

static void add_table(const struct table *t, struct strbuf *out);

/* ,"NAME":TEXT with the row's default or example, as JSON of the field's shape. */
static void add_value(
	const struct field *f, const char *name, const char *text, bool wrap, struct strbuf *out)
{
	_cleanup_arena_ struct arena *a = arena_new();
	const struct node *n = compose_text(a, text);

	if (!n)
		return;
	sb_addf(out, ",\"%s\":%s", name, wrap ? "[" : "");
	if (f->shape == SHAPE_SCALAR && !f->type->bare)
		sb_add_json(out, n->type == NODE_SCALAR ? n->text : text);
	else
		node_json(n, out);
	sb_add(out, wrap ? "]" : "");
}

static void add_description(const char *doc, struct strbuf *out)
{
	if (!doc)
		return;
	sb_add(out, ",\"description\":");
	sb_add_json(out, doc);
}

static void add_key(const struct table *t, struct strbuf *out)
{
	const struct field f = { .name = key_word(t), .type = t->key };

	if (!t->key)
		return;
	sb_add(out, ",\"propertyNames\":{");
	/* Names of properties are text, whatever they stand for. */
	if (t->key->bare)
		sb_add(out, "\"pattern\":\"^(0|[1-9][0-9]*)$\"");
	else
		t->key->schema(&f, out);
	sb_addc(out, '}');
}

static void add_field(const struct field *f, struct strbuf *out)
{
	sb_addc(out, '{');
	switch (f->shape) {
	case SHAPE_SCALAR: f->type->schema(f, out); break;
	case SHAPE_LIST:
		if (f->alone) {
			sb_add(out, "\"anyOf\":[{");
			f->type->schema(f, out);
			sb_add(out, "},{");
		}
		sb_add(out, "\"type\":\"array\",\"items\":{");
		f->type->schema(f, out);
		sb_add(out, f->alone ? "}}]" : "}");
		break;
	case SHAPE_OBJECTS:
		sb_add(out, "\"type\":\"array\",\"items\":{");
		add_table(f->table, out);
		sb_addc(out, '}');
		break;
	case SHAPE_MAP:
		sb_add(out, "\"type\":\"object\",\"additionalProperties\":{");
		add_table(f->table, out);
		sb_addc(out, '}');
		add_key(f->table, out);
		break;
	default: add_table(f->table, out); break;
	}
	/* An embedded object has its table's description already, unless the row says more. */
	if (f->shape != SHAPE_OBJECT || !f->table->doc)
		add_description(f->doc, out);
	if (f->def && !f->secret)
		add_value(f, "default", f->def, false, out);
	if (f->example && !f->secret)
		add_value(f, "examples", f->example, true, out);
	sb_addc(out, '}');
}

/* One at most in a table: a second "if" would take its place. */
static void add_required_unless(const struct field *f, struct strbuf *out)
{
	const struct field_case *c = f->required_unless;

	sb_add(out, ",\"if\":{\"properties\":{");
	sb_add_json(out, c->name);
	sb_add(out, ":{\"enum\":[");
	for (size_t i = 0; c->values[i]; i++) {
		sb_add(out, i ? "," : "");
		sb_add_json(out, c->values[i]);
	}
	sb_add(out, "]}},\"required\":[");
	sb_add_json(out, c->name);
	sb_add(out, "]},\"else\":{\"required\":[");
	sb_add_json(out, f->name);
	sb_add(out, "]}");
}

static void add_properties(const struct table *t, struct strbuf *out)
{
	size_t n = 0, required = 0;

	sb_add(out, "\"type\":\"object\",\"additionalProperties\":false,\"properties\":{");
	for (size_t i = 0; i < t->n_fields; i++) {
		if (t->fields[i].shape == SHAPE_PLANNED)
			continue;
		sb_add(out, n++ ? "," : "");
		sb_add_json(out, t->fields[i].name);
		sb_addc(out, ':');
		add_field(&t->fields[i], out);
	}
	sb_addc(out, '}');
	for (size_t i = 0; i < t->n_fields; i++) {
		if (!t->fields[i].required)
			continue;
		sb_add(out, required++ ? "," : ",\"required\":[");
		sb_add_json(out, t->fields[i].name);
	}
	sb_add(out, required ? "]" : "");
	for (size_t i = 0; i < t->n_fields; i++)
		if (t->fields[i].required_unless)
			add_required_unless(&t->fields[i], out);
}

static void add_table(const struct table *t, struct strbuf *out)
{
	const struct field *alone = t->scalar ? table_field(t, t->scalar) : NULL;

	if (alone) {
		sb_add(out, "\"anyOf\":[{");
		alone->type->schema(alone, out);
		sb_add(out, "},{");
	}
	add_properties(t, out);
	sb_add(out, alone ? "}]" : "");
	add_description(t->doc, out);
}

void reference_schema(const struct table *root, struct strbuf *out)
{
	sb_add(out, "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\","
		    "\"title\":\"kvmhost.yaml\",");
	add_table(root, out);
	sb_add(out, "}\n");
}
