/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/display.h"
#include "base/file.h"
#include "base/log.h"
#include "config/obj.h"
#include "runner/state.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>

enum { PORT_FIRST = 5900, PORT_LAST = 5999, VNC_PASSWORD_MAX = 8 };

static socklen_t socket_address(const struct ip *ip, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	if (ip->family == AF_INET) {
		*v4 = (struct sockaddr_in){
			.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = ip->v4
		};
		return sizeof(*v4);
	}
	*v6 = (struct sockaddr_in6){
		.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = ip->v6
	};
	return sizeof(*v6);
}

static int listen_at(const struct ip *ip, uint16_t port)
{
	struct sockaddr_storage at;
	socklen_t len = socket_address(ip, port, &at);
	_cleanup_close_ int fd = socket(ip->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int yes = 1;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(fd, (struct sockaddr *)&at, len) < 0 || listen(fd, 4) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static int open_listen(const struct guest_graphics *g, int *fd, struct error *e)
{
	bool given = obj_has(g, "port");
	int first = given ? (int)g->port : PORT_FIRST, last = given ? first : PORT_LAST;
	int r = -EADDRINUSE;
	_cleanup_strbuf_ struct strbuf ip = { 0 };

	for (int port = first; port <= last && r == -EADDRINUSE; port++)
		r = listen_at(&g->listen, (uint16_t)port);
	if (r >= 0) {
		*fd = r;
		return 0;
	}
	ip_format(&g->listen, &ip);
	error_set(e, r, "cannot listen on %s, port %d%s, for the guest's screen: %s", sb_str(&ip),
		first, given ? "" : " and the hundred from there", strerror(-r));
	return r == -EADDRINUSE ? error_cure(e, "give `graphics` another `port`") : r;
}

/* Where systemd looks for credentials that are not encrypted (systemd.exec(5)). */
static int read_secret(const char *name, char **text, struct error *e)
{
	static const char *const places[] = { "/etc/credstore", "/run/credstore",
		"/run/credentials/@system" };
	char path[256];
	int r = -ENOENT;

	for (size_t i = 0; i < ARRAY_SIZE(places) && r == -ENOENT; i++) {
		snprintf(path, sizeof(path), "%s/%s", places[i], name);
		r = file_read_line(AT_FDCWD, path, text);
	}
	if (r >= 0)
		return 0;
	error_set(e, r, "cannot read the credential %s, the password of the guest's screen: %s",
		name, strerror(-r));
	return error_cure(e, "write it, in one line, to /etc/credstore/%s, mode 0600", name);
}

static int open_secret(const struct guest_graphics *g, int *fd, struct error *e)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_close_ int mem = -1;
	int r = read_secret(g->password, &text, e);

	if (r < 0)
		return r;
	if (g->type == GRAPHICS_VNC && strlen(text) > VNC_PASSWORD_MAX)
		return error_set(e, -EINVAL,
			"the credential %s has more than the %d characters that VNC counts",
			g->password, VNC_PASSWORD_MAX);
	mem = memfd_create("kvmhost-secret", MFD_CLOEXEC);
	if (mem < 0 || strlen(text) >= DISPLAY_SECRET_MAX ||
		write(mem, text, strlen(text)) != (ssize_t)strlen(text))
		return error_set(e, -EIO, "cannot pass the credential %s on", g->password);
	*fd = TAKE_FD(mem);
	return 0;
}

int display_open(const struct guest_graphics *g, int *listen, int *secret, struct error *e)
{
	int r = open_listen(g, listen, e);

	return r < 0 || !g->password ? r : open_secret(g, secret, e);
}

static void write_address(struct display *d)
{
	union {
		struct sockaddr_in6 v6;
		struct sockaddr_in v4;
		struct sockaddr any;
	} at = { 0 };
	socklen_t len = sizeof(at);
	char ip[INET6_ADDRSTRLEN] = "";

	if (getsockname(d->listen, &at.any, &len) < 0)
		return;
	if (at.any.sa_family == AF_INET) {
		inet_ntop(AF_INET, &at.v4.sin_addr, ip, sizeof(ip));
		snprintf(d->address, sizeof(d->address), "%s://%s:%u", d->protocol, ip,
			ntohs(at.v4.sin_port));
	} else {
		inet_ntop(AF_INET6, &at.v6.sin6_addr, ip, sizeof(ip));
		snprintf(d->address, sizeof(d->address), "%s://[%s]:%u", d->protocol, ip,
			ntohs(at.v6.sin6_port));
	}
}

static void set_password(struct display *d, int secret)
{
	char text[DISPLAY_SECRET_MAX] = "";

	if (pread(secret, text, sizeof(text) - 1, 0) > 0)
		qmp_command(d->control->qmp, "set_password",
			json_pack("{s:s, s:s}", "protocol", d->protocol, "password", text), NULL);
	explicit_bzero(text, sizeof(text));
	close(secret);
}

void display_begin(struct display *d, const struct guest_graphics *g, int listen, int secret,
	struct control *control)
{
	*d = (struct display){
		.listen = listen, .protocol = guest_graphics_names[g->type], .control = control
	};
	if (listen >= 0)
		write_address(d);
	if (secret >= 0)
		set_password(d, secret);
}

void display_close(struct display *d)
{
	close_p(&d->listen);
	d->listen = -1;
}

/* QEMU keeps one passed descriptor at a time. */
int display_fd(const struct display *d)
{
	return d->busy || (d->control && d->control->passing) ? -1 : d->listen;
}

static void on_added(void *arg, json_t *answer)
{
	struct display *d = arg;
	json_t *error = json_object_get(answer, "error");
	const char *desc = json_string_value(json_object_get(error, "desc"));
	char why[QMP_WORDS_MAX] = "unknown error";

	d->busy = false;
	if (desc)
		plain_text(why, sizeof(why), desc, strlen(desc));
	if (error)
		log_warning("QEMU does not take a viewer: %s", why);
}

static void on_passed(void *arg, json_t *answer)
{
	struct display *d = arg;
	json_t *add;

	d->control->passing = NULL;
	if (json_object_get(answer, "error")) {
		on_added(d, answer);
		return;
	}
	add = json_pack("{s:s, s:{s:s, s:s}}", "execute", "add_client", "arguments", "protocol",
		d->protocol, "fdname", "viewer");
	if (qmp_pass(d->control->qmp, add, -1, on_added, d) < 0)
		d->busy = false;
	json_decref(add);
}

void display_process(struct display *d)
{
	/* cppcheck-suppress nullPointer; who it is counts for QEMU alone */
	int fd = accept4(d->listen, NULL, NULL, SOCK_CLOEXEC);
	json_t *get;

	if (fd < 0)
		return;
	get = json_pack("{s:s, s:{s:s}}", "execute", "getfd", "arguments", "fdname", "viewer");
	d->busy = qmp_pass(d->control->qmp, get, fd, on_passed, d) >= 0;
	if (d->busy)
		d->control->passing = d;
	json_decref(get);
}
