/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a sample of this node costs with many processes, and how right it is: prints the CPU time
 * per sample, and the runnable tasks that are seen when 0, 1, 4 and 16 want to run. Then what it
 * costs to know what jobs send: with no connections, with many of others, with many of a job.
 *
 *	sample_cost [PROCESSES [CONTAINER-OR-WHOLE]]
 */
#include "daemon/sample_node.h"

#include "common/cgroup.h"
#include "common/demand.h"
#include "daemon/tcp_bytes.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000ll
#define PROCESSES_MAX 5000
#define SAMPLES 6
#define QUICK 9
#define CONNECTIONS 500
#define LOOKS 20

static double cpu_usec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * SECOND + t.tv_nsec;
}

static pid_t spawn(bool busy)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (busy)
		;
	for (;;)
		pause();
}

static void end(const pid_t *pids, int count)
{
	for (int i = 0; i < count; i++)
		kill(pids[i], SIGKILL);
	for (int i = 0; i < count; i++)
		waitpid(pids[i], NULL, 0);
}

/* One second, with the looks that belong to it. */
static void second(struct sample_node *n, struct sample_reading *r, double *ret_usec)
{
	const struct timespec tick = {.tv_nsec = SECOND / (QUICK + 1)};
	const struct sample_of_jobs none = {0};
	double usec = 0, begin;

	for (int i = 0; i < QUICK; i++) {
		nanosleep(&tick, NULL);
		begin = cpu_usec();
		if (sample_node_wants_quick(n))
			sample_node_quick(n);
		usec += cpu_usec() - begin;
	}
	nanosleep(&tick, NULL);
	begin = cpu_usec();
	sample_node_look(n, now_ns(), &none, r);
	*ret_usec = usec + cpu_usec() - begin;
}

static void accuracy(struct sample_node *n, int busy)
{
	struct sample_reading r;
	pid_t pids[16] = {0};
	double usec, sum = 0, worst = 0;

	for (int i = 0; i < busy; i++)
		pids[i] = spawn(true);
	second(n, &r, &usec);
	for (int i = 0; i < SAMPLES; i++) {
		second(n, &r, &usec);
		sum += r.more.runnable;
		if (r.more.runnable > worst)
			worst = r.more.runnable;
	}
	printf("%2d busy: seen %6.2f on average, %6.2f at most; used %.2f CPUs; pressure %.2f\n",
	       busy, sum / SAMPLES / 1000, worst / 1000, r.more.busy / 1000.0,
	       r.more.pressure.cpu / 1000.0);
	end(pids, busy);
}

static void cost(struct sample_node *n, int processes, bool busy)
{
	double usec, sum = 0, worst = 0;
	pid_t pid = busy ? spawn(true) : 0;
	struct sample_reading r;

	for (int i = 0; i < 5 * SAMPLES; i++) {
		second(n, &r, &usec);
		/* All are new at first. */
		if (i < 3 * SAMPLES)
			continue;
		sum += usec;
		worst = usec > worst ? usec : worst;
	}
	sum /= 2 * SAMPLES;
	printf("%d processes, %s: %.0f us of CPU time per second on average, %.0f at most: %.3f %% "
	       "of a CPU\n",
	       processes, busy ? "one busy" : "all idle", sum, worst, sum / 1e4);
	if (busy)
		end(&pid, 1);
}

/* ------------------------------------------------------------------ network */

static void connect_many(int count)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const struct rlimit files = {.rlim_cur = 8192, .rlim_max = 8192};
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(a);

	setrlimit(RLIMIT_NOFILE, &files);
	if (bind(listener, (void *)&a, len) < 0 || listen(listener, 16) < 0 ||
	    getsockname(listener, (void *)&a, &len) < 0)
		exit(EXIT_FAILURE);
	for (int i = 0; i < count; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		if (connect(fd, (void *)&a, len) < 0 || accept(listener, NULL, NULL) < 0)
			exit(EXIT_FAILURE);
	}
}

/* @fresh: one more connection before each look, so that there is something to look for. */
static void network_cost(const char *what, uint64_t group, unsigned int groups, bool fresh)
{
	struct tcp_group *g = calloc(groups, sizeof(*g));
	double usec = 0, begin;
	struct tcp_bytes *t;

	if (!g || tcp_bytes_new(&t) < 0)
		exit(EXIT_FAILURE);
	for (int i = 0; i < 2 * LOOKS; i++) {
		for (unsigned int k = 0; k < groups; k++)
			g[k] = (struct tcp_group){.id = k ? UINT64_MAX - k : group};
		if (fresh)
			connect_many(1);
		begin = cpu_usec();
		if (tcp_bytes_look(t, g, groups) < 0)
			exit(EXIT_FAILURE);
		if (i >= LOOKS)
			usec += cpu_usec() - begin;
	}
	printf("network, %u jobs, %s: %.0f us per second\n", groups, what, usec / LOOKS);
	tcp_bytes_free(t);
	free(g);
}

static void network(void)
{
	char path[512];
	struct stat st;

	if (cgroup_self(path, sizeof(path)) < 0 || stat(path, &st) < 0)
		return;
	network_cost("no connections", 1, 500, false);
	connect_many(CONNECTIONS / 2);
	network_cost("500 connections of others, and new ones", 1, 1, true);
	network_cost("500 connections of others, and new ones", 1, 96, true);
	network_cost("500 connections of others, and new ones", 1, 500, true);
	network_cost("500 connections of a job", st.st_ino, 1, false);
}

int main(int argc, char **argv)
{
	static pid_t pids[PROCESSES_MAX];
	int processes = argc > 1 ? atoi(argv[1]) : 500;
	struct sample_node_config c = {.root = "", .whole = sample_node_is_whole()};
	struct sample_node n;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (processes < 0 || processes > PROCESSES_MAX)
		return EXIT_FAILURE;
	if (argc > 2)
		c.whole = strcmp(argv[2], "whole") == 0;
	c.cpus = sample_node_affinity();
	for (int i = 0; i < processes; i++)
		pids[i] = spawn(false);
	if (sample_node_open(&n, &c) < 0)
		return EXIT_FAILURE;
	printf("%s, %u/1000 CPUs of %u\n", c.whole ? "whole machine" : "container",
	       limits_cpu(&n.limits) ? limits_cpu(&n.limits) : c.cpus, c.cpus);
	cost(&n, processes, false);
	cost(&n, processes, true);
	accuracy(&n, 0);
	accuracy(&n, 1);
	accuracy(&n, 4);
	accuracy(&n, 16);
	sample_node_close(&n);
	end(pids, processes);
	network();
	return EXIT_SUCCESS;
}
