/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host.iommu: the IOMMU is on, so that devices can be given to guests. What
 * turns it on are parameters of the kernel and a module's option, which are
 * resources of their own; this one judges by what the kernel then shows, and
 * says apart why there is nothing.
 *
 * Which parameter is chosen by the firmware's table, not by the CPU: DMAR
 * needs intel_iommu=on; with IVRS the AMD driver is on without being asked.
 */
#include "iommu/iommu.h"
#include "config/type.h"
#include "reconcile/plan.h"

static void check_iommu(const void *obj, struct diags *d)
{
	const struct iommu *i = obj;

	if (!i->enabled && i->passthrough)
		diag_error(d, obj_mark(i, "passthrough"), "write `enabled: true`, or take it out",
			"passthrough: there is none without an IOMMU");
	if (!i->enabled && i->unsafe_interrupts)
		diag_error(d, obj_mark(i, "unsafe_interrupts"),
			"write `enabled: true`, or take it out",
			"unsafe_interrupts: means nothing without an IOMMU");
}

static const struct field iommu_fields[] = {
	FIELD_BOOL(struct iommu, enabled, .def = "true", .on_change = CHANGE_REBOOT,
		.doc = "Whether the IOMMU is to work. `true`: where the firmware has a DMAR table "
		       "(Intel), the kernel is started with intel_iommu=on; with an IVRS table "
		       "(AMD) the kernel turns it on by itself. Judged by the groups that the "
		       "kernel makes. `false`: kvmhost does nothing about it; one that is on "
		       "stays on."),
	FIELD_BOOL(struct iommu, passthrough, .def = "false", .on_change = CHANGE_REBOOT,
		.doc = "Whether the host's own devices go past the IOMMU (iommu=pt), which costs "
		       "them nothing then; guests' devices never do."),
	FIELD_BOOL(struct iommu, unsafe_interrupts, .def = "false",
		.doc = "Whether devices may be given to guests on a machine without interrupt "
		       "remapping. A guest can then send any interrupt to the host: for guests "
		       "that are trusted. Sets allow_unsafe_interrupts=1 for the module "
		       "vfio_iommu_type1."),
};

const struct table iommu_table = TABLE(struct iommu, iommu_fields, .check = check_iommu,
	.doc = "The IOMMU, which the assignment of devices to guests needs. What only a reboot can "
	       "bring waits for one.");

/* The value of a parameter that the document lists itself; NULL: it does not. */
static const char *listed(const struct wants *w, const char *key, struct mark *m)
{
	size_t i;

	for (i = 0; i < w->n; i++) {
		const char *rest;

		if (!streq(w->v[i]->kind->name, "cmdline") || w->v[i]->origin)
			continue;
		rest = startswith(w->v[i]->name, key);
		if (rest && *rest == '=') {
			*m = w->v[i]->mark;
			return rest + 1;
		}
	}
	return NULL;
}

/* on,sm_on has `on`. */
static bool has_word(const char *list, const char *word)
{
	size_t n;

	for (; *list; list += n + (list[n] == ',')) {
		n = strcspn(list, ",");
		if (n == strlen(word) && strncmp(list, word, n) == 0)
			return true;
	}
	return false;
}

/* Whether the word is among the values where the document lists the parameter itself. */
static void check_listed(const struct wants *w, const struct resource *r, const char *key,
	const char *word, bool wanted, struct diags *d)
{
	struct mark m;
	const char *value = listed(w, key, &m);

	if (value && has_word(value, word) != wanted)
		diag_relate(
			diag_error(d, m, "take it out of host.kernel.cmdline, or change host.iommu",
				"%s=%s contradicts host.iommu", key, value),
			r->mark, "which is here");
}

static void iommu_check(const struct resource *r, const struct wants *w, struct diags *d)
{
	const struct iommu *i = r->want;

	if (!i->enabled)
		return;
	check_listed(w, r, "intel_iommu", "on", true, d);
	check_listed(w, r, "amd_iommu", "off", false, d);
	check_listed(w, r, "iommu", i->passthrough ? "pt" : "off", i->passthrough, d);
}

static void iommu_derive(const struct resource *r, struct wants *w)
{
	const struct iommu *i = r->want;
	struct resource *derived;
	struct mark m;

	if (!i->enabled)
		return;
	if (!listed(w, "intel_iommu", &m)) {
		derived = want_derive(w, r, "cmdline", "intel_iommu=on", true);
		want_set(w, derived, "firmware", "DMAR");
	}
	if (i->passthrough && !listed(w, "iommu", &m)) {
		derived = want_derive(w, r, "cmdline", "iommu=pt", true);
		want_set(w, derived, "firmware", "any");
	}
	if (i->unsafe_interrupts) {
		derived = want_derive(w, r, "module", "vfio_iommu_type1", true);
		if (derived->origin)
			want_set(w, derived, "state", "available");
		want_set_entry(w, derived, "options", "allow_unsafe_interrupts", "1");
	}
}

static int refuse_firmware(struct error *e)
{
	error_set(e, -ENODEV,
		"the firmware announces no IOMMU: there is no DMAR or IVRS table in "
		"/sys/firmware/acpi/tables");
	return error_cure(e,
		"turn VT-d (Intel) or AMD-Vi, IOMMU (AMD) on in the firmware's setup; on "
		"a machine without one, write `enabled: false`");
}

/* The running kernel's word for it that keeps it off; in the arena; NULL: none does. */
static const char *turned_off(struct host *h, enum iommu_firmware firmware)
{
	_cleanup_free_ char *text = NULL;
	const char *found = NULL, *word;
	char *rest = NULL;
	bool asked = firmware == IOMMU_IVRS;

	if (file_read_line(h->root, "/proc/cmdline", &text) < 0)
		return NULL;
	for (word = strtok_r(text, " \t", &rest); word && !streq(word, "--");
		word = strtok_r(NULL, " \t", &rest)) {
		const char *driver =
			startswith(word, firmware == IOMMU_DMAR ? "intel_iommu=" : "amd_iommu=");
		const char *value = driver ? driver : startswith(word, "iommu=");

		asked |= driver && has_word(driver, "on");
		if (value && has_word(value, "off"))
			found = arena_printf(h->pass, "with %s", word);
	}
	return found || asked ? found : "without intel_iommu=on";
}

static int refuse_kernel(struct host *h, enum iommu_firmware firmware, struct error *e)
{
	const char *table = firmware == IOMMU_DMAR ? "DMAR" : "IVRS";
	_cleanup_free_ char *release = NULL;

	(void)file_read_line(h->root, "/proc/sys/kernel/osrelease", &release);
	error_set(e, -EOPNOTSUPP,
		"the firmware has %s, nothing on the command line keeps the IOMMU "
		"off, but kernel %s made no groups in /sys/kernel/iommu_groups",
		table, release ? release : "");
	return error_cure(e,
		"see why: dmesg | grep -e %s -e AMD-Vi -e IOMMU; a kernel without the "
		"driver needs CONFIG_INTEL_IOMMU or CONFIG_AMD_IOMMU",
		table);
}

const char *iommu_missing(struct host *h, struct error *e)
{
	enum iommu_firmware firmware = iommu_firmware(h);
	const char *off = firmware == IOMMU_NONE ? NULL : turned_off(h, firmware);

	if (off)
		return arena_printf(h->pass, "a reboot: the running kernel was started %s", off);
	if (firmware == IOMMU_NONE)
		refuse_firmware(e);
	else
		refuse_kernel(h, firmware, e);
	return NULL;
}

static const struct iommu *wanted_by(const struct resource *r)
{
	for (size_t i = 0; i < r->n_after; i++)
		if (r->after[i]->kind == &iommu_kind)
			return r->after[i]->want;
	return NULL;
}

int iommu_serves(struct host *h, const struct resource *r, struct error *e)
{
	const struct iommu *want = wanted_by(r);

	if (!iommu_groups(h) && want && want->enabled)
		return error_set(e, -ENOENT, "there is no IOMMU yet");
	if (!iommu_groups(h) || iommu_remaps_interrupts(h) || (want && want->unsafe_interrupts))
		return 0;
	error_set(e, -EPERM,
		"this machine does not remap interrupts: a guest with a device could send any "
		"interrupt to the host");
	return error_cure(e,
		"turn interrupt remapping (x2APIC) on in the firmware's setup; or, "
		"for guests that you trust: `host: {iommu: {unsafe_interrupts: true}}`");
}

static int iommu_observe(struct host *h, const struct resource *r, void **have, struct error *e)
{
	const struct iommu *want = r->want;
	struct iommu *seen;

	*have = NULL;
	if (!want) /* there is nothing to give back: forgotten */
		return 0;
	if (!iommu_groups(h) && want->enabled && !iommu_missing(h, e))
		return e->code;
	/* What needs it waits for what is not there. */
	if (!iommu_groups(h) && want->enabled)
		return 0;
	seen = obj_new(h->pass, &iommu_table, NULL);
	seen->enabled = iommu_groups(h) > 0;
	obj_mark_set(seen, "enabled");
	*have = seen;
	return 0;
}

static void wait_for_reboot(struct host *h, struct step *s)
{
	_cleanup_error_ struct error e = { 0 };
	const char *wait = iommu_missing(h, &e);

	step_change(h, s, "enabled", "enabled", NULL, "true");
	s->wait = wait ? wait : "a reboot";
	s->disruption = DISRUPT_REBOOT;
}

/* That it was asked for is the command line's matter; here is what came of it. */
static void iommu_diff(struct host *h, struct step *s)
{
	const struct iommu *want = s->r->want;

	if (!want || !want->enabled)
		return;
	if (!s->have) {
		wait_for_reboot(h, s);
		return;
	}
	if (!want->unsafe_interrupts && !iommu_remaps_interrupts(h)) {
		step_change(h, s, "unsafe_interrupts", "interrupt remapping", "off", "on");
		s->wait =
			"interrupt remapping, which this machine does not have or which is off in "
			"its firmware; `unsafe_interrupts: true` does without";
	}
}

static void iommu_refine(struct host *h _unused_, struct step *s)
{
	s->disruption = s->wait && startswith(s->wait, "a reboot") ? DISRUPT_REBOOT : DISRUPT_NONE;
}

/* Nothing to do but to look. */
static int iommu_apply(struct host *h _unused_, struct step *s _unused_, struct error *e _unused_)
{
	return 0;
}

const struct kind iommu_kind = {
	.name = "iommu",
	.table = &iommu_table,
	.check = iommu_check,
	.derive = iommu_derive,
	.observe = iommu_observe,
	.diff = iommu_diff,
	.refine = iommu_refine,
	.apply = iommu_apply,
};
