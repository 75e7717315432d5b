/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Times whole processes, from before they are started until they have ended,
 * so that programs in different languages and with different start-up costs
 * are measured alike.
 *
 *   stopwatch [-q] ROUNDS CMD [ARG...] [+ CMD [ARG...]]...
 *
 * Each round runs every command once, in order: what is compared ran side by
 * side in time. -q: each begins when its control group has come to rest, so
 * that nothing still reacts to the one before. Prints a JSON object per run.
 * What the commands write is dropped, what they complain of is not.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

enum { STEP_US = 50000 };

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double cpu_us(const struct rusage *u)
{
	return (double)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) * 1e6 +
	       (double)(u->ru_utime.tv_usec + u->ru_stime.tv_usec);
}

/* Of all in the control group, in microseconds; negative: nobody knows. */
static long long group_cpu_us(void)
{
	FILE *f = fopen("/sys/fs/cgroup/cpu.stat", "re");
	long long used;

	if (!f || fscanf(f, "usage_usec %lld", &used) != 1)
		used = -1;
	if (f)
		fclose(f);
	return used;
}

/* A tenth of a second in which next to nothing ran; after ten seconds whatever there is. */
static void await_rest(void)
{
	const struct timespec step = { .tv_nsec = STEP_US * 1000 };
	long long before = group_cpu_us();

	for (int calm = 0, steps = 0; before >= 0 && calm < 2 && steps < 200; steps++) {
		long long now;

		nanosleep(&step, NULL);
		now = group_cpu_us();
		calm = now - before < STEP_US / 50 ? calm + 1 : 0;
		before = now;
	}
}

static void run(char **argv, const posix_spawn_file_actions_t *files, int round, int command)
{
	double begin = now_us(), wall;
	struct rusage used;
	int r, status;
	pid_t pid;

	r = posix_spawnp(&pid, argv[0], files, NULL, argv, environ);
	if (r) {
		fprintf(stderr, "stopwatch: %s: %s\n", argv[0], strerror(r));
		exit(127);
	}
	while (wait4(pid, &status, 0, &used) < 0)
		if (errno != EINTR)
			exit(127);
	wall = now_us() - begin;
	printf("{\"round\":%d,\"command\":%d,\"status\":%d,\"wall_us\":%.1f,\"cpu_us\":%.0f,"
	       "\"rss_kib\":%ld}\n",
		round, command, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
		wall, cpu_us(&used), used.ru_maxrss);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	char **commands[argc + 1];
	bool rest = argc > 1 && !strcmp(argv[1], "-q");
	int n = 0, first = rest ? 2 : 1, rounds = argc > first + 1 ? atoi(argv[first]) : 0;
	posix_spawn_file_actions_t files;

	for (int i = first + 1, begin = first + 1; i <= argc; i++) {
		if (i < argc && strcmp(argv[i], "+"))
			continue;
		argv[i] = NULL;
		if (i == begin)
			rounds = 0;
		commands[n++] = argv + begin;
		begin = i + 1;
	}
	if (rounds <= 0) {
		fputs("usage: stopwatch [-q] ROUNDS CMD [ARG...] [+ CMD [ARG...]]...\n", stderr);
		return 2;
	}
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	for (int round = 0; round < rounds; round++)
		for (int i = 0; i < n; i++) {
			if (rest)
				await_rest();
			run(commands[i], &files, round, i);
		}
	return 0;
}
