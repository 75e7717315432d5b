/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Schema, explain, man page and seed of the sample language. */
#include "sample.h"
#include "base/error.h"
#include <jansson.h>

static json_t *get(json_t *j, const char *path)
{
	char key[64];

	while (j && *path) {
		size_t n = strcspn(path, "/");

		snprintf(key, sizeof(key), "%.*s", (int)n, path);
		j = json_is_array(j) ? json_array_get(j, strtoul(key, NULL, 10))
				     : json_object_get(j, key);
		path += n + (path[n] == '/');
	}
	return j;
}

static void test_schema(void **state _unused_)
{
	static const char *const cases[][2] = {
		{ "$schema", "\"https://json-schema.org/draft/2020-12/schema\"" },
		{ "additionalProperties", "false" },
		{ "required", "[\"version\"]" },
		{ "properties/version/maximum", "1" },
		{ "properties/sriov", NULL },
		{ "properties/machines/additionalProperties/required", "[\"memory\"]" },
		{ "properties/machines/additionalProperties/additionalProperties", "false" },
		{ "properties/machines/additionalProperties/properties/tpm", NULL },
		{ "properties/machines/additionalProperties/properties/timeout/default",
			"\"90s\"" },
		{ "properties/machines/additionalProperties/properties/autostart/default", "true" },
		{ "properties/machines/additionalProperties/properties/cpu/default", "{}" },
		{ "properties/machines/additionalProperties/properties/cpu/properties/model/enum",
			"[\"host\",\"max\",\"base\"]" },
		{ "properties/machines/additionalProperties/properties/cpu/properties/count/"
		  "maximum",
			"64" },
		{ "properties/machines/additionalProperties/properties/after/items/type",
			"\"string\"" },
		{ "properties/machines/additionalProperties/properties/links/items/required",
			"[\"name\"]" },
		{ "properties/machines/additionalProperties/properties/vfs/propertyNames/pattern",
			"\"^(0|[1-9][0-9]*)$\"" },
		{ "properties/networks/additionalProperties/properties/first/minimum", "0" },
		{ "properties/networks/additionalProperties/properties/first/maximum", NULL },
		{ "properties/networks/additionalProperties/properties/ports/examples",
			"[[\"eth0\",\"eth1\"]]" },
		{ "properties/networks/description", "\"Networks.\"" },
		{ "properties/options/additionalProperties/anyOf/1/additionalProperties", "false" },
		{ "properties/modules/default", "{\"kvm-intel\":1}" },
	};
	_cleanup_strbuf_ struct strbuf out = { 0 };
	json_error_t error;
	json_t *schema;

	reference_schema(&sample_table, &out);
	schema = json_loads(sb_str(&out), JSON_REJECT_DUPLICATES, &error);
	if (!schema)
		fail_msg("%s at %d of %s", error.text, error.position, sb_str(&out));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		json_t *j = get(schema, cases[i][0]);
		_cleanup_free_ char *text =
			j ? json_dumps(j, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;

		if (!streq_null(text, cases[i][1]))
			fail_msg("%s: %s", cases[i][0], text ? text : "absent");
	}
	json_decref(schema);
}

static const struct {
	const char *path, *head, *says;
} explained[] = {
	{ "version", "version\n", "Required:  yes" },
	{ "machines", "machines\n", "Keys of each NAME:" },
	{ "machine", "machines\n", "Keys of each NAME:" },
	{ "machines.web1", "machines.NAME\n", "A machine." },
	{ "machine.cpu.model", "machines.NAME.cpu.model\n", "one of host, max, base" },
	{ "machines.web1.cpu.model", "machines.NAME.cpu.model\n", "Default:   host" },
	{ "machines.web.1.cpu.model", "machines.NAME.cpu.model\n", "restarted" },
	{ "machines.web1.links", "machines.NAME.links\n", "Keys of each entry:" },
	{ "machines.web1.links.0", "machines.NAME.links\n", "Keys of each entry:" },
	{ "machines.web1.links.0.mac", "machines.NAME.links.mac\n", "52:54:00:6d:90:02" },
	{ "machines.links.mac", "machines.NAME.links.mac\n", "MAC address" },
	{ "machines.web1.after.0", "machines.NAME.after\n",
		"a machine that this document declares" },
	{ "machine.timeout", "machines.NAME.timeout\n", "0s to 1h" },
	{ "machine.vfs.7.trust", "machines.NAME.vfs.INDEX.trust\n", "true or false" },
	{ "machine.tpm", "machines.NAME.tpm\n", "not built in this version" },
	{ "option", "options\n", "a map of PARAMETER: value;" },
	{ "options.vm.swappiness", "options.PARAMETER\n", "A kernel parameter." },
	{ "options.vm.swappiness.value", "options.PARAMETER.value\n", "Example:   value: 1" },
	{ "networks.eth1.42", "networks.NAME\n", "A network." },
	{ "networks.ports", "networks.NAME.ports\n", "each port may be named once" },
	{ "sriov", "sriov\n", "not built in this version" },
	{ NULL, "  A sample.\n", "kvmhostctl explain KEY" },
	{ NULL, "  A sample.\n", "(not built yet) SR-IOV." },
};

static void test_explain(void **state _unused_)
{
	for (size_t i = 0; i < ARRAY_SIZE(explained); i++) {
		_cleanup_strbuf_ struct strbuf out = { 0 };
		_cleanup_error_ struct error e = { 0 };

		if (reference_explain(&sample_table, explained[i].path, false, &out, &e) < 0)
			fail_msg("%s: %s", explained[i].path, e.text);
		if (!startswith(sb_str(&out), explained[i].head) ||
			!strstr(sb_str(&out), explained[i].says))
			fail_msg("%s:\n%s", explained[i].path, sb_str(&out));
		for (const char *p = sb_str(&out), *end; *p; p = end + 1) {
			end = strchr(p, '\n');
			assert_true(end - p <= 80);
			assert_true(end == p || end[-1] != ' ');
		}
	}
}

static void test_explain_unknown(void **state _unused_)
{
	static const char *const cases[][2] = {
		{ "machnes", "did you mean `machines`?" },
		{ "machines.web1.cpus", "did you mean `machines.NAME.cpu`?" },
		{ "machines.dsks", "" },
		{ "machines.lniks", "did you mean `machines.NAME.links`?" },
		{ "machines.web1.nothing", "see kvmhostctl explain machines.NAME" },
		{ "version.x", "" },
		{ "xyzzy", "see kvmhostctl explain" },
		{ "machine.after.x", "" },
		{ "", "kvmhostctl explain alone" },
		{ ".", "kvmhostctl explain alone" },
		{ "machines.", "kvmhostctl explain alone" },
		{ "machines..", "kvmhostctl explain alone" },
		{ ".machines", "kvmhostctl explain alone" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_strbuf_ struct strbuf out = { 0 };
		_cleanup_error_ struct error e = { 0 };
		int r = reference_explain(&sample_table, cases[i][0], false, &out, &e);

		if (streq(cases[i][0], "machines.dsks")) {
			/* Two slips: it may well be a machine's name. */
			assert_int_equal(r, 0);
			continue;
		}
		assert_int_equal(r, -ENOENT);
		assert_int_equal(out.len, 0);
		if (*cases[i][1] && !strstr(e.cure, cases[i][1]))
			fail_msg("%s: %s; %s", cases[i][0], e.text, e.cure);
	}
}

/* Whatever is asked, nothing breaks. */
static void test_explain_anything(void **state _unused_)
{
	_cleanup_strbuf_ struct strbuf dots = { 0 };
	_cleanup_strbuf_ struct strbuf parts = { 0 };
	const char *paths[] = { ".", "..", "machines.", ".machines", "machines..cpu", NULL, NULL };

	sb_pad(&dots, '.', 10000);
	for (int i = 0; i < 1000; i++)
		sb_add(&parts, "machines.");
	paths[5] = sb_str(&dots);
	paths[6] = sb_str(&parts);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		_cleanup_strbuf_ struct strbuf out = { 0 };
		_cleanup_error_ struct error e = { 0 };
		int r = reference_explain(&sample_table, paths[i], true, &out, &e);

		assert_true(r == 0 || (r == -ENOENT && e.text));
	}
}

static void test_keys(void **state _unused_)
{
	_cleanup_strbuf_ struct strbuf out = { 0 };
	const char *p, *end;

	reference_keys(&sample_table, &out);
	assert_non_null(strstr(sb_str(&out), "\nmachines.cpu.count\n"));
	assert_non_null(strstr(sb_str(&out), "\nmachines.links.mac\n"));
	assert_null(strstr(sb_str(&out), "tpm"));
	for (p = sb_str(&out); *p; p = end + 1) {
		_cleanup_strbuf_ struct strbuf text = { 0 };
		char path[128];

		end = strchr(p, '\n');
		snprintf(path, sizeof(path), "%.*s", (int)(end - p), p);
		assert_int_equal(reference_explain(&sample_table, path, false, &text, NULL), 0);
	}
}

static void test_man(void **state _unused_)
{
	_cleanup_strbuf_ struct strbuf out = { 0 };

	reference_man(&sample_table, &out);
	assert_true(startswith(sb_str(&out), ".SH KEYS\n.SS Top level\n"));
	assert_non_null(strstr(sb_str(&out), "\n.SS machines.NAME.cpu\n"));
	assert_non_null(strstr(sb_str(&out), "\n.TP\n.B timeout\n"));
	assert_non_null(strstr(sb_str(&out), "default 90s"));
	assert_null(strstr(sb_str(&out), "tpm"));
}

static void test_seed(void **state _unused_)
{
	_cleanup_strbuf_ struct strbuf out = { 0 };
	_cleanup_loaded_ struct loaded l;
	_cleanup_free_ char *said = NULL;

	reference_seed(&sample_table, &out);
	load(&l, sb_str(&out));
	said = messages(&l);
	if (!l.ok)
		fail_msg("%s\n%s", said, sb_str(&out));
	/* Every key is there. */
	assert_string_equal(
		obj_text(l.sample, "machines.web1.links.0.mac", l.arena), "52:54:00:6d:90:02");
	assert_string_equal(
		obj_text(l.sample, "networks.eth0.ports", l.arena), "[\"eth0\",\"eth1\"]");
	assert_non_null(obj_text(l.sample, "machines.web1.vfs.0.trust", l.arena));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_schema),
		cmocka_unit_test(test_explain),
		cmocka_unit_test(test_explain_unknown),
		cmocka_unit_test(test_explain_anything),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_man),
		cmocka_unit_test(test_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
