/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/spawn.h"
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* The bounding set counts only where a file could give capabilities; no_new_privs forbids that too.
 */
static void drop_bounds(void)
{
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
}

int rights_drop(const struct rights *to)
{
	struct rlimit locked;

	drop_bounds();
	/* systemd in a container may not raise it: then it is what it is. */
	if (getrlimit(RLIMIT_MEMLOCK, &locked) < 0)
		return -errno;
	locked.rlim_max = MIN_OF(locked.rlim_max, to->locked);
	locked.rlim_cur = locked.rlim_max;
	if (setrlimit(RLIMIT_MEMLOCK, &locked) < 0)
		return -errno;
	if (setgroups(to->group ? 1 : 0, &to->group) < 0 ||
		setresgid(to->uid, to->uid, to->uid) < 0 ||
		/* From root to a user without KEEPCAPS: all capabilities go. */
		setresuid(to->uid, to->uid, to->uid) < 0 ||
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return 0;
}

static int keep_descriptors(const int *fds, size_t n, int output)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (null < 0 || dup2(null, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0)
		return -errno;
	if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		return -errno;
	for (size_t i = 0; i < n; i++)
		if (fcntl(fds[i], F_SETFD, 0) < 0)
			return -errno;
	return 0;
}

static _Noreturn void give_up(const char *what, const char *program)
{
	dprintf(2, "%s %s: %s\n", what, program, strerror(errno));
	_exit(127);
}

static _Noreturn void child(
	char *const argv[], const int *fds, size_t n, int output, int zone, pid_t parent)
{
	char tz[40];
	char *const environment[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8",
		zone >= 0 ? tz : NULL, NULL };
	sigset_t none;

	/* Whoever is in a sandbox has no /etc/localtime. */
	snprintf(tz, sizeof(tz), "TZ=:/proc/self/fd/%d", zone);

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	if (keep_descriptors(fds, n, output) < 0)
		give_up("cannot hand over descriptors to", argv[0]);
	/* The runner may have died before. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent)
		_exit(127);
	execve(argv[0], argv, environment);
	give_up("cannot execute", argv[0]);
}

int spawn(char *const argv[], const int *fds, size_t n, int output, int zone, pid_t *pid,
	struct error *e)
{
	pid_t parent = getpid();

	*pid = fork();
	if (*pid < 0)
		return error_set(e, -errno, "cannot start a process for QEMU: %s", strerror(errno));
	if (*pid == 0)
		child(argv, fds, n, output, zone, parent);
	return 0;
}
