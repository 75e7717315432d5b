/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a second thread has seen of the machine, on handles that count. */
#include "reconcile/ahead.h"
#include "base/util.h"
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

struct toy {
	const char *seen; /* in the arena of who looked; NULL: not yet, or forgotten */
};

static int opened[3], closed[3], looks[2];
static sem_t begun, go_on;
static bool wait_in_first, blind;

static int open_toy(int which, void **data)
{
	__atomic_add_fetch(&opened[which], 1, __ATOMIC_RELAXED);
	*data = xcalloc(1, sizeof(struct toy));
	return 0;
}

static void close_toy(int which, void *data)
{
	closed[which]++;
	free(data);
}

static void forget(void *data)
{
	*(struct toy *)data = (struct toy){ 0 };
}

#define TOY(n) \
	static int open_##n(struct host *h _unused_, void **data, struct error *e _unused_) \
	{ \
		return open_toy(n, data); \
	} \
	static void close_##n(void *data) \
	{ \
		close_toy(n, data); \
	} \
	static const struct handle toy_##n = { \
		.name = "toy " #n, .open = open_##n, .forget = forget, .close = close_##n \
	};
TOY(0)
TOY(1)
TOY(2)

static struct toy *get(struct host *h, const struct handle *type)
{
	void *data = NULL;

	assert_int_equal(host_handle(h, type, &data, NULL), 0);
	return data;
}

static void look(struct host *h, const struct handle *type, int which)
{
	void *data;

	looks[which]++;
	if (host_handle(h, type, &data, NULL) >= 0 && !blind)
		((struct toy *)data)->seen = arena_printf(h->pass, "by the thread, %d", which);
}

static void look_first(struct host *h)
{
	void *data;

	sem_post(&begun);
	if (wait_in_first)
		sem_wait(&go_on);
	/* What a part stands on comes along. */
	host_handle(h, &toy_2, &data, NULL);
	look(h, &toy_0, 0);
}

static void look_second(struct host *h)
{
	look(h, &toy_1, 1);
}

static const struct ahead_part parts[] = { { &toy_0, look_first }, { &toy_1, look_second } };

static struct host host;

static int setup(void **state _unused_)
{
	memset(opened, 0, sizeof(opened));
	memset(closed, 0, sizeof(closed));
	memset(looks, 0, sizeof(looks));
	wait_in_first = blind = false;
	sem_init(&begun, 0, 0);
	sem_init(&go_on, 0, 0);
	assert_int_equal(host_open(&host, NULL, NULL), 0);
	ahead_begin(&host, parts, ARRAY_SIZE(parts));
	assert_non_null(host.ahead);
	return 0;
}

/* Whatever was opened by whom: it is closed once. */
static int teardown(void **state _unused_)
{
	host_close(&host);
	assert_memory_equal(opened, closed, sizeof(opened));
	return 0;
}

static void begin_and_wait(void)
{
	wait_in_first = true;
	ahead_begin(&host, parts, ARRAY_SIZE(parts));
	sem_wait(&begun);
}

static void what_it_saw_is_given_to_who_asks(void **state _unused_)
{
	sem_wait(&begun);
	assert_string_equal(get(&host, &toy_0)->seen, "by the thread, 0");
	assert_int_equal(looks[0], 1);
	assert_int_equal(opened[2], 1);
	get(&host, &toy_2);
	assert_int_equal(opened[2], 1);
}

static void who_has_opened_a_handle_keeps_it(void **state _unused_)
{
	struct toy *mine = get(&host, &toy_2);

	sem_wait(&begun);
	assert_string_equal(get(&host, &toy_0)->seen, "by the thread, 0");
	assert_ptr_equal(get(&host, &toy_2), mine);
	assert_int_equal(opened[2], 2);
	assert_int_equal(closed[2], 1);
}

static void nobody_waits_for_what_it_has_not_begun_with(void **state _unused_)
{
	sem_wait(&begun);
	host_forget(&host);
	begin_and_wait();
	assert_null(get(&host, &toy_1)->seen);
	sem_post(&go_on);
	assert_string_equal(get(&host, &toy_0)->seen, "by the thread, 0");
	assert_null(get(&host, &toy_1)->seen);
}

static void what_it_could_not_see_is_for_who_asks_to_see(void **state _unused_)
{
	sem_wait(&begun);
	host_forget(&host);
	blind = true;
	begin_and_wait();
	sem_post(&go_on);
	assert_null(get(&host, &toy_0)->seen);
	assert_int_equal(opened[0], closed[0] + 1);
}

static void a_plan_takes_it_and_a_change_drops_it(void **state _unused_)
{
	sem_wait(&begun);
	host_forget_seen(&host);
	assert_non_null(host.ahead);
	assert_string_equal(get(&host, &toy_0)->seen, "by the thread, 0");
	host_forget(&host);
	assert_null(host.ahead);
	assert_null(get(&host, &toy_0)->seen);
	assert_null(get(&host, &toy_1)->seen);
}

/* What was taken is of the pass, which is emptied; the rest is still to come. */
static void a_second_plan_sees_nothing_of_the_first(void **state _unused_)
{
	sem_wait(&begun);
	assert_non_null(get(&host, &toy_0)->seen);
	host_forget_seen(&host);
	assert_null(get(&host, &toy_0)->seen);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_it_saw_is_given_to_who_asks, setup, teardown),
		cmocka_unit_test_setup_teardown(who_has_opened_a_handle_keeps_it, setup, teardown),
		cmocka_unit_test_setup_teardown(
			nobody_waits_for_what_it_has_not_begun_with, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_it_could_not_see_is_for_who_asks_to_see, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_plan_takes_it_and_a_change_drops_it, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_second_plan_sees_nothing_of_the_first, setup, teardown),
	};
	cpu_set_t cpus;

	if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0 || CPU_COUNT(&cpus) < 2) {
		puts("needs two processors: with one there is no second thread");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
