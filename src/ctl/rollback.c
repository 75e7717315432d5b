/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kvmhostctl rollback: an earlier document once more. The one in /etc is then
 * held: no reload applies it until it changes.
 */
#include "base/sums.h"
#include "ctl/apply.h"
#include "reconcile/generation.h"
#include "reconcile/record.h"

/* The one before the one in force. */
static json_int_t previous(const struct host *h)
{
	json_t *history = json_object_get(h->record->root, "history");
	json_int_t now = json_integer_value(json_object_get(generation_current(h), "number"));
	json_int_t found = 0, number;
	json_t *g;
	size_t i;

	json_array_foreach (history, i, g) {
		number = json_integer_value(json_object_get(g, "number"));
		found = number < now && number > found ? number : found;
	}
	return found;
}

static int choose(struct ctl *c, const char *word, long long *number)
{
	_cleanup_error_ struct error e = { 0 };

	if (record_load(&c->host, &e) < 0)
		return ctl_fail(c, &e);
	*number = word ? ctl_generation(word, &e) : previous(&c->host);
	if (*number > 0)
		return 0;
	if (!word) {
		error_set(&e, -ENOENT, "there is no generation before the one in force");
		error_cure(&e, "kvmhostctl history lists them");
	}
	return ctl_fail(c, &e);
}

int verb_rollback(struct ctl *c, int argc, char **argv)
{
	_cleanup_config_ struct config then = { 0 }, now = { 0 };
	_cleanup_error_ struct error e = { 0 };
	_cleanup_free_ char *reason = NULL;
	struct converge_options o = { 0 };
	long long number = 0;
	int r;

	if (ctl_host(c, "changes this host", "rollback") ||
		choose(c, argc ? argv[0] : NULL, &number))
		return 1;
	if (sums_load(&e) < 0 || generation_load_number(&c->host, number, &then, &e) < 0)
		return ctl_fail(c, &e);
	if (!then.valid) {
		diags_print(&then.diags, stderr, c->color_err);
		return 1;
	}
	reason = xprintf("somebody went back to generation %lld", number);
	config_load(&now, &c->host, c->configs, c->n_configs, DOCUMENT_STRICT_OWNER);
	if (now.valid && !streq(config_hash(&now), config_hash(&then))) {
		o.hold = config_hash(&now);
		o.hold_reason = reason;
	}
	r = ctl_apply(c, &then, &o);
	if (o.hold && (r == 0 || r == 3) && !c->json)
		printf("the document in /etc/kvmhost is held: reload does nothing until it "
		       "changes\n");
	return r;
}
