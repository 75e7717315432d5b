/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nodes to structs by the tables: every error in its words, no error hiding another. */
#include "sample.h"

#define M "version: 1\nmachines:\n  web:\n    memory: 1GiB\n"

static const struct {
	const char *text, *place, *says, *hint;
} bad[] = {
	/* unknown keys */
	{ M "    timeuot: 3s\n", "5:5:", "unknown key `timeuot` in machines.web",
		"did you mean `timeout`?" },
	{ M "    Time-out: 3s\n", "5:5:", "unknown key", "did you mean `timeout`?" },
	{ M "    link: []\n", "5:5:", "unknown key", "did you mean `links`?" },
	{ M "    quota: 5%\n", "5:5:", "unknown key", "`quota` belongs under machines.web.cpu" },
	{ M "    vlan: 5\n", "5:5:", "unknown key", "`vlan` belongs under machines.web.links" },
	{ M "    machines: {}\n", "5:5:", "unknown key",
		"`machines` belongs at the top level, beside `version`" },
	{ M "    cpu: {xyzzy: 1}\n", "5:11:", "unknown key `xyzzy` in machines.web.cpu",
		"the keys here are: count, quota, model, note" },
	{ "version: 1\nbridges: {}\n", "2:1:", "unknown key `bridges` at the top level",
		"the keys here" },
	{ "version: 1\nmax_vfs: 1\nVersion: 1\n", "3:1:", "unknown key `Version`", "`version`" },
	/* not built */
	{ M "    tpm: true\n", "5:5:", "`tpm` in machines.web is not built in this version",
		"remove it" },
	{ M "    tpm:\n", "5:5:", "`tpm` in machines.web is not built in this version",
		"remove it" },
	{ "version: 1\nsriov: [1, {a: b}]\n", "2:1:", "`sriov` is not built", "remove it" },
	{ M "    cpu: {pinning: [1]}\n", "5:11:", "`pinning` in machines.web.cpu is not built",
		"remove" },
	/* wrong shapes */
	{ M "    after: db\n", "5:12:", "machines.web.after: must be a list, not `db`",
		"write `after: [db]`" },
	{ M "    after: {}\n", "5:12:", "must be a list, not a map", "write `after: [web1]`" },
	{ M "    after: [[a]]\n", "5:13:", "each entry must be a name such as web1, not a list",
		"[web1]" },
	{ M "    links: {name: x}\n", "5:12:", "must be a list of maps, not a map", "`- `" },
	{ M "    links: [x]\n", "5:13:", "machines.web.links.0: must be a map of keys, not `x`",
		"name, mac, vlan" },
	{ M "    vfs: [1]\n", "5:10:", "must be a map of names, not a list", "`INDEX:`" },
	{ M "    cpu: 2\n", "5:10:", "machines.web.cpu: must be a map of keys, not `2`",
		"write `cpu: {count: 2}`" },
	{ M "    cpu: [2]\n", "5:10:", "must be a map of keys, not a list", "count, quota" },
	{ M "    timeout: [3s]\n", "5:14:", "must be a duration such as 30s, not a list",
		"brackets" },
	{ M "    timeout: {a: 1}\n", "5:14:", "must be a duration such as 30s, not a map",
		"write `timeout: 90s`" },
	{ "version: 1\nmachines: 3\n", "2:11:", "machines: must be a map of names, not `3`", "" },
	{ "version: 1\noptions:\n  vm.x: [1]\n", "3:9:", "must be a value, or a map of keys",
		"value" },
	{ "version: {}\n", "1:10:", "version: must be a whole number, not a map",
		"write `version: 1`" },
	/* nothing where something is wanted */
	{ "version:\n", "1:9:", "version: has no value", "write `version: 1`" },
	{ "version: ~\n", "1:10:", "version: has no value", "write `version: 1`" },
	{ "version: 1\nmachines:\n", "2:10:", "machines: has no value", "indented" },
	{ "version: 1\nmachines:\n  web:\n", "3:7:", "machines.web: has no value",
		"write at least `memory: 64MiB`" },
	{ M "    vfs: {0: }\n", "5:14:", "machines.web.vfs.0: has no value", "write `{}`" },
	{ M "    after:\n      -\n",
		"6:8:", "each entry must be a name such as web1, not an empty value", "[web1]" },
	{ M "    links:\n      -\n", "6:8:", "machines.web.links.0: has no value", "`name: eth0`" },
	{ M "    cpu:\n", "5:9:", "machines.web.cpu: has no value", "remove the key" },
	{ "version: 1\noptions: {vm.x: }\n", "2:17:", "options.vm.x: has no value",
		"write `vm.x: 1`" },
	/* something missing */
	{ "machines: {}\n", "1:1:", "`version` is missing", "add `version: 1`" },
	{ "version: 1\nmachines:\n  web: {autostart: true}\n",
		"3:8:", "`memory` is missing in machines.web", "add `memory: 64MiB`" },
	{ M "    links:\n      - vlan: 3\n", "6:9:", "`name` is missing in machines.web.links.0",
		"eth0" },
	/* values */
	{ "version: 2\n", "1:10:", "version: must be 1, not 2", "" },
	{ M "    autostart: yes\n", "5:16:", "must be true or false, not `yes`", "write `true`" },
	{ M "    autostart: \"true\"\n", "5:16:", "not the text \"true\"",
		"remove the quotes: true" },
	{ M "    cpu: {count: \"2\"}\n", "5:18:", "not the text \"2\"", "remove the quotes: 2" },
	{ M "    cpu: {count: 65}\n", "5:18:", "machines.web.cpu.count: must be 1 to 64, not 65",
		"" },
	{ M "    cpu: {quota: 0%}\n", "5:18:", "must be 1% to 6400%, not 0%", "" },
	{ M "    cpu: {note: 1.5}\n", "5:17:", "`1.5` without quotes is a number",
		"quote it: \"1.5\"" },
	{ M "    timeout: 2h\n", "5:14:", "machines.web.timeout: must be 0s to 1h, not 2h", "" },
	{ "version: 1\nmachines: {a: {memory: 1MiB}}\n", "2:24:", "must be 64MiB to 4TiB, not 1MiB",
		"" },
	{ "version: 1\nmachines: {a: {memory: 512}}\n", "2:24:", "needs a unit", "write `512MiB`" },
	{ "version: 1\nnetworks: {n: {address: 10.0.0.1/8, first: -1}}\n",
		"2:44:", "must be at least 0", "" },
	{ "version: 1\nnetworks: {n: {address: 10.0.0.1/8, last: 101}}\n",
		"2:43:", "must be at most 100", "" },
	/* keys of maps */
	{ "version: 1\nmachines: {\"12\": {memory: 1GiB}}\n",
		"2:12:", "key in machines: must not be of digits alone", "vm12" },
	{ M "    vfs: {x: {}}\n",
		"5:11:", "key in machines.web.vfs: must be a whole number, not `x`", "" },
	{ "version: 1\noptions: {vm: 1}\n", "2:11:", "key in options:", "vm.swappiness" },
	{ "version: 1\nmodules:\n  kvm-intel: 1\n  kvm_intel: 2\n", "4:3:",
		"`kvm_intel` is the same as `kvm-intel`", "t.yaml:3:3: note: first used here" },
	/* fields against each other */
	{ "version: 1\nnetworks: {n: {address: 10.0.0.1/8, first: 9, last: 3}}\n",
		"2:44:", "first is behind last", "" },
};

static void test_bad(void **state _unused_)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_free_ char *place = xprintf("t.yaml:%s", bad[i].place);

		assert_refused(bad[i].text, place, bad[i].says, bad[i].hint, NULL);
	}
}

static void test_each_error_once(void **state _unused_)
{
	static const struct {
		const char *text;
		size_t errors;
	} cases[] = {
		/* A misspelled key is not missing too. */
		{ "vresion: 1\n", 1 },
		{ "version: 1\nmachines: {a: {memroy: 1GiB}}\n", 1 },
		/* What was cut by a fault in the YAML was not forgotten. */
		{ "version: 1\nmachines: {a: &a {memory: 1GiB}, b: {<<: *a}}\n", 1 },
		{ "version: 1\nmachines: {a: {memory: *m}, b: {}}\n", 1 },
		/* An alias shares its anchor's node, and its faults. */
		{ "version: 1\nmachines: {a: &a {memory: 1}, b: *a, c: *a}\n", 3 },
		/* A field that cannot be read hides nothing that is wrong with others. */
		{ "version: 1\nnetworks: {n: {address: x, first: 9, last: 3}}\n", 2 },
		/* What it may be at fault for is not told beside it. */
		{ "version: 1\nnetworks: {n: {address: 192.0.2.1/24, first: x, last: 3}}\n", 1 },
		{ "version: 1\nnetworks: {n: {address: 192.0.2.1/24, frist: 1, last: 3}}\n", 1 },
		{ "version: 1\nnetworks: {n: {address: 192.0.2.1/24, zzz: 1, first: 9, last: 3}}\n",
			1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_loaded_ struct loaded l;

		load(&l, cases[i].text);
		assert_int_equal(l.diags.errors, cases[i].errors);
	}
}

static void test_no_error_hides_another(void **state _unused_)
{
	assert_refused("vrsn: 1\n"
		       "machines:\n"
		       "  \"1\": {memory: 1, timeout: x, links: [{}, {name: \"\"}], zzz: 1}\n"
		       "  b: {cpu: {count: 0, model: x}, after: [1, \"\"], vfs: {a: {trust: 1}}}\n"
		       "networks: []\n"
		       "sriov: {}\n",
		"1:1: error: unknown key `vrsn`", "1:1: error: `version` is missing",
		"3:3:", "3:17: error: machines.1.memory", "3:29: error: machines.1.timeout",
		"3:40: error: `name` is missing in machines.1.links.0",
		"3:51:", "3:57:", "4:6: error: `memory` is missing in machines.b",
		"4:20:", "4:30:", "4:42:", "4:45:", "4:56:", "4:67:", "5:11:", "6:1:", NULL);
}

static void test_defaults(void **state _unused_)
{
	_cleanup_loaded_ struct loaded l;
	const struct machine *m;

	load(&l, "version: 1\nmachines: {web: {memory: 2GiB}}\n");
	assert_true(l.ok);
	assert_int_equal(l.sample->machines.n, 1);
	m = l.sample->machines.v;
	assert_string_equal(m->obj.name, "web");
	assert_int_equal(m->memory, 2 * GIB);
	assert_int_equal(m->timeout, 90 * USEC_PER_SEC);
	assert_true(m->autostart);
	assert_int_equal(m->cpu.count, 1);
	assert_int_equal(m->cpu.model, 0);
	assert_true(obj_has(m, "cpu"));
	assert_true(obj_has(m, "cpu.count"));
	assert_false(obj_has(m, "cpu.quota"));
	assert_false(obj_has(m, "kernel"));
	assert_true(obj_has(m, "links"));
	assert_false(obj_has(m, "vfs"));
	assert_null(m->cpu.obj.node);
	/* A default of a map is read as YAML, its keys made canonical. */
	assert_int_equal(l.sample->modules.n, 1);
	assert_string_equal(LIST_AT(&l.sample->modules, struct option, 0).obj.name, "kvm_intel");
}

static void test_defaults_alone(void **state _unused_)
{
	_cleanup_arena_ struct arena *a = arena_new();
	struct diags d = { .arena = a };
	struct machine m = { .memory = 0 };

	assert_true(obj_parse(&machine_table, NULL, "x", "", &m, &d));
	assert_int_equal(d.n, 0);
	assert_false(obj_has(&m, "memory"));
	assert_int_equal(m.timeout, 90 * USEC_PER_SEC);
}

static void test_shorthand(void **state _unused_)
{
	_cleanup_loaded_ struct loaded l;
	const struct option *o;

	load(&l, "version: 1\noptions:\n  vm.a: 10\n  net/b.c: {value: \"on\"}\n  vm.d: \"\"\n");
	assert_true(l.ok);
	o = l.sample->options.v;
	assert_string_equal(o[0].value, "10");
	assert_string_equal(o[1].obj.name, "net.b/c");
	assert_string_equal(o[1].value, "on");
	assert_string_equal(o[2].value, "");
	assert_int_equal(obj_mark(&o[0], "value").line, 3);
	assert_int_equal(obj_mark(&o[0], "value").column, 9);
	assert_int_equal(obj_mark(&o[1], "value").column, 20);
}

static void test_marks(void **state _unused_)
{
	_cleanup_loaded_ struct loaded l;
	const struct machine *m;

	load(&l, M "    after: [a, b]\n    vfs:\n      3: {}\n");
	m = l.sample->machines.v;
	assert_int_equal(obj_mark(m, "memory").line, 4);
	assert_int_equal(obj_mark(m, "memory").column, 13);
	assert_int_equal(obj_mark_key(m, "memory").column, 5);
	assert_int_equal(obj_mark_item(m, "after", 1).column, 16);
	assert_int_equal(obj_mark_item(m, "after", 7).column, 12);
	assert_int_equal(obj_mark_item(m, "vfs", 0).line, 7);
	/* What was left out: the object's own place. */
	assert_int_equal(obj_mark(m, "timeout").line, 4);
	assert_int_equal(obj_mark(m, "timeout").column, 5);
	assert_int_equal(obj_mark_key(m, "timeout").line, 4);
	assert_null(obj_mark(&m->cpu, "count").source);
}

static void test_large(void **state _unused_)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };
	_cleanup_loaded_ struct loaded l;

	sb_add(&text, "version: 1\nmachines:\n");
	for (int i = 0; i < 5000; i++)
		sb_addf(&text,
			"  m%d:\n    memory: 1GiB\n    cpu: {count: 2}\n    links: [{name: "
			"tap%d}]\n",
			i, i);
	load(&l, sb_str(&text));
	assert_true(l.ok);
	assert_int_equal(l.sample->machines.n, 5000);
	assert_true(arena_used(l.arena) < 40 << 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_each_error_once),
		cmocka_unit_test(test_no_error_hides_another),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_defaults_alone),
		cmocka_unit_test(test_shorthand),
		cmocka_unit_test(test_marks),
		cmocka_unit_test(test_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
