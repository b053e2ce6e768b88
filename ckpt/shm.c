/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GNU tar knows sparse files, attributes, links and owners. */
#include "ckpt/shm.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fd.h"

static char *const pack_args[] = {
	(char *)(uintptr_t)"tar",
	(char *)(uintptr_t)"--create",
	(char *)(uintptr_t)"--one-file-system",
	(char *)(uintptr_t)"--sparse",
	(char *)(uintptr_t)"--numeric-owner",
	(char *)(uintptr_t)"--xattrs",
	(char *)(uintptr_t)"--acls",
	(char *)(uintptr_t)".",
	NULL,
};

static char *const unpack_args[] = {
	(char *)(uintptr_t)"tar",
	(char *)(uintptr_t)"--extract",
	(char *)(uintptr_t)"--preserve-permissions",
	(char *)(uintptr_t)"--numeric-owner",
	(char *)(uintptr_t)"--xattrs",
	(char *)(uintptr_t)"--xattrs-include=*",
	(char *)(uintptr_t)"--acls",
	NULL,
};

/* Runs tar in @dir with its archive on descriptor @target (0 or 1). */
static pid_t run_tar(const char *dir, char *const *args, int archive, int target)
{
	char *envp[] = {(char *)(uintptr_t)"LC_ALL=C", NULL};
	pid_t pid = fork();
	int null;

	if (pid)
		return pid < 0 ? -errno : pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int i = 0; i < 3; i++)
		dup2(i == target ? archive : null, i);
	if (chdir(dir) == 0) {
		execve("/usr/bin/tar", args, envp);
		execve("/bin/tar", args, envp);
	}
	_exit(127);
}

static int wait_tar(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return status == 0 ? 0 : -EIO;
}

static bool is_empty(DIR *d)
{
	struct dirent *e;

	while ((e = readdir(d))) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			return false;
	}
	return true;
}

pid_t shm_pack(const char *dir, int images, struct err *e)
{
	_cleanup_dir_ DIR *d = opendir(dir);
	_cleanup_fd_ int fd = -1;
	pid_t pid;

	if (!d)
		return err_sys(e, -errno, "Cannot read the job's shared memory files");
	if (is_empty(d))
		return 0;
	fd = openat(images, SHM_IMAGE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(e, -errno, "Cannot make an image of the job's shared memory files");
	pid = run_tar(dir, pack_args, fd, 1);
	return pid < 0 ? err_sys(e, pid, "Cannot start tar") : pid;
}

int shm_packed(pid_t pid, struct err *e)
{
	int r = pid ? wait_tar(pid) : 0;

	return r < 0 ? err_set(e, r, "tar could not save the job's files in /dev/shm.") : 0;
}

int shm_unpack(const char *dir, int images, struct err *e)
{
	_cleanup_fd_ int fd = openat(images, SHM_IMAGE, O_RDONLY | O_CLOEXEC);
	pid_t pid;
	int r;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	pid = run_tar(dir, unpack_args, fd, 0);
	r = pid < 0 ? pid : wait_tar(pid);
	return r < 0 ? err_set(e, r, "tar could not restore the job's files in /dev/shm.") : 0;
}
