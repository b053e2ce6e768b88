/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A job's container, seen from the guest process that owns it: the mounts that make up the job's
 * tree, kept in the guest's own mount namespace so that nothing is left when it dies, and the
 * start of the job's first process in new namespaces on top of them.
 *
 *	DIR/root            "/" of the home node, nothing mounted below
 *	DIR/ext/{run,sys,dev,pts}
 *	DIR/ext/bind.N      one for each further mount of the home node, and for each place where
 *	                    that has /mfs (there: this node's own)
 *
 * with DIR = /run/mosix/job/HOME.SEQ.GEN. mosix-init or criu puts them together in the job's own
 * mount namespace; each is "external" to criu under a key that is the same on every node.
 */
#ifndef MOSIX_JOB_CONTAINER_H
#define MOSIX_JOB_CONTAINER_H

#include "ckpt/engine.h"
#include "common/err.h"
#include "job/init.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct container {
	char *dir;
	char *root;
	struct engine_mount *mounts; /* in the order in which they are to be mounted */
	size_t mount_count;
};

/* What the job's first process starts with. Nothing is owned. */
struct container_start {
	const char *cgroup; /* v2 path, existing */
	const char *hostname;
	const int *stdio; /* three descriptors, -1 = /dev/null, CONTAINER_TTY */
	const char *tty;  /* path of the terminal's slave in the job, for CONTAINER_TTY */
	int nice;
	const struct init_spec *spec;
};

#define CONTAINER_TTY (-2)
/* The group of terminals on every distribution; a number, since names differ by node. */
#define CONTAINER_TTY_GROUP 5

/* Once per process: a mount namespace of its own, in which /run/mosix/job holds only what this
 * process makes. What the host mounts and unmounts still happens in it. */
int container_private(struct err *e);

/* Makes the mounts. @tree: "/" at home, elsewhere where the home node's tree is seen. @home, @mfs:
 * JobSpec.home_mounts and mfs_mounts, NULL-terminated, each valid by mounts_valid(). */
int container_build(struct container *ret, uint64_t job, uint32_t gen, const char *tree,
		    const char *const *home, const char *const *mfs, struct err *e);
/* Unmounts all; processes that still use it keep theirs. */
void container_done(struct container *c);

/* Starts mosix-init; *ret_pid is a child of the caller. *ret_error_fd: becomes readable with one
 * struct init_error if the job's program cannot be started, with the end of file once it runs. */
int container_start(const struct container *c, const struct container_start *s, pid_t *ret_pid,
		    int *ret_error_fd, struct err *e);
/* The sentence for a record from there; the name of the file as the user said it comes from
 * @spec. */
void container_explain(const struct container *c, const struct init_spec *spec,
		       const struct init_error *ie, struct err *e);

/* The child's half of container_start(): puts the mounts together in the mount namespace that the
 * process has just got, and enters it. @by_root: the job's user is root, from whom more is hidden.
 * 0, or a positive errno and which step it was. */
int container_enter(const struct container *c, bool by_root, uint32_t *ret_step);

/* Opens a file of the job's /run (made by container_build()), for the guest. */
int container_open_state(const struct container *c, int flags);

#endif
