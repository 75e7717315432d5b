/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Objects: text, JSON, differences, the walk, and what observe fills. */
#include "sample.h"
#include <jansson.h>

#define DOC \
	"version: 1\n" \
	"machines:\n" \
	"  web.1:\n" \
	"    memory: 2048MiB\n" \
	"    password: hush\n" \
	"    cpu: {count: 2, quota: 150%}\n" \
	"    links: [{name: eth0, mac: \"52:54:00:6D:90:02\"}, {name: eth1, vlan: 42}]\n" \
	"    after: [db]\n" \
	"    vfs: {1: {trust: true}, 0: {}}\n" \
	"  web: {memory: 1GiB}\n" \
	"options: {vm.b: 1, vm.a: \"x y\"}\n"

static void test_text(void **state _unused_)
{
	static const char *const cases[][2] = {
		{ "version", "1" },
		{ "machines.web.1.memory", "2GiB" },
		{ "machines.web.memory", "1GiB" },
		{ "machines.web.1.cpu.quota", "150%" },
		{ "machines.web.1.cpu.model", "host" },
		{ "machines.web.1.links.0.mac", "52:54:00:6d:90:02" },
		{ "machines.web.1.links.1.name", "eth1" },
		{ "machines.web.1.links.2.name", NULL },
		{ "machines.web.1.links.0", "{\"name\":\"eth0\",\"mac\":\"52:54:00:6d:90:02\"}" },
		{ "machines.web.1.after", "[\"db\"]" },
		{ "machines.web.1.after.0", "db" },
		{ "machines.web.1.after.0.x", NULL },
		{ "machines.web.1.after.1", NULL },
		{ "machines.web.1.password", "(secret)" },
		{ "machines.web.1.kernel", NULL },
		{ "machines.web.1.vfs", "{\"0\":{\"trust\":false},\"1\":{\"trust\":true}}" },
		{ "machines.db", NULL },
		{ "machines.web.1.cpu.count.x", NULL },
		{ "nothing", NULL },
		{ "options", "{\"vm.a\":{\"value\":\"x y\"},\"vm.b\":{\"value\":\"1\"}}" },
		{ "options.vm.a.value", "x y" },
	};
	_cleanup_loaded_ struct loaded l;

	load(&l, DOC);
	assert_true(l.ok);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *text = obj_text(l.sample, cases[i][0], l.arena);

		if (!streq_null(text, cases[i][1]))
			fail_msg("%s: %s", cases[i][0], text ? text : "NULL");
	}
}

/* JSON read back is the same object, whatever the order in which it was written. */
static void test_json_round_trip(void **state _unused_)
{
	_cleanup_strbuf_ struct strbuf one = { 0 }, two = { 0 };
	_cleanup_loaded_ struct loaded l;
	struct sample again = { .version = 0 };
	json_t *json;

	load(&l, DOC);
	obj_json(l.sample, &one);
	json = json_loads(sb_str(&one), 0, NULL);
	assert_non_null(json);
	assert_true(obj_parse(
		&sample_table, node_from_json(l.arena, json), NULL, "", &again, &l.diags));
	json_decref(json);
	obj_json(&again, &two);
	assert_string_equal(sb_str(&one), sb_str(&two));
	assert_false(strstr(sb_str(&one), "hush") != NULL);
}

static const struct {
	const char *want, *have;
	const char *changes; /* "path: have -> want\n"... */
} diffs[] = {
	{ "memory: 1GiB", "memory: 1024MiB", "" },
	{ "memory: 1GiB", "memory: 2GiB", "memory: 2GiB -> 1GiB\n" },
	{ "memory: 1GiB", "{memory: 1GiB, kernel: /x, vfs: {0: {}}}", "" },
	{ "{memory: 1GiB, kernel: /x}", "memory: 1GiB", "kernel: - -> /x\n" },
	{ "{memory: 1GiB, cpu: {count: 3, quota: 5%}}", "memory: 1GiB",
		"cpu.count: 1 -> 3\ncpu.quota: - -> 5%\n" },
	{ "{memory: 1GiB, after: [a, b]}", "{memory: 1GiB, after: [b]}", "after: [b] -> [a, b]\n" },
	{ "{memory: 1GiB, links: [{name: a, vlan: 1}]}",
		"{memory: 1GiB, links: [{name: a, vlan: 2}]}", "links[0].vlan: 2 -> 1\n" },
	{ "{memory: 1GiB, links: [{name: a}]}", "{memory: 1GiB, links: [{name: a, vlan: 2}]}", "" },
	{ "{memory: 1GiB, links: [{name: a}]}", "{memory: 1GiB, links: [{name: a}, {name: b}]}",
		"links[1]: {\"name\":\"b\"} -> -\n" },
	{ "{memory: 1GiB, links: [{name: b}]}", "{memory: 1GiB, links: [{name: a}, {name: b}]}",
		"links[0]: {\"name\":\"a\"} -> -\n" },
	{ "{memory: 1GiB, links: [{name: a, vlan: 1}, {name: c}, {name: b}]}",
		"{memory: 1GiB, links: [{name: a, vlan: 2}, {name: b}]}",
		"links[0].vlan: 2 -> 1\nlinks[1]: - -> {\"name\":\"c\"}\n" },
	{ "{memory: 1GiB, vfs: {0: {}, 1: {trust: true}}}", "{memory: 1GiB, vfs: {1: {}, 2: {}}}",
		"vfs.0.trust: - -> false\nvfs.1.trust: false -> true\nvfs.2: {\"trust\":false} -> "
		"-\n" },
	{ "{memory: 1GiB, password: a}", "{memory: 1GiB, password: b}",
		"password: (secret) -> (secret)\n" },
};

static struct machine *machine(struct diags *d, const char *text)
{
	struct machine *m = arena_alloc(d->arena, sizeof(*m));
	struct document doc;

	document_load_text(&doc, "m", text, strlen(text), d);
	assert_true(obj_parse(&machine_table, doc.root, "m", "", m, d));
	return m;
}

/* "path: have -> want" lines. The caller frees. */
static char *changes_text(const void *want, const void *have, struct arena *a)
{
	struct strbuf out = { 0 };
	struct change *c;
	size_t n = obj_diff(want, have, a, &c);

	for (size_t i = 0; i < n; i++)
		sb_addf(&out, "%s: %s -> %s\n", c[i].path, c[i].have ? c[i].have : "-",
			c[i].want ? c[i].want : "-");
	return sb_steal(&out);
}

/* Defaults parsed once for all are the same as those parsed for each. */
static void test_shared_defaults(void **state _unused_)
{
	_cleanup_strbuf_ struct strbuf one = { 0 }, two = { 0 };
	_cleanup_loaded_ struct loaded l;
	struct sample *again;
	struct diags d;

	load(&l, DOC);
	assert_true(l.ok);
	obj_json(l.sample, &one);
	d = (struct diags){ .arena = l.arena };
	obj_share_defaults(&d);
	for (size_t i = 0; i < 3; i++) {
		again = arena_alloc(l.arena, sample_table.size);
		assert_true(obj_parse(&sample_table, l.doc.root, NULL, "", again, &d));
		assert_false(obj_differs(l.sample, again));
		assert_false(obj_differs(again, l.sample));
		two.len = 0;
		obj_json(again, &two);
		assert_string_equal(sb_str(&one), sb_str(&two));
		for (size_t f = 0; f < sample_table.n_fields; f++)
			assert_true(obj_field_equal(l.sample, again, &sample_table.fields[f]));
	}
}

static void test_diff(void **state _unused_)
{
	for (size_t i = 0; i < ARRAY_SIZE(diffs); i++) {
		_cleanup_arena_ struct arena *a = arena_new();
		struct diags d = { .arena = a };
		const struct machine *want = machine(&d, diffs[i].want), *have;
		_cleanup_free_ char *said = NULL;

		have = machine(&d, diffs[i].have);
		said = changes_text(want, have, a);
		assert_string_equal(said, diffs[i].changes);
		assert_int_equal(obj_differs(want, have), *diffs[i].changes != '\0');
		assert_false(obj_differs(want, want));
		assert_false(obj_differs(have, have));
	}
}

/* What have has and want has not is told once, by the largest part that went. */
static void test_diff_both_ways(void **state _unused_)
{
	_cleanup_arena_ struct arena *a = arena_new();
	struct diags d = { .arena = a };
	const struct machine *want = machine(&d, "{memory: 1GiB, links: [{name: a}]}");
	const struct machine *have =
		machine(&d, "{memory: 2GiB, password: x, links: [{name: a, vlan: 2}, {name: b}], "
			    "vfs: {1: {trust: true}}}");
	_cleanup_strbuf_ struct strbuf said = { 0 };
	struct change *c;
	size_t n = obj_diff_both(want, have, a, &c);

	for (size_t i = 0; i < n; i++)
		sb_addf(&said, "%s: %s -> %s\n", c[i].path, c[i].have ? c[i].have : "-",
			c[i].want ? c[i].want : "-");
	assert_string_equal(sb_str(&said),
		"memory: 2GiB -> 1GiB\nlinks[1]: {\"name\":\"b\"} -> -\n"
		"password: (secret) -> -\nlinks[0].vlan: 2 -> -\nvfs.1.trust: true -> -\n");
}

static void test_diff_against_nothing(void **state _unused_)
{
	_cleanup_arena_ struct arena *a = arena_new();
	struct diags d = { .arena = a };
	const struct machine *want = machine(&d, "{memory: 1GiB, after: [x]}");
	_cleanup_free_ char *said = NULL;

	said = changes_text(want, NULL, a);
	assert_string_equal(said, "cpu.count: - -> 1\ncpu.model: - -> host\nmemory: - -> 1GiB\n"
				  "links: - -> []\nafter: - -> [x]\nautostart: - -> true\n"
				  "timeout: - -> 90s\n");
	assert_true(obj_differs(want, NULL));
}

static void test_diff_of_shorthand(void **state _unused_)
{
	_cleanup_loaded_ struct loaded want, have;
	_cleanup_free_ char *said = NULL;

	load(&want, "version: 1\noptions: {vm.a: 1, vm.b: 2}\n");
	load(&have, "version: 1\noptions: {vm.b: 3, vm.c: {value: 4}}\n");
	said = changes_text(want.sample, have.sample, want.arena);
	assert_string_equal(
		said, "options.vm.a: - -> 1\noptions.vm.b: 3 -> 2\noptions.vm.c: 4 -> -\n");
}

static void test_observed(void **state _unused_)
{
	_cleanup_arena_ struct arena *a = arena_new();
	struct diags d = { .arena = a };
	const struct machine *want = machine(&d, "{memory: 1GiB, cpu: {count: 2}}");
	struct machine *have = obj_new(a, &machine_table, "m");
	_cleanup_free_ char *said = NULL;

	assert_false(obj_has(have, "memory"));
	have->memory = GIB;
	obj_mark_set(have, "memory");
	assert_true(obj_set_text(have, "cpu.count", "2", a));
	assert_true(obj_has(have, "cpu"));
	assert_true(obj_set_text(have, "cpu.note", "12", a));
	assert_string_equal(have->cpu.note, "12");
	assert_true(obj_set_text(have, "autostart", "false", a));
	assert_true(obj_set_text(have, "timeout", "90s", a));
	assert_false(obj_set_text(have, "timeout", "90", a));
	assert_false(obj_set_text(have, "nothing", "x", a));
	assert_false(obj_set_text(have, "cpu.nothing", "x", a));
	assert_false(obj_set_text(have, "links", "x", a));
	said = changes_text(want, have, a);
	assert_string_equal(said, "cpu.model: - -> host\nlinks: - -> []\nafter: - -> []\n"
				  "autostart: false -> true\n");
}

static void test_quick_on_many(void **state _unused_)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };
	_cleanup_loaded_ struct loaded l;
	struct change *c;

	sb_add(&text, "version: 1\noptions:\n");
	for (int i = 0; i < 50000; i++)
		sb_addf(&text, "  vm.x%d: %d\n", (i * 7919) % 50000, i);
	load(&l, sb_str(&text));
	assert_true(l.ok);
	assert_false(obj_differs(l.sample, l.sample));
	assert_int_equal(obj_diff(l.sample, l.sample, l.arena, &c), 0);
}

struct seen {
	struct strbuf out;
	struct arena *arena;
};

static void see(const struct field *f, const void *value, struct mark m, void *arg)
{
	struct seen *s = arg;

	sb_addf(&s->out, "%s=%s %s\n", f->name, value_string(s->arena, f, value),
		mark_text(s->arena, m));
}

static void test_walk(void **state _unused_)
{
	_cleanup_loaded_ struct loaded l;
	struct seen seen = { .arena = NULL };

	load(&l, "version: 1\nmachines:\n  a:\n    memory: 1GiB\n    after: [x, y]\n"
		 "    links:\n      - name: eth0\n    vfs: {3: {}}\n");
	seen.arena = l.arena;
	obj_walk(&LIST_AT(&l.sample->machines, struct machine, 0), see, &seen);
	assert_string_equal(sb_str(&seen.out), "count=1 t.yaml:4:5\n"
					       "model=host t.yaml:4:5\n"
					       "memory=1GiB t.yaml:4:13\n"
					       "name=eth0 t.yaml:7:15\n"
					       "after=x t.yaml:5:13\n"
					       "after=y t.yaml:5:16\n"
					       "trust=false t.yaml:8:14\n"
					       "autostart=true t.yaml:4:5\n"
					       "timeout=90s t.yaml:4:5\n");
	sb_free(&seen.out);
	seen.out = (struct strbuf){ 0 };
	obj_walk_names(&LIST_AT(&l.sample->machines, struct machine, 0), see, &seen);
	assert_string_equal(sb_str(&seen.out), "after=x t.yaml:5:13\n"
					       "after=y t.yaml:5:16\n");
	sb_free(&seen.out);
}

static void test_walk_of_defaults(void **state _unused_)
{
	_cleanup_loaded_ struct loaded l;
	struct seen seen = { .arena = NULL };

	load(&l, "# nothing more\nversion: 1\n");
	seen.arena = l.arena;
	obj_walk(l.sample, see, &seen);
	assert_string_equal(sb_str(&seen.out), "version=1 t.yaml:2:10\nvalue=1 t.yaml:2:1\n");
	sb_free(&seen.out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_json_round_trip),
		cmocka_unit_test(test_shared_defaults),
		cmocka_unit_test(test_diff),
		cmocka_unit_test(test_diff_both_ways),
		cmocka_unit_test(test_diff_against_nothing),
		cmocka_unit_test(test_diff_of_shorthand),
		cmocka_unit_test(test_observed),
		cmocka_unit_test(test_quick_on_many),
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_walk_of_defaults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
