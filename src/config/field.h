/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The configuration schema as tables of rows. One row per key; from the rows
 * come the parser, validation, defaults, diff, JSON Schema, the man page's
 * reference, `kvmhostctl explain`, and fuzz seeds.
 *
 * A table describes a C struct whose first member is `struct obj obj`. The
 * FIELD_* macros take the struct and the member (its name is the YAML key) and
 * assert at compile time that the member has the type the row will write:
 *
 *	struct bridge {
 *		struct obj obj;
 *		bool stp;
 *		uint64_t forward_delay;
 *	};
 *	static const struct field rows[] = {
 *		FIELD_BOOL(struct bridge, stp, .def = "false", .doc = "..."),
 *		FIELD_DURATION(struct bridge, forward_delay, 0, 30 * USEC_PER_SEC,
 *			.def = "0s", .doc = "..."),
 *	};
 *	const struct table bridge_table = TABLE(struct bridge, rows, .doc = "...");
 *
 * Values the user left out take the row's default, a text parsed like input.
 * Without default and not required, the member stays zero and obj_has() says
 * false: no opinion, so a diff skips it.
 */
#ifndef KVMHOST_FIELD_H
#define KVMHOST_FIELD_H

#include "base/strbuf.h"
#include "config/diag.h"
#include "config/node.h"

struct field;
struct table;

/* First member of every struct that a table describes. */
struct obj {
	const struct table *table;
	const char *name; /* its key where it is a map's entry, else NULL */
	const struct node *node; /* its place in the document; NULL for defaults and records */
	uint64_t set; /* bit i: row i has a value (given or default) */
};

/* Lists: n values of the item's C type, or n structs of a table, side by side. */
struct list {
	void *v;
	size_t n;
};
#define LIST_AT(list, type, i) (((type *)(list)->v)[i])

/* One scalar being read. */
struct scalar {
	const char *text;
	enum scalar_kind kind;
	bool quoted;
	struct arena *arena; /* for what the value points to, and for why and hint */
	const char *why; /* set by parse on failure: completes "KEY: ..."; NULL: "must be TYPE" */
	const char *hint; /* the cure; may stay NULL */
};

/* How a scalar is read, written, compared and described. config/type.h lists them. */
struct type {
	const char *name; /* "a size such as 2GiB" */
	size_t size; /* of the C value */
	bool (*parse)(const struct field *f, struct scalar *s, void *value);
	/* Canonical text: parsed again it gives the same value. */
	void (*format)(const struct field *f, const void *value, struct strbuf *out);
	bool (*equal)(const void *a, const void *b); /* NULL: the bytes */
	/* The members of its JSON Schema, such as "type":"boolean". */
	void (*schema)(const struct field *f, struct strbuf *out);
	bool bare; /* the canonical text is JSON and YAML as it stands: numbers, booleans */
};

enum shape {
	SHAPE_SCALAR, /* one value of .type */
	SHAPE_LIST, /* struct list of values of .type */
	SHAPE_OBJECT, /* the struct of .table itself, embedded */
	SHAPE_OBJECTS, /* struct list of structs of .table */
	SHAPE_MAP, /* the same, keyed: obj.name is the key */
	SHAPE_PLANNED, /* known and documented, not built: an error that says so */
};

/* What a change of the value asks for. */
enum on_change {
	CHANGE_LIVE, /* in place */
	CHANGE_PARTLY, /* in place where the kind can, else as the next */
	CHANGE_RECREATE, /* the thing must be made again (a guest: restarted) */
	CHANGE_REBOOT,
};

/* Where another row of the same table, an enum, has one of these values as it is written. */
struct field_case {
	const char *name;
	const char *const *values; /* NULL-terminated */
};

struct field {
	const char *name;
	const char *doc; /* sentences for explain and the man page */
	const char *def; /* default as YAML text; "{}" or "[]" for objects and lists */
	enum shape shape;
	const struct type *type;
	const struct table *table;
	size_t offset;
	int64_t min, max; /* numbers in the type's unit; min == max == 0: no bound */
	const char *const *names; /* enum: NULL-terminated */
	const char *ref; /* kind whose resource of this name must be declared */
	char ref_end; /* where in the value that name ends: '/' in "uplink/0"; 0: with the value */
	const char *uses; /* name space: an ordering edge to who claims it, if declared */
	const char *claims; /* name space in which this value may stand once */
	const char *kind; /* this row's entries (of a list: its items) are resources of the kind */
	const char *example; /* for explain, man page and fuzz seeds, where def says too little */
	enum on_change on_change;
	bool required;
	/* Required but in that case, for the schema: the table's check says it in words. */
	const struct field_case *required_unless;
	bool alone; /* a list: one item may stand without brackets */
	bool secret; /* never printed */
};

struct table {
	const char *doc;
	size_t size;
	const struct field *fields;
	size_t n_fields; /* at most 64 */
	const struct type *key; /* maps: what keys must be; NULL: any text */
	const char *key_word; /* maps: the key's word in reference and schema, "NAME" */
	const char *scalar; /* written as the value of this field alone: `vm.swappiness: 10` */
	/*
	 * Checks fields against each other inside one object; called when all of its fields are
	 * valid, nested objects first.
	 */
	void (*check)(const void *obj, struct diags *d);
};

#define ASSERT_MEMBER(S, M, T) \
	(0 * sizeof(struct { \
		_Static_assert(__builtin_types_compatible_p(typeof(((S *)0)->M), T), \
			#M " does not have the type that its row writes"); \
		int ok_; \
	}))
#define FIELD_AT(S, M, T) .name = #M, .offset = offsetof(S, M) + ASSERT_MEMBER(S, M, T)

/* T is the C type, TYPE a struct type from config/type.h or a kind's own. */
#define FIELD_VALUE(S, M, T, TYPE, ...) \
	{ \
		FIELD_AT(S, M, T), .shape = SHAPE_SCALAR, .type = &(TYPE), __VA_ARGS__ \
	}
#define FIELD_BOOL(S, M, ...) FIELD_VALUE(S, M, bool, type_bool, __VA_ARGS__)
#define FIELD_INT(S, M, MIN, MAX, ...) \
	FIELD_VALUE(S, M, int64_t, type_int, .min = (MIN), .max = (MAX), __VA_ARGS__)
#define FIELD_SIZE(S, M, MIN, MAX, ...) /* bytes */ \
	FIELD_VALUE(S, M, uint64_t, type_size, .min = (MIN), .max = (MAX), __VA_ARGS__)
#define FIELD_DURATION(S, M, MIN, MAX, ...) /* microseconds */ \
	FIELD_VALUE(S, M, uint64_t, type_duration, .min = (MIN), .max = (MAX), __VA_ARGS__)
#define FIELD_FREQUENCY(S, M, MIN, MAX, ...) /* hertz */ \
	FIELD_VALUE(S, M, uint64_t, type_frequency, .min = (MIN), .max = (MAX), __VA_ARGS__)
#define FIELD_STRING(S, M, TYPE, ...) FIELD_VALUE(S, M, const char *, TYPE, __VA_ARGS__)
#define FIELD_ENUM(S, M, NAMES, ...) /* index into NAMES */ \
	FIELD_VALUE(S, M, int, type_enum, .names = (NAMES), __VA_ARGS__)
#define FIELD_LIST(S, M, TYPE, ...) \
	{ \
		FIELD_AT(S, M, struct list), .shape = SHAPE_LIST, .type = &(TYPE), __VA_ARGS__ \
	}
#define FIELD_OBJECT(S, M, T, TBL, ...) \
	{ \
		FIELD_AT(S, M, T), .shape = SHAPE_OBJECT, .table = &(TBL), __VA_ARGS__ \
	}
#define FIELD_OBJECTS(S, M, TBL, ...) \
	{ \
		FIELD_AT(S, M, struct list), .shape = SHAPE_OBJECTS, .table = &(TBL), __VA_ARGS__ \
	}
#define FIELD_MAP(S, M, TBL, ...) \
	{ \
		FIELD_AT(S, M, struct list), .shape = SHAPE_MAP, .table = &(TBL), __VA_ARGS__ \
	}
#define FIELD_PLANNED(NAME, DOC) \
	{ \
		.name = (NAME), .shape = SHAPE_PLANNED, .doc = (DOC) \
	}
#define TABLE(S, FIELDS, ...) \
	{ \
		.size = sizeof(S) + 0 * sizeof(((S *)0)->obj.set), .fields = (FIELDS), \
		.n_fields = ARRAY_SIZE(FIELDS), __VA_ARGS__ \
	}

#define USEC_PER_SEC INT64_C(1000000)
#define KIB INT64_C(1024)
#define MIB (KIB * 1024)
#define GIB (MIB * 1024)
#define TIB (GIB * 1024)

const struct field *table_field(const struct table *t, const char *name);

#endif
