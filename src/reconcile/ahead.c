/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reconcile/ahead.h"
#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>

struct ahead {
	pthread_t thread;
	cpu_set_t cpus; /* where it may run */
	const struct ahead_part *parts;
	size_t n, n_taken;
	/* The thread's from when it begins with it to when it has looked; the taker's after that.
	 */
	struct host hosts[AHEAD_PARTS_MAX];
	pthread_mutex_t lock;
	pthread_cond_t looked;
	/* Under the lock: parts that it has begun with, has looked at, may begin with. */
	size_t n_begun, n_looked, end;
};

static void *work(void *arg)
{
	struct ahead *a = arg;

	sched_setaffinity(0, sizeof(a->cpus), &a->cpus);
	pthread_mutex_lock(&a->lock);
	while (a->n_begun < a->end) {
		size_t i = a->n_begun++;

		pthread_mutex_unlock(&a->lock);
		a->parts[i].look(&a->hosts[i]);
		pthread_mutex_lock(&a->lock);
		a->n_looked++;
		pthread_cond_signal(&a->looked);
	}
	pthread_mutex_unlock(&a->lock);
	return NULL;
}

/*
 * It begins on any processor but this one: left to itself the scheduler lets a new thread wait for
 * its maker, for longer than all of this takes. Signals are for the thread that everybody knows.
 */
static bool start(struct ahead *a, int here)
{
	cpu_set_t others = a->cpus;
	sigset_t all, before;
	pthread_attr_t attr;
	bool started;

	if (pthread_attr_init(&attr) != 0)
		return false;
	CPU_CLR(here, &others);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	started = pthread_attr_setaffinity_np(&attr, sizeof(others), &others) == 0 &&
		  pthread_create(&a->thread, &attr, work, a) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return started;
}

static void drop_host(struct host *h)
{
	h->root = -1; /* borrowed */
	host_idle(h);
}

static void drop(struct ahead *a)
{
	for (size_t i = a->n_taken; i < a->n; i++)
		drop_host(&a->hosts[i]);
	pthread_cond_destroy(&a->looked);
	pthread_mutex_destroy(&a->lock);
	free(a);
}

void ahead_begin(struct host *h, const struct ahead_part *parts, size_t n)
{
	int here = sched_getcpu();
	struct ahead *a;
	cpu_set_t cpus;

	assert(n <= AHEAD_PARTS_MAX);
	/* Where there are more than a set has room for, nobody waits for this. */
	if (here < 0 || here >= CPU_SETSIZE || sched_getaffinity(0, sizeof(cpus), &cpus) < 0 ||
		CPU_COUNT(&cpus) < 2)
		return;
	host_forget(h);
	a = xcalloc(1, sizeof(*a));
	a->cpus = cpus;
	a->parts = parts;
	a->n = a->end = n;
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->looked, NULL);
	for (size_t i = 0; i < n; i++)
		a->hosts[i] = (struct host){ .root = h->root,
			.root_path = h->root_path,
			.live = h->live,
			.pass = arena_new(),
			.now = h->now,
			.uptime = h->uptime,
			.lock = -1 };
	if (start(a, here))
		h->ahead = a;
	else
		drop(a);
}

void ahead_end(struct host *h)
{
	struct ahead *a = TAKE_PTR(h->ahead);

	if (!a)
		return;
	pthread_mutex_lock(&a->lock);
	a->end = a->n_begun;
	pthread_mutex_unlock(&a->lock);
	pthread_join(a->thread, NULL);
	drop(a);
}

/* False: it has not begun with the part, and will not. */
static bool await(struct ahead *a, size_t part)
{
	bool begun;

	pthread_mutex_lock(&a->lock);
	begun = a->n_begun > part;
	if (!begun)
		a->end = a->n_begun;
	while (begun && a->n_looked <= part)
		pthread_cond_wait(&a->looked, &a->lock);
	pthread_mutex_unlock(&a->lock);
	return begun;
}

/* With what was looked at before it. */
bool ahead_take(struct host *h, const struct handle *type)
{
	struct ahead *a = h->ahead;
	size_t i = a ? a->n_taken : 0;

	while (a && i < a->n && a->parts[i].handle != type)
		i++;
	if (!a || i == a->n || !await(a, i))
		return false;
	for (; a->n_taken <= i; a->n_taken++) {
		host_absorb(h, &a->hosts[a->n_taken]);
		drop_host(&a->hosts[a->n_taken]);
	}
	if (a->n_taken == a->n)
		ahead_end(h);
	return true;
}
