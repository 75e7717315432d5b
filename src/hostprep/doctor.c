/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostprep/doctor.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "config/cpus.h"

enum { TEXT_MAX = 16 << 20 };

static const struct {
	const struct check *v;
	const size_t *n;
} groups[] = {
	{ doctor_processor, &n_doctor_processor },
	{ doctor_host, &n_doctor_host },
	{ doctor_programs, &n_doctor_programs },
	{ doctor_network, &n_doctor_network },
	{ doctor_guests, &n_doctor_guests },
};

const struct check *check_at(size_t i)
{
	size_t g;

	for (g = 0; g < ARRAY_SIZE(groups); i -= *groups[g++].n)
		if (i < *groups[g].n)
			return &groups[g].v[i];
	return NULL;
}

const struct check *check_find(const char *name)
{
	const struct check *c;
	size_t i;

	for (i = 0; (c = check_at(i)); i++)
		if (streq(c->name, name))
			return c;
	return NULL;
}

const char *health_name(enum health s)
{
	static const char *const names[] = { [HEALTH_UNKNOWN] = "unknown",
		[HEALTH_PASS] = "pass",
		[HEALTH_WARN] = "warn",
		[HEALTH_FAIL] = "fail" };

	return names[s];
}

/* One of the words of ID and ID_LIKE. */
static bool like(const char *release, const char *name)
{
	size_t n = strlen(name);
	const char *p;

	for (p = release; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		const char *words = startswith(p, "ID_LIKE=");

		if (!words)
			words = startswith(p, "ID=");
		while (words && *words && *words != '\n') {
			words += strspn(words, "\"' ");
			if (strncmp(words, name, n) == 0 && strchr("\"' \n", words[n]))
				return true;
			words += strcspn(words, "\"' \n");
		}
	}
	return false;
}

static enum family family_of(struct host *h)
{
	static const struct {
		const char *name;
		enum family family;
	} names[] = { { "debian", FAMILY_DEBIAN }, { "ubuntu", FAMILY_DEBIAN },
		{ "fedora", FAMILY_FEDORA }, { "rhel", FAMILY_FEDORA }, { "centos", FAMILY_FEDORA },
		{ "suse", FAMILY_SUSE }, { "opensuse", FAMILY_SUSE }, { "sles", FAMILY_SUSE },
		{ "arch", FAMILY_ARCH } };
	_cleanup_free_ char *release = NULL;
	size_t i;

	if (file_read(h->root, "/etc/os-release", TEXT_MAX, &release, NULL) < 0)
		return FAMILY_OTHER;
	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (like(release, names[i].name))
			return names[i].family;
	return FAMILY_OTHER;
}

void doctor_open(struct doctor *d, struct host *h, const struct config *c)
{
	*d = (struct doctor){ .h = h, .config = c, .family = family_of(h), .arena = arena_new() };
}

void doctor_close(struct doctor *d)
{
	arena_free(d->arena);
	*d = (struct doctor){ 0 };
}

struct finding doctor_look(struct doctor *d, const struct check *c)
{
	d->f = (struct finding){ .seen = "nothing to be seen" };
	c->look(d);
	return d->f;
}

void doctor_found(struct doctor *d, enum health s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	d->f.seen = utf8_mend(arena_vprintf(d->arena, fmt, ap));
	va_end(ap);
	d->f.state = s;
}

void doctor_cure(struct doctor *d, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	d->f.cure = utf8_mend(arena_vprintf(d->arena, fmt, ap));
	va_end(ap);
}

void doctor_install(struct doctor *d, const char *const names[FAMILY_OTHER])
{
	static const char *const commands[FAMILY_OTHER] = { [FAMILY_DEBIAN] = "apt install",
		[FAMILY_FEDORA] = "dnf install",
		[FAMILY_SUSE] = "zypper install",
		[FAMILY_ARCH] = "pacman -S" };

	if (d->family != FAMILY_OTHER && names[d->family])
		doctor_cure(d, "%s %s", commands[d->family], names[d->family]);
	else
		doctor_cure(d, "install the package that other distributions call %s",
			names[FAMILY_DEBIAN]);
}

const char *doctor_line(struct doctor *d, const char *path)
{
	_cleanup_free_ char *text = NULL;

	if (file_read_line(d->h->root, path, &text) < 0)
		return NULL;
	return arena_strdup(d->arena, text);
}

size_t doctor_threads(struct doctor *d)
{
	const char *online = doctor_line(d, "/sys/devices/system/cpu/online");
	struct cpus cpus;
	size_t i, n = 0;

	if (!online || !cpus_parse(online, &cpus))
		return 0;
	for (i = 0; i < CPUS_MAX; i++)
		n += cpus_has(&cpus, i);
	return n;
}

static void add_escaped(struct strbuf *out, const char *s)
{
	for (; *s; s++) {
		if (*s == '\\' || *s == '-')
			sb_addc(out, '\\');
		sb_addc(out, *s);
	}
}

void doctor_man(struct strbuf *out)
{
	const struct check *c;
	size_t i;

	for (i = 0; (c = check_at(i)); i++) {
		sb_add(out, ".TP\n.B ");
		add_escaped(out, c->name);
		sb_add(out, "\n");
		add_escaped(out, c->title);
		sb_add(out, ".\n");
		add_escaped(out, c->why);
		sb_add(out, "\n");
	}
}
