/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/verbs.h"
#include "config/type.h"

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

static const struct {
	const char *verb, *option, *text;
} own_options[] = {
	{ "check", "--merged", "the merged document with the origin of each value" },
	{ "apply", "--allow-mass-removal", "also when most of what was named before would go" },
	{ "apply", "--confirm 60s", "put network changes back unless confirmed in time" },
	{ "rollback", "", "takes the options of apply" },
	{ "devices", "--tree", "by IOMMU group" },
	{ "explain", "--list", "every key" },
	{ "doctor", "--list", "every check" },
};

static const struct verb *find_verb(const char *word)
{
	for (size_t i = 0; word && i < ARRAY_SIZE(verbs); i++)
		if (streq(verbs[i].name, word))
			return &verbs[i];
	return NULL;
}

static void print_own_options(FILE *to, const char *verb)
{
	for (size_t i = 0; i < ARRAY_SIZE(own_options); i++) {
		int n = 0;

		if (verb && !streq(own_options[i].verb, verb))
			continue;
		n = fprintf(to, "  %s %s", own_options[i].verb, own_options[i].option);
		if (n >= 25)
			n = 0 * fprintf(to, "\n");
		fprintf(to, "%*s%s\n", 25 - n, "", own_options[i].text);
	}
}

void verbs_usage(FILE *to, const char *word)
{
	const struct verb *v = find_verb(word);
	unsigned takes = v ? v->takes : DOCUMENT;

	fprintf(to, "usage: kvmhostctl %s%s%s[--no-color] %s\n\n",
		takes & TAKES(OPT_CONFIG) ? "[--config PATH]... " : "",
		takes & TAKES(OPT_ROOT) ? "[--root DIR] " : "",
		takes & TAKES(OPT_JSON) ? "[--json] " : "", v ? v->name : "VERB ...");
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (!v || v == &verbs[i])
			fprintf(to, "  %s\n", verbs[i].usage);
	if (!v)
		fputc('\n', to);
	print_own_options(to, v ? v->name : NULL);
	fputc('\n', to);
	if (takes & TAKES(OPT_CONFIG))
		fputs("Without --config: " CONFIG_FILE " and " CONFIG_DIR "/*.yaml.\n", to);
	fputs("See kvmhostctl(1).\n", to);
}

const struct option ctl_options[] = {
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
	const struct option *o = ctl_options;

	while (!(given & ~v->takes & TAKES(o->val)))
		o++;
	error_set(&e, -EINVAL, "`%s` does not know the option --%s", v->name, o->name);
	error_cure(&e, "leave it out; kvmhostctl(1) says what goes with what");
	return ctl_fail(c, &e);
}

/* As "$GUEST" of a script is when nobody has set it. */
static int empty_argument(const struct ctl *c, const struct verb *v)
{
	_cleanup_error_ struct error e = { 0 };

	error_set(&e, -EINVAL, "`%s` has an empty argument", v->name);
	error_cure(&e, "is a variable of the shell not set? kvmhostctl %s --help", v->name);
	return ctl_fail(c, &e);
}

int verbs_run(struct ctl *c, unsigned given, int argc, char **argv)
{
	_cleanup_error_ struct error e = { 0 };

	const struct verb *v = find_verb(argv[0]);

	if (!v)
		return unknown_verb(c, argv[0]);
	if (given & ~v->takes)
		return misplaced(c, v, given);
	if (argc - 1 < v->min_args || (v->max_args >= 0 && argc - 1 > v->max_args)) {
		error_set(&e, -EINVAL, "`%s` has too %s arguments", v->name,
			argc - 1 < v->min_args ? "few" : "many");
		error_cure(&e, "kvmhostctl %s", v->usage);
		return ctl_fail(c, &e);
	}
	for (int i = 1; i < argc; i++)
		if (!*argv[i])
			return empty_argument(c, v);
	return v->run(c, argc - 1, argv + 1);
}

static const char *option_name(int value)
{
	const struct option *o = ctl_options;

	while (o->name && o->val != value)
		o++;
	return o->name;
}

/* getopt_long() takes the beginning of an option's name, too, where only one begins so. */
static bool is_ambiguous(const char *word, struct strbuf *names)
{
	size_t len, found = 0;

	if (!startswith(word, "--"))
		return false;
	len = strcspn(word + 2, "=");
	for (const struct option *o = ctl_options; o->name; o++)
		if (strncmp(o->name, word + 2, len) == 0)
			sb_addf(names, "%s--%s", found++ ? ", " : "", o->name);
	return found > 1;
}

static void unknown_option(struct error *e, const char *word)
{
	_cleanup_strbuf_ struct strbuf may = { 0 };
	const char *names[OPT_VERSION - OPT_CONFIG + 1] = { NULL }, *near;
	size_t n = 0;

	if (is_ambiguous(word, &may)) {
		error_set(e, -EINVAL, "the option `%s` is not whole: %s", word, sb_str(&may));
		error_cure(e, "write one of them");
		return;
	}
	for (const struct option *o = ctl_options; o->name; o++)
		names[n++] = o->name;
	error_set(e, -EINVAL, "there is no option `%s`", word);
	near = startswith(word, "--") ? suggest(word + 2, names, n) : NULL;
	if (near)
		error_cure(e, "did you mean `--%s`?", near);
	else if (strspn(word + 1, "0123456789") == strlen(word + 1))
		error_cure(e, "a number of kvmhostctl history stands without the `-`");
	else
		error_cure(e, "kvmhostctl --help lists them");
}

int verbs_bad_option(const struct ctl *c, int opt, const char *word)
{
	_cleanup_error_ struct error e = { 0 };
	char letter[] = { '-', (char)optopt, '\0' };
	const char *name = option_name(optopt == 'c' ? OPT_CONFIG : optopt);

	if (name) {
		error_set(&e, -EINVAL, "the option --%s %s", name,
			opt == ':' ? "needs an argument" : "takes no argument");
		error_cure(&e, "kvmhostctl --help");
	} else {
		unknown_option(&e, optopt ? letter : word);
	}
	return ctl_fail(c, &e);
}
