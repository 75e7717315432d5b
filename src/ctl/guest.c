/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kvmhostctl guest and console */
#include "config/diag.h"
#include "ctl/ctl.h"
#include "runner/guestctl.h"

static int list(struct ctl *c)
{
	_cleanup_strbuf_ struct strbuf out = { 0 };
	_cleanup_error_ struct error e = { 0 };

	if (guestctl_list(&c->host, c->json, &out, &e) < 0)
		return ctl_fail(c, &e);
	fputs(sb_str(&out), stdout);
	return 0;
}

static int unknown_action(struct ctl *c, const char *word)
{
	static const char *const actions[] = { "list", "start", "stop", "restart" };
	const char *near = suggest(word, actions, ARRAY_SIZE(actions));
	_cleanup_error_ struct error e = { 0 };

	error_set(&e, -EINVAL, "`guest %s` does not exist", word);
	if (near)
		error_cure(&e, "did you mean `guest %s`?", near);
	else
		error_cure(&e, "kvmhostctl guest list|start|stop|restart [NAME...]");
	return ctl_fail(c, &e);
}

int verb_guest(struct ctl *c, int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(struct host *h, const char *const *names, size_t n, struct error *e);
	} actions[] = {
		{ "start", guestctl_start },
		{ "stop", guestctl_stop },
		{ "restart", guestctl_restart },
	};
	_cleanup_error_ struct error e = { 0 };

	if (streq(argv[0], "list"))
		return ctl_host(c, false, "guest list") ? 1 : list(c);
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		if (!streq(argv[0], actions[i].name))
			continue;
		if (argc < 2) {
			error_set(&e, -EINVAL, "`guest %s` needs the name of a guest", argv[0]);
			error_cure(&e, "kvmhostctl guest list");
			return ctl_fail(c, &e);
		}
		if (ctl_host(c, true, "guest"))
			return 1;
		if (actions[i].run(&c->host, (const char *const *)argv + 1, (size_t)argc - 1, &e) <
			0)
			return ctl_fail(c, &e);
		return 0;
	}
	return unknown_action(c, argv[0]);
}

int verb_console(struct ctl *c, int argc _unused_, char **argv)
{
	_cleanup_error_ struct error e = { 0 };

	/* Whether one may, the socket says. */
	if (ctl_host(c, false, "console"))
		return 1;
	return guestctl_console(&c->host, argv[0], &e) < 0 ? ctl_fail(c, &e) : 0;
}
