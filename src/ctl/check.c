/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kvmhostctl check */
#include "ctl/ctl.h"

/* What else they need depends on the machine, which is not asked. */
static size_t declared(const struct wants *w)
{
	size_t n = 0;

	for (size_t i = 0; i < w->n; i++)
		n += !w->v[i]->origin;
	return n;
}

static int check(struct ctl *c, struct config *config)
{
	config_load(config, &c->host, c->configs, c->n_configs, 0);
	if (c->json) {
		_cleanup_strbuf_ struct strbuf out = { 0 };

		diags_json(&config->diags, &out);
		printf("{\"format\": 1, \"valid\": %s, \"diagnostics\": %s}\n",
			config->valid ? "true" : "false", sb_str(&out));
		return config->valid ? 0 : 1;
	}
	diags_print(&config->diags, stderr, c->color_err);
	if (!config->valid) {
		fprintf(stderr, "%zu error%s; nothing was changed\n", config->diags.errors,
			plural(config->diags.errors));
		return 1;
	}
	if (c->merged) {
		_cleanup_strbuf_ struct strbuf out = { 0 };

		document_write(&config->document, true, &out);
		fputs(sb_str(&out), stdout);
	} else {
		size_t n = declared(&config->wants), files = config->document.n_sources;

		printf("valid: %zu resource%s in %zu file%s\n", n, plural(n), files, plural(files));
	}
	return 0;
}

int verb_check(struct ctl *c, int argc, char **argv)
{
	_cleanup_config_ struct config config = { 0 };
	_cleanup_error_ struct error e = { 0 };

	/* There is room: main() made it for all of its arguments. */
	for (int i = 0; i < argc; i++)
		c->configs[c->n_configs++] = argv[i];
	if (c->merged && c->json) {
		error_set(&e, -EINVAL, "--merged prints YAML, and --json asks for JSON");
		error_cure(&e, "leave one of the two out");
		return ctl_fail(c, &e);
	}
	if (ctl_host(c, NULL, "check"))
		return 1;
	return check(c, &config);
}
