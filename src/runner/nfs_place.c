/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/nfs.h"
#include <ctype.h>

/* Of a name or an IPv4 address; in brackets also what IPv6 has, with a link behind %. */
static size_t server_length(const char *s)
{
	size_t n = 0;

	if (*s != '[') {
		while (isalnum((unsigned char)s[n]) || (s[n] && strchr(".-_", s[n])))
			n++;
		return n;
	}
	n = 1 + strspn(s + 1, "0123456789abcdefABCDEF:.%");
	return s[n] == ']' && n > 1 ? n + 1 : 0;
}

/* ":2049", or nothing. Returns what is behind, or NULL. */
static const char *take_port(const char *s, unsigned *port)
{
	char *end;
	unsigned long n;

	if (*s != ':')
		return s;
	n = isdigit((unsigned char)s[1]) ? strtoul(s + 1, &end, 10) : 0;
	if (!n || n > 65535)
		return NULL;
	*port = (unsigned)n;
	return end;
}

int nfs_parse(const char *location, struct nfs_place *out)
{
	const char *url = startswith(location, "nfs://"),
		   *s = url ? url : startswith(location, "nfs:");
	size_t n;

	if (!s)
		return 0;
	*out = (struct nfs_place){ .port = 0 };
	n = server_length(s);
	if (!n || n >= sizeof(out->server))
		return -EINVAL;
	memcpy(out->server, s, n);
	s += n;
	s = url ? take_port(s, &out->port) : *s == ':' ? s + 1 : NULL;
	/* It becomes part of a kernel's command line. */
	if (!s || *s != '/' || strpbrk(s, " \t\r\n\""))
		return -EINVAL;
	out->path = s;
	return 1;
}
