/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files written, then all units started, restarted, reloaded and stopped side by side. */
#include "net/dnsmasq.h"
#include "reconcile/units.h"

enum { SECONDS = 120 };
/* dnsmasq's exit statuses ("EXIT CODES" in dnsmasq(8)). */
enum { EXIT_NETWORK = 2, EXIT_FILES = 3 };

struct batch {
	struct host *h;
	struct unit_job *jobs;
	struct step **of; /* the step of each job */
	size_t n;
};

static void add_job(struct batch *b, struct step *s, enum unit_verb verb)
{
	b->of[b->n] = s;
	b->jobs[b->n++] = (struct unit_job){
		.unit = arena_strdup(b->h->pass, dnsmasq_unit(s->r->name).s),
		.verb = verb,
		.reset = verb == UNIT_START || verb == UNIT_RESTART,
	};
}

static bool installed(struct host *h)
{
	return file_exists(h->root, "/usr/sbin/dnsmasq") ||
	       file_exists(h->root, "/usr/bin/dnsmasq") ||
	       file_exists(h->root, "/usr/local/sbin/dnsmasq");
}

static int check_machine(struct host *h, const struct dnsmasq *want, struct error *e)
{
	struct stat st;

	if (!installed(h)) {
		error_set(
			e, -ENOPKG, "DHCP and DNS for guests need dnsmasq, which is not installed");
		return error_cure(
			e, "install it: apt install dnsmasq-base, or dnf install dnsmasq");
	}
	if (want->tftp_root &&
		(file_stat(h->root, want->tftp_root, &st) < 0 || !S_ISDIR(st.st_mode))) {
		error_set(e, -ENOTDIR, "tftp.root: there is no directory %s", want->tftp_root);
		return error_cure(e, "make it: mkdir -p %s", want->tftp_root);
	}
	return 0;
}

static int write_file(struct host *h, const char *network, const char *file, const struct strbuf *b,
	struct error *e)
{
	struct dnsmasq_path p = dnsmasq_path(network, file);
	int r = file_write_atomic(h->root, p.s, sb_str(b), b->len, 0644);

	return r < 0 ? error_set(e, r, "cannot write %s: %s", p.s, strerror(-r)) : 0;
}

/* Whether the running one reads its dnsmasq.conf as it is now written. */
static bool same_conf(
	const struct dnsmasq_seen *seen, const struct dnsmasq *want, const char *network)
{
	_cleanup_strbuf_ struct strbuf a = { 0 }, b = { 0 };

	if (!seen->applied || !seen->same_link)
		return false;
	dnsmasq_render(seen->applied, network, DNSMASQ_CONF, &a);
	dnsmasq_render(want, network, DNSMASQ_CONF, &b);
	return streq(sb_str(&a), sb_str(&b));
}

static int prepare(struct batch *b, struct step *s, struct error *e)
{
	const struct dnsmasq_seen *seen = s->have;
	const struct dnsmasq *want;
	bool keep;
	int r;

	if (!s->want) {
		add_job(b, s, UNIT_STOP);
		return 0;
	}
	want = dnsmasq_resolve(b->h, s->want);
	r = check_machine(b->h, want, e);
	if (r < 0)
		return r;
	keep = seen && seen->running && same_conf(seen, want, s->r->name) &&
	       dnsmasq_file_is(b->h, s->r->name, DNSMASQ_CONF, want);
	for (size_t i = 0; i < DNSMASQ_FILES && r >= 0; i++) {
		_cleanup_strbuf_ struct strbuf text = { 0 };

		dnsmasq_render(want, s->r->name, i, &text);
		r = write_file(b->h, s->r->name, dnsmasq_files[i], &text, e);
	}
	if (r >= 0)
		add_job(b, s,
			keep                    ? UNIT_RELOAD
			: seen && seen->running ? UNIT_RESTART
						: UNIT_START);
	return r;
}

/* "dnsmasq (pid 812, dnsmasq.service) has it at 0.0.0.0" */
static bool explain_port(struct host *h, struct step *s)
{
	static const struct {
		const char *protocol;
		uint16_t port;
		const char *row;
	} ports[] = { { "tcp", 53, "bridge" }, { "udp", 53, "bridge" }, { "udp", 67, "range" },
		{ "udp", 69, "tftp_root" } };
	const struct dnsmasq *want = s->want;
	struct port_holder p;

	for (size_t i = 0; i < ARRAY_SIZE(ports); i++) {
		if (!obj_has(want, ports[i].row) || !port_holder_find(h, ports[i].protocol,
							    ports[i].port, &want->addresses, &p))
			continue;
		error_set(&s->error, -EADDRINUSE,
			"dnsmasq cannot listen on %s: %s (pid %d%s%s) has %s port %u at %s",
			want->bridge, p.name, p.pid, *p.unit ? ", " : "", p.unit, ports[i].protocol,
			ports[i].port, p.address);
		error_cure(&s->error,
			"stop it (%s%s), or make it listen at its own addresses alone; a dnsmasq: "
			"bind-interfaces and except-interface=%s",
			*p.unit ? "systemctl stop " : "it is no service of systemd", p.unit,
			want->bridge);
		return true;
	}
	return false;
}

/* systemd knows how it ended, /proc who is in the way. */
static void explain_failure(struct host *h, struct step *s, const struct unit_job *job)
{
	struct unit_end end = { 0 };
	bool known = job->verb != UNIT_STOP && units_end(h, job->unit, &end, NULL) >= 0;

	if (known && end.status == EXIT_NETWORK && explain_port(h, s))
		return;
	error_set(&s->error, -EIO, "%s%s", job->error.text,
		known && end.status == EXIT_NETWORK ? ": the addresses cannot be listened on"
		: known && end.status == EXIT_FILES ? ": a file cannot be read or written"
						    : "");
	error_cure(&s->error, "journalctl -u %s says more", job->unit);
}

/* From here on the running one is known to be as wanted. */
static int note_applied(struct host *h, struct step *s, struct error *e)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };
	struct dnsmasq applied = *dnsmasq_resolve(h, s->want);
	const struct links *ls;
	const struct link *l;
	int r = links_get(h, &ls, e);

	if (r < 0)
		return r;
	l = links_name(ls, applied.bridge);
	if (!l)
		return error_set(e, -ENOENT, "the bridge %s went away meanwhile", applied.bridge);
	applied.link = l->index;
	obj_mark_set(&applied, "link");
	obj_json(&applied, &text);
	return write_file(h, s->r->name, DNSMASQ_APPLIED, &text, e);
}

static void finish(struct batch *b, int bus, const struct error *why)
{
	for (size_t i = 0; i < b->n; i++) {
		struct unit_job *job = &b->jobs[i];
		struct step *s = b->of[i];

		if (bus < 0 && !job->done && !job->error.code)
			error_set(&s->error, bus, "%s", why->text);
		else if (job->error.code)
			explain_failure(b->h, s, job);
		else if (s->want)
			note_applied(b->h, s, &s->error);
		else
			dnsmasq_files_remove(b->h, s->r->name, &s->error);
		error_clear(&job->error);
	}
}

void dnsmasq_apply_all(struct host *h, struct step *const *steps, size_t n)
{
	_cleanup_error_ struct error why = { 0 };
	struct batch b = {
		.h = h,
		.jobs = arena_alloc(h->pass, (n + 1) * sizeof(*b.jobs)),
		.of = arena_alloc(h->pass, (n + 1) * sizeof(*b.of)),
	};
	int bus;

	for (size_t i = 0; i < n; i++)
		prepare(&b, steps[i], &steps[i]->error);
	bus = units_run(h, b.jobs, b.n, SECONDS, &why);
	finish(&b, bus, &why);
}
