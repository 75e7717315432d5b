/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/cpu_models.h"
#include "base/file.h"
#include "base/log.h"
#include "config/diag.h"
#include "runner/accel.h"
#include "runner/handover.h"
#include "runner/qmp.h"
#include "runner/spawn.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { ANSWER_MS = 30 * 1000, MODELS_MAX = 1 << 20 };

struct asked {
	struct qmp qmp;
	json_t *models; /* name: [flags that are missing]; NULL: no answer yet */
	bool over; /* an answer, or none will come */
};

/* --- QEMU is asked --- */

static void on_models(void *arg, json_t *result, const char *error)
{
	struct asked *q = arg;
	json_t *model;
	size_t i;

	q->over = true;
	if (error || !json_is_array(result))
		return;
	q->models = json_object();
	json_array_foreach (result, i, model) {
		const char *name = json_string_value(json_object_get(model, "name"));
		json_t *missing = json_object_get(model, "unavailable-features");

		/* Where QEMU cannot say, nothing is known to be missing. */
		if (name)
			json_object_set_new(
				q->models, name, missing ? json_incref(missing) : json_array());
	}
}

static void wait_for_answer(struct asked *q)
{
	while (!q->over) {
		struct pollfd p = { q->qmp.fd, qmp_events(&q->qmp), 0 };

		if (poll(&p, 1, ANSWER_MS) <= 0 || qmp_process(&q->qmp) < 0)
			return;
	}
}

/* As root, which /dev/kvm may ask for: there is no guest in it, and it opens no file. */
static pid_t start(const char *qemu, bool kvm, int theirs)
{
	_cleanup_close_ int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	char control[64];
	char *const argv[] = { (char *)(uintptr_t)qemu, (char *)"-machine",
		(char *)(kvm ? "none,accel=kvm" : "none,accel=tcg"), (char *)"-nodefaults",
		(char *)"-no-user-config", (char *)"-display", (char *)"none", (char *)"-S",
		(char *)"-chardev", control, (char *)"-mon", (char *)"chardev=qmp,mode=control",
		NULL };
	pid_t pid = 0;

	snprintf(control, sizeof(control), "socket,id=qmp,fd=%d", theirs);
	return null >= 0 && spawn(argv, &theirs, 1, null, -1, &pid, NULL) >= 0 ? pid : 0;
}

/* NULL: it does not say. The caller's. */
static json_t *ask(const char *qemu, bool kvm)
{
	struct asked q = { .models = NULL };
	int v[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, v) < 0)
		return NULL;
	pid = start(qemu, kvm, v[1]);
	close(v[1]);
	qmp_init(&q.qmp, v[0], NULL, &q);
	if (pid > 0) {
		qmp_command(&q.qmp, "query-cpu-definitions", NULL, on_models);
		wait_for_answer(&q);
		kill(pid, SIGKILL);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	qmp_close(&q.qmp);
	return q.models;
}

/* --- and what it said is kept --- */

/* Of what the answer is true: this program, and this load of KVM's modules, or none. */
static char *stamp(struct host *h, const char *qemu, bool with_kvm)
{
	static const char *const modules[] = { "/sys/module/kvm_intel", "/sys/module/kvm_amd" };
	unsigned long long kvm = 0;
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(modules); i++)
		if (file_stat(h->root, modules[i], &st) >= 0)
			kvm = (unsigned long long)st.st_ino;
	if (file_stat(h->root, qemu, &st) < 0)
		return NULL;
	return xprintf("%s%s %llu %lld %lld.%09ld %llu", with_kvm ? "" : "tcg ", qemu,
		(unsigned long long)st.st_ino, (long long)st.st_size, (long long)st.st_mtim.tv_sec,
		st.st_mtim.tv_nsec, kvm);
}

static json_t *remembered(struct host *h, const char *stamp)
{
	_cleanup_free_ char *text = NULL;
	json_t *all, *models = NULL;

	if (file_read(h->root, CPU_MODELS, MODELS_MAX, &text, NULL) < 0)
		return NULL;
	all = json_loads(text, 0, NULL);
	if (streq_null(json_string_value(json_object_get(all, "stamp")), stamp))
		models = json_incref(json_object_get(all, "models"));
	json_decref(all);
	return models;
}

static void remember(struct host *h, const char *stamp, json_t *models)
{
	json_t *all = json_pack("{s:i, s:s, s:O}", "format", 1, "stamp", stamp, "models", models);
	_cleanup_free_ char *text = json_dumps(all, JSON_COMPACT);
	int r = text ? file_write_atomic(h->root, CPU_MODELS, text, strlen(text), 0644) : -ENOMEM;

	if (r < 0)
		log_warning("cannot write " CPU_MODELS ": %s", strerror(-r));
	json_decref(all);
}

static json_t *models_of(struct host *h, const char *qemu, bool kvm)
{
	_cleanup_free_ char *now = stamp(h, qemu, kvm);
	json_t *models = now ? remembered(h, now) : NULL;

	if (models || !now)
		return models;
	models = ask(qemu, kvm);
	if (models)
		remember(h, now, models);
	return models;
}

/* --- what follows --- */

static int unknown(json_t *models, const char *model, const char *qemu, struct error *e)
{
	const char **names = xcalloc(json_object_size(models) + 1, sizeof(*names)), *near, *name;
	json_t *missing;
	size_t n = 0;

	json_object_foreach (models, name, missing)
		names[n++] = name;
	near = suggest(model, names, n);
	error_set(e, -EINVAL, "QEMU knows no processor `%s`", model);
	if (near)
		error_cure(e, "did you mean `%s`?", near);
	else
		error_cure(e, "`%s -cpu help` lists all", qemu);
	free(names);
	return -EINVAL;
}

static int lacking(json_t *missing, const char *model, struct error *e)
{
	_cleanup_strbuf_ struct strbuf flags = { 0 };
	json_t *flag;
	size_t i;

	json_array_foreach (missing, i, flag)
		sb_addf(&flags, "%s%s", i ? ", " : "", json_string_value(flag));
	error_set(e, -EINVAL, "this host cannot run the processor `%s`: it lacks %s", model,
		sb_str(&flags));
	return error_cure(e, "use `cpu: {model: host}` or an older model");
}

int cpu_model_check(struct host *h, const char *model, struct error *e)
{
	struct machine m = { .qemu = NULL };
	json_t *models, *missing;
	struct accel accel;
	int r = 0;

	if (!h->live || geteuid() != 0 || streq(model, "host") || streq(model, "max") ||
		strpbrk(model, ",+="))
		return 0;
	accel_probe("/dev/kvm", &accel);
	if (handover_find_qemu(&m, NULL) < 0)
		return 0;
	models = models_of(h, m.qemu, accel.kvm);
	missing = json_object_get(models, model);
	if (models && !missing)
		r = unknown(models, model, m.qemu, e);
	else if (accel.kvm && json_array_size(missing))
		r = lacking(missing, model, e);
	json_decref(models);
	return r;
}
