/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Times whole processes, from before they are started until they have ended,
 * so that programs in different languages and with different start-up costs
 * are measured alike.
 *
 *   stopwatch ROUNDS CMD [ARG...] [+ CMD [ARG...]]...
 *
 * Each round runs every command once, in order: what is compared ran side by
 * side in time. Prints a JSON object per run. What the commands write is
 * dropped, what they complain of is not.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

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
	int n = 0, rounds = argc > 2 ? atoi(argv[1]) : 0;
	posix_spawn_file_actions_t files;

	for (int i = 2, begin = 2; i <= argc; i++) {
		if (i < argc && strcmp(argv[i], "+"))
			continue;
		argv[i] = NULL;
		if (i == begin)
			rounds = 0;
		commands[n++] = argv + begin;
		begin = i + 1;
	}
	if (rounds <= 0) {
		fputs("usage: stopwatch ROUNDS CMD [ARG...] [+ CMD [ARG...]]...\n", stderr);
		return 2;
	}
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	for (int round = 0; round < rounds; round++)
		for (int i = 0; i < n; i++)
			run(commands[i], &files, round, i);
	return 0;
}
