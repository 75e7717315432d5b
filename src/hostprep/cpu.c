/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host.cpu. All of it is set in the running kernel, which forgets it, so that
 * kvmhostd sets it again at each start; a limit of C-states also goes onto the
 * kernel's command line, to hold before that. As the running kernel is limited
 * either way, nothing waits for a reboot.
 */
#include "hostprep/cpu.h"
#include "config/scalar.h"
#include "config/type.h"

static bool cstate_parse(const struct field *f _unused_, struct scalar *s, void *value)
{
	const char *end;
	uint64_t n;

	if (streq(s->text, "auto") ||
		(digits_parse(s->text, &end, &n) && !*end && n >= 1 && n <= 9)) {
		*(const char **)value = arena_strdup(s->arena, s->text);
		return true;
	}
	scalar_cure(s, "write 1 for C1, the least: idle CPUs halt, and no more");
	return scalar_refuse(s, "must be 1 to 9, or auto, not `%s`", scalar_shown(s));
}

static void cstate_format(const struct field *f _unused_, const void *value, struct strbuf *out)
{
	sb_add(out, *(const char *const *)value);
}

static bool cstate_equal(const void *a, const void *b)
{
	return streq_null(*(const char *const *)a, *(const char *const *)b);
}

static void cstate_schema(const struct field *f _unused_, struct strbuf *out)
{
	sb_add(out, "\"anyOf\":[{\"type\":\"string\",\"pattern\":\"^([1-9]|auto)$\"},"
		    "{\"type\":\"integer\",\"minimum\":1,\"maximum\":9}]");
}

static const struct type type_cstate = {
	.name = "a C-state: 1 to 9, or auto",
	.size = sizeof(const char *),
	.parse = cstate_parse,
	.format = cstate_format,
	.equal = cstate_equal,
	.schema = cstate_schema,
};

static void check_cpu(const void *obj, struct diags *d)
{
	const struct cpu *c = obj;

	if (obj_has(c, "min_frequency") && obj_has(c, "max_frequency") &&
		c->min_frequency > c->max_frequency)
		diag_error(d, obj_mark(c, "min_frequency"),
			"make it at most max_frequency, or take one of the two out",
			"min_frequency: is above max_frequency");
}

enum { MHZ = 1000000 };

static const struct field cpu_fields[] = {
	FIELD_STRING(struct cpu, max_cstate, type_cstate, .example = "auto",
		.doc = "The deepest state in which idle CPUs sleep. Set now for each CPU "
		       "(cpuidle's `disable`) and for every boot (processor.max_cstate=, on Intel "
		       "intel_idle.max_cstate= too). `auto`: 1, and the highest frequency alone, "
		       "where the CPU's time stamp counter stops or changes its rate with them "
		       "(no constant_tsc in /proc/cpuinfo); elsewhere nothing."),
	FIELD_STRING(struct cpu, governor, type_string, .example = "performance",
		.doc = "Who chooses the CPUs' frequency: one of scaling_available_governors in "
		       "/sys/devices/system/cpu/cpufreq/policy0. Set for all policies."),
	FIELD_FREQUENCY(struct cpu, min_frequency, MHZ, INT64_C(100000) * MHZ, .example = "2.4GHz",
		.doc = "The lowest frequency, for all policies; it must lie in what the driver "
		       "offers."),
	FIELD_FREQUENCY(struct cpu, max_frequency, MHZ, INT64_C(100000) * MHZ, .example = "2.4GHz",
		.doc = "The highest frequency; equal to min_frequency it does not change."),
	FIELD_STRING(struct cpu, isolated, type_cpus, .example = "2-7",
		.doc = "CPUs for guests alone: the services and users of the host "
		       "(AllowedCPUs= of system.slice, user.slice and init.scope) get the others. "
		       "Kernel threads stay where they are."),
	FIELD_BOOL(struct cpu, smt,
		.doc = "Whether the CPUs' second threads are on. Left out: as the machine has it."),
	FIELD_BOOL(struct cpu, nested,
		.doc = "Whether guests can be KVM hosts themselves: the option `nested` of "
		       "kvm_intel and kvm_amd. Left out: the kernel's choice."),
};

const struct table cpu_table = TABLE(struct cpu, cpu_fields, .check = check_cpu,
	.doc = "C-states, frequencies, and which CPUs the host leaves to guests. What leaves the "
	       "document goes back to how it was.");

static void derive_parameter(
	const struct resource *r, struct wants *w, const char *key, const char *processor)
{
	const struct cpu *c = r->want;
	bool automatic = streq(c->max_cstate, "auto");
	struct resource *derived = want_derive(w, r, "cmdline",
		arena_printf(w->arena, "%s=%s", key, automatic ? "1" : c->max_cstate), true);

	if (!derived->origin)
		return;
	want_set(w, derived, "next_boot", "true");
	if (automatic)
		processor = processor ? "intel-varying-tsc" : "varying-tsc";
	if (processor)
		want_set(w, derived, "processor", processor);
}

static void derive_nested(const struct resource *r, struct wants *w, const char *module)
{
	const struct cpu *c = r->want;
	struct resource *derived = want_derive(w, r, "module", module, true);

	if (derived->origin)
		want_set(w, derived, "state", "available");
	want_set_entry(w, derived, "options", "nested", c->nested ? "1" : "0");
}

static void cpu_derive(const struct resource *r, struct wants *w)
{
	const struct cpu *c = r->want;

	if (obj_has(c, "max_cstate")) {
		derive_parameter(r, w, "processor.max_cstate", NULL);
		derive_parameter(r, w, "intel_idle.max_cstate", "intel");
	}
	/* Which of the two this machine has shows when it is observed; an image may boot anywhere.
	 */
	if (obj_has(c, "nested")) {
		derive_nested(r, w, "kvm_intel");
		derive_nested(r, w, "kvm_amd");
	}
}

static const struct cpu *wanted(const struct step *s)
{
	return s->r->want ? s->want : NULL;
}

static const char *isolated(const struct step *s)
{
	const struct cpu *c = wanted(s);

	return c && obj_has(c, "isolated") ? c->isolated : NULL;
}

/* Nothing of the object itself is compared: knobs and slices are, in diff. */
static int cpu_observe(struct host *h, const struct resource *r, void **have, struct error *e)
{
	const struct cpu *want = r->want;
	struct knobs k = { .arena = h->pass };
	int ret = 0;

	*have = NULL;
	if (want)
		ret = cpu_knobs(h, want, &k, e);
	if (ret == 0 && want && obj_has(want, "isolated"))
		ret = cpu_slices_check(h, want->isolated, e);
	if (ret < 0)
		return ret;
	*have = obj_new(h->pass, &cpu_table, r->name);
	return 0;
}

static void cpu_diff(struct host *h, struct step *s)
{
	struct knobs k = { .arena = h->pass };

	if (wanted(s) && cpu_knobs(h, wanted(s), &k, NULL) < 0)
		return; /* observe has just told of it */
	knobs_diff(h, s, &k);
	cpu_slices_diff(h, s, isolated(s));
}

static int cpu_apply(struct host *h, struct step *s, struct error *e)
{
	struct knobs k = { .arena = h->pass };
	const struct knob *refused = NULL;
	int r = wanted(s) ? cpu_knobs(h, wanted(s), &k, e) : 0;

	if (r == 0)
		r = knobs_apply(h, s, &k, &refused, e);
	if (r < 0 && refused)
		return cpu_refused(h, refused, e);
	return r < 0 ? r : cpu_slices_apply(h, s, isolated(s), e);
}

const struct kind cpu_kind = {
	.name = "cpu",
	.table = &cpu_table,
	.derive = cpu_derive,
	.observe = cpu_observe,
	.diff = cpu_diff,
	.apply = cpu_apply,
};
