/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kvmhost-run NAME: one guest. Main process of kvmhost-guest@NAME.service and
 * parent of its QEMU.
 *
 * It lives in the unit's sandbox, finds what its opener opened, becomes the
 * guest's own user, starts QEMU with those descriptors and nothing else, and
 * supervises.
 */
#include "base/log.h"
#include "config/obj.h"
#include "runner/accel.h"
#include "runner/handover.h"
#include "runner/notify.h"
#include "runner/opener.h"
#include "runner/run_end.h"
#include "runner/run_lost.h"
#include "runner/spawn.h"
#include "runner/supervise.h"
#include "runner/tpm.h"
#include <dirent.h>
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

static int open_console(struct runner *r, struct machine *m, struct fdstore *store, struct error *e)
{
	int guest = -1, err = pair(&guest, &m->console, e);

	if (err < 0)
		return err;
	r->console.log.now = fdstore_take(store, "log");
	r->console.log.before = fdstore_take(store, "log.1");
	console_log_begin(&r->console.log);
	console_init(&r->console, guest, fdstore_take(store, "console"));
	return 0;
}

/* While a guest is installed the BIOS must not reboot by itself: see boot_retry.h. */
static int open_firmware(struct runner *r, struct machine *m, struct error *e)
{
	const struct guest *g = r->spec.guest;

	if (m->install < 0 || g->firmware != FIRMWARE_BIOS || !obj_has(&g->boot, "reboot_timeout"))
		return 0;
	return pair(&r->firmware, &m->said, e);
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

/* Ports cost QEMU a millisecond each: only where something can come. */
static bool host_has_iommu(void)
{
	DIR *groups = opendir("/sys/kernel/iommu_groups"); /* no openat2(2) in the sandbox */
	const struct dirent *one = NULL;

	while (groups && (one = readdir(groups)) && *one->d_name == '.')
		;
	if (groups)
		closedir(groups);
	return one != NULL;
}

static void choose_accel(struct runner *r, struct machine *m, struct rights *as)
{
	static struct accel accel;

	accel_probe("/dev/kvm", &accel);
	m->kvm = r->state.kvm = accel.kvm;
	m->iommu = host_has_iommu();
	r->state.accel_reason = accel.kvm ? NULL : accel.reason;
	r->state.cpu_model = r->spec.guest->cpu.model;
	if (!accel.kvm && streq(r->state.cpu_model, "host"))
		r->state.cpu_model = "max";
	if (!accel.kvm)
		log_notice("without KVM the guest is emulated, which is slow: %s", accel.reason);
	as->uid = r->spec.uid;
	as->group = accel.kvm ? accel.group : 0;
	as->locked = guest_locked(r->spec.guest);
}

static int open_control(struct runner *r, struct machine *m, struct fdstore *store, struct error *e)
{
	int agent = -1, err = 0;

	if (r->spec.guest->agent)
		err = pair(&agent, &m->agent, e);
	agent_init(&r->agent, agent);
	control_init(&r->control, fdstore_take(store, "control"), &r->qmp, &r->agent);
	r->control.seen = run_lost_command;
	r->control.arg = r;
	run_lost_begin(r);
	return err;
}

static int become_guest(struct runner *r, struct machine *m, struct error *e)
{
	struct rights as;
	int err;

	choose_accel(r, m, &as);
	err = rights_drop(&as);
	return err < 0 ? error_set(e, err, "cannot give up root's rights: %s", strerror(-err)) : 0;
}

/* Before QEMU, which begins by asking it; both say what is wrong into the same pipe. */
static int start_tpm(struct runner *r, struct machine *m, int output, struct error *e)
{
	_cleanup_close_ int state = TAKE_FD(m->tpm_state), theirs = -1;
	int err = r->spec.guest->tpm ? pair(&theirs, &m->tpm, e) : 0;

	if (err < 0 || !r->spec.guest->tpm)
		return err;
	if (state < 0)
		return error_set(e, -ENOENT, "systemd did not pass on what the TPM keeps");
	return tpm_spawn(state, theirs, output, &r->tpm, e);
}

static int start_qemu(struct runner *r, struct arena *a, struct fdstore *store, struct error *e)
{
	_cleanup_close_ int output = -1;
	struct machine *m = &r->machine;
	char **argv;
	size_t n;
	int *fds, err;

	err = become_guest(r, m, e);
	if (err >= 0)
		err = handover_take(a, m, store, e);
	if (err >= 0)
		err = pair(&r->qmp.fd, &m->qmp, e);
	if (err >= 0)
		err = open_console(r, m, store, e);
	if (err >= 0)
		err = open_firmware(r, m, e);
	if (err >= 0)
		err = open_control(r, m, store, e);
	if (err >= 0)
		err = open_output(r, &output, e);
	if (err >= 0)
		err = start_tpm(r, m, output, e);
	if (err < 0)
		return err;
	r->display.listen = TAKE_FD(m->display);
	r->secret = TAKE_FD(m->secret);
	r->install.note = m->install;
	r->type = TAKE_FD(m->type_file);
	argv = qemu_args(a, m);
	m->install = -1; /* the runner's */
	n = handover_fds(a, m, &fds);
	err = spawn(argv, fds, n, output, m->zone, &r->qemu, e);
	if (err >= 0)
		r->state.pid = r->qemu;
	return err;
}

static int run(
	struct runner *r, const char *name, struct arena *a, struct fdstore *store, struct error *e)
{
	_cleanup_close_ int spec = fdstore_take(store, "spec");
	int err;

	r->dir = fdstore_take(store, "dir");
	/* The opener has said why, in the journal and in state.json. */
	if (spec < 0)
		return runner_end(r, END_FAILED);
	r->record = fdstore_take(store, "record");
	r->memory = fdstore_take(store, "memory");
	run_memory_begin(r);
	err = spec_load_fd(spec, name, a, &r->spec, e);
	if (err < 0)
		return fail_with(e);
	r->machine = (struct machine){
		.spec = &r->spec, .qmp = -1, .console = -1, .agent = -1, .tpm = -1
	};
	handover_prepare(a, &r->machine);
	err = start_qemu(r, a, store, e);
	handover_close(a, &r->machine);
	fdstore_close(store, r->notify);
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

static bool is_name(const char *s)
{
	return *s && *s != '-' && *s != '.' && !strchr(s, '/') && strlen(s) <= 64;
}

static int runner_main(const char *name)
{
	_cleanup_error_ struct error e = { 0 };
	_cleanup_arena_ struct arena *a = arena_new();
	struct fdstore store;
	int status;

	runner.dir = runner.record = runner.memory = runner.output.fd = runner.qmp.fd = -1;
	runner.console.guest = runner.console.listen = -1;
	runner.display.listen = runner.secret = runner.type = runner.firmware = -1;
	runner.install.note = -1;
	agent_init(&runner.agent, -1);
	control_init(&runner.control, -1, &runner.qmp, &runner.agent);
	runner.console.log.now = runner.console.log.before = -1;
	for (size_t i = 0; i < CONSOLE_CLIENTS; i++)
		runner.console.clients[i].fd = -1;
	runner.state.runner = getpid();
	runner.notify = notify_open();
	runner.signals = take_signals();
	fdstore_open(&store);
	status = run(&runner, name, a, &store, &e);
	run_lost_end(&runner);
	fdstore_close(&store, runner.notify);
	display_close(&runner.display);
	agent_close(&runner.agent);
	control_close(&runner.control);
	close_p(&runner.firmware);
	qmp_close(&runner.qmp);
	console_close(&runner.console);
	return status;
}

int main(int argc, char **argv)
{
	bool open = argc == 3 && streq(argv[1], "--open");

	log_setup("kvmhost-run", LOG_INFO);
	umask(0022); /* everybody may read state.json */
	if (!(argc == 2 || open) || !is_name(argv[argc - 1])) {
		fprintf(stderr, "usage: kvmhost-run [--open] NAME\n"
				"Started by systemd as kvmhost-guest@NAME.service; see `kvmhostctl "
				"guest`.\n");
		return 2;
	}
	return open ? opener(argv[2]) : runner_main(argv[1]);
}
