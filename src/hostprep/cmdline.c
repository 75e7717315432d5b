/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostprep/hostprep.h"
#include "hostprep/cmdline.h"
#include "hostprep/cpu.h"
#include "config/type.h"
#include "iommu/iommu.h"

enum { NEEDS_DMAR, NEEDS_ANY };
static const char *const tables[] = { "DMAR", "any", NULL };

enum { PROCESSOR_INTEL, PROCESSOR_VARYING_TSC, PROCESSOR_INTEL_VARYING_TSC };
static const char *const processors[] = { "intel", "varying-tsc", "intel-varying-tsc", NULL };

static const struct field cmdline_fields[] = {
	FIELD_ENUM(struct cmdline, firmware, tables,
		.doc = "The firmware's table without which it is not wanted."),
	FIELD_ENUM(struct cmdline, processor, processors,
		.doc = "The processor without which it is not wanted."),
	FIELD_BOOL(struct cmdline, next_boot,
		.doc = "Whether the running kernel does without it, being told the same another "
		       "way."),
};

static const struct table cmdline_table =
	TABLE(struct cmdline, cmdline_fields, .doc = "A parameter on the kernel's command line.");

/* Named twice in the document's list. */
static void cmdline_check(const struct resource *r, const struct wants *w, struct diags *d)
{
	const struct resource *last = wants_find(w, "cmdline", r->name);

	if (last != r)
		diag_relate(diag_error(d, last->mark, "take one of the two out",
				    "%s stands twice in host.kernel.cmdline", r->name),
			r->mark, "first here");
}

static int refuse_conflict(const char *name, const struct token *other, struct error *e)
{
	_cleanup_free_ char *text = token_text(other);

	error_set(e, -ENOTUNIQ, "%s:%u sets %s, and the document wants %s", other->file,
		other->line, text, name);
	return error_cure(e,
		"remove it there, or write %s in host.kernel.cmdline; kvmhost does not "
		"overrule what others have set",
		text);
}

static bool in_menu(const struct boot *b, const struct token *t)
{
	size_t i;

	for (i = 0; i < b->n; i++)
		if (tokens_count(&b->entries[i].tokens, t))
			return true;
	return false;
}

static bool has_processor(struct host *h, int processor)
{
	if (processor != PROCESSOR_VARYING_TSC && !cpu_is_intel(h))
		return false;
	return processor == PROCESSOR_INTEL || !cpu_constant_tsc(h);
}

/* An image may boot anywhere. */
static bool wanted_here(struct host *h, const struct resource *r)
{
	const struct cmdline *want = r->want;
	enum iommu_firmware firmware;

	if (!want || !h->live)
		return true;
	if (obj_has(want, "processor") && !has_processor(h, want->processor))
		return false;
	if (!obj_has(want, "firmware"))
		return true;
	firmware = iommu_firmware(h);
	return want->firmware == NEEDS_DMAR ? firmware == IOMMU_DMAR : firmware != IOMMU_NONE;
}

static int cmdline_observe(struct host *h, const struct resource *r, void **have, struct error *e)
{
	struct token t = token_of(h->pass, r->name);
	const struct token *against;
	struct lines *l;
	int ret;

	*have = NULL;
	if (!wanted_here(h, r))
		return NOT_HERE;
	ret = lines_get(h, &l, e);
	if (ret < 0)
		return ret;
	against = r->want ? tokens_against(&l->boot.others, &t) : NULL;
	if (against)
		return refuse_conflict(r->name, against, e);
	if (tokens_count(&l->boot.own, &t) || tokens_count(&l->boot.others, &t) ||
		tokens_count(&l->running, &t) || in_menu(&l->boot, &t))
		*have = obj_new(h->pass, &cmdline_table, r->name);
	return 0;
}

static int cmdline_owned(struct host *h, const struct kind *k _unused_,
	void (*found)(const char *name, void *arg), void *arg, struct error *e _unused_)
{
	struct lines *l;
	json_t *left;
	size_t i;

	/* Most documents have none: then no boot menu is read. */
	if (!boot_wrote(h) && !json_object_get(h->record->root, CMDLINE_LEFT))
		return 0;
	/* A loader that is not known, or somebody else's file: nothing there is ours. */
	if (lines_get(h, &l, NULL) < 0)
		return 0;
	for (i = 0; i < l->boot.own.n; i++) {
		_cleanup_free_ char *text = token_text(&l->boot.own.v[i]);

		found(text, arg);
	}
	left = left_running(h, l);
	for (i = 0; i < json_array_size(left); i++)
		found(json_string_value(json_array_get(left, i)), arg);
	return 0;
}

const struct kind cmdline_kind = {
	.name = "cmdline",
	.table = &cmdline_table,
	.offline = true,
	.check = cmdline_check,
	.observe = cmdline_observe,
	.diff = cmdline_diff,
	.refine = cmdline_refine,
	.apply_all = cmdline_apply_all,
	.owned = cmdline_owned,
};
