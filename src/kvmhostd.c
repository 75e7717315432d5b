/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reconciler. Converges when it starts and when it is told to; between
 * that it waits. Guests are units of their own and do not notice its end.
 */
#include "base/log.h"
#include "daemon/daemon.h"
#include "version.h"
#include <getopt.h>
#include <signal.h>
#include <systemd/sd-daemon.h>

static int on_term(
	sd_event_source *s, const struct signalfd_siginfo *si _unused_, void *data _unused_)
{
	log_notice("ending; guests keep running");
	return sd_event_exit(sd_event_source_get_event(s), 0);
}

static int on_hup(
	sd_event_source *s _unused_, const struct signalfd_siginfo *si _unused_, void *data)
{
	_cleanup_error_ struct error e = { 0 };

	daemon_converge(data, false, &e);
	return 0;
}

static int add_signals(struct daemon *d)
{
	static const struct {
		int number;
		sd_event_signal_handler_t handler;
	} signals[] = { { SIGTERM, on_term }, { SIGINT, on_term }, { SIGHUP, on_hup } };
	sigset_t set;
	int r = 0;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		sigaddset(&set, signals[i].number);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(signals) && r >= 0; i++)
		r = sd_event_add_signal(d->event, NULL, signals[i].number, signals[i].handler, d);
	return r;
}

static int serve(struct daemon *d, struct error *e)
{
	_cleanup_error_ struct error converging = { 0 }, bus = { 0 }, watching = { 0 };
	int r = host_open(&d->host, NULL, e);

	if (r < 0)
		return r;
	r = sd_event_default(&d->event);
	if (r >= 0)
		r = add_signals(d);
	if (r < 0)
		return error_set(e, r, "cannot set up the event loop: %s", strerror(-r));
	if (daemon_bus(d, &bus) < 0)
		log_failure(&bus);
	/* Before the first run: what changes meanwhile is looked at after it. */
	daemon_listen(d);
	if (daemon_watch_reboot(d, &watching) < 0)
		log_failure(&watching);
	/*
	 * A host that does not converge is still better off with a daemon that says so and takes
	 * the next reload: only what it was started for being impossible is fatal.
	 */
	d->starting = true;
	daemon_converge(d, true, &converging);
	d->starting = false;
	sd_notify(false, "READY=1");
	r = sd_event_loop(d->event);
	sd_notify(false, "STOPPING=1");
	if (r > 0) {
		error_set(
			e, -ECONNRESET, "the system bus has ended, and with it reload and status");
		return error_cure(e, "nothing, where systemd starts kvmhostd anew");
	}
	return r;
}

static void daemon_free(struct daemon *d)
{
	daemon_deafen(d);
	sd_event_source_unref(d->reboot_note);
	sd_event_source_unref(d->reboot_timer);
	sd_event_source_unref(d->reboot_clock);
	sd_bus_flush_close_unref(d->bus);
	sd_event_unref(d->event);
	host_close(&d->host);
	free(d->summary);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	const char **configs = xmalloc(sizeof(char *) * (size_t)(argc + 1));
	struct daemon d = { .configs = configs, .host = { .root = -1, .lock = -1 } };
	_cleanup_error_ struct error e = { 0 };
	int opt, r;

	log_setup("kvmhostd", LOG_INFO);
	while ((opt = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		if (opt == 'c') {
			configs[d.n_configs++] = optarg;
			continue;
		}
		if (opt == 'V')
			puts("kvmhost " KVMHOST_VERSION);
		else
			fputs("usage: kvmhostd [--config PATH]...\n"
			      "Keeps this machine as its document says. See kvmhostd(8).\n",
				opt == 'h' ? stdout : stderr);
		free(configs);
		return opt == '?';
	}
	if (optind < argc) {
		fprintf(stderr, "kvmhostd: unexpected argument `%s`\n", argv[optind]);
		free(configs);
		return 1;
	}
	if (geteuid() == 0)
		r = serve(&d, &e);
	else
		r = error_set(&e, -EPERM, "kvmhostd must be root: systemctl start kvmhostd");
	if (r < 0)
		log_failure(&e);
	daemon_free(&d);
	free(configs);
	return r < 0;
}
