/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"
#include "config/document.h"
#include "config/type.h"
#include "net/firewall.h"
#include "reconcile/record.h"
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <time.h>

struct host host;
struct outcome last;
static char root[] = "/tmp/kvmhost-net-XXXXXX";

/* ---- kinds: the network's own, a sysctl that is enough for ip_forward, and a maker of taps ----
 */

struct setting {
	struct obj obj;
	const char *value;
};
static const struct field setting_rows[] = {
	FIELD_STRING(struct setting, value, type_any, .required = true, .doc = "Value."),
};
static const struct table setting_table = TABLE(
	struct setting, setting_rows, .key = &type_sysctl, .scalar = "value", .doc = "Setting.");

static char *setting_path(const struct resource *r)
{
	char *path = xprintf("/proc/sys/%s", r->name);

	for (char *p = path + strlen("/proc/sys/"); *p; p++)
		if (*p == '.')
			*p = '/';
	return path;
}

static int setting_observe(struct host *h, const struct resource *r, void **have, struct error *e)
{
	_cleanup_free_ char *path = setting_path(r), *value = NULL;
	int ret = file_read_line(h->root, path, &value);

	if (ret < 0)
		return error_set(e, ret, "%s: %s", path, strerror(-ret));
	*have = obj_new(h->pass, &setting_table, r->name);
	obj_set_text(*have, "value", value, h->pass);
	return 0;
}

static int setting_apply(struct host *h, struct step *s, struct error *e)
{
	_cleanup_free_ char *path = setting_path(s->r);
	int r = s->want ? file_poke(h->root, path, ((const struct setting *)s->want)->value) : 0;

	return r < 0 ? error_set(e, r, "%s: %s", path, strerror(-r)) : 0;
}

static const struct kind setting_kind = {
	.name = "sysctl",
	.table = &setting_table,
	.observe = setting_observe,
	.apply = setting_apply,
};

struct tapper {
	struct obj obj;
	const char *bridge, *owner, *queues, *macvtap, *mode;
};
static const struct field tapper_rows[] = {
	FIELD_STRING(struct tapper, bridge, type_ifname, .doc = "Bridge."),
	FIELD_STRING(struct tapper, macvtap, type_ifname, .doc = "Link, in place of a bridge."),
	FIELD_STRING(struct tapper, mode, type_any, .doc = "Mode of a macvtap."),
	FIELD_STRING(struct tapper, owner, type_any, .doc = "Owner."),
	FIELD_STRING(struct tapper, queues, type_any, .doc = "Queues."),
};
static const struct table tapper_table =
	TABLE(struct tapper, tapper_rows, .key = &type_ifname, .doc = "Makes a tap.");

static void tapper_derive(const struct resource *r, struct wants *w)
{
	const struct tapper *t = r->want;
	struct resource *tap = want_derive(w, r, t->macvtap ? "macvtap" : "tap", r->name, true);

	if (t->macvtap) {
		want_set(w, tap, "link", t->macvtap);
		want_set(w, tap, "mode", t->mode ? t->mode : "bridge");
		want_set(w, tap, "guest", r->name);
		want_set(w, tap, "number", "0");
		return;
	}
	want_set(w, tap, "bridge", t->bridge);
	if (t->owner)
		want_set(w, tap, "owner", t->owner);
	want_set(w, tap, "queues", t->queues ? t->queues : "1");
}

static int tapper_observe(
	struct host *h, const struct resource *r, void **have, struct error *e _unused_)
{
	*have = r->want ? obj_new(h->pass, &tapper_table, r->name) : NULL;
	return 0;
}

static void tapper_diff(struct host *h _unused_, struct step *s _unused_)
{
}

static int tapper_apply(struct host *h _unused_, struct step *s _unused_, struct error *e _unused_)
{
	return 0;
}

static const struct kind tapper_kind = {
	.name = "tapper",
	.table = &tapper_table,
	.derive = tapper_derive,
	.observe = tapper_observe,
	.diff = tapper_diff,
	.apply = tapper_apply,
};

const struct kind *const kinds[] = {
	&zone_kind,
	&uplinks_kind,
	&localnet_kind,
	&docker_kind,
	&firewalld_kind,
	&setting_kind,
	&vlan_kind,
	&bridge_kind,
	&dummy_kind,
	&veth_kind,
	&network_kind,
	&firewall_kind,
	&tap_kind,
	&macvtap_kind,
	&manager_kind,
	&dhcp_kind,
	&tapper_kind,
};
const size_t n_kinds = ARRAY_SIZE(kinds);

struct host_section {
	struct obj obj;
	struct firewall_settings firewall;
};
static const struct field host_rows[] = {
	FIELD_OBJECT(struct host_section, firewall, struct firewall_settings,
		firewall_settings_table, .doc = "The firewall."),
};
static const struct table host_table = TABLE(struct host_section, host_rows, .doc = "The host.");

struct document_root {
	struct obj obj;
	struct host_section host;
	struct list sysctl, vlans, bridges, networks, tappers;
};
static const struct field root_rows[] = {
	FIELD_OBJECT(
		struct document_root, host, struct host_section, host_table, .doc = "The host."),
	FIELD_MAP(
		struct document_root, sysctl, setting_table, .kind = "sysctl", .doc = "Settings."),
	FIELD_MAP(struct document_root, vlans, vlan_table, .kind = "vlan", .doc = "VLANs."),
	FIELD_MAP(struct document_root, bridges, bridge_table, .kind = "bridge", .doc = "Bridges."),
	FIELD_MAP(struct document_root, networks, network_table, .kind = "network",
		.doc = "Networks."),
	FIELD_MAP(struct document_root, tappers, tapper_table, .kind = "tapper", .doc = "Tappers."),
};
const struct table document_table = TABLE(struct document_root, root_rows, .doc = "Root.");

/* ---- namespaces ---- */

static int mount_at(const char *from, const char *to, const char *type, unsigned long flags)
{
	_cleanup_free_ char *path = xprintf("%s%s", root, to);

	mkdir(path, 0755);
	return mount(from, path, type, flags, NULL);
}

bool fixture_enter(void)
{
	if (geteuid() != 0) {
		puts("skipped: making network namespaces needs root");
		return false;
	}
	if (!mkdtemp(root) || unshare(CLONE_NEWNET | CLONE_NEWNS) < 0 ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		printf("skipped: no namespaces here: %m\n");
		rmdir(root);
		return false;
	}
	/* A lock of our own for iptables, here and in the commands that tests run. */
	if (mount("tmpfs", "/run", "tmpfs", 0, NULL) < 0 || mount_at("tmpfs", "", "tmpfs", 0) < 0 ||
		mount_at("/run", "/run", NULL, MS_BIND) < 0 ||
		mount_at("/dev", "/dev", NULL, MS_BIND) < 0 ||
		mount_at("/proc", "/proc", NULL, MS_BIND) < 0 ||
		mount("sysfs", "/sys", "sysfs", 0, NULL) < 0 ||
		mount_at("/sys", "/sys", NULL, MS_BIND) < 0) {
		printf("skipped: mounting is not possible here: %m\n");
		return false;
	}
	return true;
}

void fixture_leave(void)
{
	outcome_free(&last);
	host_close(&host);
	umount2(root, MNT_DETACH);
	rmdir(root);
}

int fixture_left(int failed)
{
	fixture_leave();
	return failed;
}

int fixture_reset(void **state _unused_)
{
	outcome_free(&last);
	if (host.pass)
		host_close(&host);
	sh("for l in $(ls /sys/class/net); do [ $l = lo ] || ip link delete $l 2>/dev/null || :; "
	   "done; "
	   "for t in filter nat mangle; do iptables-legacy -t $t -F; iptables-legacy -t $t -X; "
	   "done; for t in filter nat; do ip6tables-legacy -t $t -F; ip6tables-legacy -t $t -X; "
	   "done; "
	   "nft flush ruleset 2>/dev/null; "
	   "rm -rf %s/var; mkdir -p %s/etc; echo 0123456789abcdef0123456789abcdef "
	   ">%s/etc/machine-id; "
	   "echo 0 >/proc/sys/net/ipv4/ip_forward; echo 0 >/proc/sys/net/ipv6/conf/all/forwarding",
		root, root, root);
	assert_int_equal(host_open(&host, root, NULL), 0);
	host.live = true;
	return 0;
}

void fixture_restart(void)
{
	outcome_free(&last);
	host_close(&host);
	assert_int_equal(host_open(&host, root, NULL), 0);
	host.live = true;
}

void fixture_lose_record(void)
{
	sh("rm -rf %s/var", root);
	fixture_restart();
}

/* ---- the pipeline ---- */

struct run {
	struct arena *arena;
	struct diags diags;
	struct document doc;
	struct wants wants;
	bool good;
};

const char *net_backend = "iptables";

static void run_begin(struct run *r, const char *yaml)
{
	const char *text = yaml;

	*r = (struct run){ .arena = arena_new() };
	r->diags.arena = r->arena;
	if (*net_backend && !strstr(yaml, "host:"))
		text = arena_printf(
			r->arena, "%s\nhost: {firewall: {backend: %s}}\n", yaml, net_backend);
	document_load_text(&r->doc, "test.yaml", text, strlen(text), &r->diags);
	r->good = r->doc.root && wants_build(&r->wants, r->doc.root, &r->diags);
}

static void run_end(struct run *r)
{
	wants_free(&r->wants);
	arena_free(r->arena);
}

static char *memory;
static size_t memory_size;

static FILE *to_memory(void)
{
	free(memory);
	memory = NULL;
	return open_memstream(&memory, &memory_size);
}

static void assert_good(struct run *r)
{
	if (r->good)
		return;
	diags_print(&r->diags, stderr, false);
	fail_msg("the document is bad");
}

static char failure[1024];

/* Now, while the wants that the steps speak of are still there. */
static void note_failure(void)
{
	*failure = '\0';
	for (size_t i = 0; i < last.n && !*failure; i++)
		if (last.steps[i]->state == STEP_FAILED)
			snprintf(failure, sizeof(failure), "%s: %s; %s", last.steps[i]->r->id,
				last.steps[i]->error.text,
				last.steps[i]->error.cure ? last.steps[i]->error.cure : "");
}

int net_apply(const char *yaml)
{
	static const struct apply_options options = { .allow_mass_removal = true };
	_cleanup_error_ struct error e = { 0 };
	sigset_t mask;
	struct run r;
	int ret;

	run_begin(&r, yaml);
	assert_good(&r);
	outcome_free(&last);
	/* What apply() blocks for good would stay so in the commands of sh(), timeout among them.
	 */
	sigprocmask(SIG_BLOCK, NULL, &mask);
	ret = apply(&host, &r.wants, &options, &last, &e);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	note_failure();
	if (ret < 0 && !*failure)
		snprintf(failure, sizeof(failure), "%s", e.text ? e.text : "");
	run_end(&r);
	return ret;
}

const char *net_failure(void)
{
	return failure;
}

const char *net_plan(const char *yaml)
{
	struct error e = { 0 };
	struct plan p;
	struct run r;
	FILE *f;

	run_begin(&r, yaml);
	assert_good(&r);
	if (plan_make(&host, &r.wants, &p, &e) < 0)
		fail_msg("plan: %s", e.text);
	f = to_memory();
	if (p.n)
		plan_print(&p, f, false);
	fclose(f);
	run_end(&r);
	return memory;
}

const char *net_check(const char *yaml)
{
	struct run r;
	FILE *f;

	run_begin(&r, yaml);
	f = to_memory();
	diags_print(&r.diags, f, false);
	fclose(f);
	run_end(&r);
	return memory;
}

void net_converge(const char *yaml)
{
	int r = net_apply(yaml);
	const char *plan;

	if (r < 0)
		fail_msg("apply: %s: %s", strerror(-r), net_failure());
	plan = net_plan(yaml);
	if (*plan)
		fail_msg("a second plan is not empty:\n%s", plan);
}

/* ---- */

void has(const char *text, const char *words)
{
	if (!strstr(text, words))
		fail_msg("expected `%s` in:\n%s", words, text);
}

void hasnt(const char *text, const char *words)
{
	if (strstr(text, words))
		fail_msg("unexpected `%s` in:\n%s", words, text);
}

static void save(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

void same(const char *now, const char *before)
{
	save("/run/now", now);
	save("/run/before", before);
	sh("diff /run/before /run/now");
}

const char *sh(const char *fmt, ...)
{
	static char *out;
	_cleanup_free_ char *command = NULL;
	size_t n = 0, cap = 1 << 20;
	va_list ap;
	FILE *f;
	int r;

	va_start(ap, fmt);
	assert_true(vasprintf(&command, fmt, ap) >= 0);
	va_end(ap);
	free(out);
	out = xmalloc(cap);
	f = popen(command, "re");
	assert_non_null(f);
	n = fread(out, 1, cap - 1, f);
	out[n] = '\0';
	r = pclose(f);
	if (r)
		fail_msg("%s: status %d\n%s", command, r, out);
	return out;
}

double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}
