/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One `criu swrk`: started ahead of time, driven over a SOCK_SEQPACKET pair with the messages of
 * criu's own rpc.proto. criu asks at each stage (notify); it goes on when it has its answer.
 */
#ifndef MOSIX_CKPT_CRIU_RPC_H
#define MOSIX_CKPT_CRIU_RPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ckpt/rpc.pb-c.h"
#include "common/err.h"

#define CRIU_ERRMSG_MAX 512

struct criu;

struct criu_spawn {
	const char *cgroup; /* criu's own, and that of what it restores; NULL = the caller's */
	const int *keep;    /* descriptors that criu has under the same numbers */
	size_t keep_count;
	bool die_with_parent; /* SIGKILL when the calling thread ends */
};

enum criu_event_kind {
	CRIU_NOTIFY = 1, /* criu waits for criu_answer() */
	CRIU_DONE,       /* the answer to the request */
};

struct criu_event {
	enum criu_event_kind kind;
	char script[32];  /* NOTIFY: "pre-dump", "post-dump", "pre-resume", … */
	pid_t pid;        /* NOTIFY at restore and DONE of a restore: the root task; or 0 */
	bool success;     /* DONE */
	uint32_t version; /* DONE of VERSION: 40201 = 4.2.1 */
	char errmsg[CRIU_ERRMSG_MAX]; /* DONE: what criu says went wrong; may be there on success */
};

/* 0 or negative (-ENOENT: not installed). */
int criu_spawn(struct criu **ret, const struct criu_spawn *s, struct err *e);
/* Closes the socket (criu gives up at its next question), and kills it if it has not ended after
 * @timeout_ms; reaps it. Returns NULL. */
struct criu *criu_free(struct criu *c, int timeout_ms);
void criu_freep(struct criu **c);

int criu_fd(const struct criu *c);
pid_t criu_pid(const struct criu *c);
int criu_pidfd(const struct criu *c);

int criu_request(struct criu *c, const CriuReq *req);
int criu_answer(struct criu *c, bool ok);
/* 1 = an event, 0 = none yet, -ECONNRESET = criu is gone. */
int criu_next(struct criu *c, struct criu_event *ret);
/* The same, but waits; -ETIMEDOUT. */
int criu_wait(struct criu *c, struct criu_event *ret, int timeout_ms);
/* Waits until the process has ended, and reaps it; -ETIMEDOUT. */
int criu_reap(struct criu *c, int timeout_ms);
/* Stops it and lets it go on: for one that writes faster than others can take. Whoever may outlive
 * this process has to send it SIGCONT. */
void criu_pause(struct criu *c, bool on);
bool criu_paused(const struct criu *c);
/* Asks for the version; criu is ready for a request afterwards. */
int criu_ask_version(struct criu *c, uint32_t *ret, int timeout_ms);
/* The first criu since the machine was started finds out in 40 ms what the kernel can do, and
 * writes it down: has that done now if it is not. criu is ready for a request afterwards. */
int criu_learn(struct criu *c, int timeout_ms);

#endif
