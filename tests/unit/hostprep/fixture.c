/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"
#include "config/document.h"
#include "config/type.h"
#include "hostprep/cpu.h"
#include "hostprep/hugetlbfs.h"
#include "hostprep/memory.h"
#include "iommu/device.h"
#include "iommu/iommu.h"
#include "../scratch.h"
#include <fcntl.h>

const struct kind *const kinds[] = { &cmdline_kind, &iommu_kind, &module_kind, &device_kind,
	&sysctl_kind, &cpu_kind, &memory_kind, &hugetlbfs_kind };
const size_t n_kinds = ARRAY_SIZE(kinds);

struct root {
	struct obj obj;
	struct list cmdline, modules, sysctl, devices;
	struct iommu iommu;
	struct cpu cpu;
	struct memory memory;
};
static const struct field root_fields[] = {
	FIELD_LIST(struct root, cmdline, type_token, .kind = "cmdline", .doc = "Parameters."),
	FIELD_OBJECT(
		struct root, iommu, struct iommu, iommu_table, .kind = "iommu", .doc = "IOMMU."),
	FIELD_OBJECT(struct root, cpu, struct cpu, cpu_table, .kind = "cpu", .doc = "CPU."),
	FIELD_OBJECT(struct root, memory, struct memory, memory_table, .kind = "memory",
		.doc = "Memory."),
	FIELD_MAP(struct root, devices, device_table, .kind = "device", .doc = "Devices."),
	FIELD_MAP(struct root, modules, module_table, .kind = "module", .doc = "Modules."),
	FIELD_MAP(struct root, sysctl, sysctl_table, .kind = "sysctl", .doc = "Settings."),
};
const struct table document_table = TABLE(struct root, root_fields, .doc = "A document.");

static void open_host(struct machine *m, bool live)
{
	struct error e = { 0 };

	assert_int_equal(host_open(&m->host, m->dir, &e), 0);
	m->host.live = live;
}

int machine_setup(void **state)
{
	struct machine *m = xmalloc(sizeof(*m));

	*m = (struct machine){ .dir = "/tmp/kvmhost-test-XXXXXX", .arena = arena_new() };
	assert_non_null(mkdtemp(m->dir));
	open_host(m, false);
	*state = m;
	return 0;
}

int machine_teardown(void **state)
{
	struct machine *m = *state;

	wants_free(&m->wants);
	host_close(&m->host);
	arena_free(m->arena);
	scratch_remove(m->dir);
	free(m);
	return 0;
}

void restart(struct machine *m)
{
	bool live = m->host.live;

	host_close(&m->host);
	open_host(m, live);
}

void put(struct machine *m, const char *path, const char *text)
{
	assert_int_equal(file_write_atomic(m->host.root, path, text, strlen(text), 0644), 0);
}

const char *get(struct machine *m, const char *path)
{
	_cleanup_free_ char *text = NULL;

	if (file_read(m->host.root, path, 1 << 20, &text, NULL) < 0)
		return NULL;
	return arena_strdup(m->arena, text);
}

static void run(struct machine *m, const char *command)
{
	assert_int_equal(system(arena_printf(m->arena, "cd %s && %s", m->dir, command)), 0);
}

void put_modules(struct machine *m, const char *release)
{
	const char *dir = arena_printf(m->arena, "lib/modules/%s", release);

	run(m, arena_printf(m->arena, "mkdir -p %s/kernel && cp %s %s/kernel/igb.ko", dir,
		       TEST_MODULE, dir));
	put(m, arena_printf(m->arena, "/%s/modules.builtin", dir), "kernel/arch/x86/kvm/kvm.ko\n");
	put(m, arena_printf(m->arena, "/%s/modules.order", dir), "");
	run(m, arena_printf(
		       m->arena, "PATH=$PATH:/usr/sbin:/sbin depmod -b . %s 2>/dev/null", release));
	put(m, "/proc/sys/kernel/osrelease", arena_printf(m->arena, "%s\n", release));
	put(m, "/proc/sys/kernel/random/boot_id", "5a0d1e7e-0000-4000-8000-000000000001\n");
}

static bool build(struct machine *m, const char *yaml, struct diags *d)
{
	struct document doc = { 0 };

	wants_free(&m->wants);
	document_load_text(&doc, "test.yaml", yaml, strlen(yaml), d);
	return !d->errors && wants_build(&m->wants, doc.root, d);
}

void want(struct machine *m, const char *yaml)
{
	struct diags d = { .arena = m->arena };

	if (!build(m, yaml, &d)) {
		diags_print(&d, stderr, false);
		fail_msg("the document is not valid");
	}
}

const char *reject(struct machine *m, const char *yaml)
{
	struct diags d = { .arena = m->arena };
	char *text = NULL;
	const char *kept;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	assert_false(build(m, yaml, &d));
	diags_print(&d, f, false);
	fclose(f);
	kept = arena_strdup(m->arena, text);
	free(text);
	return kept;
}

struct plan *plan(struct machine *m)
{
	struct error e = { 0 };

	if (plan_make(&m->host, &m->wants, &m->plan, &e) < 0)
		fail_msg("%s", e.text);
	return &m->plan;
}

struct step *only_step(struct machine *m)
{
	plan(m);
	assert_int_equal(m->plan.n, 1);
	return m->plan.steps[0];
}

const char *change(struct machine *m, const char *path)
{
	for (size_t i = 0; i < m->plan.n; i++)
		for (size_t k = 0; k < m->plan.steps[i]->n_changes; k++) {
			const struct change *c = &m->plan.steps[i]->changes[k];

			if (streq(c->path, path))
				return arena_printf(m->arena, "%s -> %s", c->have ? c->have : "-",
					c->want ? c->want : "-");
		}
	return NULL;
}

static int apply_all(struct machine *m, struct outcome *out, struct error *e)
{
	struct apply_options o = { .allow_mass_removal = true };

	return apply(&m->host, &m->wants, &o, out, e);
}

void settle(struct machine *m)
{
	struct outcome out;
	struct error e = { 0 };
	int r = apply_all(m, &out, &e);

	for (size_t i = 0; i < out.n; i++)
		if (out.steps[i]->error.code)
			print_message("%s: %s\n", out.steps[i]->r->id, out.steps[i]->error.text);
	if (r < 0)
		fail_msg("%s", e.text);
	outcome_free(&out);
}

const char *apply_fails(struct machine *m)
{
	const char *text = NULL;
	struct outcome out;
	struct error e = { 0 };

	assert_true(apply_all(m, &out, &e) < 0);
	for (size_t i = 0; i < out.n && !text; i++)
		if (out.steps[i]->error.code) {
			_cleanup_free_ char *line = error_line(&out.steps[i]->error);

			text = arena_strdup(m->arena, line);
		}
	error_clear(&e);
	outcome_free(&out);
	return text;
}
