/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The executing side: every copy of a job on this node, whoever's home it is. A copy has one
 * mosix-guest process, one control group, one record; it stays in the table until its home has
 * acknowledged its end.
 */
#ifndef MOSIX_DAEMON_GUESTS_H
#define MOSIX_DAEMON_GUESTS_H

#include "common/err.h"
#include "common/preamble.h"
#include "daemon/balance.h"
#include "daemon/process.h"
#include "proto/mosix.pb-c.h"
#include <ev.h>
#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

struct conn;
struct mosixd;
struct node;
struct sample_job;

struct guest_key {
	uint64_t job;
	uint64_t gen; /* as wide as job: no padding in what is hashed */
};

/* What its home said of it (GuestControl). */
struct guest_word {
	bool told; /* else nothing below is known */
	bool lock, frozen, stay;
	bool cpu_bound, io_bound;
	uint8_t job_class;
	uint32_t memory_hint; /* MiB */
	int64_t born_usec;    /* when it was started, anywhere; by clock_usec() */
	uint32_t *allowed;    /* nodes that it may run on, sorted; NULL = any */
	uint32_t allowed_count;
};

struct guest {
	struct mosixd *d;
	struct guest_key key;
	Mosix__GuestState state;
	bool known;        /* started by this daemon, or has said hello to it */
	bool inherited;    /* from an earlier daemon */
	bool killed;       /* told to die by its home */
	bool leaving;      /* its end is part of a move: home needs no GuestExited */
	bool frozen_lost;  /* frozen, since its home is dead */
	bool linked;       /* its home wants the job link's frames */
	struct conn *conn; /* to the guest process; NULL while it is away */
	struct process process;
	struct ev_io died;     /* on the pidfd */
	bool ended;            /* the process has ended */
	struct ev_timer timer; /* until it must have come back, or its group must be empty */
	int32_t init_pid;
	uint64_t move; /* that it takes part in; 0 = none */
	uint8_t token[PREAMBLE_TOKEN];
	bool has_token;             /* waits for an image connection with it */
	Mosix__GuestExited *exited; /* in GUEST_ENDED */
	uint32_t uid;
	char name[64];
	char command[256];
	uint64_t started;       /* seconds since the epoch */
	uint64_t cpu_usec, rss; /* as last told */
	bool stopped;
	struct sample_job *sample; /* daemon/sample_job.c */
	struct guest_word word;
	struct guest_stuck stuck;
	UT_hash_handle hh;
};

/* Reads the records and groups that an earlier daemon left, opens guest.sock. */
int guests_new(struct mosixd *d, struct err *e);
void guests_free(struct mosixd *d);
/* After the start: if no earlier daemon left anything, homes may be told so. */
void guests_recovered(struct mosixd *d);

struct guest *guests_find(struct mosixd *d, uint64_t job, uint32_t gen);
struct guest *guests_first(struct mosixd *d);
unsigned int guests_count(struct mosixd *d);
unsigned int guests_count_foreign(struct mosixd *d);
/* The copy in whose control group @pid lives, or whose guest process it is. */
struct guest *guests_find_pid(struct mosixd *d, pid_t pid);

/* The copy's number for people: "1.17" or "1.17.2". */
const char *guest_title(const struct guest *g);
void guest_cgroup(const struct guest *g, char *ret, size_t size);

/* Starts a guest process for a new copy. 0 or negative with a sentence. */
int guest_start(struct mosixd *d, const Mosix__JobSpec *spec, uint64_t job, uint32_t gen,
		Mosix__GuestState state, struct guest **ret, struct err *e);
/* Kills what is left of it; its home hears GuestExited when nothing is. */
void guest_kill(struct guest *g);
/* The copy has ended for good and nobody needs to hear of it (again). */
struct guest *guest_free(struct guest *g);
int guest_send(struct guest *g, uint16_t type, const ProtobufCMessage *m);

/* What people would have typed, cut to @size. */
void spec_command(const Mosix__JobSpec *spec, char *ret, size_t size);

/* Does the configuration allow one more copy of a job of that home? 0 or negative. */
int guest_check_room(struct mosixd *d, uint32_t home, struct err *e);

/* An accepted image connection; takes @fd. */
void guests_take_bulk(struct mosixd *d, const uint8_t token[PREAMBLE_TOKEN], int fd);

/* From its home. Negative = not valid. */
int guests_on_start(struct mosixd *d, uint32_t from, Mosix__GuestStart *m);
int guests_on_exited_ack(struct mosixd *d, uint32_t from, Mosix__GuestRef *m);
int guests_on_signal(struct mosixd *d, uint32_t from, Mosix__GuestSignal *m);
/* Marks the homes of guests: links to them are needed. */
void guests_mark_nodes(struct mosixd *d);
int guests_on_kill(struct mosixd *d, uint32_t from, Mosix__GuestRef *m);
int guests_on_control(struct mosixd *d, uint32_t from, Mosix__GuestControl *m);
int guests_on_check(struct mosixd *d, uint32_t from, Mosix__GuestCheck *m);
int guests_on_link_up(struct mosixd *d, uint32_t from, Mosix__LinkUp *m);
int guests_on_link_down(struct mosixd *d, uint32_t from, Mosix__GuestRef *m);
/* The body of a MSG_LINK. */
int guests_on_link(struct mosixd *d, uint32_t from, const uint8_t *body, size_t len);

void guests_node_up(struct node *n);
void guests_node_down(struct node *n);

#endif
