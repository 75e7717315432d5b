/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"
#include "config/diag.h"
#include "config/type.h"
#include "ctl/ctl.h"
#include "version.h"
#include <getopt.h>

enum {
	OPT_CONFIG = 256,
	OPT_ROOT,
	OPT_JSON,
	OPT_MASS,
	OPT_CONFIRM,
	OPT_OVERDUE,
	OPT_MERGED,
	OPT_MAN,
	OPT_LIST,
	OPT_TREE,
	OPT_NO_COLOR, /* this and those below go with every verb */
	OPT_HELP,
	OPT_VERSION
};

/* Options that a verb knows what to do with. */
#define TAKES(option) (1U << ((option)-OPT_CONFIG))
#define DOCUMENT (TAKES(OPT_CONFIG) | TAKES(OPT_ROOT) | TAKES(OPT_JSON))
#define MACHINE (TAKES(OPT_ROOT) | TAKES(OPT_JSON))
#define APPLY (DOCUMENT | TAKES(OPT_MASS) | TAKES(OPT_CONFIRM))

static const struct verb {
	const char *name;
	int (*run)(struct ctl *c, int argc, char **argv);
	int min_args, max_args; /* max -1: any number */
	unsigned takes;
	const char *usage;
} verbs[] = {
	{ "check", verb_check, 0, -1, DOCUMENT | TAKES(OPT_MERGED),
		"check [FILE...]        validate; nothing is changed" },
	{ "plan", verb_plan, 0, 0, DOCUMENT,
		"plan                   what apply would do, and why" },
	{ "apply", verb_apply, 0, 0, APPLY, "apply                  do what plan shows" },
	{ "confirm", verb_confirm, 0, 0, 0,
		"confirm                keep what apply --confirm changed" },
	{ "revert", verb_revert, 0, 0, TAKES(OPT_OVERDUE), "revert                 put it back" },
	{ "reload", verb_reload, 0, 0, 0,
		"reload                 have kvmhostd converge now, and wait" },
	{ "status", verb_status, 0, 1, DOCUMENT, "status [RESOURCE]      how the host is" },
	{ "history", verb_history, 0, 0, MACHINE,
		"history                documents applied so far" },
	{ "devices", verb_devices, 0, -1, MACHINE | TAKES(OPT_TREE),
		"devices [ADDRESS...]   PCI devices, who uses them, what guests can have" },
	{ "topology", verb_topology, 0, 0, MACHINE,
		"topology               processors, NUMA nodes, caches, who is pinned where" },
	{ "doctor", verb_doctor, 0, -1, DOCUMENT | TAKES(OPT_LIST) | TAKES(OPT_MAN),
		"doctor [CHECK...]      whether this machine is fit to be a host" },
	{ "diff", verb_diff, 0, 2, DOCUMENT,
		"diff [A [B]]           what two documents say differently" },
	{ "rollback", verb_rollback, 0, 1, APPLY,
		"rollback [N]           an earlier document once more" },
	{ "explain", verb_explain, 0, 1, TAKES(OPT_LIST),
		"explain [KEY.PATH]     what a key means" },
	{ "schema", verb_schema, 0, 0, TAKES(OPT_MAN) | TAKES(OPT_JSON),
		"schema                 JSON Schema for editors" },
	{ "guest", verb_guest, 1, -1, MACHINE,
		"guest list | info NAME  what runs, and what it uses\n"
		"  guest start|stop|restart|pause|resume|reset NAME...\n"
		"  guest screenshot NAME FILE | monitor NAME" },
	{ "export", verb_export, 1, 1, MACHINE,
		"export virt-who        host and guests, as virt-who reads them from a file" },
	{ "import", verb_import, 2, -1, 0,
		"import libvirt FILE...  libvirt's domains as YAML on stdout" },
	{ "console", verb_console, 1, 1, 0,
		"console NAME           serial console; Ctrl-] leaves" },
};

static const struct option options[] = {
	{ "config", required_argument, NULL, OPT_CONFIG },
	{ "root", required_argument, NULL, OPT_ROOT },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "no-color", no_argument, NULL, OPT_NO_COLOR },
	{ "allow-mass-removal", no_argument, NULL, OPT_MASS },
	{ "confirm", required_argument, NULL, OPT_CONFIRM },
	{ "overdue", no_argument, NULL, OPT_OVERDUE },
	{ "merged", no_argument, NULL, OPT_MERGED },
	{ "man", no_argument, NULL, OPT_MAN },
	{ "list", no_argument, NULL, OPT_LIST },
	{ "tree", no_argument, NULL, OPT_TREE },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};

static void usage(FILE *to)
{
	fputs("usage: kvmhostctl [--config PATH]... [--root DIR] [--json] [--no-color] VERB "
	      "...\n\n",
		to);
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		fprintf(to, "  %s\n", verbs[i].usage);
	fputs("\n  check --merged         the merged document with the origin of each value\n"
	      "  apply --allow-mass-removal\n"
	      "                         also when most of what was named before would go\n"
	      "  apply --confirm 60s    put network changes back unless confirmed in time\n"
	      "  devices --tree         by IOMMU group\n"
	      "  explain --list         every key; doctor --list: every check\n\n"
	      "Without --config: " CONFIG_FILE " and " CONFIG_DIR "/*.yaml. See kvmhostctl(1).\n",
		to);
}

static int unknown_verb(const struct ctl *c, const char *word)
{
	_cleanup_error_ struct error e = { 0 };
	const char *names[ARRAY_SIZE(verbs)], *near;

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		names[i] = verbs[i].name;
	error_set(&e, -EINVAL, "there is no verb `%s`", word);
	near = suggest(word, names, ARRAY_SIZE(verbs));
	if (near)
		error_cure(&e, "did you mean `%s`?", near);
	else
		error_cure(&e, "kvmhostctl --help lists them");
	return ctl_fail(c, &e);
}

/* Nothing is ignored: who says `reload --confirm 60s` would count on it. */
static int misplaced(const struct ctl *c, const struct verb *v, unsigned given)
{
	_cleanup_error_ struct error e = { 0 };
	const struct option *o = options;

	while (!(given & ~v->takes & TAKES(o->val)))
		o++;
	error_set(&e, -EINVAL, "`%s` does not know the option --%s", v->name, o->name);
	error_cure(&e, "leave it out; kvmhostctl(1) says what goes with what");
	return ctl_fail(c, &e);
}

static int run_verb(struct ctl *c, unsigned given, int argc, char **argv)
{
	_cleanup_error_ struct error e = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		const struct verb *v = &verbs[i];

		if (!streq(v->name, argv[0]))
			continue;
		if (given & ~v->takes)
			return misplaced(c, v, given);
		if (argc - 1 < v->min_args || (v->max_args >= 0 && argc - 1 > v->max_args)) {
			error_set(&e, -EINVAL, "`%s` has too %s arguments", v->name,
				argc - 1 < v->min_args ? "few" : "many");
			error_cure(&e, "kvmhostctl %s", v->usage);
			return ctl_fail(c, &e);
		}
		return v->run(c, argc - 1, argv + 1);
	}
	return unknown_verb(c, argv[0]);
}

/* A duration of the language, "60s". */
static int parse_confirm(struct ctl *c, const char *text)
{
	_cleanup_arena_ struct arena *a = arena_new();
	const struct field f = {
		.name = "--confirm",
		.type = &type_duration,
		.min = 5 * USEC_PER_SEC,
		.max = 3600 * USEC_PER_SEC,
	};
	struct scalar s = { .text = text, .kind = SCALAR_STRING, .arena = a };
	_cleanup_error_ struct error e = { 0 };
	uint64_t usec;

	if (type_duration.parse(&f, &s, &usec)) {
		c->confirm = (unsigned)(usec / USEC_PER_SEC);
		return 0;
	}
	error_set(&e, -EINVAL, "--confirm takes a duration from 5s to 1h, not `%s`", text);
	ctl_fail(c, &e);
	return -EINVAL;
}

static int parse_option(struct ctl *c, int opt)
{
	switch (opt) {
	case OPT_CONFIG: c->configs[c->n_configs++] = optarg; return 0;
	case OPT_ROOT: c->root = optarg; return 0;
	case OPT_JSON: c->json = true; return 0;
	case OPT_NO_COLOR: c->color = c->color_err = false; return 0;
	case OPT_MASS: c->allow_mass_removal = true; return 0;
	case OPT_CONFIRM: return parse_confirm(c, optarg);
	case OPT_OVERDUE: c->overdue = true; return 0;
	case OPT_MERGED: c->merged = true; return 0;
	case OPT_MAN: c->man = true; return 0;
	case OPT_LIST: c->list = true; return 0;
	case OPT_TREE: c->tree = true; return 0;
	default: return -EINVAL;
	}
}

static int tell_of_itself(int opt)
{
	if (opt == OPT_HELP)
		usage(stdout);
	else
		puts("kvmhost " KVMHOST_VERSION);
	return 0;
}

/* What else there is goes with the process, which is quicker. */
static int finish(struct ctl *c, int status)
{
	free(c->configs);
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	perror("kvmhostctl: cannot write the output");
	return 1;
}

int main(int argc, char **argv)
{
	const char *no_color = getenv("NO_COLOR");
	bool plain = no_color && *no_color;
	static struct ctl c;
	unsigned given = 0;
	int opt;

	log_setup("kvmhostctl", LOG_NOTICE);
	c = (struct ctl){ .configs = xmalloc(sizeof(char *) * (size_t)(argc + 1)),
		.color = !plain && isatty(STDOUT_FILENO),
		.color_err = !plain && isatty(STDERR_FILENO) };
	while ((opt = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		opt = opt == 'c' ? OPT_CONFIG : opt == 'h' ? OPT_HELP : opt;
		if (opt == OPT_HELP || opt == OPT_VERSION)
			return finish(&c, tell_of_itself(opt));
		if (parse_option(&c, opt) < 0) {
			fputs("  = kvmhostctl --help\n", stderr);
			return finish(&c, 1);
		}
		given |= opt < OPT_NO_COLOR ? TAKES(opt) : 0;
	}
	if (optind < argc)
		return finish(&c, run_verb(&c, given, argc - optind, argv + optind));
	usage(stderr);
	return finish(&c, 1);
}
