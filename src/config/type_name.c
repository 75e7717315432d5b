/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Types whose value is the name of something: of an interface, a guest, a module, a kernel
 * parameter. */
#include "config/type_text.h"
#include "config/scalar.h"
#include <net/if.h>

static const char letters_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/* All characters are letters, digits, or among `more`. */
static bool only_letters_digits(const char *s, const char *more)
{
	while (*s && (strchr(letters_digits, *s) || strchr(more, *s)))
		s++;
	return *s == '\0';
}

/*
 * The kernel takes no link of the name `all` or `default`: those are directories of
 * net.ipv4.conf (devinet_sysctl_register()). The other characters it would take: but
 * dnsmasq's files and iptables have them for patterns, lists and quotes.
 */
static const char ifname_unfit[] = "/:%*+,\"\\ \t";

static bool ifname_reserved(struct scalar *s)
{
	if (streq(s->text, "lo")) {
		scalar_cure(s, "name a network card, or take another name");
		scalar_refuse(s, "`lo` is the loopback device: no card, and nothing else's name");
	} else if (streq(s->text, "all") || streq(s->text, "default")) {
		scalar_cure(s, "take another name");
		scalar_refuse(s,
			"`%s` is the kernel's word for every interface: none has that name",
			s->text);
	} else if (streq(s->text, ".") || streq(s->text, "..")) {
		scalar_cure(s, "take another name");
		scalar_refuse(s, "`%s` is no interface name", s->text);
	} else {
		return false;
	}
	return true;
}

static bool ifname_parse(const struct field *f _unused_, struct scalar *s, void *value)
{
	size_t n = strlen(s->text);

	if (!text_refuse_unquoted(s))
		return false;
	if (n == 0 || n >= IFNAMSIZ || strpbrk(s->text, ifname_unfit))
		scalar_cure(s, "`ip link` shows the names of interfaces");
	if (n == 0 || n >= IFNAMSIZ)
		return scalar_refuse(s, "must be an interface name of 1 to %d bytes, not of %zu",
			IFNAMSIZ - 1, n);
	if (ifname_reserved(s))
		return false;
	if (strpbrk(s->text, ifname_unfit))
		return scalar_refuse(
			s, "must be an interface name, without blank and / : %% * + , \" \\");
	return text_refuse_control(s) && text_take(s, value);
}

static void ifname_schema(const struct field *f _unused_, struct strbuf *out)
{
	sb_add(out, "\"type\":\"string\",\"maxLength\":15,"
		    "\"pattern\":\"^(?!(\\\\.{1,2}|lo|all|default)$)[^/"
		    ":%*+,\\\"\\\\\\\\\\\\u0000-\\\\u0020\\\\u007f-\\\\u009f]+$\"");
}

const struct type type_ifname = {
	.name = "an interface name such as eth0",
	.size = sizeof(const char *),
	.parse = ifname_parse,
	.format = text_format,
	.equal = text_equal,
	.schema = ifname_schema,
};

static bool name_parse(const struct field *f _unused_, struct scalar *s, void *value)
{
	size_t n = strlen(s->text);

	scalar_cure(s, "take another name, such as web1");
	if (!only_letters_digits(s->text, "_.-") || n == 0)
		return scalar_refuse(s, "must be a name of letters, digits, _ . and -, not `%s`",
			scalar_shown(s));
	if (n > 64)
		return scalar_refuse(s, "must be a name of at most 64 bytes, not of %zu", n);
	if (s->text[strspn(s->text, "0123456789")] == '\0') {
		scalar_refuse(s, "must not be of digits alone");
		return scalar_cure(s, "put a letter before them: vm%s", s->text);
	}
	if (*s->text == '.' || *s->text == '-')
		return scalar_refuse(s,
			"must not begin with `%c`: commands and files are named by it", *s->text);
	return text_take(s, value);
}

static void name_schema(const struct field *f _unused_, struct strbuf *out)
{
	sb_add(out, "\"type\":\"string\",\"maxLength\":64,"
		    "\"pattern\":\"^(?![0-9]+$)[A-Za-z0-9_][A-Za-z0-9_.-]*$\"");
}

const struct type type_name = {
	.name = "a name such as web1",
	.size = sizeof(const char *),
	.parse = name_parse,
	.format = text_format,
	.equal = text_equal,
	.schema = name_schema,
};

static bool module_parse(const struct field *f _unused_, struct scalar *s, void *value)
{
	/* MODULE_NAME_LEN of a 64-bit kernel, with its NUL */
	enum { LONGEST = 55 };
	size_t n = strlen(s->text);
	char *copy;

	if (n == 0 || n > LONGEST || !only_letters_digits(s->text, "_-")) {
		if (endswith(s->text, ".ko") && n > 3)
			scalar_cure(s, "leave out the .ko");
		return scalar_refuse(
			s, "must be a kernel module's name, not `%s`", scalar_shown(s));
	}
	copy = arena_strdup(s->arena, s->text);
	for (char *p = copy; (p = strchr(p, '-')); p++)
		*p = '_';
	*(const char **)value = copy;
	return true;
}

static void module_schema(const struct field *f _unused_, struct strbuf *out)
{
	sb_add(out, "\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9_-]{1,55}$\"");
}

const struct type type_module = {
	.name = "a kernel module's name such as kvm_intel",
	.size = sizeof(const char *),
	.parse = module_parse,
	.format = text_format,
	.equal = text_equal,
	.schema = module_schema,
};

/*
 * Sysctl names. In the canonical form a dot stands between parts and a slash
 * for a dot inside one. Where the first of both is a slash it is the other way
 * round (sysctl.d(5)).
 */

static bool sysctl_valid(const char *s)
{
	size_t parts = 0, n;

	for (;; s += n + 1, parts++) {
		n = strcspn(s, ".");
		/* A part of slashes alone would be the directory . or .. */
		if (n == 0 || strspn(s, "/") >= n)
			return false;
		if (s[n] == '\0')
			return parts > 0;
	}
}

static bool sysctl_parse(const struct field *f _unused_, struct scalar *s, void *value)
{
	char *name = arena_strdup(s->arena, s->text);
	size_t first = strcspn(name, "./");

	if (name[first] == '/')
		for (char *p = name + first; (p = strpbrk(p, "./")); p++)
			*p = *p == '.' ? '/' : '.';
	if (strlen(name) > 255 || !only_letters_digits(name, "_-./:@") || !sysctl_valid(name)) {
		scalar_refuse(
			s, "must be the name of a kernel parameter, not `%s`", scalar_shown(s));
		return scalar_cure(s, "write it as sysctl(8) does: vm.swappiness");
	}
	*(const char **)value = name;
	return true;
}

static void sysctl_schema(const struct field *f _unused_, struct strbuf *out)
{
	sb_add(out, "\"type\":\"string\",\"maxLength\":255,\"pattern\":"
		    "\"^[A-Za-z0-9_:@-]+([./]+[A-Za-z0-9_:@-]+)+$\"");
}

const struct type type_sysctl = {
	.name = "a kernel parameter such as vm.swappiness",
	.size = sizeof(const char *),
	.parse = sysctl_parse,
	.format = text_format,
	.equal = text_equal,
	.schema = sysctl_schema,
};
