/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/qemu_img.h"
#include "base/util.h"
#include "runner/state.h"
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { PROGRESS_MS = 500 };

static const char QEMU_IMG[] = "/usr/bin/qemu-img";

static int missing_program(struct error *e)
{
	error_set(e, -ENOPKG, "qemu-img, which makes disk images, is not installed");
	return error_cure(e, "apt install qemu-utils, or dnf install qemu-img");
}

/* As 3 and 4, and nothing else; first out of the way, since one may be the other's number. */
static int keep(int file, int lock)
{
	int above_file = file < 0 ? -1 : fcntl(file, F_DUPFD_CLOEXEC, 10);
	int above_lock = lock < 0 ? -1 : fcntl(lock, F_DUPFD_CLOEXEC, 10);

	if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		return -errno;
	if ((file >= 0 && dup2(above_file, 3) < 0) || (lock >= 0 && dup2(above_lock, 4) < 0))
		return -errno;
	return 0;
}

static _Noreturn void child(const struct qemu_img *q, char *const argv[], int output, pid_t parent)
{
	static char *const environment[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8",
		NULL };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	umask(0077);
	if (fchdir(q->dir) < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(output, 2) < 0 ||
		keep(q->file, q->lock) < 0)
		_exit(127);
	/* We may have been killed before. */
	if (q->lock < 0 && (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent))
		_exit(127);
	execve(QEMU_IMG, argv, environment);
	_exit(127);
}

/* Until it says something or ends: how much of its space the image has. */
static void watch(const struct qemu_img *q, int output)
{
	const struct image *i = q->image;
	struct pollfd p = { output, POLLIN, 0 };

	while (i->progress && i->size && poll(&p, 1, PROGRESS_MS) == 0) {
		struct stat st;

		if ((q->file >= 0 ? fstat(q->file, &st)
				  : fstatat(q->dir, q->name, &st, AT_SYMLINK_NOFOLLOW)) == 0)
			i->progress(i->progress_arg,
				(unsigned)MIN_OF((uint64_t)st.st_blocks * 512 / (i->size / 100 + 1),
					(uint64_t)99));
	}
}

/*
 * The line that has the reason. Before it stands, where the image is none of its making, that it
 * could not delete that.
 */
static const char *reason(char *text)
{
	char *line, *rest = text;

	while ((line = strsep(&rest, "\n")) && rest && *rest && strstr(line, "Error when deleting"))
		;
	return line ? line : "";
}

static void read_words(int fd, char *out, size_t room)
{
	char text[1024], rest[1024];
	const char *line;
	size_t n = 0;
	ssize_t got;

	while (n < sizeof(text) - 1 && (got = read(fd, text + n, sizeof(text) - 1 - n)) != 0)
		if (got > 0)
			n += (size_t)got;
		else if (errno != EINTR)
			break;
	while ((got = read(fd, rest, sizeof(rest))) > 0 || (got < 0 && errno == EINTR))
		;
	text[n] = '\0';
	line = reason(text);
	plain_text(out, room, line, strlen(line));
}

/* Of the image, not of the descriptor by which it has it. */
static int failed(const struct qemu_img *q, const char *words, struct error *e)
{
	const char *text = startswith(words, "qemu-img: ");
	const char *at = strstr(words, QEMU_IMG_FILE);

	text = text ? text : *words ? words : "failed without a word";
	if (!at)
		return error_set(e, -EIO, "qemu-img: %s", text);
	return error_set(e, -EIO, "qemu-img: %.*s%s%s", (int)(at - text), text, q->image->path,
		at + strlen(QEMU_IMG_FILE));
}

int qemu_img_run(const struct qemu_img *q, char *const argv[], struct error *e)
{
	_cleanup_close_ int ours = -1;
	char words[400];
	int v[2], status = 0;
	pid_t pid, parent = getpid();

	if (access(QEMU_IMG, X_OK) < 0)
		return missing_program(e);
	if (pipe2(v, O_CLOEXEC) < 0)
		return error_set(e, -errno, "cannot make a pipe: %s", strerror(errno));
	ours = v[0];
	pid = fork();
	if (pid == 0)
		child(q, argv, v[1], parent);
	close(v[1]);
	if (pid < 0)
		return error_set(e, -errno, "cannot start qemu-img: %s", strerror(errno));
	watch(q, ours);
	read_words(ours, words, sizeof(words));
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFSIGNALED(status))
		return error_set(e, -EIO, "qemu-img was killed by signal %d", WTERMSIG(status));
	return failed(q, words, e);
}
