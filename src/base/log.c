/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

static const char *log_program = "kvmhost";
static int log_max = LOG_INFO;
static bool log_journal;

/*
 * JOURNAL_STREAM is inherited by children whose stderr may go elsewhere, so
 * it holds only where its device and inode are those of our stderr.
 */
static bool stderr_is_journal(void)
{
	const char *v = getenv("JOURNAL_STREAM");
	uintmax_t dev, ino;
	struct stat st;

	return v && sscanf(v, "%" SCNuMAX ":%" SCNuMAX, &dev, &ino) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

static void occupy_standard_descriptors(void)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++) {
		int got = fd;

		if (fcntl(fd, F_GETFD) < 0)
			got = open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
		if (got != fd)
			_exit(71);
	}
}

void log_setup(const char *program, int max_level)
{
	occupy_standard_descriptors();
	log_program = program;
	log_max = max_level;
	log_journal = stderr_is_journal();
}

static void begin_line(struct strbuf *out, int level)
{
	if (log_journal)
		sb_addf(out, "<%d>", level);
	else
		sb_addf(out, "%s: ", log_program);
}

/* Each line gets its own prefix, and nothing in it can move the cursor. */
static void add_lines(struct strbuf *out, int level, const char *s)
{
	size_t left = strlen(s), len;
	uint32_t c;

	begin_line(out, level);
	for (; left; s += len, left -= len) {
		len = utf8_decode(s, left, &c);
		if (len == 0) {
			sb_add(out, UTF8_REPLACEMENT);
			len = 1;
		} else if (c == '\n') {
			sb_addc(out, '\n');
			if (left > 1)
				begin_line(out, level);
		} else if (utf8_is_control(c) && c != '\t') {
			sb_addc(out, '?');
		} else {
			sb_addn(out, s, len);
		}
	}
	if (out->s[out->len - 1] != '\n')
		sb_addc(out, '\n');
}

static void write_all(int fd, const char *s, size_t n)
{
	while (n) {
		ssize_t w = write(fd, s, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return;
		s += w;
		n -= (size_t)w;
	}
}

void log_at(int level, const char *fmt, ...)
{
	_cleanup_strbuf_ struct strbuf text = { 0 }, out = { 0 };
	int saved = errno;
	va_list ap;

	if (level > log_max)
		return;
	va_start(ap, fmt);
	sb_vaddf(&text, fmt, ap);
	va_end(ap);
	add_lines(&out, level, sb_str(&text));
	write_all(STDERR_FILENO, out.s, out.len);
	errno = saved;
}

int log_failure(const struct error *e)
{
	_cleanup_free_ char *line = error_line(e);

	log_at(LOG_ERR, "%s", line);
	return e->code;
}
