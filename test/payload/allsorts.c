/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A job that uses a bit of everything that must survive a move, and prints the same lines however
 * often and wherever it is moved: threads with a condition variable, a child process on shared
 * memory, an interval timer, queued real-time signals, pipes, a socketpair, an unlinked open
 * file, epoll with timerfd and eventfd.
 *
 * Each round is also appended to the file allsorts.log: two copies would show as a doubled line.
 *
 * usage: allsorts ROUNDS      one round takes about 20 ms
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define THREADS 3

struct shared {
	volatile uint64_t asked;
	volatile uint64_t answered;
	volatile uint64_t sum;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn = PTHREAD_COND_INITIALIZER;
static uint64_t round_now;
static unsigned int done;
static uint64_t thread_sum;
static volatile sig_atomic_t rt_count;
static volatile sig_atomic_t alarms;

static void fail(const char *what)
{
	printf("FAILED: %s: %s\n", what, strerror(errno));
	exit(3);
}

static uint64_t mix(uint64_t x)
{
	x ^= x >> 31;
	x *= 0x9e3779b97f4a7c15u;
	x ^= x >> 29;
	return x;
}

static void on_rt(int sig, siginfo_t *si, void *ctx)
{
	(void)sig;
	(void)ctx;
	rt_count += si->si_value.sival_int;
}

static void on_alarm(int sig)
{
	(void)sig;
	alarms++;
}

static void *worker(void *arg)
{
	uint64_t id = (uint64_t)(uintptr_t)arg;
	uint64_t seen = 0;

	for (;;) {
		pthread_mutex_lock(&lock);
		while (round_now == seen)
			pthread_cond_wait(&turn, &lock);
		seen = round_now;
		pthread_mutex_unlock(&lock);
		if (seen == UINT64_MAX)
			return NULL;
		uint64_t v = seen + id;

		for (int i = 0; i < 20000; i++)
			v = mix(v);
		pthread_mutex_lock(&lock);
		thread_sum += v;
		done++;
		pthread_cond_broadcast(&turn);
		pthread_mutex_unlock(&lock);
	}
}

static void threads_round(uint64_t n)
{
	pthread_mutex_lock(&lock);
	done = 0;
	round_now = n;
	pthread_cond_broadcast(&turn);
	while (n != UINT64_MAX && done < THREADS)
		pthread_cond_wait(&turn, &lock);
	pthread_mutex_unlock(&lock);
}

/* The child answers over a pipe and adds on the shared page. */
static pid_t child_start(struct shared *sh, int req[2], int ans[2])
{
	pid_t pid;

	if (pipe(req) || pipe(ans))
		fail("pipe");
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		fail("fork");
	if (pid)
		return pid;
	close(req[1]);
	close(ans[0]);
	for (uint64_t x; read(req[0], &x, sizeof(x)) == sizeof(x);) {
		sh->sum += mix(x);
		sh->answered++;
		if (write(ans[1], &x, sizeof(x)) != sizeof(x))
			_exit(4);
	}
	_exit(7);
}

static int unlinked_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	if (fd < 0)
		fail(path);
	if (unlink(path))
		fail("unlink");
	return fd;
}

static void wait_tick(int ep, int tfd)
{
	struct epoll_event ev;
	uint64_t n;

	for (;;) {
		int r = epoll_wait(ep, &ev, 1, -1);

		if (r < 0 && errno == EINTR)
			continue; /* the interval timer; a move must not show up otherwise */
		if (r < 0)
			fail("epoll_wait");
		if (ev.data.fd != tfd) {
			if (read(ev.data.fd, &n, sizeof(n)) != sizeof(n))
				fail("eventfd");
			continue;
		}
		if (read(tfd, &n, sizeof(n)) != sizeof(n))
			fail("timerfd");
		return;
	}
}

static uint64_t file_round(int fd, uint64_t n)
{
	uint64_t rec[64], sum = 0;
	off_t size;

	for (unsigned int i = 0; i < 64; i++)
		rec[i] = mix(n * 64 + i);
	if (write(fd, rec, sizeof(rec)) != sizeof(rec))
		fail("write to the unlinked file");
	size = lseek(fd, 0, SEEK_CUR);
	if (size != (off_t)((n + 1) * sizeof(rec)))
		fail("offset of the unlinked file");
	for (off_t o = 0; o < size; o += (off_t)(sizeof(rec) * 16)) {
		if (pread(fd, rec, sizeof(rec), o) != sizeof(rec))
			fail("read from the unlinked file");
		sum += rec[0];
	}
	return sum;
}

int main(int argc, char **argv)
{
	uint64_t rounds = argc > 1 ? strtoull(argv[1], NULL, 10) : 100;
	char scratch[256];
	struct shared *sh =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct sigaction rt = {.sa_sigaction = on_rt, .sa_flags = SA_SIGINFO | SA_RESTART};
	struct sigaction al = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	struct itimerval it = {{0, 7000}, {0, 7000}};
	struct itimerspec ts = {{0, 15000000}, {0, 15000000}};
	int req[2], ans[2], sv[2], status, log;
	pthread_t t[THREADS];
	pid_t child;

	snprintf(scratch, sizeof(scratch), "allsorts.tmp.%d", (int)getpid());
	log = open("allsorts.log", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0644);
	if (log < 0)
		fail("allsorts.log");
	if (sh == MAP_FAILED)
		fail("mmap");
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGRTMIN + 3, &rt, NULL);
	sigaction(SIGALRM, &al, NULL);
	child = child_start(sh, req, ans);
	close(req[0]);
	close(ans[1]);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sv))
		fail("socketpair");
	int fd = unlinked_file(scratch);
	int tfd = timerfd_create(CLOCK_MONOTONIC, 0), efd = eventfd(0, 0), ep = epoll_create1(0);
	struct epoll_event ev = {.events = EPOLLIN, .data.fd = tfd};

	timerfd_settime(tfd, 0, &ts, NULL);
	epoll_ctl(ep, EPOLL_CTL_ADD, tfd, &ev);
	ev.data.fd = efd;
	epoll_ctl(ep, EPOLL_CTL_ADD, efd, &ev);
	setitimer(ITIMER_REAL, &it, NULL);
	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, worker, (void *)i);
	pid_t me = getpid();
	struct timespec last = {0};

	for (uint64_t n = 0; n < rounds; n++) {
		struct timespec now;
		uint64_t x = mix(n + 1), y = 0, one = 1;

		threads_round(n + 1);
		if (write(req[1], &x, sizeof(x)) != sizeof(x) ||
		    read(ans[0], &y, sizeof(y)) != sizeof(y) || x != y)
			fail("the child's answer");
		if (write(sv[0], &x, sizeof(x)) != sizeof(x) ||
		    read(sv[1], &y, sizeof(y)) != sizeof(y) || x != y)
			fail("socketpair");
		if (write(efd, &one, sizeof(one)) != sizeof(one))
			fail("eventfd");
		sigqueue(getpid(), SIGRTMIN + 3, (union sigval){.sival_int = 2});
		uint64_t fs = file_round(fd, n);

		if (dprintf(log, "%llu\n", (unsigned long long)n) < 0)
			fail("allsorts.log");

		wait_tick(ep, tfd);
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec < last.tv_sec)
			fail("the monotonic clock went back");
		last = now;
		if (getpid() != me || getppid() <= 0)
			fail("my process number changed");
		printf("round %llu threads %016llx child %016llx file %016llx rt %d\n",
		       (unsigned long long)n, (unsigned long long)thread_sum,
		       (unsigned long long)sh->sum, (unsigned long long)fs, (int)rt_count);
	}
	threads_round(UINT64_MAX);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	close(req[1]);
	if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 7)
		fail("the child's exit status");
	printf("end alarms %s answered %llu\n", alarms > 0 ? "yes" : "no",
	       (unsigned long long)sh->answered);
	return 0;
}
