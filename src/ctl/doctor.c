/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kvmhostctl doctor */
#include "hostprep/doctor.h"
#include "config/diag.h"
#include "ctl/ctl.h"
#include <jansson.h>

/* 0: none failed or warns. */
enum { EXIT_FAILS = 1, EXIT_WARNS = 2 };

static const char *colour(const struct ctl *c, enum health s)
{
	static const char *const codes[] = { [HEALTH_UNKNOWN] = "\033[2m",
		[HEALTH_PASS] = "\033[32m",
		[HEALTH_WARN] = "\033[33m",
		[HEALTH_FAIL] = "\033[31m" };

	return c->color ? codes[s] : "";
}

static void print(const struct ctl *c, const struct check *check, const struct finding *f)
{
	printf("%s%-7s%s  %-19s  %s\n", colour(c, f->state), health_name(f->state),
		c->color ? "\033[0m" : "", check->name, f->seen);
	if (f->state != HEALTH_WARN && f->state != HEALTH_FAIL)
		return;
	printf("         %s\n", check->why);
	if (f->cure)
		printf("         = %s\n", f->cure);
}

static json_t *as_json(const struct check *check, const struct finding *f)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s?}", "name", check->name, "state",
		health_name(f->state), "title", check->title, "seen", f->seen, "why", check->why,
		"cure", f->cure);
}

static int unknown_check(const struct ctl *c, const char *name)
{
	_cleanup_error_ struct error e = { 0 };
	const char *names[64], *near;
	const struct check *check;
	size_t n = 0;

	while (n < ARRAY_SIZE(names) && (check = check_at(n)))
		names[n++] = check->name;
	near = suggest(name, names, n);
	error_set(&e, -ENOENT, "there is no check `%s`", name);
	if (near)
		error_cure(&e, "did you mean `%s`?", near);
	else
		error_cure(&e, "kvmhostctl doctor --list names them");
	return ctl_fail(c, &e);
}

struct rounds {
	struct ctl *c;
	struct doctor d;
	json_t *list;
	enum health worst;
};

static void run(struct rounds *r, const struct check *check)
{
	struct finding f = doctor_look(&r->d, check);

	r->worst = MAX_OF(r->worst, f.state);
	if (r->list)
		json_array_append_new(r->list, as_json(check, &f));
	else
		print(r->c, check, &f);
}

static void print_object(json_t *checks)
{
	json_t *o = json_pack("{s:i, s:o}", "format", 1, "checks", checks);

	json_dumpf(o, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(o);
}

static int finish(struct rounds *r)
{
	if (r->list)
		print_object(r->list);
	return r->worst == HEALTH_FAIL ? EXIT_FAILS : r->worst == HEALTH_WARN ? EXIT_WARNS : 0;
}

static int print_man(void)
{
	_cleanup_strbuf_ struct strbuf out = { 0 };

	doctor_man(&out);
	fputs(sb_str(&out), stdout);
	return 0;
}

static int list_checks(const struct ctl *c)
{
	json_t *list = c->json ? json_array() : NULL;
	const struct check *check;
	size_t i;

	for (i = 0; (check = check_at(i)); i++)
		if (list)
			json_array_append_new(
				list, json_pack("{s:s, s:s, s:s}", "name", check->name, "title",
					      check->title, "why", check->why));
		else
			puts(check->name);
	if (list)
		print_object(list);
	return 0;
}

static bool there_is_one(const struct ctl *c)
{
	return c->n_configs || file_exists(c->host.root, CONFIG_FILE);
}

int verb_doctor(struct ctl *c, int argc, char **argv)
{
	_cleanup_config_ struct config config = { 0 };
	const struct check *check;
	struct rounds r = { .c = c };
	int i;

	if (c->man)
		return print_man();
	if (c->list)
		return list_checks(c);
	for (i = 0; i < argc; i++)
		if (!check_find(argv[i]))
			return unknown_check(c, argv[i]);
	if (ctl_host(c, NULL, "doctor"))
		return 1;
	if (there_is_one(c))
		config_load(&config, &c->host, c->configs, c->n_configs, 0);
	r.list = c->json ? json_array() : NULL;
	doctor_open(&r.d, &c->host, &config);
	for (i = 0; argc ? i < argc : !!check_at((size_t)i); i++) {
		check = argc ? check_find(argv[i]) : check_at((size_t)i);
		run(&r, check);
	}
	doctor_close(&r.d);
	return finish(&r);
}
