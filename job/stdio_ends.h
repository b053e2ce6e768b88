/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's ends of a job's standard input, output and terminal, and how they move. What waits
 * in a pipe or is typed ahead lives in the node's kernel, and criu does not carry it where the
 * other end of the pipe is outside of what it dumps.
 */
#ifndef MOSIX_JOB_STDIO_ENDS_H
#define MOSIX_JOB_STDIO_ENDS_H

#include "ckpt/engine.h"
#include "common/err.h"
#include "job/container.h"
#include "job/endpoint.h"
#include "job/fifo.h"
#include "job/pack.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/types.h>
#include <termios.h>

enum stdio_kind { STDIO_KIND_NULL, STDIO_KIND_PIPE, STDIO_KIND_TTY, _STDIO_KIND_MAX };

#define STDIO_KEY_MAX 64
#define STDIO_PIPE_MAX (1u << 20) /* bytes in a pipe */

struct stdio_spec {
	enum stdio_kind kinds[3];
	bool err_to_out;               /* both are PIPE and the same pipe */
	uid_t owner;                   /* of the terminal */
	const struct winsize *winsize; /* or NULL */
	const struct termios *termios; /* or NULL */
};

struct stdio {
	enum stdio_kind kinds[3];
	bool err_to_out;
	/* The guest's end: writing for stdin, reading for the others; -1 = none (any more). When
	 * the input has ended there is no writer, and pipes[0] only serves to see what is left. */
	int pipes[3];
	bool input_ended;
	char pipe_keys[3][STDIO_KEY_MAX]; /* "pipe:[INO]" */
	/* The slave stays open so that the job may close all of its own. */
	int master, slave;
	char slave_path[32]; /* in the job */
	char tty_key[STDIO_KEY_MAX];
	struct fifo typed; /* taken off the terminal and not yet back on it */
};

void stdio_init(struct stdio *s);
/* @ret_child: what the job's process gets (as container_start.stdio); those >= 0 are the caller's
 * to close once the process has been started. */
int stdio_create(struct stdio *ret, const struct stdio_spec *spec, const struct container *c,
		 int ret_child[3], struct err *e);
/* Closes everything. */
void stdio_done(struct stdio *s);

bool stdio_has_tty(const struct stdio *s);
/* Closes the writing end of the input, so that the job reads its end. */
int stdio_end_input(struct stdio *s);
/* Bytes of the input that the job has not read. */
uint64_t stdio_unread(const struct stdio *s);
/* A pipe for descriptor @i: the guest's end, non-blocking, and the job's. Sets its key. */
int stdio_own_pipe(struct stdio *s, int i, int *ret_guest, int *ret_job);
/* The inodes of the pipes whose other end the guest holds; returns how many (0 … 3). */
size_t stdio_inodes(const struct stdio *s, ino_t ret[3]);

/* At the source, the job being frozen: takes the terminal's output into the endpoint and what was
 * typed ahead into @typed. Pipes stay as they are. -ENOBUFS: the user's terminal takes nothing. */
int stdio_freeze(struct stdio *s, struct endpoint *ep);
/* What stdio_restore() needs; the job is frozen. */
int stdio_pack(const struct stdio *s, struct packer *p);
/* The job is going to run, here again or after a restore: gives back what was typed ahead. */
int stdio_thaw(struct stdio *s);

/* At the destination: new pipes with the old ones' size and contents, a new terminal. Fills at
 * most ENGINE_INHERIT_MAX entries whose keys point into @u's data; descriptors in them belong to
 * the caller and are to be closed when the restore is done. */
int stdio_restore(struct stdio *ret, struct unpacker *u, const struct container *c, uid_t owner,
		  struct engine_inherit *ret_inherit, size_t *ret_count, struct err *e);

#endif
