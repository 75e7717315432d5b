/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kvmhostctl status */
#include "ctl/daemon.h"
#include "ctl/status_report.h"
#include "net/leases.h"
#include "reconcile/plan_json.h"
#include "reconcile/record.h"
#include "reconcile/status.h"
#include "runner/guestctl.h"

/* Only root can compare with the running machine; others read what the last run wrote. */
static void observe(struct ctl *c, struct status_report *r)
{
	if (geteuid() != 0 && c->host.live) {
		error_set(&r->not_compared, -EPERM, "not compared, which only root can");
		error_cure(&r->not_compared, "sudo kvmhostctl status");
		return;
	}
	config_load(&r->config, &c->host, c->configs, c->n_configs, 0);
	if (!r->config.valid) {
		error_set(&r->not_compared, -EINVAL, "not compared, the document is not valid");
		error_cure(&r->not_compared, "kvmhostctl check with the same options says why");
		return;
	}
	r->drift_known = plan_make(&c->host, &r->config.wants, &r->plan, &r->not_compared) >= 0;
	if (!r->drift_known)
		error_prefix(&r->not_compared, "not compared: ");
	if (!r->drift_known || !c->host.live)
		return;
	fw_foreign(&c->host, &r->config.wants, &r->foreign, &r->n_foreign, NULL);
	ties(&c->host, &r->config.wants, false, &r->ties, &r->n_ties, NULL);
}

static json_t *guests(struct ctl *c)
{
	_cleanup_strbuf_ struct strbuf out = { 0 };
	json_t *all, *list;

	if (guestctl_list(&c->host, true, &out, NULL) < 0)
		return json_array();
	all = json_loads(sb_str(&out), 0, NULL);
	list = json_incref(json_object_get(all, "guests"));
	json_decref(all);
	return list ? list : json_array();
}

static void gather(struct ctl *c, struct status_report *r)
{
	if (c->host.live) {
		r->daemon = daemon_pid(&r->daemon_error);
		status_read(&c->host, &r->last, NULL);
	}
	observe(c, r);
	if (!c->host.live && !c->host.record)
		record_load(&c->host, NULL);
	r->guests = guests(c);
	r->networks = network_leases(&c->host);
}

static void report_free(struct status_report *r)
{
	error_clear(&r->daemon_error);
	error_clear(&r->not_compared);
	json_decref(r->last);
	json_decref(r->guests);
	json_decref(r->networks);
	if (r->config.arena)
		config_free(&r->config);
}

static json_t *foreign_json(const struct status_report *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->n_foreign; i++)
		json_array_append_new(list,
			json_pack("{s:s, s:s, s:s, s:s?, s:s}", "network", r->foreign[i].network,
				"what", r->foreign[i].what, "where", r->foreign[i].where, "owner",
				r->foreign[i].owner, "cure", r->foreign[i].cure));
	return list;
}

static json_t *ties_json(const struct status_report *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->n_ties; i++)
		json_array_append_new(list,
			json_pack("{s:s, s:s, s:s, s:s}", "card", r->ties[i].card, "link",
				r->ties[i].link, "what", r->ties[i].what, "cure", r->ties[i].cure));
	return list;
}

static void print_json(const struct ctl *c, const struct status_report *r)
{
	json_t *o = json_pack("{s:i, s:O?, s:O, s:O}", "format", 1, "last", r->last, "guests",
		r->guests, "networks", r->networks);

	json_object_set_new(o, "daemon",
		!c->host.live   ? json_null()
		: r->daemon > 0 ? json_pack("{s:b, s:i}", "running", true, "pid", r->daemon)
				: json_pack("{s:b, s:s?}", "running", false, "reason",
					  r->daemon_error.text));
	json_object_set_new(
		o, "drift", r->drift_known ? steps_json(r->plan.steps, r->plan.n) : json_null());
	json_object_set_new(o, "dropped_by_others", foreign_json(r));
	json_object_set_new(o, "bound_to_cards", ties_json(r));
	json_dumpf(o, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(o);
}

/* 0 as it should be, 3 with a reboot pending, 1 not. */
static int exit_status(const struct ctl *c, const struct status_report *r)
{
	const char *result = json_string_value(json_object_get(r->last, "result"));

	if (!c->host.live)
		return r->drift_known && r->plan.n == r->plan.n_wait ? 0 : 1;
	if (!r->last || (r->drift_known && r->plan.n > r->plan.n_wait))
		return 1;
	if (!result || (!streq(result, "converged") && !streq(result, "waiting")))
		return 1;
	return json_is_true(json_object_get(r->last, "reboot_pending")) ? EXIT_REBOOT : 0;
}

int verb_status(struct ctl *c, int argc, char **argv)
{
	_cleanup_(report_free) struct status_report r = { 0 };

	if (ctl_host(c, NULL, "status"))
		return 1;
	gather(c, &r);
	if (argc)
		return status_resource(c, &r, argv[0]);
	if (c->json)
		print_json(c, &r);
	else
		status_print(c, &r);
	return exit_status(c, &r);
}
