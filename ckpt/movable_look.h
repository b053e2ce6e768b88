/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside of movable_check(): what is known while the processes of a job are looked at.
 */
#ifndef MOSIX_CKPT_MOVABLE_LOOK_H
#define MOSIX_CKPT_MOVABLE_LOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ckpt/movable.h"

enum look_ns {
	LOOK_PID,
	LOOK_MNT,
	LOOK_USER,
	LOOK_NET,
	LOOK_IPC,
	LOOK_UTS,
	LOOK_CGROUP,
	LOOK_TIME,
	_LOOK_NS_COUNT,
};

extern const char *const look_ns_names[_LOOK_NS_COUNT];

struct look_proc {
	pid_t pid;   /* as this node sees it */
	pid_t inner; /* as the job sees it */
	char comm[32];
	char state;
	unsigned int threads;
	pid_t tracer;
	unsigned int depth; /* of its pid namespace below ours */
};

/* A socket or a pipe end; sorted by inode. */
struct look_end {
	uint64_t ino;
	struct look_proc proc; /* who has it */
	int fd;
	bool rd, wr; /* pipes: which end */
};

struct look_ends {
	struct look_end *list;
	size_t count, size;
};

struct look {
	struct movable *m;
	struct look_proc init;
	ino_t ns[_LOOK_NS_COUNT]; /* of init */
	uint64_t *mounts;         /* mount numbers of the job, sorted */
	size_t mount_count;
	const ino_t *stdio;
	size_t stdio_count;
	struct look_ends sockets, pipes;
};

/* Adds a sentence: "Process 12 (name) WHAT". */
void look_reason(struct look *l, const struct look_proc *p, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Each looks at one thing, and returns 0 or a negative errno; -ESRCH = it has ended meanwhile. */
int look_at_process(struct look *l, const struct look_proc *p);
int look_at_fds(struct look *l, const struct look_proc *p);
int look_at_maps(struct look *l, const struct look_proc *p);
int look_at_sockets(struct look *l);
int look_at_pipes(struct look *l);

/* What a /proc path leads to (descriptor, cwd, mapping …): is it on the job's mounts, and no
 * device that cannot move? @what names it in the sentence: "the file %s open (descriptor 7)". */
int look_at_path(struct look *l, const struct look_proc *p, const char *path, const char *name,
		 const char *what);

/* A copy of the descriptor of another process, or negative. */
int look_get_fd(const struct look_end *e);
bool look_is_stdio(const struct look *l, uint64_t ino);
/* The first with that inode, or NULL. */
const struct look_end *look_find(const struct look_ends *ends, uint64_t ino);

#endif
