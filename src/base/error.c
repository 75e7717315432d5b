/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/error.h"
#include "base/arena.h"
#include "base/strbuf.h"
#include "base/utf8.h"

/* The old texts are freed last: they may be among the arguments. */
int error_set(struct error *e, int code, const char *fmt, ...)
{
	struct strbuf text = { 0 };
	va_list ap;

	if (!e)
		return code;
	va_start(ap, fmt);
	sb_vaddf(&text, fmt, ap);
	va_end(ap);
	error_clear(e);
	e->code = code;
	e->text = utf8_mend(sb_steal(&text));
	return code;
}

int error_cure(struct error *e, const char *fmt, ...)
{
	struct strbuf cure = { 0 };
	va_list ap;

	if (!e)
		return -EINVAL; /* never 0: this is always the way of a failure */
	va_start(ap, fmt);
	sb_vaddf(&cure, fmt, ap);
	va_end(ap);
	free(e->cure);
	e->cure = utf8_mend(sb_steal(&cure));
	return e->code;
}

int error_prefix(struct error *e, const char *fmt, ...)
{
	struct strbuf text = { 0 };
	va_list ap;

	if (!e)
		return -EINVAL; /* never 0: this is always the way of a failure */
	va_start(ap, fmt);
	sb_vaddf(&text, fmt, ap);
	va_end(ap);
	sb_add(&text, e->text ? e->text : strerror(-e->code));
	free(e->text);
	e->text = utf8_mend(sb_steal(&text));
	return e->code;
}

char *error_line(const struct error *e)
{
	if (!e || (!e->text && !e->code))
		return xstrdup("");
	if (!e->text)
		return xstrdup(strerror(-e->code));
	return e->cure ? xprintf("%s; %s", e->text, e->cure) : xstrdup(e->text);
}

void error_clear(struct error *e)
{
	free(e->text);
	free(e->cure);
	*e = (struct error){ 0 };
}
