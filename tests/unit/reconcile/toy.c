/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "toy.h"
#include "config/type.h"
#include "reconcile/record.h"
#include "../scratch.h"

struct toy toy;

struct thing {
	struct obj obj;
	const char *value;
	const char *name_of; /* claims the space "name" */
	const char *needs; /* thing that must be there first */
};

static const struct field thing_rows[] = {
	FIELD_STRING(struct thing, value, type_string, .required = true, .doc = "What it holds."),
	FIELD_STRING(
		struct thing, name_of, type_string, .claims = "name", .doc = "A claimed name."),
	FIELD_STRING(struct thing, needs, type_string, .ref = "thing", .doc = "Needed first."),
};
static const struct table thing_table = TABLE(struct thing, thing_rows, .doc = "A thing.");

static const char *path_of(const char *kind, const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "/machine/%s.%s", kind, name);
	return path;
}

const char *toy_value(const char *kind, const char *name)
{
	static char value[256];
	_cleanup_free_ char *line = NULL;

	value[0] = '\0';
	if (file_read_line(toy.host.root, path_of(kind, name), &line) >= 0)
		snprintf(value, sizeof(value), "%s", line);
	return value;
}

void toy_put(const char *kind, const char *name, const char *value)
{
	file_write_atomic(toy.host.root, path_of(kind, name), value, strlen(value), 0644);
}

static int thing_observe(struct host *h, const struct resource *r, void **have, struct error *e)
{
	const char *value = toy_value(r->kind->name, r->name);

	if (toy.dark && streq(toy.dark, r->name) && toy.applied)
		return error_set(e, -EIO, "the light went out");
	if (!*value)
		return 0;
	*have = obj_new(h->pass, r->kind->table, r->name);
	obj_set_text(*have, "value", value, h->pass);
	return 0;
}

/* needs and name_of leave no trace on the machine. */
static void thing_diff(struct host *h, struct step *s)
{
	const char *want = obj_text(s->want, "value", h->pass);
	const char *have = s->have ? obj_text(s->have, "value", h->pass) : NULL;

	if (!streq_null(want, have))
		step_change(h, s, "value", "value", have, want);
}

static void thing_refine(struct host *h _unused_, struct step *s)
{
	if (!s->want && toy.busy && streq(toy.busy, s->r->name))
		s->in_use = "its user";
}

static int thing_apply(struct host *h, struct step *s, struct error *e)
{
	if (++toy.applied == toy.die_at)
		_exit(9);
	if (toy.fail_name && streq(toy.fail_name, s->r->name) && toy.fail_times) {
		toy.fail_times--;
		return error_set(e, toy.fail_code, "the toy breaks");
	}
	if (!s->want)
		return file_remove(h->root, path_of(s->r->kind->name, s->r->name));
	toy_put(s->r->kind->name, s->r->name,
		toy.restless && streq(toy.restless, s->r->name)
			? "restless"
			: obj_text(s->want, "value", h->pass));
	return 0;
}

static void batch_apply(struct host *h, struct step *const *steps, size_t n)
{
	toy.batches++;
	for (size_t i = 0; i < n; i++)
		thing_apply(h, steps[i], &steps[i]->error);
}

static const struct kind thing_kind = { .name = "thing",
	.table = &thing_table,
	.offline = true,
	.undo = true,
	.recreate_costs = DISRUPT_LINK,
	.observe = thing_observe,
	.diff = thing_diff,
	.refine = thing_refine,
	.apply = thing_apply };
static const struct kind user_kind = { .name = "user",
	.table = &thing_table,
	.offline = true,
	.recreate_costs = DISRUPT_GUEST,
	.observe = thing_observe,
	.diff = thing_diff,
	.apply = thing_apply };
static const struct kind batch_kind = { .name = "batch",
	.table = &thing_table,
	.offline = true,
	.observe = thing_observe,
	.diff = thing_diff,
	.apply_all = batch_apply };

const struct kind *const kinds[] = { &thing_kind, &user_kind, &batch_kind };
const size_t n_kinds = ARRAY_SIZE(kinds);

struct root {
	struct obj obj;
	int64_t version;
	struct list things, users, batches;
};
static const struct field root_rows[] = {
	FIELD_INT(struct root, version, 1, 1, .required = true, .doc = "1"),
	FIELD_MAP(struct root, things, thing_table, .kind = "thing", .doc = "Things."),
	FIELD_MAP(struct root, users, thing_table, .kind = "user", .doc = "Users."),
	FIELD_MAP(struct root, batches, thing_table, .kind = "batch", .doc = "Batches."),
};
const struct table document_table = TABLE(struct root, root_rows, .doc = "Root.");

void toy_begin(void)
{
	toy = (struct toy){ 0 };
	snprintf(toy.dir, sizeof(toy.dir), "/tmp/kvmhost-toy.XXXXXX");
	if (!mkdtemp(toy.dir) || host_open(&toy.host, toy.dir, NULL) < 0)
		abort();
}

void toy_end(void)
{
	host_close(&toy.host);
	scratch_remove(toy.dir);
}

static void told(const struct step *s, void *arg _unused_)
{
	size_t n = strlen(toy.told);

	if (s->state == STEP_FAILED)
		snprintf(toy.told + n, sizeof(toy.told) - n, "%s: %s\n", s->r->id, s->error.text);
}

void toy_apply(struct toy_run *run, const char *yaml, bool allow_mass_removal)
{
	const struct converge_options o = {
		.apply = { .allow_mass_removal = allow_mass_removal,
			.guard = toy.guard,
			.told = told },
		.try_held = true,
	};

	*run = (struct toy_run){ 0 };
	config_load_text(&run->config, "toy.yaml", yaml, strlen(yaml));
	if (run->config.valid)
		run->r = converge(&toy.host, &run->config, &o, &run->outcome, &run->error);
	else
		run->r = -EINVAL;
}

void toy_run_free(struct toy_run *run)
{
	outcome_free(&run->outcome);
	error_clear(&run->error);
	config_free(&run->config);
}
