/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A container: user, mount, pid, uts and ipc namespaces; all mounts but /proc and /dev/shm are
 * external to criu. */
#include "test/it/drive/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cgroup.h"
#include "common/fd.h"

void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fprintf(stderr, "drive: ");
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, " (%s)\n", strerror(errno));
	va_end(ap);
	_exit(1);
}

static void check(int r, const char *what, const char *on)
{
	if (r < 0)
		die("%s %s", what, on);
}

static void bind_to(const char *from, const char *to)
{
	mkdir(to, 0755);
	check(mount(from, to, NULL, MS_BIND, NULL), "bind", from);
	check(mount(NULL, to, NULL, MS_PRIVATE, NULL), "make private", to);
}

static void make_fs(const char *type, const char *to, const char *options)
{
	mkdir(to, 0755);
	check(mount(type, to, type, MS_NOSUID, options), "mount", to);
	check(mount(NULL, to, NULL, MS_PRIVATE, NULL), "make private", to);
}

static void make_dev(const char *dir)
{
	static const struct {
		const char *name;
		unsigned int major, minor;
	} nodes[] = {{"null", 1, 3},   {"zero", 1, 5},    {"full", 1, 7},
		     {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}};
	char path[512];

	make_fs("tmpfs", dir, "mode=755");
	umask(0);
	for (size_t i = 0; i < sizeof(nodes) / sizeof(*nodes); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, nodes[i].name);
		check(mknod(path, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)), "mknod",
		      path);
	}
	umask(022);
	snprintf(path, sizeof(path), "%s/pts", dir);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/shm", dir);
	mkdir(path, 0755);
}

static void add_mount(struct copy *c, const char *key, const char *mountpoint)
{
	size_t i = c->mount_count++;

	snprintf(c->sources[i], sizeof(c->sources[i]), "/run/drive.%d.%d/%s", (int)getpid(),
		 c->number, key);
	c->mounts[i].key = key;
	c->mounts[i].mountpoint = mountpoint;
	c->mounts[i].source = c->sources[i];
}

/* Made anew in the container, or not to be seen there. */
static bool own_tree(const char *point)
{
	static const char *const trees[] = {"/proc", "/sys", "/dev", "/run"};

	for (size_t i = 0; i < sizeof(trees) / sizeof(*trees); i++) {
		size_t n = strlen(trees[i]);

		if (strncmp(point, trees[i], n) == 0 && (!point[n] || point[n] == '/'))
			return true;
	}
	return strcmp(point, "/") == 0;
}

/* A bind may be of a single file. */
static void bind_like(const char *from, const char *to)
{
	struct stat st;

	check(stat(from, &st), "stat", from);
	if (!S_ISDIR(st.st_mode))
		close(open(to, O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
	bind_to(from, to);
}

static void add_machine_mounts(struct copy *c)
{
	FILE *f = setmntent("/proc/self/mounts", "re");
	struct mntent *m;

	while (f && (m = getmntent(f))) {
		size_t i = c->mount_count;

		if (own_tree(m->mnt_dir))
			continue;
		if (i == COPY_MOUNTS || strlen(m->mnt_dir) >= sizeof(c->points[i]))
			die("too many mounts");
		snprintf(c->keys[i], sizeof(c->keys[i]), "m%zu", i);
		snprintf(c->points[i], sizeof(c->points[i]), "%s", m->mnt_dir);
		add_mount(c, c->keys[i], c->points[i]);
		bind_like(m->mnt_dir, c->sources[i]);
	}
	if (f)
		endmntent(f);
}

static void make_mounts(struct copy *c)
{
	add_mount(c, "dev", "/dev");
	make_dev(c->sources[c->mount_count - 1]);
	add_mount(c, "pts", "/dev/pts");
	make_fs("devpts", c->sources[c->mount_count - 1], "newinstance,ptmxmode=0666,mode=620");
	add_mount(c, ENGINE_SHM_KEY, "/dev/shm");
	make_fs("tmpfs", c->sources[c->mount_count - 1], "mode=1777");
	add_mount(c, "run", "/run");
	make_fs("tmpfs", c->sources[c->mount_count - 1], "mode=755");
	add_mount(c, "sys", "/sys");
	bind_to("/sys", c->sources[c->mount_count - 1]);
	add_machine_mounts(c);
}

void copy_prepare(struct copy *c, const char *base, int n)
{
	memset(c, 0, sizeof(*c));
	c->out = -1;
	c->number = n;
	snprintf(c->dir, sizeof(c->dir), "/run/drive.%d.%d", (int)getpid(), n);
	snprintf(c->root, sizeof(c->root), "/run/drive.%d.%d/root", (int)getpid(), n);
	snprintf(c->cgroup, sizeof(c->cgroup), "%s/copy%d", base, n);
	check(mkdir(c->dir, 0755), "mkdir", c->dir);
	check(cgroup_create(c->cgroup), "create cgroup", c->cgroup);
	bind_to("/", c->root);
	make_mounts(c);
}

static void remove_point(const char *path)
{
	umount2(path, MNT_DETACH);
	if (rmdir(path) < 0 && errno == ENOTDIR)
		unlink(path);
}

void copy_remove(struct copy *c)
{
	for (size_t i = 0; i < c->mount_count; i++)
		remove_point(c->sources[i]);
	remove_point(c->root);
	check(rmdir(c->dir), "rmdir", c->dir);
	c->out = fd_close(c->out);
	check(cgroup_remove(c->cgroup), "remove cgroup", c->cgroup);
}

int copy_processes(const struct copy *c)
{
	pid_t pids[16];

	return cgroup_pids(c->cgroup, pids, 16);
}

int copy_new_pipe(struct copy *c)
{
	struct stat st;
	int p[2];

	check(pipe2(p, O_CLOEXEC), "pipe", "");
	check(fstat(p[0], &st), "stat", "pipe");
	c->out = p[0];
	fd_set_nonblock(c->out, true);
	snprintf(c->out_key, sizeof(c->out_key), "pipe:[%lu]", (unsigned long)st.st_ino);
	return p[1];
}

/* ------------------------------------------------------------------ inside */

static void enter_root(const struct copy *c)
{
	char path[512];

	check(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), "make private", "/");
	check(mount(c->root, c->root, NULL, MS_BIND, NULL), "bind", c->root);
	for (size_t i = 0; i < c->mount_count; i++) {
		snprintf(path, sizeof(path), "%s%s", c->root, c->mounts[i].mountpoint);
		check(mount(c->sources[i], path, NULL, MS_BIND, NULL), "bind", path);
	}
	snprintf(path, sizeof(path), "%s/proc", c->root);
	check(mount("proc", path, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL), "mount", path);
	check(chdir(c->root), "chdir", c->root);
	check((int)syscall(SYS_pivot_root, ".", "."), "pivot_root", c->root);
	check(umount2(".", MNT_DETACH), "umount", ".");
	check(chdir("/"), "chdir", "/");
}

static void null_stdio(void)
{
	int null = open("/dev/null", O_RDWR);

	for (int i = 0; i < 3; i++)
		dup2(null, i);
	close(null);
}

static void run_program(char **argv, int out)
{
	setsid();
	null_stdio();
	dup2(out, 1);
	close_range(3, ~0u, 0);
	execv(argv[0], argv);
	_exit(127);
}

int copy_init_main(char **argv)
{
	int status, result = 1, out = atoi(argv[0]);
	pid_t main_pid, pid;

	setsid();
	main_pid = fork();
	if (main_pid == 0)
		run_program(argv + 1, out);
	null_stdio();
	close_range(3, ~0u, 0);
	while ((pid = wait(&status)) > 0 || errno == EINTR) {
		if (pid == main_pid)
			break;
	}
	result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return result;
}

/* Starts itself anew, so that nothing of it is mapped from a mount outside. */
__attribute__((noreturn)) static void run_init(const struct copy *c, char **argv, int out)
{
	char self[256], number[16], *args[64] = {self, (char *)(uintptr_t)"--init", number};
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	check((int)n, "readlink", "/proc/self/exe");
	self[n] = '\0';
	snprintf(number, sizeof(number), "%d", out);
	for (int i = 0; i < 60 && argv[i]; i++)
		args[i + 3] = argv[i];
	enter_root(c);
	fd_set_cloexec(out, false);
	execv(self, args);
	die("exec %s", self);
}

static void write_file(pid_t pid, const char *name, const char *text)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	check(file_write_at(AT_FDCWD, path, text), "write", path);
}

/* The child makes its namespaces itself: the user namespace first, so that it owns the others. */
static void child(const struct copy *c, char **argv, int out, int ready, int go)
{
	int p[2];
	char b;
	pid_t init;

	check(unshare(CLONE_NEWUSER), "unshare", "user");
	check((int)write(ready, "x", 1), "write", "pipe");
	check((int)read(go, &b, 1), "read", "pipe");
	check(unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC), "unshare", "");
	check(pipe2(p, O_CLOEXEC), "pipe", "");
	init = fork();
	if (init == 0)
		run_init(c, argv, out);
	check((int)write(ready, &init, sizeof(init)), "write", "pipe");
	_exit(0);
}

void copy_start(struct copy *c, char **argv)
{
	int ready[2], go[2], pidfd, out = copy_new_pipe(c);
	pid_t pid;
	char b;

	check(pipe2(ready, O_CLOEXEC), "pipe", "");
	check(pipe2(go, O_CLOEXEC), "pipe", "");
	pid = cgroup_fork(c->cgroup, 0, &pidfd);
	if (pid == 0)
		child(c, argv, out, ready[1], go[0]);
	check(pid, "start in", c->cgroup);
	close(out);
	check(fd_read_full(ready[0], &b, 1), "wait for", "child");
	write_file(pid, "uid_map", "0 0 4294967295");
	write_file(pid, "gid_map", "0 0 4294967295");
	check((int)write(go[1], "x", 1), "write", "pipe");
	check(fd_read_full(ready[0], &c->init, sizeof(c->init)), "wait for", "init");
	waitpid(pid, NULL, 0);
	close(pidfd);
	for (int i = 0; i < 2; i++) {
		close(ready[i]);
		close(go[i]);
	}
}
