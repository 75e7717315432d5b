/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The firewall on a real kernel, beside rules of others. */
#include "fixture.h"
#include "base/strbuf.h"
#include "net/firewall.h"
#include <fcntl.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define A "  a: {bridge: b0, addresses: [10.0.0.1/24]}\n"
#define B "  b: {bridge: b1, addresses: [10.0.1.1/24]}\n"
#define C "  c: {bridge: b2, addresses: [10.0.2.1/24], mode: isolated}\n"
#define NETS "networks:\n"

/* All that an administrator, Docker or ufw may have there, with counters. */
#define FOREIGN \
	"cat <<'E' | iptables-legacy-restore -c\n" \
	"*filter\n:INPUT ACCEPT [7:700]\n:FORWARD DROP [5:500]\n:OUTPUT ACCEPT [0:0]\n" \
	":DOCKER-USER - [0:0]\n:other - [0:0]\n" \
	"[1:100] -A INPUT -i lo -j ACCEPT\n" \
	"[2:200] -A INPUT -p tcp -m tcp --dport 22 -m comment --comment \"let me in\" -j ACCEPT\n" \
	"[3:300] -A FORWARD -j DOCKER-USER\n" \
	"[4:400] -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n" \
	"[5:500] -A FORWARD -i docker+ -g other\n" \
	"[6:600] -A DOCKER-USER -s 1.2.3.4/32 -m limit --limit 1/sec -j RETURN\n" \
	"[7:700] -A other -j LOG --log-prefix \"dropped: \"\nCOMMIT\n" \
	"*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n" \
	":POSTROUTING ACCEPT [0:0]\n" \
	"[8:800] -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE\n" \
	"[9:900] -A PREROUTING -p tcp -m tcp --dport 80 -j DNAT --to-destination 172.17.0.2:80\n" \
	"COMMIT\nE\n"

/* Bridges that come up send some packets: the counters of our rules and of two policies move. */
#define RULES "iptables-legacy-save | grep -v '^[#:]'"
#define SAVE "iptables-legacy-save -c | grep -v -e '^#' -e '^:OUTPUT' -e '^:POSTROUTING'"
#define OTHERS SAVE " | grep -v KVMHOST"

static void rules_as_iptables_shows_them(void **state _unused_)
{
	const char *text;

	net_converge(NETS A C);
	text = sh("iptables-legacy-save -t filter");
	has(text, "-A FORWARD -j KVMHOST-FORWARD\n");
	has(text, "-A KVMHOST-FORWARD -j KVMHOST-WITHIN\n-A KVMHOST-FORWARD -j KVMHOST-INTO\n"
		  "-A KVMHOST-FORWARD -j KVMHOST-OUT-OF\n");
	has(text, "-A KVMHOST-INTO -d 10.0.0.0/24 -o b0 -m conntrack --ctstate RELATED,ESTABLISHED "
		  "-m "
		  "comment --comment \"kvmhost:network/a\" -j ACCEPT\n");
	has(text, "-A KVMHOST-INTO -o b2 -m comment --comment \"kvmhost:network/c\" -j REJECT "
		  "--reject-with icmp-port-unreachable\n");
	hasnt(text, "-A KVMHOST-OUT-OF -s 10.0.2.0/24");
	text = sh("iptables-legacy-save -t nat");
	has(text, "-A KVMHOST-POSTROUTING -s 10.0.0.0/24 -p tcp -m comment "
		  "--comment "
		  "\"kvmhost:network/a\" -j MASQUERADE --to-ports 1024-65535\n");
	/* A table that is not needed is not even made. */
	hasnt(sh("cat /proc/net/ip_tables_names"), "raw");
}

static void looking_makes_no_table(void **state _unused_)
{
	assert_string_equal(sh("unshare -n sh -c 'cat /proc/self/net/ip_tables_names'"), "");
	net_converge("bridges: {}");
}

static void foreign_rules_survive(void **state _unused_)
{
	_cleanup_free_ char *before = NULL, *ours = NULL;

	sh(FOREIGN);
	before = xstrdup(sh("%s", SAVE));
	has(before, ":FORWARD DROP [5:500]");
	net_converge(NETS A B C);
	assert_string_equal(sh("%s", OTHERS), before);
	ours = xstrdup(sh("%s", RULES));
	net_converge(NETS A C);
	net_converge(NETS A B C);
	assert_string_equal(sh("%s", RULES), ours);
	has(sh("iptables-legacy -S FORWARD | sed -n 2p"), "-A FORWARD -j KVMHOST-FORWARD");
	net_converge("networks: {}");
	assert_string_equal(sh("%s", SAVE), before);
}

static void our_counters_stay(void **state _unused_)
{
	net_converge(NETS A B);
	sh("iptables-legacy-save -c | sed 's/^\\[0:0\\] \\(.*10.0.1.0.*\\)/[5:55] \\1/' | "
	   "iptables-legacy-restore -c");
	assert_string_equal(
		sh("iptables-legacy-save -c | grep -v 224 | grep -c '^.5:55.*network/b'"), "7\n");
	net_converge(NETS B C);
	assert_string_equal(
		sh("iptables-legacy-save -c | grep -v 224 | grep -c '^.5:55.*network/b'"), "7\n");
}

static void drift_is_repaired(void **state _unused_)
{
	static const char *const damage[] = {
		"-F KVMHOST-INTO",
		"-D KVMHOST-OUT-OF 1",
		"-I KVMHOST-INTO -j ACCEPT",
		"-A KVMHOST-WITHIN -p icmp -j DROP",
		"-D FORWARD -j KVMHOST-FORWARD",
		"-I FORWARD -j KVMHOST-FORWARD",
		"-R KVMHOST-INTO 1 -d 10.0.0.0/25 -o b0 -j ACCEPT",
		"-N KVMHOST-OLD",
		"-t nat -F KVMHOST-POSTROUTING",
		"-t nat -F",
		"-F",
	};

	net_converge(NETS A B C);
	for (size_t i = 0; i < ARRAY_SIZE(damage); i++) {
		_cleanup_free_ char *before = xstrdup(sh("%s", RULES));

		sh("iptables-legacy %s", damage[i]);
		if (!*net_plan(NETS A B C))
			fail_msg("not seen: %s", damage[i]);
		net_converge(NETS A B C);
		assert_string_equal(sh("%s", RULES), before);
	}
	sh("iptables-legacy -F; iptables-legacy -X; iptables-legacy -t nat -F; iptables-legacy -t "
	   "nat -X");
	net_converge(NETS A B C);
}

/* A rule of others that leads to a chain of ours is named, not broken. */
static void foreign_jump_to_us(void **state _unused_)
{
	net_converge(NETS A);
	sh("iptables-legacy -A INPUT -p icmp -j KVMHOST-WITHIN");
	assert_string_equal(net_plan(NETS A), "");
	assert_int_not_equal(net_apply("networks: {}"), 0);
	has(net_failure(), "a rule that is not kvmhost's leads to the chain KVMHOST-WITHIN");
	sh("iptables-legacy -D INPUT -p icmp -j KVMHOST-WITHIN");
	net_converge("networks: {}");
}

static void plan_shows_few(void **state _unused_)
{
	const char *plan = net_plan(NETS A B C);

	has(plan, "-j KVMHOST-FORWARD");
	has(plan, "more");
	net_converge(NETS A B C);
	plan = net_plan(NETS B C);
	has(plan, "KVMHOST-INTO -d 10.0.0.0/24 -o b0 -m conntrack");
	hasnt(plan, "10.0.1.0");
}

/* Children that change the table all the time, with and without the lock. */
static pid_t disturb(const char *command)
{
	pid_t pid = fork();

	if (!pid) {
		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* when a check above fails */
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(1);
	}
	setpgid(pid, pid);
	return pid;
}

static void stop(pid_t pid)
{
	kill(-pid, SIGTERM);
	waitpid(pid, NULL, 0);
}

static void beside_another_writer(void **state _unused_)
{
	pid_t with, without;

	sh("iptables-legacy -N mine; iptables-legacy -N yours");
	with = disturb("while :; do iptables-legacy -w -A mine -j RETURN; iptables-legacy -w -D "
		       "mine 1; done");
	/* Another lock file: as a writer that knows no lock. */
	without = disturb(
		"export XTABLES_LOCKFILE=/run/other.lock; while :; do iptables-legacy -A yours "
		"-j RETURN; iptables-legacy -D yours 1; sleep 0.01; done 2>/dev/null");
	for (int i = 0; i < 30; i++) {
		net_converge(NETS A B);
		net_converge(NETS B C);
	}
	stop(with);
	stop(without);
	net_converge("networks: {}");
	has(sh("iptables-legacy-save"), ":mine");
	has(sh("iptables-legacy-save"), ":yours");
	hasnt(sh("iptables-legacy-save"), "KVMHOST");
}

/* What another writer does when libiptc has written the rules, and not yet put their counters back.
 */
static const char *between;

int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	const char *now = between;

	if (now && level == IPPROTO_IP && name == IPT_SO_SET_ADD_COUNTERS) {
		between = NULL;
		sh("%s", now);
	}
	return (int)syscall(SYS_setsockopt, fd, level, name, value, len);
}

/* The kernel refuses counters of a table that has another size by then; the rules are in force. */
static void changed_before_the_counters(void **state _unused_)
{
	between = "XTABLES_LOCKFILE=/run/other.lock iptables-legacy -I INPUT -p tcp -j ACCEPT";
	net_converge(NETS A);
	assert_null(between);
	has(sh("iptables-legacy-save"), "-A INPUT -p tcp -j ACCEPT");
	net_converge("networks: {}");
}

static void lock_held(void **state _unused_)
{
	int fd = open("/run/xtables.lock", O_RDONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_int_equal(flock(fd, LOCK_EX), 0);
	/* The wait is bounded and the error says who. */
	assert_int_not_equal(net_apply(NETS C), 0);
	has(net_failure(), "has held the iptables lock /run/xtables.lock for 10 s");
	has(net_failure(), "test_net_");
	close(fd);
	net_converge(NETS C);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(rules_as_iptables_shows_them, fixture_reset),
		cmocka_unit_test_setup(looking_makes_no_table, fixture_reset),
		cmocka_unit_test_setup(foreign_rules_survive, fixture_reset),
		cmocka_unit_test_setup(our_counters_stay, fixture_reset),
		cmocka_unit_test_setup(drift_is_repaired, fixture_reset),
		cmocka_unit_test_setup(foreign_jump_to_us, fixture_reset),
		cmocka_unit_test_setup(plan_shows_few, fixture_reset),
		cmocka_unit_test_setup(beside_another_writer, fixture_reset),
		cmocka_unit_test_setup(changed_before_the_counters, fixture_reset),
		cmocka_unit_test_setup(lock_held, fixture_reset),
	};

	return FIXTURE_RUN(tests);
}
