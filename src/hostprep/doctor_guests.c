/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The doctor's checks of the document: whether what it declares fits on this machine. */
#include "config/scalar.h"
#include "config/type.h"
#include "hostprep/doctor_guests.h"
#include "hostprep/memory.h"
#include <fcntl.h>
#include <sys/statvfs.h>

/* What the host itself keeps, as the guide counts: a thread, and memory for its own programs. */
enum { HOST_THREADS = 1 };
#define HOST_MEMORY (UINT64_C(512) << 20)

const struct wants *doctor_wants(struct doctor *d)
{
	if (d->config && d->config->arena && d->config->valid)
		return &d->config->wants;
	doctor_found(d, HEALTH_UNKNOWN, "there is no valid document");
	return NULL;
}

static uint64_t number(struct doctor *d, const void *want, const char *field)
{
	const char *text = obj_text(want, field, d->arena);

	return text ? strtoull(text, NULL, 10) : 0;
}

uint64_t doctor_size(struct doctor *d, const void *want, const char *field)
{
	struct scalar s = { .text = obj_text(want, field, d->arena), .arena = d->arena };
	uint64_t bytes = 0;

	if (s.text)
		type_size.parse(&(struct field){ .type = &type_size }, &s, &bytes);
	return bytes;
}

static bool is_guest(const struct resource *r)
{
	return streq(r->kind->name, "guest");
}

bool doctor_runs(struct doctor *d, const struct resource *r)
{
	const char *state = is_guest(r) ? obj_text(r->want, "state", d->arena) : NULL;

	return state && streq(state, "running");
}

static void look_document(struct doctor *d)
{
	const struct config *c = d->config;
	size_t i;

	if (!c || !c->arena) {
		doctor_found(d, HEALTH_UNKNOWN, "there is none");
		return;
	}
	if (c->valid) {
		doctor_found(d, HEALTH_PASS, "%zu resources", c->wants.n);
		return;
	}
	for (i = 0; i < c->diags.n; i++)
		if (c->diags.v[i].severity == DIAG_ERROR)
			break;
	doctor_found(d, HEALTH_FAIL, "%s: %s",
		i < c->diags.n ? mark_text(d->arena, c->diags.v[i].mark) : "",
		i < c->diags.n ? c->diags.v[i].text : "it is not valid");
	doctor_cure(d, "kvmhostctl check");
}

static bool count_cpus(struct doctor *d, uint64_t *sum, const char **large, size_t *threads)
{
	const struct wants *w = doctor_wants(d);
	size_t i;

	*threads = doctor_threads(d);
	*sum = 0;
	*large = NULL;
	for (i = 0; w && i < w->n; i++) {
		uint64_t n = doctor_runs(d, w->v[i]) ? number(d, w->v[i]->want, "cpu.count") : 0;

		*sum += n;
		if (n > *threads && !*large)
			*large = w->v[i]->name;
	}
	if (w && !*threads)
		doctor_found(d, HEALTH_UNKNOWN, "the number of this machine's threads");
	return w && *threads;
}

static void look_guest_cpus(struct doctor *d)
{
	const char *large;
	size_t threads;
	uint64_t sum;

	if (!count_cpus(d, &sum, &large, &threads))
		return;
	if (!large) {
		doctor_found(d, HEALTH_PASS, "none has more than %zu", threads);
		return;
	}
	doctor_found(d, HEALTH_WARN, "guest %s has more processors than this machine's %zu threads",
		large, threads);
	doctor_cure(d, "guests: {%s: {cpu: {count: %zu}}}", large, threads);
}

static void look_overcommit(struct doctor *d)
{
	const char *large;
	size_t threads;
	uint64_t sum;

	if (!count_cpus(d, &sum, &large, &threads))
		return;
	if (sum + HOST_THREADS <= threads) {
		doctor_found(d, HEALTH_PASS, "%llu processors of guests on %zu threads",
			(unsigned long long)sum, threads);
		return;
	}
	doctor_found(d, HEALTH_WARN, "%llu processors of guests and %d for the host on %zu threads",
		(unsigned long long)sum, HOST_THREADS, threads);
	doctor_cure(d, "fine for guests that are mostly idle; else give them fewer, or watch their "
		       "steal time");
}

/* Set aside already, or about to be. */
static uint64_t hugepages(struct doctor *d, const struct wants *w)
{
	const struct resource *r = wants_find(w, "memory", "host");
	uint64_t now = meminfo(d->h, "Hugetlb"), then = r ? hugepages_sum(r->want) : 0;

	return MAX_OF(now, then);
}

static void look_guest_memory(struct doctor *d)
{
	const struct wants *w = doctor_wants(d);
	uint64_t there = meminfo(d->h, "MemTotal"), pages, sum = 0;
	size_t i;

	for (i = 0; w && i < w->n; i++) {
		const char *huge = is_guest(w->v[i])
					   ? obj_text(w->v[i]->want, "memory.hugepages", d->arena)
					   : NULL;

		if (doctor_runs(d, w->v[i]) && !(huge && streq(huge, "true")))
			sum += doctor_size(d, w->v[i]->want, "memory.size");
	}
	if (!w)
		return;
	pages = hugepages(d, w);
	if (!there) {
		doctor_found(d, HEALTH_UNKNOWN, "/proc/meminfo cannot be read");
	} else if (sum + pages + HOST_MEMORY > there) {
		doctor_found(d, HEALTH_WARN,
			"%llu MiB for guests, %llu MiB in hugepages and 512 MiB for the host, of "
			"%llu MiB",
			(unsigned long long)(sum >> 20), (unsigned long long)(pages >> 20),
			(unsigned long long)(there >> 20));
		doctor_cure(d, "run fewer guests or give them less, or add memory or swap; "
			       "host: {memory: {ksm: true}} helps where guests are alike");
	} else {
		doctor_found(d, HEALTH_PASS, "%llu MiB for guests, of %llu MiB",
			(unsigned long long)((sum + pages) >> 20),
			(unsigned long long)(there >> 20));
	}
}

/* A file system that images lie in, and what they may come to take of it. */
struct store {
	dev_t device;
	const char *path; /* the first image's directory */
	uint64_t needs, available;
};

struct stores {
	struct doctor *d;
	struct store *v;
	size_t n;
};

/* The nearest directory that is there; -1: none. */
static int open_above(struct doctor *d, char *path)
{
	char *slash;
	int fd;

	while ((slash = strrchr(path, '/')) && slash > path) {
		*slash = '\0';
		fd = file_open(d->h->root, path, O_RDONLY | O_DIRECTORY, 0);
		if (fd >= 0)
			return fd;
	}
	return -1;
}

static struct store *store_of(struct stores *s, const char *path)
{
	char *dir = arena_strdup(s->d->arena, path);
	_cleanup_close_ int fd = open_above(s->d, dir);
	struct statvfs fs;
	struct stat st;
	size_t i;

	if (fd < 0 || fstat(fd, &st) < 0 || fstatvfs(fd, &fs) < 0)
		return NULL;
	for (i = 0; i < s->n; i++)
		if (s->v[i].device == st.st_dev)
			return &s->v[i];
	*ARENA_PUSH(s->d->arena, s->v, s->n) = (struct store){
		.device = st.st_dev, .path = dir, .available = (uint64_t)fs.f_bavail * fs.f_frsize
	};
	return &s->v[s->n - 1];
}

/* As the guide counts: a raw image takes its size, any other a hundredth more at most. */
static void add_image(struct stores *s, const struct resource *r)
{
	const char *path = arena_printf(s->d->arena, "/%s", r->name);
	const char *format = obj_text(r->want, "format", s->d->arena);
	uint64_t most = doctor_size(s->d, r->want, "size"), taken = 0;
	/* A device of the host has its own room. */
	struct store *store = most ? store_of(s, path) : NULL;
	struct stat st;

	if (!store)
		return;
	if (format && !streq(format, "raw"))
		most += most / 100;
	if (file_stat(s->d->h->root, path, &st) == 0)
		taken = (uint64_t)st.st_blocks * 512;
	store->needs += most > taken ? most - taken : 0;
}

static void look_guest_storage(struct doctor *d)
{
	const struct wants *w = doctor_wants(d);
	struct stores s = { .d = d };
	const char *sums = NULL;
	bool full = false;
	size_t i;

	for (i = 0; w && i < w->n; i++)
		if (streq(w->v[i]->kind->name, "disk"))
			add_image(&s, w->v[i]);
	if (!w)
		return;
	for (i = 0; i < s.n; i++) {
		const struct store *one = &s.v[i];

		full |= one->needs > one->available;
		sums = arena_printf(d->arena,
			"%s%sguests' disks may take %llu MiB more of %llu MiB "
			"free in %s",
			sums ? sums : "", sums ? "; " : "", (unsigned long long)(one->needs >> 20),
			(unsigned long long)(one->available >> 20), one->path);
	}
	doctor_found(d, full ? HEALTH_WARN : HEALTH_PASS, "%s", sums ? sums : "no disk has a size");
	if (full)
		doctor_cure(d, "make room before guests fill their disks: a guest whose image "
			       "cannot grow stops");
}

/* Through a macvtap alone, by the guest's own words. */
static bool is_blind(struct doctor *d, const struct resource *r)
{
	const char *nics = is_guest(r) ? obj_text(r->want, "interfaces", d->arena) : NULL;

	return nics && strstr(nics, "\"macvtap\":") && !strstr(nics, "\"network\":") &&
	       !strstr(nics, "\"bridge\":");
}

static void look_guest_macvtap(struct doctor *d)
{
	const struct wants *w = doctor_wants(d);
	const char *names = NULL;

	for (size_t i = 0; w && i < w->n; i++)
		if (is_blind(d, w->v[i]))
			names = names ? arena_printf(d->arena, "%s, %s", names, w->v[i]->name)
				      : w->v[i]->name;
	if (!w)
		return;
	if (!names) {
		doctor_found(d, HEALTH_PASS, "none is by macvtap alone");
		return;
	}
	doctor_found(d, HEALTH_WARN, "this host and %s do not hear each other", names);
	doctor_cure(d, "where they have to: an isolated network as a second interface: "
		       "networks: {private: {mode: isolated, bridge: virbr1, addresses: "
		       "[192.168.254.1/24]}}");
}

const struct check doctor_guests[] = {
	{ "document", "The document is valid", "kvmhostd keeps the last good one otherwise.",
		look_document },
	{ "guest-cpus", "No guest has more processors than the machine",
		"Its processors wait for each other then, and it is slower than with fewer.",
		look_guest_cpus },
	{ "cpu-overcommit", "Guests' processors together",
		"With one for the host they share the machine's threads when they are more than "
		"those.",
		look_overcommit },
	{ "guest-memory", "Memory of guests",
		"Guests that are to run, hugepages and the host itself must fit, or the kernel "
		"ends one of them.",
		look_guest_memory },
	{ "guest-hugepages", "Hugepages of guests",
		"A guest with `memory: {hugepages: true}` starts only when all its pages are free.",
		doctor_guest_hugepages },
	{ "guest-storage", "Disks of guests",
		"What the images may still grow by, for each file system: a raw one to its size, "
		"others to a hundredth more.",
		look_guest_storage },
	{ "guest-macvtap", "Guests that this host can reach",
		"What a macvtap sends leaves by the card, and never comes to the host itself; nor "
		"does what the host sends come to the guest.",
		look_guest_macvtap },
};
const size_t n_doctor_guests = ARRAY_SIZE(doctor_guests);
