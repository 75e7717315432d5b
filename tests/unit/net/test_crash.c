/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Killed between any two system calls of an apply, the next one finishes it:
 * nothing doubled, nothing foreign touched.
 *
 * usage: test_net_crash [STRIDE [TEST]]   1: really between any two
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

#define EMPTY "networks: {}"
#define TAKEN "bridges: {br0: {ports: [eth0]}}"
#define ELSEWHERE \
	"bridges: {br0: {}, br1: {ports: [eth0], addressing: [203.0.113.3/24, " \
	"203.0.113.4/24, \"2001:db8:1::4/64\"]}}"
/* A card that the host speaks through. */
#define CARD \
	"for i in all default; do echo 0 >/proc/sys/net/ipv6/conf/$i/accept_dad; done; " \
	"ip link add eth0 address 02:00:00:00:00:10 type veth peer name peer0 " \
	"address 02:00:00:00:00:11; " \
	"ip link set peer0 up; ip link set eth0 up; " \
	"ip address add 203.0.113.2/24 brd + dev eth0; " \
	"ip address add 203.0.113.3/24 dev eth0 label eth0:web; " \
	"ip -6 address add 2001:db8:1::2/64 dev eth0; ip -6 address add 2001:db8:1::3/64 dev " \
	"eth0; " \
	"ip route add default via 203.0.113.1; ip route add 10.9.0.0/16 via 203.0.113.7 table 77 " \
	"src 203.0.113.3; ip -6 route add default via 2001:db8:1::1; "
/* Without what comes only after a while: fe80, the word that nobody else has an address. */
#define NETWORK \
	"ip -o address | sed 's/^[0-9]*: //' | grep -v fe80 | sed 's/ tentative//'; ip -4 route " \
	"show table all | " \
	"sed 's/ linkdown//'; ip -6 route show table all | grep -v -e fe80 -e ff00 -e ^local -e " \
	"^any | " \
	"sed 's/ linkdown//'; ip -o link | sed 's/^[0-9]*: //; s/state [A-Z]*//; " \
	"s/NO-CARRIER,//; " \
	"s/,LOWER_UP//; s/qdisc [a-z]* //' | sort"

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

/* The same with the host's own card: what it has comes to the bridge and back, to the letter. */
static void walk_card(const char *from, const char *to)
{
	_cleanup_free_ char *clean = NULL, *applied = NULL;
	int n = 2, deaths = 0;

	for (;; n += stride, deaths++) {
		fixture_reset(NULL);
		sh(CARD);
		free(clean);
		clean = xstrdup(sh(NETWORK));
		net_converge(from);
		if (!applied) {
			net_converge(to);
			applied = xstrdup(sh(NETWORK));
			net_converge(from);
		}
		fixture_restart();
		if (!apply_killed(to, n))
			break;
		fixture_restart();
		net_converge(to);
		printf("# killed at call %d\n", n);
		same(sh(NETWORK), applied);
		net_converge(EMPTY);
		same(sh(NETWORK), clean);
		hasnt(sh("ip link"), "kvmhost");
	}
	printf("%d deaths survived, within %d calls\n", deaths, n);
	assert_true(deaths > 10);
}

static void card_taken(void **state _unused_)
{
	walk_card(EMPTY, TAKEN);
}

static void card_moved(void **state _unused_)
{
	walk_card(TAKEN, ELSEWHERE);
}

static void card_given_back(void **state _unused_)
{
	walk_card(TAKEN, EMPTY);
}

/* Killed on the way to one document, the next run is for another one. */
static void card_released_at_once(void **state _unused_)
{
	_cleanup_free_ char *clean = NULL;
	int n = 2;

	for (bool killed = true; killed; n += stride) {
		fixture_reset(NULL);
		sh(CARD);
		free(clean);
		clean = xstrdup(sh(NETWORK));
		killed = apply_killed(TAKEN, n);
		fixture_restart();
		net_converge(EMPTY);
		same(sh(NETWORK), clean);
	}
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
		cmocka_unit_test(card_taken),
		cmocka_unit_test(card_moved),
		cmocka_unit_test(card_given_back),
		cmocka_unit_test(card_released_at_once),
	};

	if (argc > 2)
		cmocka_set_test_filter(argv[2]);
	if (argc > 1)
		stride = MAX_OF(atoi(argv[1]), 1);
	return FIXTURE_RUN(tests);
}
