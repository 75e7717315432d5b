/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Killed between any two system calls of an apply, the next one finishes it:
 * nothing doubled, nothing foreign touched.
 *
 * usage: test_net_crash [STRIDE]   1: really between any two
 */
#include "fixture.h"
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#define OLD \
	"networks:\n  a: {bridge: b0, addresses: [10.0.0.1/24]}\n" \
	"  b: {bridge: b1, addresses: [10.0.1.1/24]}\n" \
	"bridges: {br0: {}}\ntappers: {t0: {bridge: b0, owner: 7}}\n"
#define NEW \
	"networks:\n  a: {bridge: b9, mtu: 1400, addresses: [10.0.0.9/24]}\n" \
	"  c: {bridge: b2, mode: isolated, addresses: [10.0.2.1/24]}\n" \
	"bridges: {br0: {mtu: 1400}, br1: {}}\n" \
	"tappers: {t0: {bridge: b9, queues: 2}, t1: {bridge: br1}}\n"

#define FOREIGN "iptables-legacy-save | grep -v -e '^[#:]' -e KVMHOST; ip -br link show type veth"

/* Kills the child at its n-th system call; false: it ended before. */
static bool killed_at(pid_t pid, int n)
{
	int status;

	waitpid(pid, &status, 0);
	ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_EXITKILL);
	for (int i = 0; i < n; i++) {
		ptrace(PTRACE_SYSCALL, pid, 0, 0);
		waitpid(pid, &status, 0);
		if (WIFEXITED(status) || WIFSIGNALED(status)) {
			assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
			return false;
		}
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return true;
}

static bool apply_killed(const char *yaml, int n)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		fclose(stderr);
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		_exit(net_apply(yaml) < 0);
	}
	return killed_at(pid, n);
}

/* From `from` to `to` with a death every `stride` calls on the way. */
static int stride = 9;

static void walk(const char *from, const char *to)
{
	_cleanup_free_ char *foreign = NULL;
	int n = 2, deaths = 0;

	for (;; n += stride, deaths++) {
		fixture_reset(NULL);
		sh("iptables-legacy -A FORWARD -i eth9 -j DROP; ip link add v0 type veth peer name "
		   "v1");
		free(foreign);
		foreign = xstrdup(sh(FOREIGN));
		net_converge(from);
		fixture_restart();
		if (!apply_killed(to, n))
			break;
		fixture_restart();
		net_converge(to);
		assert_string_equal(sh(FOREIGN), foreign);
		net_converge("networks: {}");
		assert_string_equal(sh(FOREIGN), foreign);
		hasnt(sh("ip link; iptables-legacy-save"), "KVMHOST");
		hasnt(sh("ip link"), "kvmhost");
	}
	printf("%d deaths survived, within %d calls\n", deaths, n);
	assert_true(deaths > 10);
}

static void made(void **state _unused_)
{
	walk("networks: {}", OLD);
}

static void changed(void **state _unused_)
{
	walk(OLD, NEW);
}

static void removed(void **state _unused_)
{
	walk(OLD, "networks: {}");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(made),
		cmocka_unit_test(changed),
		cmocka_unit_test(removed),
	};
	int r;

	if (argc > 1)
		stride = MAX_OF(atoi(argv[1]), 1);
	if (!fixture_enter())
		return 77;
	r = cmocka_run_group_tests(tests, NULL, NULL);
	fixture_leave();
	return r;
}
