/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/tool.h"
#include "base/arena.h"
#include "base/strbuf.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { SAID_MAX = 4 << 20, SHOWN_LINES = 3, LOCK_FD = 3 };

/*
 * Its outputs into the pipe, nothing to read, signals as a program expects them; ^C at the terminal
 * is meant for us, who end in order.
 */
static int start(char *const argv[], int lock, int output, bool shown, pid_t *pid)
{
	/* LVM's tools, which some of them run, would tell of the lock. */
	static char *const environment[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8",
		"LVM_SUPPRESS_FD_WARNINGS=1", NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	int r;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&attributes);
	posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&files, output, 1);
	posix_spawn_file_actions_adddup2(&files, shown ? 2 : output, 2);
	if (lock >= 0)
		posix_spawn_file_actions_adddup2(&files, lock, LOCK_FD);
	posix_spawn_file_actions_addclosefrom_np(&files, lock < 0 ? LOCK_FD : LOCK_FD + 1);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setflags(&attributes,
		POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
	posix_spawnattr_setpgroup(&attributes, 0);
	r = posix_spawn(pid, argv[0], &files, &attributes, argv, environment);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attributes);
	return -r;
}

/* What can be read now; 0: more may come, 1: nothing more does, or it is too much. */
static int take(int from, struct strbuf *said)
{
	char part[4096];
	ssize_t n;

	while (said->len <= SAID_MAX) {
		n = read(from, part, sizeof(part));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 || errno != EAGAIN;
		sb_addn(said, part, (size_t)n);
	}
	return 1;
}

/* Until it ends: what it leaves behind may keep the pipe open for ever. */
static void listen_to(pid_t pid, int from, struct strbuf *said)
{
	_cleanup_close_ int process = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd any[] = { { .fd = from, .events = POLLIN },
		{ .fd = process, .events = POLLIN } };
	bool ended = false;

	while (!ended) {
		if (poll(any, ARRAY_SIZE(any), -1) < 0 && errno != EINTR)
			return;
		ended = any[1].revents != 0;
		if (take(from, said))
			return;
	}
}

/* The last lines in one. */
static char *last_words(char *said)
{
	size_t n = strlen(said), lines = 0;
	char *p;

	while (n && said[n - 1] == '\n')
		said[--n] = '\0';
	for (p = said + n; p > said; p--)
		if (p[-1] == '\n' && ++lines == SHOWN_LINES)
			break;
	memmove(said, p, strlen(p) + 1);
	for (p = said; *p; p++)
		if ((unsigned char)*p < ' ')
			*p = ' ';
	return said;
}

static int explain(char *const argv[], int status, char *said, struct error *e)
{
	const char *words = last_words(said);

	if (WIFSIGNALED(status))
		error_set(e, -EIO, "%s was ended by signal %d%s%s", argv[0], WTERMSIG(status),
			*words ? ": " : "", words);
	else
		error_set(e, -EIO, "%s failed (exit status %d)%s%s", argv[0], WEXITSTATUS(status),
			*words ? ": " : "", words);
	return error_cure(e, "run it by hand and see what it says: %s", argv[0]);
}

static int run(char *const argv[], int lock, bool shown, char **out, int *status, struct error *e)
{
	_cleanup_close_ int from = -1, to = -1;
	_cleanup_strbuf_ struct strbuf said = { 0 };
	int fds[2], r;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_set(e, -errno, "cannot make a pipe: %s", strerror(errno));
	from = fds[0];
	to = fds[1];
	r = start(argv, lock, to, shown, &pid);
	if (r < 0)
		return error_set(
			e, r == -ENOENT ? -ENOEXEC : r, "cannot run %s: %s", argv[0], strerror(-r));
	close(TAKE_FD(to));
	(void)fcntl(from, F_SETFL, O_NONBLOCK);
	listen_to(pid, from, &said);
	close(TAKE_FD(from)); /* who says more than that is told by SIGPIPE */
	while (waitpid(pid, status, 0) < 0)
		if (errno != EINTR)
			return error_set(
				e, -errno, "cannot wait for %s: %s", argv[0], strerror(errno));
	*out = sb_steal(&said);
	return 0;
}

int tool_end(char *const argv[], bool shown, char **out, int *status, struct error *e)
{
	return run(argv, -1, shown, out, status, e);
}

int tool_run(char *const argv[], int lock, struct error *e)
{
	_cleanup_free_ char *said = NULL;

	return tool_read(argv, lock, &said, e);
}

int tool_read(char *const argv[], int lock, char **out, struct error *e)
{
	_cleanup_free_ char *said = NULL;
	int status = 0, r = run(argv, lock, false, &said, &status, e);

	if (r < 0 || !said)
		return r;
	if (status)
		return explain(argv, status, said, e);
	*out = TAKE_PTR(said);
	return 0;
}
