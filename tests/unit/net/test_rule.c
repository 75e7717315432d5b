/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules as data: text there and back, the kernel's form there and back, and comparing lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "net/firewall.h"
#ifdef HAVE_IPTC
#include "net/fw_xt.h"
#endif

static struct arena *arena;

static const char *const texts[] = {
	"FORWARD -j KVMHOST-FORWARD",
	"KVMHOST-FORWARD -j KVMHOST-OUT-OF",
	"KVMHOST-WITHIN -i virbr0 -o virbr0 -m comment --comment kvmhost:network/default -j ACCEPT",
	"KVMHOST-INTO -d 192.168.122.0/24 -o virbr0 -m conntrack --ctstate RELATED,ESTABLISHED "
	"-m comment --comment kvmhost:network/default -j ACCEPT",
	"KVMHOST-INTO -o virbr0 -j REJECT --reject-with icmp-port-unreachable",
	"KVMHOST-POSTROUTING -s 192.168.122.0/24 -d 224.0.0.0/24 -j RETURN",
	"KVMHOST-POSTROUTING -s 192.168.122.0/24 -d 255.255.255.255/32 -j RETURN",
	"KVMHOST-POSTROUTING -s 192.168.122.0/24 ! -d 192.168.122.0/24 -p udp -j MASQUERADE "
	"--to-ports "
	"1024-65535",
	"KVMHOST-POSTROUTING ! -s 10.0.0.0/8 -j MASQUERADE",
	"KVMHOST-INPUT -i virbr0 -p udp -m udp --dport 67 -j ACCEPT",
	"KVMHOST-INPUT -i virbr0 -p tcp -m tcp --sport 1000:2000 --dport 53 -j ACCEPT",
	"KVMHOST-POSTROUTING -o virbr0 -p udp -m udp --dport 68 -j CHECKSUM --checksum-fill",
	"KVMHOST-OUTPUT -s 1.2.3.4/32 -j RETURN",
	"KVMHOST-PREROUTING -p tcp -m tcp --dport 8080 -m addrtype --dst-type LOCAL "
	"-m comment --comment kvmhost:network/default -j DNAT --to-destination 192.168.122.10:80",
	"KVMHOST-PREROUTING -p tcp -m tcp --dport 8080 -m addrtype --dst-type LOCAL "
	"-m comment --comment kvmhost:network/default -j DNAT --to-destination 192.168.122.10:81",
	"KVMHOST-OUTPUT ! -d 127.0.0.0/8 -p udp -m udp --dport 53 -m addrtype --dst-type LOCAL "
	"-j DNAT --to-destination 192.168.122.11:80",
	"KVMHOST-OUTPUT -d 127.0.0.1/32 -p tcp -m tcp --dport 8080 -m addrtype --dst-type LOCAL "
	"-j DNAT --to-destination 192.168.122.10:80",
	"KVMHOST-PREROUTING -d 127.0.0.0/8 -i virbr0 -j DROP",
	"KVMHOST-PREROUTING -s 127.0.0.0/8 -i virbr0 -j DROP",
	"KVMHOST-INTO -d 192.168.122.10/32 -o virbr0 -p tcp -m tcp --dport 80 -m conntrack "
	"--ctstate DNAT -j ACCEPT",
};

static struct fw_rule parse(const char *text)
{
	struct fw_rule r;

	if (!fw_rule_parse(text, &r, arena))
		fail_msg("not parsed: %s", text);
	return r;
}

static void text_there_and_back(void **state _unused_)
{
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_cleanup_strbuf_ struct strbuf b = { 0 };
		struct fw_rule r = parse(texts[i]);

		fw_rule_format(&r, false, &b);
		assert_string_equal(sb_str(&b), texts[i]);
	}
}

static void bad_text(void **state _unused_)
{
	static const char *const bad[] = { "", "DOCKER -j ACCEPT", "KVMHOST-INPUT",
		"KVMHOST-INPUT -j", "KVMHOST-INPUT -x -j ACCEPT",
		"KVMHOST-INPUT -d 1.2.3.4/33 -j ACCEPT", "KVMHOST-INPUT -p icmp -j ACCEPT",
		"KVMHOST-INPUT -p tcp --dport 70000 -j ACCEPT", "KVMHOST-INPUT -j ACCEPT !",
		"KVMHOST-INPUT -j LOG", "KVMHOST-INPUT -i" };
	struct fw_rule r;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (fw_rule_parse(bad[i], &r, arena))
			fail_msg("parsed: %s", bad[i]);
}

static void all_differ(void **state _unused_)
{
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		for (size_t k = 0; k < ARRAY_SIZE(texts); k++) {
			struct fw_rule a = parse(texts[i]), b = parse(texts[k]);

			assert_int_equal(fw_rule_equal(&a, &b), i == k);
			if (i == k)
				assert_true(fw_rule_hash(&a) == fw_rule_hash(&b));
		}
}

#ifdef HAVE_IPTC
static void kernel_there_and_back(void **state _unused_)
{
	char buf[FW_XT_ENTRY_MAX] __attribute__((aligned(16)));

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct fw_texts names = { .arena = arena, .family = AF_INET };
		struct fw_rule r = parse(texts[i]), back;
		const char *target = strstr(texts[i], "-j ") + 3;

		fw_xt_decode(fw_xt_encode(&r, AF_INET, buf),
			arena_strndup(arena, target, strcspn(target, " ")), &names, &back);
		back.chain = r.chain;
		if (!fw_rule_equal(&r, &back))
			fail_msg("not the same back: %s", texts[i]);
	}
}
#endif

/* Applies the edits to a copy of `have` and checks that it becomes `want`. */
struct list_edit {
	char text[64];
	unsigned edits;
};

static void edit(enum fw_edit e, const struct fw_rule *r, size_t at, void *arg)
{
	struct list_edit *l = arg;
	char c = *r->in;

	if (e == FW_KEEP) {
		assert_int_equal(l->text[at], c);
		return;
	}
	l->edits++;
	if (e == FW_DELETE) {
		assert_int_equal(l->text[at], c);
		memmove(l->text + at, l->text + at + 1, strlen(l->text + at));
	} else {
		memmove(l->text + at + 1, l->text + at, strlen(l->text + at) + 1);
		l->text[at] = c;
	}
}

static size_t rules_of(const char *s, const struct fw_rule **v)
{
	size_t n = strlen(s);

	for (size_t i = 0; i < n; i++) {
		struct fw_rule *r = arena_alloc(arena, sizeof(*r));

		r->in = arena_strndup(arena, s + i, 1);
		r->target = s[i] == '?' ? FW_UNKNOWN : FW_ACCEPT;
		v[i] = r;
	}
	return n;
}

static unsigned turn(const char *have, const char *want)
{
	const struct fw_rule *a[64], *b[64];
	size_t n = rules_of(have, a), m = rules_of(want, b);
	struct list_edit l = { 0 };

	strcpy(l.text, have);
	fw_compare(a, n, b, m, edit, &l);
	assert_string_equal(l.text, want);
	return l.edits;
}

static void comparing(void **state _unused_)
{
	assert_int_equal(turn("", ""), 0);
	assert_int_equal(turn("abc", "abc"), 0);
	assert_int_equal(turn("", "abc"), 3);
	assert_int_equal(turn("abc", ""), 3);
	assert_int_equal(turn("abcdef", "abXdef"), 2);
	assert_int_equal(turn("abcdef", "bcdefg"), 2);
	assert_int_equal(turn("aabbcc", "abc"), 3);
	assert_int_equal(turn("abc", "aabbcc"), 3);
	assert_int_equal(turn("a?c", "ac"), 1);
	assert_int_equal(turn("???", "a"), 4);
	turn("abc", "cba");
	turn("abcabc", "cbacba");
}

static void comparing_random(void **state _unused_)
{
	unsigned seed = 1;

	for (int round = 0; round < 3000; round++) {
		char have[16], want[16];
		int n = rand_r(&seed) % 12, m = rand_r(&seed) % 12;

		for (int i = 0; i < n; i++)
			have[i] = "abcd?"[rand_r(&seed) % 5];
		for (int i = 0; i < m; i++)
			want[i] = "abcd"[rand_r(&seed) % 4];
		have[n] = want[m] = '\0';
		turn(have, want);
	}
}

struct set_edit {
	char now[64]; /* what is there: of what was there, what goes is taken out */
	unsigned edits;
};

static void edit_set(enum fw_edit how, const struct fw_rule *r, size_t at _unused_, void *arg)
{
	struct set_edit *s = arg;
	size_t n = strlen(s->now);

	s->edits += how != FW_KEEP;
	if (how != FW_DELETE)
		s->now[n] = *r->in;
}

static int by_letter(const void *a, const void *b)
{
	return *(const char *)a - *(const char *)b;
}

/* Order does not count; each is kept as often as it is on both sides. */
static unsigned turn_set(const char *have, const char *want)
{
	const struct fw_rule *a[64], *b[64];
	size_t n = rules_of(have, a), m = rules_of(want, b);
	struct set_edit s = { 0 };
	char sorted[64] = { 0 };

	fw_compare_sets(a, n, b, m, edit_set, &s);
	strcpy(sorted, want);
	qsort(sorted, m, 1, by_letter);
	qsort(s.now, strlen(s.now), 1, by_letter);
	assert_string_equal(s.now, sorted);
	return s.edits;
}

static void comparing_sets(void **state _unused_)
{
	unsigned seed = 1;

	assert_int_equal(turn_set("", ""), 0);
	assert_int_equal(turn_set("abc", "cab"), 0);
	assert_int_equal(turn_set("", "abc"), 3);
	assert_int_equal(turn_set("abc", ""), 3);
	assert_int_equal(turn_set("abc", "bXc"), 2);
	assert_int_equal(turn_set("aabbcc", "abc"), 3);
	assert_int_equal(turn_set("abc", "aabbcc"), 3);
	assert_int_equal(turn_set("?a", "a"), 1);
	for (int round = 0; round < 3000; round++) {
		int n = rand_r(&seed) % 12, m = rand_r(&seed) % 12, common = 0;
		int had[5] = { 0 }, wanted[5] = { 0 };
		char have[16] = { 0 }, want[16] = { 0 };

		for (int i = 0, k; i < n; i++) {
			had[k = rand_r(&seed) % 5]++;
			have[i] = "abcd?"[k];
		}
		for (int i = 0, k; i < m; i++) {
			wanted[k = rand_r(&seed) % 4]++;
			want[i] = "abcd"[k];
		}
		for (int k = 0; k < 4; k++)
			common += MIN_OF(had[k], wanted[k]);
		assert_int_equal(turn_set(have, want), n + m - 2 * common);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_there_and_back),
		cmocka_unit_test(bad_text),
		cmocka_unit_test(all_differ),
#ifdef HAVE_IPTC
		cmocka_unit_test(kernel_there_and_back),
#endif
		cmocka_unit_test(comparing),
		cmocka_unit_test(comparing_random),
		cmocka_unit_test(comparing_sets),
	};
	int r;

	arena = arena_new();
	r = cmocka_run_group_tests(tests, NULL, NULL);
	arena_free(arena);
	return r;
}
