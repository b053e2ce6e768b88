/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What mosix-init, pid 1 of a job, and the guest process that starts it say to each other.
 *
 * Start: mosix-init is executed inside the finished container with the job's standard descriptors
 * as 0, 1, 2, the specification on INIT_SPEC_FD (a memory file, see init_spec_pack()) and the
 * write end of a pipe on INIT_ERROR_FD. When the pipe ends without a record, the program runs;
 * otherwise it holds one struct init_error.
 *
 * Signals: the guest queues SIGRTMAX with a value: the number of the signal that the job's main
 * process gets, plus INIT_TO_GROUP if its process group gets it. All else is ignored, and so is
 * whatever comes from inside of the container. INIT_FOREGROUND and INIT_BACKGROUND instead give the
 * session's terminal to the main process's group or to init's, as a shell would.
 *
 * State: each change of the main process is written into INIT_STATE_FILE, which the guest made
 * with its full size before, so that a move finds it the same on every node.
 */
#ifndef MOSIX_JOB_INIT_H
#define MOSIX_JOB_INIT_H

#include "job/pack.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INIT_PATH MOSIX_LIBEXECDIR "/mosix-init"
#define INIT_SPEC_FD 3
#define INIT_ERROR_FD 4
#define INIT_TO_GROUP 0x100
#define INIT_FOREGROUND 0x200
#define INIT_BACKGROUND 0x400
#define INIT_SIGNAL SIGRTMAX

/* In the container; only root may read or write it. */
#define INIT_STATE_NAME "mosix.state"
#define INIT_STATE_FILE "/run/" INIT_STATE_NAME

struct init_state {
	uint32_t serial; /* of the change, from 1; 0 = none yet */
	uint32_t status; /* as wait(2) gives it: exited, killed, stopped or continued */
};

enum init_stage {
	INIT_STAGE_CONTAINER = 1, /* detail: which step (enum container_step) */
	INIT_STAGE_INIT,          /* mosix-init could not be executed, or did not understand */
	INIT_STAGE_CREDENTIALS,
	INIT_STAGE_LIMITS, /* detail: which resource */
	INIT_STAGE_CWD,
	INIT_STAGE_EXEC,
	_INIT_STAGE_MAX,
};

struct init_error {
	uint32_t stage;
	uint32_t detail;
	uint32_t error; /* positive errno */
};

struct init_limit {
	uint32_t resource;
	uint64_t soft, hard;
};

#define INIT_LIMITS_MAX 32
#define INIT_GROUPS_MAX 65536
#define INIT_SPEC_MAX (8u << 20)

/* How the job's main process is to be started. Nothing here is owned. */
struct init_spec {
	uint32_t uid, gid;
	const uint32_t *groups;
	size_t group_count;
	uint32_t umask;
	struct init_limit limits[INIT_LIMITS_MAX];
	size_t limit_count;
	uint64_t ignored; /* bit n - 1: signal n is ignored */
	bool background;  /* the terminal is not for it now */
	const char *cwd;
	const char *program;                   /* the file, or what to look for in PATH */
	const char *const *argv, *const *envp; /* with a NULL behind the last */
};

void init_spec_pack(struct packer *p, const struct init_spec *s);
/* Points into @data, which must stay; the three arrays are allocated and never freed: the caller
 * executes something else. 0, -EPROTO, -ENOMEM. */
int init_spec_unpack(struct init_spec *ret, const uint8_t *data, size_t len);

/* Makes the system calls that cannot move fail with ENOSYS, as in a kernel that has not got them,
 * for the calling process and all that it starts. 0 or a negative errno. */
int init_filter(void);

/* Keeps those capabilities that a root user's job may have. 0 or a negative errno. */
int init_caps(void);

#endif
