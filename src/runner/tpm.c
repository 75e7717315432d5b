/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/tpm.h"
#include "base/file.h"
#include "runner/spawn.h"
#include <fcntl.h>

#define SWTPM "/usr/bin/swtpm"

int tpm_open(int root, const char *guest, uid_t uid, int *state, struct error *e)
{
	char path[160];
	int r, fd;

	if (access(SWTPM, X_OK) < 0) {
		error_set(e, -ENOPKG, "the guest is to have a TPM, and %s is not installed", SWTPM);
		return error_cure(e, "apt install swtpm, or dnf install swtpm");
	}
	snprintf(path, sizeof(path), TPM_DIR "/%s", guest);
	r = file_mkdirs(root, TPM_DIR, 0700);
	if (r >= 0)
		r = fd = file_open(root, path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
	if (r >= 0 && fchown(fd, uid, uid) < 0) {
		r = -errno;
		close(fd);
	}
	if (r < 0)
		return error_set(
			e, r, "cannot open what the TPM keeps, %s: %s", path, strerror(-r));
	*state = fd;
	return 0;
}

int tpm_spawn(int state, int control, int output, pid_t *pid, struct error *e)
{
	char keeps[64], socket[64];
	const int fds[] = { state, control };
	char *const argv[] = { (char *)SWTPM, (char *)"socket", (char *)"--tpm2",
		(char *)"--tpmstate", keeps, (char *)"--ctrl", socket, (char *)"--terminate",
		NULL };

	snprintf(keeps, sizeof(keeps), "backend-uri=file:///proc/self/fd/%d", state);
	snprintf(socket, sizeof(socket), "type=unixio,clientfd=%d", control);
	return spawn(argv, fds, ARRAY_SIZE(fds), output, -1, pid, e);
}
