/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The source's half of a move: what its parts share.
 */
#ifndef MOSIX_CKPT_WORKER_SOURCE_H
#define MOSIX_CKPT_WORKER_SOURCE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "ckpt/worker.h"
#include "ckpt/xfer.h"

enum phase {
	CONNECTING, /* TCP */
	SHAKING,    /* TLS */
	SENDING,    /* DONE is not out yet */
	CONFIRMING, /* the receiver checks */
	HELD,       /* until the guest says how it ends */
};

struct source {
	struct worker *w;
	Worker__Dump *cmd;
	struct criu *criu;
	bool criu_gone;
	bool dumped; /* criu waits at post-dump (or is gone behind it); frozen again */
	int images;
	uint64_t memory; /* bytes that the images may take at a time */
	pid_t tar;       /* packs /dev/shm */
	int connecting;  /* the socket until it is connected */
	struct stream *net;
	struct xfer_sender *tx;
	enum phase phase;
	uint64_t told; /* bytes of the last progress event */
	int idle_ms;   /* since something last went on */
	short net_events;
	struct err err;
};

/* The image connection. All return 0 or negative with the reason in s->err. */
int source_connect(struct source *s);
/* Something happened on the connection. */
int source_on_net(struct source *s);
/* Sends what there is. */
int source_send(struct source *s);
/* Sends what criu has written meanwhile. */
int source_look(struct source *s);

#endif
