/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kvmhostctl history: the generations that are kept. */
#include "ctl/ctl.h"
#include "reconcile/record.h"

static void print_table(const json_t *history)
{
	const json_t *g;
	char at[32];
	size_t i;

	json_array_foreach (history, i, g) {
		const char *git = json_string_value(json_object_get(g, "git"));

		printf("%4lld  %s  %.12s%s%s\n",
			(long long)json_integer_value(json_object_get(g, "number")),
			ctl_when(json_integer_value(json_object_get(g, "time")), at, sizeof(at)),
			json_string_value(json_object_get(g, "hash")), git ? "  " : "",
			git ? git : "");
	}
}

static void print_json(json_t *history)
{
	json_t *o = json_pack("{s:i, s:o}", "format", 1, "generations",
		history ? json_incref(history) : json_array());

	json_dumpf(o, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(o);
}

int verb_history(struct ctl *c, int argc _unused_, char **argv _unused_)
{
	_cleanup_error_ struct error e = { 0 };
	json_t *history;

	if (ctl_host(c, "reads the record of what was applied", "history"))
		return 1;
	if (record_load(&c->host, &e) < 0)
		return ctl_fail(c, &e);
	history = json_object_get(c->host.record->root, "history");
	if (c->json)
		print_json(history);
	else if (!json_array_size(history))
		puts("no document has been applied yet");
	else
		print_table(history);
	return 0;
}
