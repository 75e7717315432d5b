/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every scalar type: what it takes, its canonical text, what it refuses and proposes. */
#include "sample.h"
#include <jansson.h>

static const char *const words[] = { "virtio", "scsi", "ide", NULL };

static const struct field f_bool = { .name = "k", .type = &type_bool };
static const struct field f_int = { .name = "k", .type = &type_int };
static const struct field f_range = { .name = "k", .type = &type_int, .min = -5, .max = 10 };
static const struct field f_size = { .name = "k", .type = &type_size };
static const struct field f_size_range = {
	.name = "k", .type = &type_size, .min = MIB, .max = 2 * TIB
};
static const struct field f_duration = { .name = "k", .type = &type_duration };
static const struct field f_rate = { .name = "k", .type = &type_rate };
static const struct field f_percent = { .name = "k", .type = &type_percent };
static const struct field f_frequency = { .name = "k", .type = &type_frequency };
static const struct field f_cpus = { .name = "k", .type = &type_cpus };
static const struct field f_window = { .name = "k", .type = &type_window };
static const struct field f_enum = { .name = "k", .type = &type_enum, .names = words };
static const struct field f_string = { .name = "k", .type = &type_string };
static const struct field f_path = { .name = "k", .type = &type_path };
static const struct field f_any = { .name = "k", .type = &type_any };
static const struct field f_ifname = { .name = "k", .type = &type_ifname };
static const struct field f_name = { .name = "k", .type = &type_name };
static const struct field f_sysctl = { .name = "k", .type = &type_sysctl };
static const struct field f_module = { .name = "k", .type = &type_module };
static const struct field f_mac = { .name = "k", .type = &type_mac };
static const struct field f_ip = { .name = "k", .type = &type_ip };
static const struct field f_cidr = { .name = "k", .type = &type_cidr };

static bool parse(const struct field *f, const char *text, bool quoted, struct arena *a,
	struct scalar *s, void *value)
{
	struct node n = { .type = NODE_SCALAR, .text = text, .quoted = quoted };

	*s = (struct scalar){ .text = text, .quoted = quoted, .arena = a };
	s->kind = node_scalar_kind(&n);
	return f->type->parse(f, s, value);
}

/* Text, then its canonical form; NULL: it is that already. */
static const struct {
	const struct field *f;
	const char *text, *canonical;
} good[] = {
	{ &f_bool, "true", NULL },
	{ &f_bool, "false", NULL },
	{ &f_int, "0", NULL },
	{ &f_int, "-17", NULL },
	{ &f_int, "9223372036854775807", NULL },
	{ &f_range, "-5", NULL },
	{ &f_range, "10", NULL },
	{ &f_size, "0B", NULL },
	{ &f_size, "0GiB", "0B" },
	{ &f_size, "512MiB", NULL },
	{ &f_size, "1024MiB", "1GiB" },
	{ &f_size, "1536MiB", NULL },
	{ &f_size, "1025B", NULL },
	{ &f_size, "8388607TiB", NULL },
	{ &f_duration, "0us", "0s" },
	{ &f_duration, "90s", NULL },
	{ &f_duration, "60s", "1min" },
	{ &f_duration, "24h", "1d" },
	{ &f_duration, "1500us", NULL },
	{ &f_duration, "1500000us", "1500ms" },
	{ &f_rate, "0Gbit", "0Mbit" },
	{ &f_rate, "100Mbit", NULL },
	{ &f_rate, "1000Mbit", "1Gbit" },
	{ &f_rate, "1500Kbit", NULL },
	{ &f_frequency, "2.4GHz", "2400MHz" },
	{ &f_frequency, "2GHz", NULL },
	{ &f_frequency, "0.5kHz", "500Hz" },
	{ &f_cpus, "3", NULL },
	{ &f_cpus, "7,2-3,4,9", "2-4,7,9" },
	{ &f_cpus, "0-8191", NULL },
	{ &f_window, "Sun 02:00-04:00", NULL },
	{ &f_window, "02:00-24:00", NULL },
	{ &f_window, "mon,Wed..fri 23:30-01:00", "Mon,Wed..Fri 23:30-01:00" },
	{ &f_window, "Sat,Sun 00:00-24:00", "Sat..Sun 00:00-24:00" },
	{ &f_window, "Mon..Sun 03:00-04:00", "03:00-04:00" },
	{ &f_percent, "150%", NULL },
	{ &f_percent, "0%", NULL },
	{ &f_enum, "scsi", NULL },
	{ &f_string, "text with blanks", NULL },
	{ &f_string, "gr\xc3\xbc\xc3\x9f", NULL },
	{ &f_path, "/", NULL },
	{ &f_path, "/a/b", NULL },
	{ &f_path, "//a///b/", "/a/b" },
	{ &f_path, "/a/..b/.c", NULL },
	{ &f_any, "0", NULL },
	{ &f_any, "1 2 3", NULL },
	{ &f_any, "true", NULL },
	{ &f_ifname, "eth0", NULL },
	{ &f_ifname, "eth1.42", NULL },
	{ &f_ifname, "fifteen-bytes-x", NULL },
	{ &f_name, "web1", NULL },
	{ &f_name, "1.web_-", NULL },
	{ &f_sysctl, "net.ipv4.ip_forward", NULL },
	{ &f_sysctl, "net.ipv4.conf.eth0/42.forwarding", NULL },
	{ &f_sysctl, "net/ipv4/conf/eth0.42/forwarding", "net.ipv4.conf.eth0/42.forwarding" },
	{ &f_module, "kvm_intel", NULL },
	{ &f_module, "kvm-intel", "kvm_intel" },
	{ &f_mac, "52:54:00:6D:90:02", "52:54:00:6d:90:02" },
	{ &f_ip, "192.168.122.1", NULL },
	{ &f_ip, "FD00:122:0::1", "fd00:122::1" },
	{ &f_cidr, "192.168.122.1/24", NULL },
	{ &f_cidr, "0.0.0.0/0", NULL },
	{ &f_cidr, "fd00:122::1/64", NULL },
	{ &f_cidr, "::1/128", NULL },
};

static void test_round_trip(void **state _unused_)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		_cleanup_arena_ struct arena *a = arena_new();
		_cleanup_strbuf_ struct strbuf text = { 0 }, again = { 0 };
		const struct type *t = good[i].f->type;
		void *one = arena_alloc(a, t->size), *two = arena_alloc(a, t->size);
		bool quoted = !t->bare && t != &type_any;
		struct scalar s;

		if (!parse(good[i].f, good[i].text, quoted, a, &s, one))
			fail_msg("%s refused: %s", good[i].text, s.why ? s.why : t->name);
		t->format(good[i].f, one, &text);
		assert_string_equal(
			sb_str(&text), good[i].canonical ? good[i].canonical : good[i].text);
		assert_true(parse(good[i].f, sb_str(&text), quoted, a, &s, two));
		assert_true(t->equal ? t->equal(one, two) : memcmp(one, two, t->size) == 0);
		t->format(good[i].f, two, &again);
		assert_string_equal(sb_str(&again), sb_str(&text));
	}
}

static const struct {
	const struct field *f;
	const char *text;
	const char *why, *hint; /* NULL: not looked at */
} bad[] = {
	{ &f_bool, "yes", NULL, "write `true`" },
	{ &f_bool, "On", NULL, "write `true`" },
	{ &f_bool, "True", NULL, "write `true`" },
	{ &f_bool, "off", NULL, "write `false`" },
	{ &f_bool, "Norway", NULL, "write `false`" },
	{ &f_bool, "maybe", NULL, "write `true` or `false`" },
	{ &f_bool, "1", NULL, "write `true`" },
	{ &f_int, "1.5", NULL, NULL },
	{ &f_int, "abc", NULL, NULL },
	{ &f_int, "", NULL, NULL },
	{ &f_int, "-", NULL, NULL },
	{ &f_int, "1 2", NULL, NULL },
	{ &f_int, "0x10", NULL, "write it in decimal: 16" },
	{ &f_int, "0o17", NULL, "write it in decimal: 15" },
	{ &f_int, "007", NULL, "write it in decimal: 7" },
	{ &f_int, "+5", NULL, "write it in decimal: 5" },
	{ &f_int, "9223372036854775808", "9223372036854775808 is too large", NULL },
	{ &f_int, "-99999999999999999999", "-99999999999999999999 is too small", NULL },
	{ &f_range, "11", "must be -5 to 10, not 11", NULL },
	{ &f_range, "-6", "must be -5 to 10, not -6", NULL },
	{ &f_size, "512", "needs a unit", "write `512MiB`" },
	{ &f_size, "1.5GiB", "must be a whole number with a unit, not `1.5GiB`",
		"write `1536MiB`" },
	{ &f_size, "0.5KiB", NULL, "write `512B`" },
	{ &f_size, "2GB", NULL, "write `2GiB`" },
	{ &f_size, "2g", NULL, "write `2GiB`" },
	{ &f_size, "2gib", NULL, "write `2GiB`" },
	{ &f_size, "2 GiB", NULL, "write `2GiB`" },
	{ &f_size, "007GiB", NULL, "write `7GiB`" },
	{ &f_size, "-1GiB", NULL, NULL },
	{ &f_size, "GiB", NULL, NULL },
	{ &f_size, "0.1B", NULL, NULL },
	{ &f_size, "8388608TiB", "`8388608TiB` is too large", NULL },
	{ &f_size, "99999999999999999999999GiB", "`99999999999999999999999GiB` is too large",
		NULL },
	{ &f_size_range, "1023KiB", "must be 1MiB to 2TiB, not 1023KiB", NULL },
	{ &f_duration, "30", "needs a unit", "write `30s`" },
	{ &f_duration, "5m", NULL, "write `5min`" },
	{ &f_duration, "30 seconds", NULL, "write `30s`" },
	{ &f_duration, "1.5h", NULL, "write `90min`" },
	{ &f_duration, "1m30s", "must be one number with one unit, not `1m30s`", "write `90s`" },
	{ &f_duration, "1 hour 30 minutes", NULL, "write `90min`" },
	{ &f_duration, "1h30", NULL, NULL },
	{ &f_duration, "9223372036854775807us1us", NULL, NULL },
	{ &f_size, "1G 512M", NULL, "write `1536MiB`" },
	{ &f_rate, "100", "needs a unit", "write `100Mbit`" },
	{ &f_rate, "500mbit", NULL, "write `500Mbit`" },
	{ &f_rate, "10Gbps", NULL, "write `10Gbit`" },
	{ &f_duration, "9223372036854775807s", "`9223372036854775807s` is too large", NULL },
	{ &f_frequency, "2400", "needs a unit", "write `2400MHz`" },
	{ &f_frequency, "2.4G", NULL, "write `2400MHz`" },
	{ &f_frequency, "2.5Hz", NULL, NULL },
	{ &f_frequency, "2.GHz", NULL, NULL },
	{ &f_cpus, "", NULL, NULL },
	{ &f_cpus, "3-1", NULL, NULL },
	{ &f_cpus, "1,", NULL, NULL },
	{ &f_cpus, "8192", NULL, NULL },
	{ &f_window, "Sun", NULL, NULL },
	{ &f_window, "Sunday 02:00-04:00", NULL, NULL },
	{ &f_window, "Fri..Mon 02:00-04:00", NULL, NULL },
	{ &f_window, "2:00-4:00", NULL, NULL },
	{ &f_window, "02:00-02:00", NULL, NULL },
	{ &f_window, "24:00-02:00", NULL, NULL },
	{ &f_window, "02:60-04:00", NULL, NULL },
	{ &f_window, "02:00-24:01", NULL, NULL },
	{ &f_percent, "150", "needs a unit", "write `150%`" },
	{ &f_enum, "virtoi", "must be one of virtio, scsi, ide, not `virtoi`",
		"did you mean `virtio`?" },
	{ &f_enum, "xyzzy", NULL, NULL },
	{ &f_string, "", "must not be empty", NULL },
	{ &f_string, "12", "must be text, and `12` without quotes is a number",
		"quote it: \"12\"" },
	{ &f_string, "true", "must be text, and `true` without quotes is a boolean", NULL },
	{ &f_string, "1.5", NULL, "quote it: \"1.5\"" },
	{ &f_string, "a\nb", "must not contain a line break", NULL },
	{ &f_string, "a\033b", "must not contain control characters", NULL },
	{ &f_path, "a/b", NULL, "begin it with /" },
	{ &f_path, "/a/../b", "must not contain the parts . and ..", NULL },
	{ &f_path, "/.", "must not contain the parts . and ..", NULL },
	{ &f_path, "", NULL, NULL },
	{ &f_ifname, "", NULL, NULL },
	{ &f_ifname, "sixteen-bytes-xy", "must be an interface name of 1 to 15 bytes, not of 16",
		NULL },
	{ &f_ifname, "a b", NULL, NULL },
	{ &f_ifname, "a/b", NULL, NULL },
	{ &f_ifname, "a:b", NULL, NULL },
	{ &f_ifname, "..", NULL, NULL },
	{ &f_ifname, "eth%d", NULL, NULL },
	{ &f_ifname, "12", NULL, "quote it: \"12\"" },
	{ &f_name, "12", "must not be of digits alone", "put a letter before them: vm12" },
	{ &f_name, "a b", NULL, NULL },
	{ &f_name, "", NULL, NULL },
	{ &f_name, "..", NULL, NULL },
	{ &f_name, "-x", NULL, NULL },
	{ &f_name, "a/b", NULL, NULL },
	{ &f_sysctl, "vm", NULL, NULL },
	{ &f_sysctl, "vm..x", NULL, NULL },
	{ &f_sysctl, ".vm.x", NULL, NULL },
	{ &f_sysctl, "vm.//.x", NULL, NULL },
	{ &f_sysctl, "../../etc/passwd", NULL, NULL },
	{ &f_sysctl, "vm.x y", NULL, NULL },
	{ &f_module, "kvm.ko", NULL, "leave out the .ko" },
	{ &f_module, "a b", NULL, NULL },
	{ &f_mac, "52-54-00-6d-90-02", NULL, "write colons between the bytes" },
	{ &f_mac, "52:54:00:6d:90", NULL, NULL },
	{ &f_mac, "01:00:5e:00:00:01", NULL, NULL },
	{ &f_mac, "00:00:00:00:00:00", "must not be all zeros", NULL },
	{ &f_mac, "52:54:00:6d:90:0g", NULL, NULL },
	{ &f_ip, "192.168.122.256", NULL, NULL },
	{ &f_ip, "192.168.122.1/24", NULL, "leave out the prefix length: 192.168.122.1" },
	{ &f_ip, "localhost", NULL, NULL },
	{ &f_cidr, "192.168.122.1", "needs its prefix length", "write `192.168.122.1/24`" },
	{ &f_cidr, "fd00::1", "needs its prefix length", "write `fd00::1/64`" },
	{ &f_cidr, "192.168.122.1/33", NULL, NULL },
	{ &f_cidr, "192.168.122.1/024", NULL, NULL },
	{ &f_cidr, "192.168.122.1/", NULL, NULL },
	{ &f_cidr, "/24", NULL, NULL },
};

static void test_refused(void **state _unused_)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_arena_ struct arena *a = arena_new();
		void *value = arena_alloc(a, bad[i].f->type->size);
		struct scalar s;

		if (parse(bad[i].f, bad[i].text, false, a, &s, value))
			fail_msg("%s accepted as %s", bad[i].text, bad[i].f->type->name);
		if (bad[i].why && !streq_null(s.why, bad[i].why))
			fail_msg("%s: why \"%s\"", bad[i].text, s.why);
		if (bad[i].hint && !streq_null(s.hint, bad[i].hint))
			fail_msg("%s: hint \"%s\"", bad[i].text, s.hint);
		if (s.why)
			assert_true(strlen(s.why) < 300);
	}
}

static void test_quotes(void **state _unused_)
{
	_cleanup_arena_ struct arena *a = arena_new();
	char value[64];
	struct scalar s;

	assert_false(parse(&f_bool, "true", true, a, &s, value));
	assert_string_equal(s.hint, "remove the quotes: true");
	assert_false(parse(&f_int, "12", true, a, &s, value));
	assert_string_equal(s.hint, "remove the quotes: 12");
	assert_true(parse(&f_string, "12", true, a, &s, value));
	assert_true(parse(&f_size, "2GiB", true, a, &s, value));
}

static void test_long_text_in_messages(void **state _unused_)
{
	static const struct field *const all[] = { &f_bool, &f_int, &f_size, &f_duration, &f_rate,
		&f_percent, &f_frequency, &f_cpus, &f_window, &f_enum, &f_path, &f_ifname, &f_name,
		&f_sysctl, &f_module, &f_mac, &f_ip, &f_cidr };
	static const char digits[] = "0123456789";

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		for (int kind = 0; kind < 3; kind++) {
			_cleanup_arena_ struct arena *a = arena_new();
			void *value = arena_alloc(a, all[i]->type->size);
			char *text = arena_alloc(a, 100001);
			struct scalar s;

			for (size_t j = 0; j < 100000; j++)
				text[j] = kind == 0 ? 'x' : kind == 1 ? digits[1 + j % 9] : '.';
			assert_false(parse(all[i], text, false, a, &s, value));
			assert_true(!s.why || strlen(s.why) < 300);
			assert_true(!s.hint || strlen(s.hint) < 300);
		}
}

static void test_schema_fragments_are_json(void **state _unused_)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		_cleanup_strbuf_ struct strbuf out = { 0 };
		json_error_t error;
		json_t *json;

		sb_addc(&out, '{');
		good[i].f->type->schema(good[i].f, &out);
		sb_addc(&out, '}');
		json = json_loads(sb_str(&out), JSON_REJECT_DUPLICATES, &error);
		if (!json)
			fail_msg("%s: %s", error.text, sb_str(&out));
		json_decref(json);
	}
}

static void test_networks(void **state _unused_)
{
	static const struct {
		const char *net, *ip;
		bool inside;
	} contains[] = {
		{ "192.168.122.1/24", "192.168.122.254", true },
		{ "192.168.122.1/24", "192.168.123.1", false },
		{ "192.168.122.1/23", "192.168.123.1", true },
		{ "0.0.0.0/0", "1.2.3.4", true },
		{ "10.0.0.1/32", "10.0.0.1", true },
		{ "10.0.0.1/32", "10.0.0.0", false },
		{ "fd00::1/64", "fd00::ffff:1", true },
		{ "fd00::1/64", "fd00:0:0:1::1", false },
		{ "::/0", "1.2.3.4", false },
	};
	static const struct {
		const char *a, *b;
		bool overlap;
	} overlaps[] = {
		{ "10.0.0.0/8", "10.1.0.0/16", true },
		{ "10.1.0.0/16", "10.0.0.0/8", true },
		{ "10.1.0.0/16", "10.2.0.0/16", false },
		{ "0.0.0.0/0", "::/0", false },
	};
	struct cidr c, d;
	struct ip ip;

	for (size_t i = 0; i < ARRAY_SIZE(contains); i++) {
		assert_true(cidr_parse(contains[i].net, &c));
		assert_true(ip_parse(contains[i].ip, &ip));
		if (cidr_contains(&c, &ip) != contains[i].inside)
			fail_msg("%s %s", contains[i].net, contains[i].ip);
	}
	for (size_t i = 0; i < ARRAY_SIZE(overlaps); i++) {
		assert_true(cidr_parse(overlaps[i].a, &c));
		assert_true(cidr_parse(overlaps[i].b, &d));
		assert_int_equal(cidr_overlap(&c, &d), overlaps[i].overlap);
	}
	assert_true(cidr_parse("192.168.122.77/25", &c));
	c = cidr_network(c);
	_cleanup_strbuf_ struct strbuf out = { 0 };
	cidr_format(&c, &out);
	assert_string_equal(sb_str(&out), "192.168.122.0/25");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_quotes),
		cmocka_unit_test(test_long_text_in_messages),
		cmocka_unit_test(test_schema_fragments_are_json),
		cmocka_unit_test(test_networks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
