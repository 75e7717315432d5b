/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kvmhostctl topology: processors, NUMA nodes, caches, what devices are near, who is pinned where.
 */
#include "base/file.h"
#include "ctl/ctl.h"
#include "runner/spec.h"
#include "sriov/inventory.h"

#define CPUS "/sys/devices/system/cpu"
#define NODES "/sys/devices/system/node"

enum { CACHES_MAX = 8 };

/* The whole of a line of /sys, the caller's; NULL: there is none. */
static char *read_text(struct host *h, const char *fmt, ...) _printf_(2, 3);
static char *read_text(struct host *h, const char *fmt, ...)
{
	char path[256], *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	return file_read_line(h->root, path, &text) < 0 ? NULL : text;
}

static void set_text(json_t *o, const char *key, char *text)
{
	if (text)
		json_object_set_new(o, key, json_string(text));
	free(text);
}

static void set_number(json_t *o, const char *key, char *text)
{
	if (text)
		json_object_set_new(o, key, json_integer(strtoll(text, NULL, 10)));
	free(text);
}

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* The numbers of "cpu0", "cpu1", ... in a directory, sorted; the caller's. */
static int *numbered(struct host *h, const char *dir, const char *prefix, size_t *n)
{
	_cleanup_free_ char **names = NULL;
	size_t all = 0;
	int *v;

	*n = 0;
	if (file_list(h->root, dir, &names, &all) < 0)
		return NULL;
	v = xmalloc((all + 1) * sizeof(*v));
	for (size_t i = 0; i < all; i++) {
		const char *digits = startswith(names[i], prefix);

		if (digits && *digits && !digits[strspn(digits, "0123456789")])
			v[(*n)++] = atoi(digits);
	}
	qsort(v, *n, sizeof(*v), by_number);
	return v;
}

static json_t *caches_of(struct host *h, int cpu)
{
	json_t *all = json_array();

	for (int i = 0; i < CACHES_MAX; i++) {
		char *level = read_text(h, CPUS "/cpu%d/cache/index%d/level", cpu, i);
		json_t *o;

		if (!level)
			break;
		o = json_object();
		set_number(o, "level", level);
		set_text(o, "type", read_text(h, CPUS "/cpu%d/cache/index%d/type", cpu, i));
		set_text(o, "size", read_text(h, CPUS "/cpu%d/cache/index%d/size", cpu, i));
		set_text(o, "cpus",
			read_text(h, CPUS "/cpu%d/cache/index%d/shared_cpu_list", cpu, i));
		json_array_append_new(all, o);
	}
	return all;
}

static json_t *cpu_json(struct host *h, int cpu, const int *nodes, size_t n_nodes)
{
	json_t *o = json_pack("{s:i}", "cpu", cpu);
	char *online = read_text(h, CPUS "/cpu%d/online", cpu);

	/* The first has no such file: it cannot be switched off. */
	json_object_set_new(o, "online", json_boolean(!online || *online == '1'));
	free(online);
	set_number(o, "socket", read_text(h, CPUS "/cpu%d/topology/physical_package_id", cpu));
	set_number(o, "die", read_text(h, CPUS "/cpu%d/topology/die_id", cpu));
	set_number(o, "core", read_text(h, CPUS "/cpu%d/topology/core_id", cpu));
	set_text(o, "threads", read_text(h, CPUS "/cpu%d/topology/thread_siblings_list", cpu));
	for (size_t i = 0; i < n_nodes; i++) {
		char path[96];

		snprintf(path, sizeof(path), CPUS "/cpu%d/node%d", cpu, nodes[i]);
		if (file_exists(h->root, path))
			json_object_set_new(o, "node", json_integer(nodes[i]));
	}
	json_object_set_new(o, "caches", caches_of(h, cpu));
	json_object_set_new(o, "guests", json_array());
	return o;
}

/* "Node 0 MemTotal:  2000000 kB" */
static void set_memory(json_t *o, const char *key, const char *text, const char *word)
{
	const char *at = text ? strstr(text, word) : NULL;

	if (at)
		json_object_set_new(o, key,
			json_integer((json_int_t)strtoull(at + strlen(word), NULL, 10) * 1024));
}

static json_t *devices_near(const struct inventory *all, int node, bool only)
{
	json_t *v = json_array();

	for (size_t i = 0; i < all->n; i++) {
		const struct pci_device *d = all->v[i].d;

		/* On a machine with one node, devices need not say so. */
		if (d->numa_node == node || (only && d->numa_node < 0))
			json_array_append_new(v, json_string(d->address));
	}
	return v;
}

static json_t *node_json(struct host *h, int node, const struct inventory *devices, bool only)
{
	json_t *o = json_pack("{s:i}", "node", node);
	_cleanup_free_ char *text = NULL;
	char path[96];

	snprintf(path, sizeof(path), NODES "/node%d/meminfo", node);
	if (file_read(h->root, path, 64 * 1024, &text, NULL) >= 0) {
		set_memory(o, "memory", text, "MemTotal:");
		set_memory(o, "free", text, "MemFree:");
	}
	set_text(o, "cpus", read_text(h, NODES "/node%d/cpulist", node));
	set_text(o, "distances", read_text(h, NODES "/node%d/distance", node));
	json_object_set_new(o, "devices", devices_near(devices, node, only));
	return o;
}

/* CPU i of a guest is pinned to one of the host's. Only root may read specifications. */
static void add_guest(struct host *h, const char *name, json_t *cpus)
{
	_cleanup_arena_ struct arena *a = arena_new();
	const struct list *pinning;
	struct spec s;
	json_t *cpu;
	size_t k;

	if (spec_load(h->root, name, FILE_SPEC, a, &s, NULL) < 0)
		return;
	pinning = &s.guest->cpu.pinning;
	for (size_t i = 0; i < pinning->n; i++)
		json_array_foreach (cpus, k, cpu)
			if (json_integer_value(json_object_get(cpu, "cpu")) ==
				LIST_AT(pinning, const int64_t, i))
				json_array_append_new(json_object_get(cpu, "guests"),
					json_pack("{s:s, s:i}", "guest", name, "cpu", (int)i));
}

static json_t *gather(struct host *h, const struct inventory *devices)
{
	_cleanup_free_ char **guests = NULL;
	json_t *cpus = json_array(), *nodes = json_array();
	size_t n_cpus, n_nodes, n_guests = 0;
	_cleanup_free_ int *node = numbered(h, NODES, "node", &n_nodes);
	_cleanup_free_ int *cpu = numbered(h, CPUS, "cpu", &n_cpus);

	for (size_t i = 0; i < n_cpus; i++)
		json_array_append_new(cpus, cpu_json(h, cpu[i], node, n_nodes));
	for (size_t i = 0; i < n_nodes; i++)
		json_array_append_new(nodes, node_json(h, node[i], devices, n_nodes == 1));
	if (file_list(h->root, GUESTS_DIR, &guests, &n_guests) >= 0)
		for (size_t i = 0; i < n_guests; i++)
			add_guest(h, guests[i], cpus);
	return json_pack("{s:i, s:o, s:o}", "format", 1, "nodes", nodes, "cpus", cpus);
}

static const char *text_of(json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "-";
}

static const char *number_of(struct arena *a, json_t *o, const char *key)
{
	json_t *n = json_object_get(o, key);

	return n ? arena_printf(a, "%lld", (long long)json_integer_value(n)) : "-";
}

static const char *joined(
	struct arena *a, json_t *list, const char *(*word)(struct arena *, json_t *))
{
	const char *out = "";
	json_t *item;
	size_t i;

	json_array_foreach (list, i, item)
		out = arena_printf(a, "%s%s%s", out, i ? " " : "", word(a, item));
	return *out ? out : "-";
}

static const char *guest_word(struct arena *a, json_t *g)
{
	return arena_printf(a, "%s/%s", text_of(g, "guest"), number_of(a, g, "cpu"));
}

static const char *device_word(_unused_ struct arena *a, json_t *d)
{
	return json_string_value(d);
}

/* The caches that several share: "L3 16384K 0-7". */
static const char *shared(struct arena *a, json_t *cpu)
{
	json_t *list = json_object_get(cpu, "caches");
	json_t *last = json_array_get(list, json_array_size(list) - 1);

	if (!json_array_size(list))
		return "-";
	return arena_printf(a, "L%s %s %s", number_of(a, last, "level"), text_of(last, "size"),
		text_of(last, "cpus"));
}

static void print(json_t *all)
{
	_cleanup_arena_ struct arena *a = arena_new();
	const long long mib = 1 << 20;
	json_t *o;
	size_t i;

	puts("NODE  MEMORY MiB  FREE MiB  CPUS          DEVICES");
	json_array_foreach (json_object_get(all, "nodes"), i, o)
		printf("%4s  %10lld  %8lld  %-12s  %s\n", number_of(a, o, "node"),
			(long long)json_integer_value(json_object_get(o, "memory")) / mib,
			(long long)json_integer_value(json_object_get(o, "free")) / mib,
			text_of(o, "cpus"), joined(a, json_object_get(o, "devices"), device_word));
	puts("\nCPU   NODE  SOCKET  CORE  THREADS   CACHE                 GUESTS");
	json_array_foreach (json_object_get(all, "cpus"), i, o)
		printf("%-4s  %4s  %6s  %4s  %-8s  %-20s  %s\n", number_of(a, o, "cpu"),
			number_of(a, o, "node"), number_of(a, o, "socket"), number_of(a, o, "core"),
			text_of(o, "threads"), shared(a, o),
			json_is_true(json_object_get(o, "online"))
				? joined(a, json_object_get(o, "guests"), guest_word)
				: "offline");
}

int verb_topology(struct ctl *c, int argc _unused_, char **argv _unused_)
{
	_cleanup_error_ struct error e = { 0 };
	struct inventory devices;
	json_t *all;

	if (ctl_host(c, NULL, "topology"))
		return 1;
	if (inventory_get(&c->host, &devices, &e) < 0)
		return ctl_fail(c, &e);
	all = gather(&c->host, &devices);
	if (c->json) {
		json_dumpf(all, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		print(all);
	}
	json_decref(all);
	return 0;
}
