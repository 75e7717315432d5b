/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The doctor's checks of the document: whether what it declares fits on this machine. */
#include "config/scalar.h"
#include "config/type.h"
#include "hostprep/doctor_guests.h"
#include "hostprep/memory.h"

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

uint64_t doctor_bytes(struct doctor *d, const char *size)
{
	struct scalar s = { .text = size, .arena = d->arena };
	uint64_t bytes = 0;

	if (size)
		type_size.parse(&(struct field){ .type = &type_size }, &s, &bytes);
	return bytes;
}

uint64_t doctor_size(struct doctor *d, const void *want, const char *field)
{
	return doctor_bytes(d, obj_text(want, field, d->arena));
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
		doctor_guest_storage },
	{ "guest-images", "Images that are the guests' alone",
		"What a guest keeps is not for every user of the host to read, its keys and "
		"passwords among it.",
		doctor_guest_images },
	{ "guest-macvtap", "Guests that this host can reach",
		"What a macvtap sends leaves by the card, and never comes to the host itself; nor "
		"does what the host sends come to the guest.",
		look_guest_macvtap },
};
const size_t n_doctor_guests = ARRAY_SIZE(doctor_guests);
