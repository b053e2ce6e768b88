/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Process numbering, affinity, I/O priority, and locks at other nodes. */
#include "ckpt/extra.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ioprio.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ckpt/image_fix.h"
#include "ckpt/images.h"
#include "ckpt/remote_locks.h"
#include "ckpt/tasks.h"
#include "ckpt/worker.pb-c.h"
#include "common/cleanup.h"
#include "common/fd.h"
#include "common/msg.h"
#include "common/proc.h"

#define LAST_PID "/proc/sys/kernel/ns_last_pid"
#define LOCKS_IMAGE "filelocks.img"
#define CPUS_BYTES 512 /* affinity masks of up to 4096 CPUs */

/* ------------------------------------------------------------------ numbering */

/* Runs in the job's pid namespace, as its newest process. */
static int write_last_pid(uint32_t value)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", value);
	return file_write_at(AT_FDCWD, LAST_PID, text);
}

/* Forks into the pid namespace of @init. The new process's own number shows the cursor; with
 * @value it also sets it. */
static int in_pid_namespace(pid_t init, uint32_t value, uint32_t *ret_pid)
{
	_cleanup_fd_ int own = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
	_cleanup_fd_ int target = -1;
	char path[32];
	uint32_t pid = 0;
	int p[2], status;
	pid_t child;

	snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)init);
	target = open(path, O_RDONLY | O_CLOEXEC);
	if (own < 0 || target < 0 || pipe2(p, O_CLOEXEC) < 0)
		return -errno;
	_cleanup_fd_ int rd = p[0], wr = p[1];
	if (setns(target, CLONE_NEWPID) < 0)
		return -errno;
	child = fork();
	if (child == 0) {
		pid = (uint32_t)getpid();
		if (value && write_last_pid(value) < 0)
			_exit(1);
		_exit(fd_write_full(wr, &pid, sizeof(pid)) < 0);
	}
	if (setns(own, CLONE_NEWPID) < 0 || child < 0)
		return -errno;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (status)
		return -EIO;
	*ret_pid = pid;
	return fd_read_full(rd, ret_pid, sizeof(*ret_pid));
}

/* ------------------------------------------------------------------ threads */

static int get_affinity(pid_t tid, uint8_t *ret)
{
	long n = syscall(SYS_sched_getaffinity, tid, CPUS_BYTES, ret);

	if (n < 0)
		return -errno;
	memset(ret + n, 0, CPUS_BYTES - (size_t)n);
	return 0;
}

/* What Linux reports for a thread that never chose. */
static int default_ioprio(pid_t tid)
{
	int nice;

	errno = 0;
	nice = getpriority(PRIO_PROCESS, (id_t)tid);
	return errno ? -1 : IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, (nice + 20) / 5);
}

static bool ioprio_chosen(pid_t tid, int ioprio)
{
	return ioprio > 0 && IOPRIO_PRIO_CLASS(ioprio) != IOPRIO_CLASS_NONE &&
	       ioprio != default_ioprio(tid);
}

struct save {
	Worker__Extra *extra;
	size_t size;
	uint8_t all[CPUS_BYTES]; /* what an unrestricted process here has */
};

static int add_thread(Worker__Extra *x, size_t *size, Worker__Thread *t)
{
	if (x->n_threads == *size) {
		size_t want = *size ? *size * 2 : 16;
		Worker__Thread **p = realloc(x->threads, want * sizeof(*p));

		if (!p)
			return -ENOMEM;
		x->threads = p;
		*size = want;
	}
	x->threads[x->n_threads++] = t;
	return 0;
}

static Worker__Thread *thread_new(const uint8_t *affinity, int ioprio)
{
	Worker__Thread *t = malloc(sizeof(*t));

	if (!t)
		return NULL;
	worker__thread__init(t);
	if (affinity) {
		t->affinity.data = malloc(CPUS_BYTES);
		if (!t->affinity.data) {
			free(t);
			return NULL;
		}
		memcpy(t->affinity.data, affinity, CPUS_BYTES);
		t->affinity.len = CPUS_BYTES;
		t->has_affinity = true;
	}
	t->has_ioprio = ioprio >= 0;
	t->ioprio = (uint32_t)ioprio;
	return t;
}

static int save_thread(void *arg, pid_t pid, pid_t tid)
{
	struct save *s = arg;
	uint8_t affinity[CPUS_BYTES];
	Worker__Thread *t;
	int ioprio, r;
	pid_t inner;
	bool other;
	int nice;

	(void)pid;
	r = get_affinity(tid, affinity);
	if (r < 0)
		return r == -ESRCH ? 0 : r;
	nice = getpriority(PRIO_PROCESS, (id_t)tid);
	other = memcmp(affinity, s->all, CPUS_BYTES) != 0;
	ioprio = (int)syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, tid);
	if (!ioprio_chosen(tid, ioprio))
		ioprio = -1;
	if (!other && ioprio < 0 && nice >= 0)
		return 0;
	r = proc_ns_pid(tid, &inner);
	if (r < 0)
		return r == -ESRCH ? 0 : r;
	t = thread_new(other ? affinity : NULL, ioprio);
	if (!t)
		return -ENOMEM;
	t->has_tid = true;
	t->tid = inner;
	t->has_nice = nice < 0;
	t->nice = nice;
	return add_thread(s->extra, &s->size, t);
}

/* ------------------------------------------------------------------ locks */

static int add_lock(void *arg, const Image__FileLock *lock)
{
	struct save *s = arg;
	Worker__Extra *x = s->extra;
	ProtobufCBinaryData *p;

	p = realloc(x->locks, (x->n_locks + 1) * sizeof(*p));
	if (!p)
		return -ENOMEM;
	x->locks = p;
	p += x->n_locks;
	if (msg_pack(&lock->base, &p->data, &p->len) < 0)
		return -ENOMEM;
	x->n_locks++;
	return 0;
}

static int save_locks(struct save *s, const char *cgroup)
{
	_cleanup_free_ pid_t *pids = NULL;
	struct remote_locks l = {0};
	int n = tasks_list(cgroup, &pids), r = n < 0 ? n : 0;

	for (int i = 0; r == 0 && i < n; i++)
		r = remote_locks_each(&l, pids[i], add_lock, s);
	return r;
}

int extra_add_locks(int images, const uint8_t *data, size_t len)
{
	_cleanup_(msg_freep) Worker__Extra *x = msg_unpack(&worker__extra__descriptor, data, len);
	_cleanup_free_ uint8_t *img = NULL, *more = NULL;
	size_t img_len = 0, more_len;
	int r;

	if (!x)
		return -EBADMSG;
	if (!x->n_locks)
		return 0;
	r = images_read(images, LOCKS_IMAGE, IMAGE_FIX_MAX, &img, &img_len);
	if (r < 0 && r != -ENOENT)
		return r;
	r = image_add_locks(img, img_len, x->locks, x->n_locks, &more, &more_len);
	return r < 0 ? r : images_write(images, LOCKS_IMAGE, more, more_len);
}

/* ------------------------------------------------------------------ all of it */

int extra_save(pid_t init, const char *cgroup, uint8_t **ret, size_t *ret_len)
{
	_cleanup_(msg_freep) Worker__Extra *x = malloc(sizeof(*x));
	struct save s = {.extra = x};
	uint32_t pid;
	int r;

	if (!x)
		return -ENOMEM;
	worker__extra__init(x);
	r = get_affinity(0, s.all);
	if (r == 0)
		r = in_pid_namespace(init, 0, &pid);
	if (r < 0)
		return r;
	x->has_last_pid = true;
	x->last_pid = pid - 1;
	r = tasks_each_thread(cgroup, save_thread, &s);
	if (r == 0)
		r = save_locks(&s, cgroup);
	return r < 0 ? r : msg_pack(&x->base, ret, ret_len);
}

/* ------------------------------------------------------------------ back again */

static const Worker__Thread *find_thread(const Worker__Extra *x, pid_t inner)
{
	for (size_t i = 0; i < x->n_threads; i++) {
		if (x->threads[i]->tid == inner)
			return x->threads[i];
	}
	return NULL;
}

static int restore_thread(void *arg, pid_t pid, pid_t tid)
{
	const Worker__Thread *t;
	pid_t inner;
	int r;

	(void)pid;
	r = proc_ns_pid(tid, &inner);
	if (r < 0)
		return r == -ESRCH ? 0 : r;
	t = find_thread(arg, inner);
	if (!t)
		return 0;
	/* EINVAL: none of these CPUs is here, so that the thread may run anywhere. */
	if (t->has_affinity && t->affinity.len <= CPUS_BYTES &&
	    syscall(SYS_sched_setaffinity, tid, t->affinity.len, t->affinity.data) < 0 &&
	    errno != EINVAL && errno != ESRCH)
		return -errno;
	if (t->has_nice && setpriority(PRIO_PROCESS, (id_t)tid, t->nice) < 0 && errno != ESRCH)
		return -errno;
	if (t->has_ioprio && syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, tid, (int)t->ioprio) < 0 &&
	    errno != ESRCH)
		return -errno;
	return 0;
}

int extra_restore(pid_t init, const char *cgroup, const uint8_t *data, size_t len)
{
	_cleanup_(msg_freep) Worker__Extra *x = NULL;
	uint32_t pid;
	int r = 0;

	x = msg_unpack(&worker__extra__descriptor, data, len);
	if (!x || x->last_pid > (1u << 22))
		return -EBADMSG;
	if (x->last_pid)
		r = in_pid_namespace(init, x->last_pid, &pid);
	if (r == 0 && x->n_threads)
		r = tasks_each_thread(cgroup, restore_thread, x);
	return r;
}
