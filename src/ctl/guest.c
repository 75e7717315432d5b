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
	static const char *const actions[] = { "list", "info", "start", "stop", "restart", "pause",
		"resume", "reset", "screenshot", "monitor" };
	const char *near = suggest(word, actions, ARRAY_SIZE(actions));
	_cleanup_error_ struct error e = { 0 };

	error_set(&e, -EINVAL, "`guest %s` does not exist", word);
	if (near)
		error_cure(&e, "did you mean `guest %s`?", near);
	else
		error_cure(&e, "kvmhostctl guest list|info|start|stop|restart|pause|resume|reset|"
			       "screenshot|monitor");
	return ctl_fail(c, &e);
}

static int misused(struct ctl *c, const char *action, const char *form)
{
	_cleanup_error_ struct error e = { 0 };

	error_set(&e, -EINVAL, "`guest %s` takes %s", action, form);
	error_cure(&e, "kvmhostctl guest list");
	return ctl_fail(c, &e);
}

/* How they are now, as JSON. */
static int show(struct ctl *c, const char *const *names, size_t n)
{
	_cleanup_strbuf_ struct strbuf out = { 0 };
	_cleanup_error_ struct error e = { 0 };

	host_forget(&c->host);
	if (guestctl_json(&c->host, names, n, &out, &e) < 0)
		return ctl_fail(c, &e);
	fputs(sb_str(&out), stdout);
	return 0;
}

static int open_host(struct ctl *c, const char *root_for, const char *action)
{
	_cleanup_free_ char *verb = xprintf("guest %s", action);

	return ctl_host(c, root_for, verb);
}

/* Actions on one guest. */
static int one(struct ctl *c, int argc, char **argv)
{
	bool screenshot = streq(argv[0], "screenshot");
	_cleanup_error_ struct error e = { 0 };
	int r;

	if (argc != (screenshot ? 3 : 2))
		return misused(c, argv[0],
			screenshot ? "the name of a guest and that of a file, shot.png"
				   : "the name of one guest");
	if (open_host(c, "speaks with the guest's QEMU", argv[0]))
		return 1;
	if (streq(argv[0], "info"))
		return guest_info(c, argv[1]);
	r = screenshot ? guestctl_screenshot(&c->host, argv[1], argv[2], &e)
		       : guestctl_monitor(&c->host, argv[1], &e);
	if (r < 0)
		return ctl_fail(c, &e);
	return screenshot && c->json ? show(c, (const char *const *)argv + 1, 1) : 0;
}

typedef int action_fn(struct host *h, const char *const *names, size_t n, struct error *e);

/* A failed start has a reason, which the guest's object has too. */
static int all(
	struct ctl *c, const char *action, action_fn *run, const char *const *names, size_t n)
{
	_cleanup_error_ struct error e = { 0 };
	int r;

	if (open_host(c, "changes guests", action))
		return 1;
	r = run(&c->host, names, n, &e);
	if (r < 0 && r != -EIO)
		return ctl_fail(c, &e);
	if (c->json && show(c, names, n))
		return 1;
	return r < 0 ? ctl_fail(c, &e) : 0;
}

int verb_guest(struct ctl *c, int argc, char **argv)
{
	static const struct {
		const char *name;
		action_fn *run;
	} actions[] = {
		{ "start", guestctl_start },
		{ "stop", guestctl_stop },
		{ "restart", guestctl_restart },
		{ "pause", guestctl_pause },
		{ "resume", guestctl_resume },
		{ "reset", guestctl_reset },
	};

	if (streq(argv[0], "list") && argc > 1)
		return misused(c, "list", "no names: it lists all; `guest info` tells of one");
	if (streq(argv[0], "list"))
		return ctl_host(c, NULL, "guest list") ? 1 : list(c);
	if (streq(argv[0], "info") || streq(argv[0], "screenshot") || streq(argv[0], "monitor"))
		return one(c, argc, argv);
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		if (!streq(argv[0], actions[i].name))
			continue;
		if (argc < 2)
			return misused(c, argv[0], "names of guests");
		return all(c, argv[0], actions[i].run, (const char *const *)argv + 1,
			(size_t)argc - 1);
	}
	return unknown_action(c, argv[0]);
}

int verb_console(struct ctl *c, int argc _unused_, char **argv)
{
	_cleanup_error_ struct error e = { 0 };

	/* Whether one may, the socket says. */
	if (ctl_host(c, NULL, "console"))
		return 1;
	return guestctl_console(&c->host, argv[0], &e) < 0 ? ctl_fail(c, &e) : 0;
}
