/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mosix-ckpt: one half of one move. Driven by the guest over a channel (frame types below,
 * messages in worker.proto); exits when its part is done, has failed, or the guest is gone.
 */
#ifndef MOSIX_CKPT_WORKER_H
#define MOSIX_CKPT_WORKER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "ckpt/criu_rpc.h"
#include "ckpt/engine.h"
#include "ckpt/worker.pb-c.h"
#include "common/chan.h"

#define WORKER_QUEUE_MAX (8u << 20)
#define WORKER_BULK_IDENTITY "bulk"

/* Without a byte or a step of criu for this long, the move has failed. */
#define WORKER_STALL_MS 25000
#define WORKER_FREEZE_MS 10000

enum worker_frame {
	WORKER_DUMP = 1, /* Dump */
	WORKER_DECIDE,   /* Decide */
	WORKER_RECV,     /* Recv */
	WORKER_INHERIT,  /* Inherit */
	WORKER_RESTORE,  /* Restore */
	WORKER_EVENT,    /* Event, from the worker */
};

struct worker {
	struct chan *chan;  /* to the guest */
	const char *cgroup; /* destination: of the new copy */
	char home[256];     /* the worker's own cgroup */
};

int worker_source(struct worker *w);
int worker_destination(struct worker *w);

/* Events for the guest; the text is in @e. They are on their way when these return. */
int worker_tell(struct worker *w, enum engine_event_kind kind, uint64_t bytes, pid_t pid);
int worker_tell_state(struct worker *w, const uint8_t *data, size_t len);
int worker_tell_failed(struct worker *w, const struct err *e, bool refused);
/* Lets the guest remove what a restore may leave, should the worker die. */
int worker_tell_ghosts(struct worker *w, const char *list, size_t len);
/* Lets the guest watch criu, should the worker die. */
int worker_tell_criu(struct worker *w, struct criu *c);

/* The options that dump and restore share. */
void worker_criu_opts(CriuOpts *o, int images);
/* What criu's log in the images directory says. */
void worker_criu_error(int images, const char *errmsg, const char *what, struct err *e);

#endif
