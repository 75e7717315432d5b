/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"
#include "config/type.h"
#include "ctl/verbs.h"
#include "version.h"

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
	error_cure(&e, "write --confirm 60s");
	ctl_fail(c, &e);
	return -EINVAL;
}

/* What "$IMAGE" of a script is when nobody has set it. */
static int refuse_empty(struct ctl *c, const char *option)
{
	_cleanup_error_ struct error e = { 0 };

	error_set(&e, -EINVAL, "the option %s has an empty argument", option);
	error_cure(&e, "name a path; is a variable of the shell not set?");
	ctl_fail(c, &e);
	return -EINVAL;
}

static int parse_option(struct ctl *c, int opt)
{
	if ((opt == OPT_CONFIG || opt == OPT_ROOT) && !*optarg)
		return refuse_empty(c, opt == OPT_ROOT ? "--root" : "--config");
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
	default: return 0;
	}
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
	bool help = false;
	int opt;

	log_setup("kvmhostctl", LOG_NOTICE);
	c = (struct ctl){ .configs = xmalloc(sizeof(char *) * (size_t)(argc + 1)),
		.color = !plain && isatty(STDOUT_FILENO),
		.color_err = !plain && isatty(STDERR_FILENO) };
	opterr = 0;
	while ((opt = getopt_long(argc, argv, ":c:h", ctl_options, NULL)) != -1) {
		opt = opt == 'c' ? OPT_CONFIG : opt == 'h' ? OPT_HELP : opt;
		if (opt == OPT_VERSION) {
			puts("kvmhost " KVMHOST_VERSION);
			return finish(&c, 0);
		}
		if (opt == '?' || opt == ':')
			return finish(&c, verbs_bad_option(&c, opt, argv[optind - 1]));
		if (parse_option(&c, opt) < 0)
			return finish(&c, 1);
		help = help || opt == OPT_HELP;
		given |= opt < OPT_NO_COLOR ? TAKES(opt) : 0;
	}
	if (optind < argc && !help)
		return finish(&c, verbs_run(&c, given, argc - optind, argv + optind));
	verbs_usage(help ? stdout : stderr, argv[optind]);
	return finish(&c, help ? 0 : 1);
}
