/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as what comes from a guest, from a QEMU that it took over, or from a server. The first
 * byte says whose: QMP to the runner (q) and to kvmhostctl (k), the agent (a), an image's header
 * (i), a unified kernel image (p), .treeinfo (t), a specification (s).
 */
#include "base/arena.h"
#include "base/utf8.h"
#include "hostprep/pe.h"
#include "runner/agent.h"
#include "runner/guestctl_qmp.h"
#include "runner/image.h"
#include "runner/image_chain.h"
#include "runner/qmp.h"
#include "runner/run_events.h"
#include "runner/spec.h"
#include "runner/state.h"
#include "runner/tree.h"
#include <sys/mman.h>
#include <sys/socket.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SENT_MAX = 64 << 10 }; /* what a socket takes at once */

static void must(bool truth, const char *what)
{
	if (truth)
		return;
	fprintf(stderr, "broken promise: %s\n", what);
	abort();
}

static void must_be_plain(const char *s)
{
	size_t left = s ? strlen(s) : 0, n;
	uint32_t c;

	for (; left; s += n, left -= n) {
		n = utf8_decode(s, left, &c);
		must(n && !utf8_is_control(c), "what is told is plain text");
	}
}

/* A socket's end from which the bytes come, and then nothing. */
static int said(const uint8_t *data, size_t size)
{
	int v[2];

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, v) == 0, "a socket pair");
	for (size_t at = 0; at < MIN_OF(size, (size_t)SENT_MAX);) {
		ssize_t n = send(v[1], data + at, MIN_OF(size - at, (size_t)4096), MSG_DONTWAIT);

		if (n < 0)
			break;
		at += (size_t)n;
	}
	shutdown(v[1], SHUT_WR);
	/* Its other end stays open: who answers is not told that nobody listens. */
	close(v[1]);
	return v[0];
}

static void on_event(void *arg, const char *event, json_t *msg)
{
	static const struct guest g = { .obj.name = "g" };
	struct run_event ev = run_event(&g, event, json_object_get(msg, "data"));

	(void)arg;
	must_be_plain(ev.text);
}

static void on_answer(void *arg, json_t *result, const char *error)
{
	(void)arg;
	must(!result != !error || !error, "an answer is a result or an error");
}

static void runner_qmp(const uint8_t *data, size_t size)
{
	struct qmp q;

	qmp_init(&q, said(data, size), on_event, NULL);
	for (int i = 0; i < 8; i++)
		qmp_command(&q, "query-status", NULL, on_answer);
	for (int i = 0; i < 100 && qmp_process(&q) >= 0; i++)
		;
	qmp_close(&q);
}

static void client_qmp(const uint8_t *data, size_t size)
{
	struct guest_qmp q = { .name = "g", .fd = said(data, size), .patience_ms = 1000 };
	_cleanup_error_ struct error e = { 0 };
	json_t *result = NULL;
	char *text;

	if (guest_qmp_command(&q, "query-status", NULL, -1, &result, &e) == -EIO)
		must_be_plain(e.text);
	result = plain_json(result);
	text = result ? json_dumps(result, JSON_ENCODE_ANY) : NULL;
	must_be_plain(text);
	free(text);
	json_decref(result);
	guest_qmp_close(&q);
}

static void agent(const uint8_t *data, size_t size)
{
	json_t *question = json_pack("{s:s}", "execute", "guest-info");
	struct agent a;

	agent_init(&a, said(data, size));
	a.open = true;
	agent_ask(&a, question, on_answer, NULL);
	a.synced = true;
	for (int i = 0; i < 100 && a.fd >= 0; i++)
		agent_process(&a);
	agent_close(&a);
	json_decref(question);
}

static int file_of(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	must(fd >= 0 && write(fd, data, size) == (ssize_t)size, "a file in memory");
	return fd;
}

static void image(const uint8_t *data, size_t size)
{
	int fd = file_of(data, size);

	for (int f = 0; disk_format_names[f]; f++) {
		_cleanup_error_ struct error e = { 0 };
		struct image_below below;

		image_size(fd, (enum disk_format)f);
		image_below(fd, (enum disk_format)f, &below);
		must(memchr(below.name, 0, sizeof(below.name)) &&
				memchr(below.format, 0, sizeof(below.format)),
			"names end");
		if (image_header_check(fd, "/a", (enum disk_format)f, NULL, &e) < 0)
			must_be_plain(e.text);
	}
	close(fd);
}

static void texts(const uint8_t *data, size_t size, uint8_t whose)
{
	_cleanup_arena_ struct arena *a = arena_new();
	_cleanup_error_ struct error e = { 0 };
	struct spec spec = { 0 };
	struct tree tree;
	char *text = arena_strndup(a, (const char *)data, size);

	if (whose == 's')
		spec_parse(a, text, strlen(text), &spec, &e);
	else if (tree_info(a, text, &tree))
		must(*tree.kernel != '/' && !strstr(tree.kernel, ".."), "it stays in its tree");
}

static void unified(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct arena *a = arena_new();
	int fd = file_of(data, size);
	const char *text = NULL;

	if (pe_section(fd, ".cmdline", a, &text) == 0)
		must(text != NULL, "a section that is there has a text");
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t whose = size ? *data : 0;

	if (size < 2)
		return 0;
	data++;
	size--;
	switch (whose) {
	case 'q': runner_qmp(data, size); break;
	case 'k': client_qmp(data, size); break;
	case 'a': agent(data, size); break;
	case 'i': image(data, size); break;
	case 'p': unified(data, size); break;
	case 's':
	case 't': texts(data, size, whose); break;
	default: break;
	}
	return 0;
}
