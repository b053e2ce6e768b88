/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whole-process time of several commands, run in turns so that noise hits all alike.
 * usage: runtimes COUNT -- COMMAND ARG… -- COMMAND ARG… …
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

static double run_once(char **argv)
{
	posix_spawn_file_actions_t null_stdio;
	int status;
	pid_t pid;

	posix_spawn_file_actions_init(&null_stdio);
	posix_spawn_file_actions_addopen(&null_stdio, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&null_stdio, 1, "/dev/null", O_WRONLY, 0);
	double start = now_ms();

	if (posix_spawnp(&pid, argv[0], &null_stdio, NULL, argv, environ) ||
	    waitpid(pid, &status, 0) != pid || status != 0) {
		fprintf(stderr, "runtimes: %s failed\n", argv[0]);
		exit(1);
	}
	double took = now_ms() - start;

	posix_spawn_file_actions_destroy(&null_stdio);
	return took;
}

static void report(double *times, int count, char **argv)
{
	qsort(times, (size_t)count, sizeof(*times), compare);
	printf("%8.2f %8.2f %8.2f ", times[count / 2], times[count / 10], times[count * 9 / 10]);
	for (; *argv; argv++)
		printf(" %s", *argv);
	printf("\n");
}

int main(int argc, char **argv)
{
	char **commands[COMMANDS_MAX];
	double *times[COMMANDS_MAX];
	int n = 0, count = argc > 1 ? atoi(argv[1]) : 0;

	for (int i = 2; i < argc && n < COMMANDS_MAX; i++) {
		if (strcmp(argv[i], "--") != 0)
			continue;
		argv[i] = NULL;
		commands[n++] = &argv[i + 1];
	}
	if (count < 1 || n == 0) {
		fprintf(stderr, "usage: runtimes COUNT -- COMMAND ARG... [-- COMMAND ARG...]...\n");
		return 2;
	}
	for (int k = 0; k < n; k++)
		times[k] = calloc((size_t)count, sizeof(double));
	for (int k = 0; k < n; k++)
		run_once(commands[k]); /* warm up */
	for (int i = 0; i < count; i++)
		for (int k = 0; k < n; k++)
			times[k][i] = run_once(commands[k]);
	printf("%8s %8s %8s  command (milliseconds, %d runs in turns)\n", "median", "p10", "p90",
	       count);
	for (int k = 0; k < n; k++)
		report(times[k], count, commands[k]);
	return 0;
}
