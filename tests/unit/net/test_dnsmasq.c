/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What dnsmasq is told, leases as it writes them, and who holds a port. */
#include "fixture.h"
#include "net/dnsmasq.h"
#include "net/leases.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>

static struct arena *arena;

static struct dnsmasq *served(void)
{
	static struct ip range[2];
	static struct cidr address;
	static struct dnsmasq_host hosts[3];
	struct dnsmasq *d = obj_new(arena, &dnsmasq_table, "default");
	const struct table *t = table_field(&dnsmasq_table, "hosts")->table;
	const char *names[] = { "web1", "a.b", "web2" };

	assert_true(ip_parse("192.168.122.2", &range[0]) && ip_parse("192.168.122.9", &range[1]));
	assert_true(cidr_parse("192.168.122.1/24", &address));
	for (size_t i = 0; i < 3; i++) {
		obj_init(&hosts[i], t, names[i]);
		hosts[i].mac = (struct mac){ { 0x52, 0x54, 0, 0, 0, (uint8_t)i } };
		obj_mark_set(&hosts[i], "mac");
	}
	assert_true(ip_parse("192.168.122.5", &hosts[0].address));
	obj_mark_set(&hosts[0], "address");
	d->bridge = "virbr0";
	d->router = true;
	d->addresses = (struct list){ &address, 1 };
	d->range = (struct list){ range, 2 };
	d->lease_time = 3600 * USEC_PER_SEC;
	d->hosts = (struct list){ hosts, 3 };
	obj_mark_set(d, "range");
	return d;
}

static const char *rendered(const struct dnsmasq *d, size_t file)
{
	_cleanup_strbuf_ struct strbuf b = { 0 };

	dnsmasq_render(d, "default", file, &b);
	return arena_strdup(arena, sb_str(&b));
}

static void files(void **state _unused_)
{
	struct dnsmasq *d = served();
	const char *conf = rendered(d, DNSMASQ_CONF);

	has(conf, "\ninterface=virbr0\nexcept-interface=lo\nbind-interfaces\n");
	has(conf, "\ndhcp-range=192.168.122.2,192.168.122.9,3600\n");
	has(conf, "\nno-resolv\n");
	hasnt(conf, "option:router");
	hasnt(conf, "tftp");
	assert_string_equal(rendered(d, 1), "52:54:00:00:00:00,web1,192.168.122.5\n"
					    "52:54:00:00:00:02,web2\n");
	assert_string_equal(rendered(d, 2), "192.168.122.5 web1\n");
	d->lease_time = LEASE_INFINITE;
	d->router = false;
	d->domain = "guests.internal";
	d->tftp_root = "/srv/tftp";
	d->boot_file = "pxelinux.0";
	conf = rendered(d, DNSMASQ_CONF);
	has(conf, ",infinite\n");
	has(conf, "\ndhcp-option=option:router\n");
	has(conf, "\nlocal=/guests.internal/\nexpand-hosts\n");
	has(conf, "\ntftp-root=/srv/tftp\n");
	has(conf, "\ndhcp-boot=pxelinux.0\n");
}

static void labels(void **state _unused_)
{
	assert_true(dns_label("web-1", 5));
	assert_false(dns_label("-web", 4));
	assert_false(dns_label("web_1", 5));
	assert_false(dns_label("", 0));
}

static void leases(void **state _unused_)
{
	static const char text[] = "1732300000 52:54:00:1a:b3:4a 192.168.122.10 web1 01:52\n"
				   "0 52:54:00:1a:b3:4b 192.168.122.11 * *\n"
				   "duid 00:01:00\nhalf a li";
	char dir[] = "/tmp/kvmhost-leases-XXXXXX";
	struct host h = { .root = -1 };
	json_t *all, *list;

	assert_non_null(mkdtemp(dir));
	h.root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(h.root >= 0);
	all = network_leases(&h);
	assert_int_equal(json_array_size(all), 0);
	json_decref(all);
	assert_int_equal(file_write_atomic(h.root, NETWORKS_STATE_DIR "/default/leases", text,
				 strlen(text), 0600),
		0);
	all = network_leases(&h);
	list = json_object_get(json_array_get(all, 0), "leases");
	assert_int_equal(json_array_size(list), 2);
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(list, 0), "name")), "web1");
	assert_true(json_is_null(json_object_get(json_array_get(list, 1), "name")));
	assert_int_equal(
		json_integer_value(json_object_get(json_array_get(list, 1), "expires")), 0);
	json_decref(all);
	close(h.root);
	sh("rm -r %s", dir);
}

/* A writer that was killed between naming a new file and giving it its own name. */
static void removed_with_what_a_killed_writer_left(void **state _unused_)
{
	char dir[] = "/tmp/kvmhost-files-XXXXXX";
	struct error e = { 0 };
	struct host h = { .root = -1 };

	assert_non_null(mkdtemp(dir));
	h.root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(
		file_write_atomic(h.root, NETWORKS_RUN_DIR "/a/.names.kvmhost-new", "", 0, 0644),
		0);
	assert_int_equal(dnsmasq_files_remove(&h, "a", &e), 0);
	assert_null(e.text);
	assert_false(dnsmasq_has_files(&h, "a"));
	close(h.root);
	sh("rm -r %s", dir);
}

static void holder(void **state _unused_)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct host h = { .root = AT_FDCWD };
	socklen_t len = sizeof(a);
	struct port_holder p;
	struct cidr lo, other;
	struct list on = { &lo, 1 }, off = { &other, 1 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(cidr_parse("127.0.0.1/8", &lo) && cidr_parse("10.0.0.1/24", &other));
	assert_int_equal(bind(fd, (void *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(fd, (void *)&a, &len), 0);
	assert_false(port_holder_find(&h, "tcp", ntohs(a.sin_port), &on, &p));
	assert_int_equal(listen(fd, 1), 0);
	assert_true(port_holder_find(&h, "tcp", ntohs(a.sin_port), &on, &p));
	assert_int_equal(p.pid, getpid());
	assert_string_equal(p.address, "127.0.0.1");
	assert_string_equal(p.name, "test_net_dnsmas");
	assert_false(port_holder_find(&h, "tcp", ntohs(a.sin_port), &off, &p));
	assert_false(port_holder_find(&h, "udp", ntohs(a.sin_port), &on, &p));
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files),
		cmocka_unit_test(labels),
		cmocka_unit_test(leases),
		cmocka_unit_test(removed_with_what_a_killed_writer_left),
		cmocka_unit_test(holder),
	};
	int r;

	arena = arena_new();
	r = cmocka_run_group_tests(tests, NULL, NULL);
	arena_free(arena);
	return r;
}
