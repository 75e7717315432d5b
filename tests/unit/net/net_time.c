/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * usage: net_time [N [PLANS]]
 *
 * How long the network part takes for N networks: plan, apply, an empty plan, release.
 */
#include "fixture.h"
#include "base/strbuf.h"

static void document(struct strbuf *b, int n)
{
	sb_add(b, "networks:\n");
	for (int i = 0; i < n; i++)
		sb_addf(b, "  n%d:\n    bridge: nb%d\n    addresses: [10.%d.%d.1/24]\n", i, i,
			100 + i / 250, i % 250);
}

static int plans = 3;

static void run(int n)
{
	_cleanup_strbuf_ struct strbuf doc = { 0 };
	double t[4];

	fixture_reset(NULL);
	document(&doc, n);
	t[0] = now_us();
	if (net_apply(sb_str(&doc)) < 0)
		fail_msg("%s", net_failure());
	t[1] = now_us();
	for (int i = 0; i < plans; i++)
		assert_string_equal(net_plan(sb_str(&doc)), "");
	t[2] = now_us();
	if (net_apply("networks: {}") < 0)
		fail_msg("%s", net_failure());
	t[3] = now_us();
	printf("{\"networks\":%d,\"apply_us\":%.0f,\"plan_us\":%.0f,\"release_us\":%.0f}\n", n,
		t[1] - t[0], (t[2] - t[1]) / plans, t[3] - t[2]);
	fflush(stdout);
}

static int counts[4] = { 1, 10, 100 };
static int n_counts = 3;

static void all(void **state _unused_)
{
	for (int i = 0; i < n_counts; i++)
		run(counts[i]);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(all) };
	int r;

	if (argc > 1) {
		counts[0] = atoi(argv[1]);
		n_counts = 1;
		plans = argc > 2 ? atoi(argv[2]) : plans;
	}
	if (!fixture_enter())
		return 77;
	r = cmocka_run_group_tests(tests, NULL, NULL);
	fixture_leave();
	return r;
}
