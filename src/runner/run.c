/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kvmhost-run NAME: one guest. Main process of kvmhost-guest@NAME.service and
 * parent of its QEMU.
 *
 * It begins as root: reads the spec, opens disks, kernel, taps and sockets,
 * and starts QEMU as the guest's own user with those descriptors and nothing
 * else. Then it becomes that user itself and supervises.
 */
#include "base/log.h"
#include "runner/accel.h"
#include "runner/handover.h"
#include "runner/notify.h"
#include "runner/spawn.h"
#include "runner/supervise.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

static struct runner runner; /* too large for the stack: the console's history */

static int fail_with(struct error *e)
{
	_cleanup_free_ char *line = error_line(e);

	runner_fail(&runner, "%s", line);
	return runner_end(&runner, END_FAILED);
}

static int open_directory(struct runner *r, const char *name, struct error *e)
{
	struct guest_path p = guest_path(name, "");

	r->dir = open(p.s, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (r->dir < 0) {
		error_set(e, -errno, "there is no guest %s: cannot open %s: %s", name, p.s,
			strerror(errno));
		return error_cure(e, "add it to `guests:` in /etc/kvmhost/host.yaml, then: "
				     "kvmhostctl apply");
	}
	r->record = openat(r->dir, FILE_STATE, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (r->record < 0)
		return error_set(
			e, -errno, "cannot open %s/%s: %s", p.s, FILE_STATE, strerror(errno));
	return 0;
}

/*
 * The runner before this one was killed, and systemd starts another: its own
 * Restart= knows nothing of the guest's `restart: no`. Who starts a guest on
 * purpose removes state.json first.
 */
static bool unwanted_restart(const struct runner *r, int root, const char *name)
{
	json_t *last = NULL;
	bool cut_off;

	if (live_load(r->dir).restart != RESTART_NO || state_read(root, name, &last) < 0)
		return false;
	cut_off = state_phase(last) != RUN_ENDED;
	json_decref(last);
	return cut_off;
}

static int write_started(int root, const struct spec *s, struct error *e)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };
	struct guest_path p = guest_path(s->name, FILE_STARTED);
	int r;

	spec_json(s, &text);
	r = file_write_atomic(root, p.s, sb_str(&text), text.len, 0600);
	return r < 0 ? error_set(e, r, "cannot write %s: %s", p.s, strerror(-r)) : 0;
}

/* A socket's two ends: ours, and QEMU's. */
static int pair(int *ours, int *theirs, struct error *e)
{
	int v[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, v) < 0)
		return error_set(e, -errno, "cannot make a socket pair: %s", strerror(errno));
	*ours = v[0];
	*theirs = v[1];
	return 0;
}

static int open_console(struct runner *r, struct machine *m, struct error *e)
{
	struct guest_path p = guest_path(r->spec.name, FILE_CONSOLE);
	int guest = -1, sock, err = pair(&guest, &m->console, e);

	if (err < 0)
		return err;
	err = console_log_open(&r->console.log, r->spec.name, e);
	if (err < 0)
		return err;
	sock = console_listen(p.s);
	if (sock < 0)
		return error_set(e, sock, "cannot listen on %s: %s", p.s, strerror(-sock));
	console_init(&r->console, guest, sock);
	return 0;
}

/* The console's pipe end for QEMU's stdout and stderr. */
static int open_output(struct runner *r, int *theirs, struct error *e)
{
	int v[2];

	if (pipe2(v, O_CLOEXEC) < 0)
		return error_set(e, -errno, "cannot make a pipe: %s", strerror(errno));
	fcntl(v[0], F_SETFL, O_NONBLOCK);
	r->output.fd = v[0];
	*theirs = v[1];
	return 0;
}

static void choose_accel(struct runner *r, struct machine *m, struct rights *as)
{
	static struct accel accel;

	accel_probe("/dev/kvm", &accel);
	m->kvm = r->state.kvm = accel.kvm;
	r->state.accel_reason = accel.kvm ? NULL : accel.reason;
	r->state.cpu_model = r->spec.guest->cpu.model;
	if (!accel.kvm && streq(r->state.cpu_model, "host"))
		r->state.cpu_model = "max";
	if (!accel.kvm)
		log_notice("without KVM the guest is emulated, which is slow: %s", accel.reason);
	as->uid = r->spec.uid;
	as->group = accel.kvm ? accel.group : 0;
}

static int start_qemu(struct runner *r, struct arena *a, struct machine *m, struct error *e)
{
	_cleanup_close_ int output = -1;
	struct rights as;
	size_t n;
	int *fds, err;

	err = handover_open(a, m, e);
	if (err >= 0)
		err = pair(&r->qmp.fd, &m->qmp, e);
	if (err >= 0)
		err = open_console(r, m, e);
	if (err >= 0)
		err = open_output(r, &output, e);
	if (err < 0)
		return err;
	choose_accel(r, m, &as);
	n = handover_fds(a, m, &fds);
	err = write_started(AT_FDCWD, &r->spec, e);
	if (err >= 0)
		err = spawn(qemu_args(a, m), fds, n, output, &as, &r->qemu, e);
	if (err < 0)
		return err;
	r->state.pid = r->qemu;
	as.group = 0;
	err = rights_drop(&as);
	return err < 0 ? error_set(e, err, "cannot give up root's rights: %s", strerror(-err)) : 0;
}

static int run(struct runner *r, const char *name, int root, struct arena *a, struct error *e)
{
	struct machine *m = &r->machine;
	int err = open_directory(r, name, e);

	if (err < 0)
		return fail_with(e);
	if (unwanted_restart(r, root, name)) {
		runner_fail(r, "kvmhost-run was killed, and the guest has `restart: no`");
		return runner_end(r, END_FAILED);
	}
	err = spec_load(root, name, FILE_SPEC, a, &r->spec, e);
	if (err == -ENOENT)
		error_set(e, err, "there is no guest %s: it has no %s", name, FILE_SPEC);
	if (err < 0)
		return fail_with(e);
	runner_phase(r, RUN_STARTING);
	*m = (struct machine){ .spec = &r->spec, .qmp = -1, .console = -1 };
	err = start_qemu(r, a, m, e);
	handover_close(m);
	if (err < 0)
		return fail_with(e);
	runner_phase(r, RUN_STARTING);
	return runner_loop(r);
}

static int take_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

int main(int argc, char **argv)
{
	_cleanup_error_ struct error e = { 0 };
	_cleanup_arena_ struct arena *a = NULL;
	_cleanup_close_ int root = -1;
	int status;

	log_setup("kvmhost-run", LOG_INFO);
	umask(0022); /* everybody may read state.json */
	if (argc != 2 || argv[1][0] == '-' || argv[1][0] == '.' || strchr(argv[1], '/') ||
		strlen(argv[1]) > 64) {
		fprintf(stderr, "usage: kvmhost-run NAME\n"
				"Started by systemd as kvmhost-guest@NAME.service; see `kvmhostctl "
				"guest`.\n");
		return 2;
	}
	a = arena_new();
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	runner.dir = runner.record = runner.output.fd = runner.qmp.fd = -1;
	runner.console.guest = runner.console.listen = -1;
	runner.console.log.now = runner.console.log.before = -1;
	for (size_t i = 0; i < CONSOLE_CLIENTS; i++)
		runner.console.clients[i].fd = -1;
	runner.state.runner = getpid();
	runner.notify = notify_open();
	runner.signals = take_signals();
	status = run(&runner, argv[1], root, a, &e);
	qmp_close(&runner.qmp);
	console_close(&runner.console);
	return status;
}
