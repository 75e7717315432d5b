/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/notify.h"
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/un.h>

int notify_open(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	socklen_t len;
	int fd;

	if (!path || !*path || strlen(path) >= sizeof(to.sun_path))
		return -1;
	memcpy(to.sun_path, path, strlen(path));
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	/* "@name" is in the abstract name space, which begins with NUL. */
	if (*path == '@')
		to.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, len) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

void notify_send(int fd, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (fd < 0)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}
