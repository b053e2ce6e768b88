/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whole-process time of several commands, run in turns so that noise hits all alike.
 * usage: runtimes [-j N] COUNT -- COMMAND ARG… -- COMMAND ARG… …
 * With -j N of them run at a time (of one command), as under make -j; the last column is then the
 * time of the whole divided by COUNT: what one more costs.
 * Prints for each command: median, 10th and 90th percentile in milliseconds, and the command.
 * A command that fails ends the run with status 1.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COMMANDS_MAX 16
#define AT_ONCE_MAX 256

extern char **environ;

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

struct run {
	pid_t pid;
	double start;
};

static void begin(struct run *r, char **argv)
{
	posix_spawn_file_actions_t null_stdio;

	posix_spawn_file_actions_init(&null_stdio);
	posix_spawn_file_actions_addopen(&null_stdio, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&null_stdio, 1, "/dev/null", O_WRONLY, 0);
	r->start = now_ms();
	if (posix_spawnp(&r->pid, argv[0], &null_stdio, NULL, argv, environ)) {
		fprintf(stderr, "runtimes: cannot start %s\n", argv[0]);
		exit(1);
	}
	posix_spawn_file_actions_destroy(&null_stdio);
}

/* Waits for one of them; its time, and its place in @runs. */
static double end(struct run *runs, int n, char **argv, int *ret_which)
{
	int status;
	pid_t pid = wait(&status);
	double now = now_ms();

	for (int i = 0; i < n; i++)
		if (pid > 0 && runs[i].pid == pid && status == 0) {
			*ret_which = i;
			runs[i].pid = 0;
			return now - runs[i].start;
		}
	fprintf(stderr, "runtimes: %s failed\n", argv[0]);
	exit(1);
}

static double run_once(char **argv)
{
	struct run r;
	int which;

	begin(&r, argv);
	return end(&r, 1, argv, &which);
}

/* @at_once of @count at a time; their times into @times, that of all divided by @count. */
static double run_many(char **argv, int count, int at_once, double *times)
{
	struct run runs[AT_ONCE_MAX] = {{0}};
	double begun = now_ms();
	int started = 0, ended = 0, slot = 0;

	for (; started < at_once && started < count; started++)
		begin(&runs[started], argv);
	while (ended < count) {
		times[ended++] = end(runs, at_once, argv, &slot);
		if (started++ < count)
			begin(&runs[slot], argv);
	}
	return (now_ms() - begun) / count;
}

static void report(double *times, int count, double each, char **argv)
{
	qsort(times, (size_t)count, sizeof(*times), compare);
	printf("%8.2f %8.2f %8.2f ", times[count / 2], times[count / 10], times[count * 9 / 10]);
	if (each > 0)
		printf("%8.2f ", each);
	for (; *argv; argv++)
		printf(" %s", *argv);
	printf("\n");
}

int main(int argc, char **argv)
{
	char **commands[COMMANDS_MAX];
	double *times[COMMANDS_MAX], each[COMMANDS_MAX] = {0};
	int n = 0, at_once = 0, count;

	if (argc > 3 && !strcmp(argv[1], "-j")) {
		at_once = atoi(argv[2]);
		argc -= 2;
		argv += 2;
	}
	count = argc > 1 ? atoi(argv[1]) : 0;
	for (int i = 2; i < argc && n < COMMANDS_MAX; i++) {
		if (strcmp(argv[i], "--") != 0)
			continue;
		argv[i] = NULL;
		commands[n++] = &argv[i + 1];
	}
	if (count < 1 || n == 0 || at_once < 0 || at_once > AT_ONCE_MAX) {
		fprintf(stderr,
			"usage: runtimes [-j N] COUNT -- COMMAND ARG... [-- COMMAND ARG...]...\n");
		return 2;
	}
	for (int k = 0; k < n; k++)
		times[k] = calloc((size_t)count, sizeof(double));
	for (int k = 0; k < n; k++)
		run_once(commands[k]); /* warm up */
	for (int i = 0; i < count && !at_once; i++)
		for (int k = 0; k < n; k++)
			times[k][i] = run_once(commands[k]);
	for (int k = 0; k < n && at_once; k++)
		each[k] = run_many(commands[k], count, at_once, times[k]);
	printf("%8s %8s %8s %s command (milliseconds, %d runs ", "median", "p10", "p90",
	       at_once ? "    each " : "", count);
	if (at_once)
		printf("of each, %d at a time)\n", at_once);
	else
		printf("in turns)\n");
	for (int k = 0; k < n; k++)
		report(times[k], count, each[k], commands[k]);
	return 0;
}
