/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Taps on a real kernel. */
#include "fixture.h"
#include "base/strbuf.h"
#include <fcntl.h>
#include <net/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>

#define NET "networks: {a: {bridge: b0, mode: isolated}, b: {bridge: b1, mode: isolated}}\n"

/* What the runner does. */
static int open_tap(const char *name, int flags)
{
	struct ifreq ifr = { .ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | flags) };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	strcpy(ifr.ifr_name, name);
	if (ioctl(fd, TUNSETIFF, &ifr) < 0) {
		close(fd);
		return -errno;
	}
	return fd;
}

static void made_and_removed(void **state _unused_)
{
	const char *text;
	int fd;

	net_converge(NET "tappers: {t0: {bridge: b0, owner: 4711}}");
	text = sh("ip -d link show t0");
	has(text, "master b0");
	has(text, "alias kvmhost:tap/t0");
	has(text, "persist on");
	has(text, "vnet_hdr on");
	has(text, "user 4711");
	has(text, "link/ether fe:");
	has(text, ",UP");
	fd = open_tap("t0", 0);
	assert_true(fd >= 0);
	close(fd);
	net_converge(NET);
	hasnt(sh("ip link"), "t0:");
}

static void changed_in_place_while_in_use(void **state _unused_)
{
	char before[64];
	int fd;

	net_converge(NET "tappers: {t0: {bridge: b0}}");
	strcpy(before, sh("cat /sys/class/net/t0/ifindex"));
	fd = open_tap("t0", 0);
	net_converge(NET "tappers: {t0: {bridge: b1}}");
	has(sh("ip link show t0"), "master b1");
	assert_string_equal(sh("cat /sys/class/net/t0/ifindex"), before);
	/* Owner and queues wait for the guest. */
	has(net_plan(NET "tappers: {t0: {bridge: b1, owner: 7}}"), "which has the tap open");
	has(net_plan(NET "tappers: {t0: {bridge: b1, queues: 4}}"), "which has the tap open");
	close(fd);
	net_converge(NET "tappers: {t0: {bridge: b1, owner: 7}}");
	assert_string_equal(sh("cat /sys/class/net/t0/ifindex"), before);
	net_converge(NET "tappers: {t0: {bridge: b1, owner: 7, queues: 4}}");
	has(sh("ip -d link show t0"), "multi_queue");
	net_converge(NET "tappers: {t0: {bridge: b1, owner: 7, queues: 2}}");
	net_converge(NET "tappers: {t0: {bridge: b1, owner: 7}}");
	hasnt(sh("ip -d link show t0"), "multi_queue on");
}

static void several_queues(void **state _unused_)
{
	int a, b;

	net_converge(NET "tappers: {t0: {bridge: b0, queues: 2}}");
	a = open_tap("t0", IFF_MULTI_QUEUE);
	b = open_tap("t0", IFF_MULTI_QUEUE);
	assert_true(a >= 0 && b >= 0);
	assert_string_equal(net_plan(NET "tappers: {t0: {bridge: b0, queues: 2}}"), "");
	close(a);
	close(b);
}

static void drift_is_repaired(void **state _unused_)
{
	static const char doc[] = NET "tappers: {t0: {bridge: b0}}";

	net_converge(doc);
	sh("ip link set t0 nomaster; ip link set t0 down");
	net_converge(doc);
	has(sh("ip link show t0"), "master b0");
	sh("ip link delete t0");
	net_converge(doc);
	/* The bridge goes away under it and comes back. */
	sh("ip link delete b0");
	net_converge(doc);
	has(sh("ip link show t0"), "master b0");
}

/* Killed after TUNSETPERSIST, before the mark: the record says that it is ours. */
static void half_made(void **state _unused_)
{
	net_converge(NET "tappers: {t0: {bridge: b0}}");
	sh("ip link delete t0; ip tuntap add t0 mode tap vnet_hdr");
	net_converge(NET "tappers: {t0: {bridge: b0}}");
	has(sh("ip link show t0"), "alias kvmhost:tap/t0");
}

static void others_are_left_alone(void **state _unused_)
{
	sh("ip tuntap add t0 mode tap");
	assert_int_not_equal(net_apply(NET "tappers: {t0: {bridge: b0}}"), 0);
	has(net_failure(), "is a tap device that is not kvmhost's");
	sh("ip link delete t0; ip link add t0 type veth peer name v1");
	assert_int_not_equal(net_apply(NET "tappers: {t0: {bridge: b0}}"), 0);
	has(net_failure(), "is a veth device that is not kvmhost's");
	net_apply("networks: {}");
	has(sh("ip link"), "t0@v1");
}

/* What the runner does with a macvtap; the node is not where the kernel does not make it. */
static int open_macvtap(const char *name)
{
	unsigned major, minor;
	int fd;

	assert_int_equal(
		sscanf(sh("cat /sys/class/net/%s/macvtap/tap*/dev", name), "%u:%u", &major, &minor),
		2);
	sh("rm -f /dev/test-macvtap; mknod /dev/test-macvtap c %u %u", major, minor);
	fd = open("/dev/test-macvtap", O_RDWR | O_CLOEXEC);
	sh("rm /dev/test-macvtap");
	assert_true(fd >= 0);
	return fd;
}

#define CARDS \
	"ip link add eth0 type veth peer name p0; ip link set p0 up; " \
	"ip link add eth1 type veth peer name p1; ip link set p1 up; "
#define ON(link) "tappers: {t0: {macvtap: " link "}}"

static void macvtaps(void **state _unused_)
{
	_cleanup_free_ char *before = NULL;
	const char *text;
	int fd;

	has(net_plan(ON("eth0")), "the link eth0 to appear");
	sh(CARDS);
	before = xstrdup(sh("ip -o link show eth0 | sed 's, qdisc noop,,'"));
	net_converge(ON("eth0"));
	text = sh("ip -d -o link show t0");
	has(text, "alias kvmhost:macvtap/t0");
	has(text, "mode bridge");
	has(text, "link/ether 52:54:00:");
	has(text, "ALLMULTI,UP");
	has(text, "addrgenmode none");
	has(sh("ip -o link show eth0"), ",UP");
	fixture_restart();
	assert_string_equal(net_plan(ON("eth0")), "");
	/* Held open it stays, and waits; then it goes without a word. */
	fd = open_macvtap("t0");
	has(net_plan(ON("eth1")), "the guest to be stopped, which has the macvtap open");
	has(net_plan("bridges: {}"), "the guest to be restarted, which has the macvtap open");
	assert_int_equal(net_apply("bridges: {}"), 0);
	has(sh("ip link"), "t0@eth0");
	close(fd);
	net_converge(ON("eth1"));
	has(sh("ip link"), "t0@eth1");
	net_converge("bridges: {}");
	hasnt(sh("ip link"), "t0");
	assert_string_equal(sh("ip -o link show eth0 | sed 's, qdisc noqueue,,'"), before);
	hasnt(sh("ip -o link show eth1"), ",UP");
}

/* The one that goes leaves the card as the other one needs it. */
static void two_macvtaps_on_one_card(void **state _unused_)
{
	sh(CARDS);
	net_converge("tappers: {t0: {macvtap: eth0}, t1: {macvtap: eth0, mode: vepa}}");
	net_converge("tappers: {t1: {macvtap: eth0, mode: vepa}}");
	has(sh("ip -o link show eth0"), ",UP");
	net_converge("bridges: {}");
	hasnt(sh("ip -o link show eth0"), ",UP");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(made_and_removed, fixture_reset),
		cmocka_unit_test_setup(changed_in_place_while_in_use, fixture_reset),
		cmocka_unit_test_setup(macvtaps, fixture_reset),
		cmocka_unit_test_setup(two_macvtaps_on_one_card, fixture_reset),
		cmocka_unit_test_setup(several_queues, fixture_reset),
		cmocka_unit_test_setup(drift_is_repaired, fixture_reset),
		cmocka_unit_test_setup(half_made, fixture_reset),
		cmocka_unit_test_setup(others_are_left_alone, fixture_reset),
	};
	int r;

	if (!fixture_enter())
		return 77;
	if (access("/dev/net/tun", F_OK) < 0) {
		puts("skipped: no /dev/net/tun here");
		fixture_leave();
		return 77;
	}
	r = cmocka_run_group_tests(tests, NULL, NULL);
	fixture_leave();
	return r;
}
