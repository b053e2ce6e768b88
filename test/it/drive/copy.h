/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Test driver of the migration engine: one copy of a job in a small container, as a guest process
 * would make it.
 */
#ifndef MOSIX_TEST_IT_DRIVE_COPY_H
#define MOSIX_TEST_IT_DRIVE_COPY_H

#include <stdbool.h>
#include <sys/types.h>

#include "ckpt/engine.h"

#define COPY_MOUNTS 32

struct copy {
	int number;
	char dir[64]; /* what is mounted for it */
	char root[96];
	char cgroup[256];
	struct engine_mount mounts[COPY_MOUNTS];
	char sources[COPY_MOUNTS][128];
	char keys[COPY_MOUNTS][16];
	char points[COPY_MOUNTS][96];
	size_t mount_count;
	pid_t init;       /* 0 = none */
	int out;          /* read end of the job's standard output */
	char out_key[32]; /* "pipe:[INODE]" */
};

/* Makes mounts and cgroup of copy number @n below the cgroup @base. Exits on failure. */
void copy_prepare(struct copy *c, const char *base, int n);
/* Starts @argv in it, as a child of an init of its own. */
void copy_start(struct copy *c, char **argv);
/* The init inside: DESCRIPTOR PROGRAM [ARG...]. */
int copy_init_main(char **argv);
/* A new pipe for a restore; returns the write end. */
int copy_new_pipe(struct copy *c);
/* Removes what copy_prepare() made; the processes must have ended. */
void copy_remove(struct copy *c);
/* Number of processes in its cgroup. */
int copy_processes(const struct copy *c);

__attribute__((noreturn, format(printf, 1, 2))) void die(const char *fmt, ...);

#endif
