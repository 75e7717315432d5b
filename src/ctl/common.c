/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/ctl.h"
#include "config/scalar.h"
#include <time.h>

int ctl_fail(const struct ctl *c, const struct error *e)
{
	const char *red = c->color_err ? "\033[1;31m" : "", *off = c->color_err ? "\033[0m" : "";

	fflush(stdout);
	fprintf(stderr, "%serror%s: %s\n", red, off, e->text ? e->text : strerror(-e->code));
	if (e->cure)
		fprintf(stderr, "  = %s\n", e->cure);
	return 1;
}

int ctl_host(struct ctl *c, const char *root_for, const char *verb)
{
	_cleanup_error_ struct error e = { 0 };

	if (c->host.pass)
		return 0;
	if (host_open(&c->host, c->root, &e) < 0)
		return ctl_fail(c, &e);
	if (root_for && c->host.live && geteuid() != 0) {
		error_set(&e, -EPERM, "%s %s, which only root can", verb, root_for);
		error_cure(&e, "sudo kvmhostctl %s", verb);
		return ctl_fail(c, &e);
	}
	return 0;
}

int ctl_config(struct ctl *c, struct config *config, int flags)
{
	config_load(config, &c->host, c->configs, c->n_configs, flags);
	diags_print(&config->diags, stderr, c->color_err);
	return config->valid ? 0 : 1;
}

long long ctl_generation(const char *word, struct error *e)
{
	const char *end;
	uint64_t n;

	if (digits_parse(word, &end, &n) && !*end && n > 0)
		return (long long)n;
	error_set(e, -EINVAL, "`%s` is not the number of a generation", word);
	return error_cure(e, "kvmhostctl history lists them");
}

const char *ctl_when(json_int_t t, char *out, size_t size)
{
	time_t at = (time_t)t;
	struct tm tm;

	strftime(out, size, "%Y-%m-%d %H:%M:%S", localtime_r(&at, &tm));
	return out;
}
