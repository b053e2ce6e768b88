/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The start of a job's first process: new namespaces, its mounts put together, mosix-init.
 */
#include "common/cgroup.h"
#include "common/cleanup.h"
#include "common/fd.h"
#include "job/container.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Steps of container_enter(); with STEP_MOUNT the number of the mount is added. */
enum {
	STEP_MAPS = 1,
	STEP_ROOT,
	STEP_PROC,
	STEP_PIVOT,
	STEP_HOSTNAME,
	STEP_STDIO,
	STEP_MOUNT = 1000,
};

struct child {
	const struct container *c;
	const struct container_start *s;
	int spec_fd;
	int error_fd; /* write end */
	int go_fd;    /* a byte comes when the parent has set up what only it can */
	int go_write; /* the parent's end: closed here, so that its death is noticed */
};

static int step(uint32_t *ret_step, uint32_t n)
{
	*ret_step = n;
	return errno;
}

/*
 * What in /proc acts on the whole node, and asks for no more than to be opened by user 0. Others
 * cannot open it, and are spared the mounts.
 */
static int protect_proc(void)
{
	static const char *const paths[] = {
		"proc/sys", "proc/sysrq-trigger", "proc/irq",  "proc/bus",
		"proc/fs",  "proc/acpi",          "proc/scsi", "proc/asound",
	};

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		if (mount(paths[i], paths[i], NULL, MS_BIND, NULL) < 0) {
			if (errno == ENOENT)
				continue;
			return -errno;
		}
		if (mount(NULL, paths[i], NULL,
			  MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
			  NULL) < 0)
			return -errno;
	}
	return 0;
}

int container_enter(const struct container *c, bool by_root, uint32_t *ret_step)
{
	char path[PATH_MAX];

	/* All of this is in a namespace that the job's user namespace owns: it can neither change
	 * the guest's mounts nor be seen there. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount(c->root, c->root, NULL, MS_BIND, NULL) < 0 || chdir(c->root) < 0)
		return step(ret_step, STEP_ROOT);
	for (size_t i = 0; i < c->mount_count; i++) {
		snprintf(path, sizeof(path), "%s%s", c->root, c->mounts[i].mountpoint);
		if (mount(c->mounts[i].source, path, NULL, MS_BIND, NULL) < 0)
			return step(ret_step, STEP_MOUNT + (uint32_t)i);
	}
	if (mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0 ||
	    (by_root && protect_proc() < 0))
		return step(ret_step, STEP_PROC);
	/* The old root ends up on top of the new one and is taken off from there. */
	if (syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return step(ret_step, STEP_PIVOT);
	return 0;
}

static void child_fail(const struct child *k, enum init_stage stage, uint32_t detail, int error)
{
	struct init_error e = {stage, detail, (uint32_t)error};

	if (write(k->error_fd, &e, sizeof(e)) < 0)
		_exit(125);
	_exit(126);
}

/* Descriptors go to their places by way of high numbers, since they may be in each other's. */
static int child_fds(const struct child *k)
{
	const int *stdio = k->s->stdio;
	int want[5] = {stdio[0], stdio[1], stdio[2], k->spec_fd, k->error_fd};

	for (int i = 0; i < 5; i++) {
		int fd = want[i];

		if (fd == CONTAINER_TTY)
			fd = open(k->s->tty, O_RDWR | O_NOCTTY);
		else if (fd < 0)
			fd = open("/dev/null", O_RDWR);
		else
			fd = dup(fd);
		if (fd < 0)
			return errno;
		want[i] = fcntl(fd, F_DUPFD, 100);
		if (want[i] < 0)
			return errno;
	}
	for (int i = 0; i < 5; i++)
		if (dup2(want[i], i) < 0)
			return errno;
	return close_range(5, ~0U, 0) < 0 ? errno : 0;
}

static void child_run(struct child *k)
{
	static char *const argv[] = {(char *)"mosix-init", NULL}, *const envp[] = {NULL};
	uint32_t detail = 0;
	char byte;
	int r;

	close(k->go_write);
	if (read(k->go_fd, &byte, 1) != 1)
		_exit(125);
	r = container_enter(k->c, k->s->spec->uid == 0, &detail);
	if (r)
		child_fail(k, INIT_STAGE_CONTAINER, detail, r);
	if (sethostname(k->s->hostname, strlen(k->s->hostname)) < 0)
		child_fail(k, INIT_STAGE_CONTAINER, STEP_HOSTNAME, errno);
	r = child_fds(k);
	if (r)
		child_fail(k, INIT_STAGE_CONTAINER, STEP_STDIO, r);
	k->error_fd = INIT_ERROR_FD;
	execve(INIT_PATH, argv, envp);
	child_fail(k, INIT_STAGE_INIT, 0, errno);
}

/* Signals wait until the child has its own way with them. */
static pid_t spawn(struct child *k)
{
	_cleanup_fd_ int pidfd = -1;
	sigset_t all, old;
	pid_t pid;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	pid = cgroup_fork(k->s->cgroup,
			  CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC,
			  &pidfd);
	if (!pid) {
		child_run(k);
		_exit(125);
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	return pid;
}

static int write_proc(pid_t pid, const char *name, const char *text)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return file_write_at(AT_FDCWD, path, text);
}

/* What takes a privilege that ends at the job's user namespace: identity maps, a better priority
 * than ours, hard limits above ours (mosix-init sets the exact ones). */
static int grant(pid_t pid, const struct container_start *s, struct err *e)
{
	const struct init_spec *spec = s->spec;
	int r;

	r = write_proc(pid, "uid_map", "0 0 4294967295");
	if (r >= 0)
		r = write_proc(pid, "gid_map", "0 0 4294967295");
	if (r < 0)
		return err_sys(e, r, "cannot map the job's users");
	r = write_proc(pid, "oom_score_adj", "0");
	if (r >= 0 && setpriority(PRIO_PROCESS, (id_t)pid, s->nice) < 0 && errno != EACCES)
		r = -errno;
	for (size_t i = 0; r >= 0 && i < spec->limit_count; i++) {
		__rlimit_resource_t resource = (__rlimit_resource_t)spec->limits[i].resource;
		struct rlimit l;

		if (prlimit(pid, resource, NULL, &l) < 0)
			r = -errno;
		if (r < 0 || l.rlim_max >= spec->limits[i].hard)
			continue;
		l.rlim_max = spec->limits[i].hard;
		/* Not allowed in a confined node: the job gets what the node has. */
		if (prlimit(pid, resource, &l, NULL) < 0 && errno != EPERM)
			r = -errno;
	}
	return r < 0 ? err_sys(e, r, "cannot set the job's priority and limits") : 0;
}

static int spec_file(const struct init_spec *spec)
{
	struct packer p = {0};
	int fd;

	init_spec_pack(&p, spec);
	fd = p.failed ? -ENOMEM : memfd_from("mosix-init", p.data, p.len);
	free(p.data);
	return fd;
}

int container_start(const struct container *c, const struct container_start *s, pid_t *ret_pid,
		    int *ret_error_fd, struct err *e)
{
	_cleanup_fd_ int spec_fd = spec_file(s->spec), error_read = -1, error_write = -1;
	_cleanup_fd_ int go_read = -1, go_write = -1;
	int error_pipe[2], go_pipe[2], r;
	struct child k;
	pid_t pid;

	if (spec_fd < 0)
		return err_sys(e, spec_fd, "cannot hand the job's specification over");
	if (pipe2(error_pipe, O_CLOEXEC) < 0)
		return err_sys(e, -errno, "cannot create a pipe");
	error_read = error_pipe[0];
	error_write = error_pipe[1];
	if (pipe2(go_pipe, O_CLOEXEC) < 0)
		return err_sys(e, -errno, "cannot create a pipe");
	go_read = go_pipe[0];
	go_write = go_pipe[1];

	k = (struct child){c, s, spec_fd, error_write, go_read, go_write};
	pid = spawn(&k);
	if (pid < 0)
		return err_sys(e, pid, "cannot create the job's namespaces");
	r = grant(pid, s, e);
	if (r >= 0 && write(go_write, "", 1) != 1)
		r = err_sys(e, -errno, "the job's first process is gone");
	if (r < 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return r;
	}
	*ret_pid = pid;
	*ret_error_fd = steal_fd(&error_read);
	return 0;
}

static void explain_container(const struct container *c, uint32_t detail, int error, struct err *e)
{
	static const char *const texts[] = {
		[STEP_MAPS] = "cannot wait for the job's user map",
		[STEP_ROOT] = "cannot make the home node's tree the job's",
		[STEP_PROC] = "cannot mount the job's /proc",
		[STEP_PIVOT] = "cannot enter the job's tree",
		[STEP_HOSTNAME] = "cannot set the job's host name",
		[STEP_STDIO] = "cannot open the job's standard input and output",
	};

	if (detail >= STEP_MOUNT && detail - STEP_MOUNT < c->mount_count)
		err_sys(e, -error, "cannot mount the job's %s",
			c->mounts[detail - STEP_MOUNT].mountpoint);
	else if (detail < sizeof(texts) / sizeof(*texts) && texts[detail])
		err_sys(e, -error, "%s", texts[detail]);
	else
		err_sys(e, -error, "cannot set up the job's container");
}

void container_explain(const struct container *c, const struct init_spec *spec,
		       const struct init_error *ie, struct err *e)
{
	int error = (int)ie->error;

	switch (ie->stage) {
	case INIT_STAGE_CONTAINER:
		explain_container(c, ie->detail, error, e);
		break;
	case INIT_STAGE_CREDENTIALS:
		err_sys(e, -error, "cannot become user %u", spec->uid);
		break;
	case INIT_STAGE_LIMITS:
		err_sys(e, -error, "cannot set resource limit %u", ie->detail);
		break;
	case INIT_STAGE_CWD:
		err_sys(e, -error, "cannot enter the working directory %s", spec->cwd);
		break;
	case INIT_STAGE_EXEC:
		err_sys(e, -error, "cannot run %s", spec->argv[0]);
		break;
	default:
		err_sys(e, -error, "cannot run %s", INIT_PATH);
		break;
	}
}
