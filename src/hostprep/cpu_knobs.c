/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostprep/cpu.h"
#include "hostprep/facts.h"

#define CPUS "/sys/devices/system/cpu"
#define POLICIES CPUS "/cpufreq"
#define SMT CPUS "/smt/control"

bool cpu_constant_tsc(struct host *h)
{
	return cpuinfo_flag(h, "constant_tsc");
}

bool cpu_is_intel(struct host *h)
{
	const char *vendor = cpuinfo(h, "vendor_id");

	return vendor && streq(vendor, "GenuineIntel");
}

const char *cpu_kvm_module(struct host *h)
{
	if (cpuinfo_flag(h, "vmx") || cpuinfo_flag(h, "svm"))
		return cpuinfo_flag(h, "vmx") ? "kvm_intel" : "kvm_amd";
	return cpu_is_intel(h) ? "kvm_intel" : "kvm_amd";
}

/* A limit that is asked for: the document's, or 1 where `auto` finds a reason; 0: none. */
static unsigned deepest(struct host *h, const struct cpu *want)
{
	if (!obj_has(want, "max_cstate"))
		return 0;
	if (!streq(want->max_cstate, "auto"))
		return (unsigned)strtoul(want->max_cstate, NULL, 10);
	return cpu_constant_tsc(h) ? 0 : 1;
}

static bool is_numbered(const char *name, const char *prefix)
{
	const char *rest = startswith(name, prefix);

	return rest && *rest && !rest[strspn(rest, "0123456789")];
}

/* cpuidle numbers its states as both drivers' parameters do: 0 polls, 1 is C1. */
static void limit_one(struct host *h, const char *cpu, unsigned limit, struct knobs *k)
{
	_cleanup_free_ char *dir = xprintf(CPUS "/%s/cpuidle", cpu), **names = NULL;
	size_t n, i;

	if (file_list(h->root, dir, &names, &n) < 0)
		return;
	for (i = 0; i < n; i++) {
		_cleanup_free_ char *path = xprintf("%s/%s/disable", dir, names[i]);
		_cleanup_free_ char *called = xprintf("%s/%s/name", dir, names[i]), *name = NULL;
		_cleanup_free_ char *label = NULL;

		if (!is_numbered(names[i], "state") ||
			strtoul(names[i] + strlen("state"), NULL, 10) <= limit ||
			!file_exists(h->root, path))
			continue;
		(void)file_read_line(h->root, called, &name);
		label = xprintf("%s disabled", name && *name ? name : names[i]);
		knob_add(k, "max_cstate", label, cpu, path, "1");
	}
}

static void limit_cstates(struct host *h, unsigned limit, struct knobs *k)
{
	_cleanup_free_ char **names = NULL;
	size_t n, i;

	if (!limit || file_list(h->root, CPUS, &names, &n) < 0)
		return;
	for (i = 0; i < n; i++)
		if (is_numbered(names[i], "cpu"))
			limit_one(h, names[i], limit, k);
}

static char *policy_value(struct host *h, const char *policy, const char *file)
{
	_cleanup_free_ char *path = xprintf(POLICIES "/%s/%s", policy, file);
	char *value = NULL;

	return file_read_line(h->root, path, &value) < 0 ? NULL : value;
}

static void policy_knob(
	struct knobs *k, const char *field, const char *policy, const char *file, const char *want)
{
	_cleanup_free_ char *path = xprintf(POLICIES "/%s/%s", policy, file);

	knob_add(k, field, file, policy, path, want)->rounded = !streq(field, "governor");
}

static const char *driver_of(struct host *h, const char *policy)
{
	_cleanup_free_ char *driver = policy_value(h, policy, "scaling_driver");

	return driver ? arena_strdup(h->pass, driver) : "(unknown)";
}

static int add_governor(struct host *h, const struct cpu *want, const char *policy, struct knobs *k,
	struct error *e)
{
	_cleanup_free_ char *offered = policy_value(h, policy, "scaling_available_governors");

	if (offered && !has_word(offered, want->governor)) {
		error_set(e, -EINVAL, "governor: %s, the frequency driver of %s, has no `%s`",
			driver_of(h, policy), policy, want->governor);
		return error_cure(e, "it has: %s", offered);
	}
	policy_knob(k, "governor", policy, "scaling_governor", want->governor);
	return 0;
}

static int add_frequency(struct host *h, const char *policy, const char *field, const char *file,
	uint64_t hertz, struct knobs *k, struct error *e)
{
	_cleanup_free_ char *least = policy_value(h, policy, "cpuinfo_min_freq");
	_cleanup_free_ char *most = policy_value(h, policy, "cpuinfo_max_freq");
	_cleanup_free_ char *value = xprintf("%llu", (unsigned long long)hertz / 1000);
	unsigned long long khz = hertz / 1000;

	if (least && most && (khz < strtoull(least, NULL, 10) || khz > strtoull(most, NULL, 10))) {
		error_set(e, -ERANGE,
			"%s: %llu MHz is not what %s, the frequency driver of %s, offers", field,
			khz / 1000, driver_of(h, policy), policy);
		return error_cure(e, "choose from %lluMHz to %lluMHz",
			strtoull(least, NULL, 10) / 1000, strtoull(most, NULL, 10) / 1000);
	}
	policy_knob(k, field, policy, file, value);
	return 0;
}

/* The highest that the hardware has: what the guide pins, where the counter follows the frequency.
 */
static uint64_t highest(struct host *h, const char *policy)
{
	_cleanup_free_ char *list = policy_value(h, policy, "scaling_available_frequencies");
	_cleanup_free_ char *most = policy_value(h, policy, "cpuinfo_max_freq");
	unsigned long long best = 0, one;
	char *p = list, *end;

	while (p && (one = strtoull(p, &end, 10), end != p)) {
		best = MAX_OF(best, one);
		p = end;
	}
	if (!best && most)
		best = strtoull(most, NULL, 10);
	return best * 1000;
}

static int add_policy(struct host *h, const struct cpu *want, const char *policy, bool pin,
	struct knobs *k, struct error *e)
{
	uint64_t pinned = pin ? highest(h, policy) : 0;
	uint64_t least = obj_has(want, "min_frequency") ? want->min_frequency : pinned;
	uint64_t most = obj_has(want, "max_frequency") ? want->max_frequency : pinned;
	int r = 0;

	if (obj_has(want, "governor"))
		r = add_governor(h, want, policy, k, e);
	if (r == 0 && least)
		r = add_frequency(h, policy, "min_frequency", "scaling_min_freq",
			most ? MIN_OF(least, most) : least, k, e);
	if (r == 0 && most)
		r = add_frequency(h, policy, "max_frequency", "scaling_max_freq", most, k, e);
	return r;
}

static int no_policies(struct host *h, const struct cpu *want, struct error *e)
{
	const char *field = obj_has(want, "governor")        ? "governor"
			    : obj_has(want, "min_frequency") ? "min_frequency"
							     : "max_frequency";

	error_set(e, -ENODEV, "%s: no frequency driver works here: " POLICIES " has no policy",
		field);
	return error_cure(e, "%s",
		cpuinfo_flag(h, "hypervisor")
			? "take it out: this is a virtual machine, its hypervisor chooses"
			: "turn frequency scaling (EIST, Cool'n'Quiet, CPPC) over to the "
			  "operating system in the firmware's setup, or take it out");
}

static int add_policies(struct host *h, const struct cpu *want, struct knobs *k, struct error *e)
{
	bool asked = obj_has(want, "governor") || obj_has(want, "min_frequency") ||
		     obj_has(want, "max_frequency");
	bool pin =
		obj_has(want, "max_cstate") && streq(want->max_cstate, "auto") && deepest(h, want);
	_cleanup_free_ char **names = NULL;
	size_t n = 0, i, found = 0;
	int r = 0;

	if (!asked && !pin)
		return 0;
	if (file_list(h->root, POLICIES, &names, &n) < 0)
		n = 0;
	for (i = 0; i < n && r == 0; i++) {
		if (!is_numbered(names[i], "policy"))
			continue;
		r = add_policy(h, want, names[i], pin, k, e);
		found++;
	}
	return asked && !found ? no_policies(h, want, e) : r;
}

static int add_smt(struct host *h, const struct cpu *want, struct knobs *k, struct error *e)
{
	_cleanup_free_ char *now = NULL;
	const char *wish = want->smt ? "on" : "off";

	if (file_read_line(h->root, SMT, &now) < 0)
		now = xstrdup("notimplemented");
	if (streq(now, "on") || streq(now, "off")) {
		knob_add(k, "smt", "smt/control", NULL, SMT, wish);
		return 0;
	}
	if (!want->smt) /* forceoff, notsupported, notimplemented: there are no second threads */
		return 0;
	error_set(e, -EOPNOTSUPP, "smt: cannot be turned on: " SMT " says %s", now);
	return error_cure(e, streq(now, "forceoff")
				     ? "the kernel was started with nosmt=force: take that out"
				     : "this processor has one thread in each core; take it out");
}

int cpu_knobs(struct host *h, const struct cpu *want, struct knobs *k, struct error *e)
{
	int r = obj_has(want, "smt") ? add_smt(h, want, k, e) : 0;

	if (r < 0)
		return r;
	limit_cstates(h, deepest(h, want), k);
	return add_policies(h, want, k, e);
}

int cpu_refused(struct host *h, const struct knob *k, struct error *e)
{
	_cleanup_free_ char *list = NULL;
	const char *driver;

	if (!k->of || !startswith(k->of, "policy"))
		return e ? e->code : -EIO;
	driver = driver_of(h, k->of);
	list = policy_value(h, k->of, "scaling_available_frequencies");
	error_prefix(e, "%s: the frequency driver %s does not take %s for %s: ", k->of, driver,
		k->want, k->label);
	if (list)
		return error_cure(e, "it offers, in kHz: %s", list);
	return error_cure(e, "see " POLICIES "/%s and the driver's documentation", k->of);
}
