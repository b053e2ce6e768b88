/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mosix-guest: the process that owns one copy of a job. It obeys the daemon and decides nothing;
 * it outlives the daemon and tells the next one what it needs to know. Only for job/guest_*.c.
 *
 *	guest_main.c         arguments, event loop, the end
 *	guest_daemon.c       the connection to the daemon, messages
 *	guest_job.c          start, signals, state and end of the job
 *	guest_stats.c        what it uses
 *	guest_relay.c        stdio <-> endpoint <-> path
 *	guest_move.c         decisions, the engine's events
 *	guest_source.c       a move away
 *	guest_destination.c  a move to here
 *	guest_state.c        what travels besides the images
 */
#ifndef MOSIX_JOB_GUEST_H
#define MOSIX_JOB_GUEST_H

#include "ckpt/engine.h"
#include "ckpt/movable.h"
#include "common/chan.h"
#include "common/preamble.h"
#include "job/container.h"
#include "job/endpoint.h"
#include "job/stdio_ends.h"
#include "job/usage.h"
#include "proto/mosix.pb-c.h"
#include <errno.h>
#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

/* A channel in the event loop. */
struct guest_chan {
	struct chan *c;
	ev_io io;
};

/* The move that the copy takes part in; id 0 = none. */
struct guest_move {
	uint64_t id;
	uint32_t gen; /* that it makes */
	struct engine *engine;
	ev_io engine_io;
	ev_timer retry; /* source: somebody walks a directory */
	ev_tstamp give_up;
	ev_tstamp told; /* progress, last */
	bool decided, commit;
	bool died; /* source: worker and criu without a word */
	uint8_t token[PREAMBLE_TOKEN];
	uint8_t key[ENGINE_KEY_SIZE];
	char address[64]; /* source: of the destination's daemon */
	uint16_t port;
	struct engine_inherit inherit[ENGINE_INHERIT_MAX]; /* destination */
	size_t inherit_count;
	uint8_t *state; /* destination: the blob; inherit keys point into it */
};

struct guest {
	struct ev_loop *loop;
	uint64_t job;
	uint32_t gen;
	char *cgroup;
	char *tree; /* "/" at home, else where the home node's tree is mounted */

	Mosix__GuestState state;
	Mosix__JobSpec *spec;
	bool built; /* container */
	struct container container;
	struct stdio stdio;
	struct endpoint *ep;

	pid_t init;  /* 0 = none */
	int init_fd; /* pidfd */
	ev_io init_io;
	int error_fd; /* while the job's program is being started */
	ev_io error_io;
	int watch_fd;  /* inotify on the state file */
	int mounts_fd; /* the mount namespace of the job */
	ev_io watch_io;
	struct init_spec init_spec;
	uint32_t state_serial; /* of the last change that init reported */
	uint32_t status;       /* with it */
	bool stopped;
	bool main_ended;  /* status is final */
	bool drained;     /* init is gone and the terminal's output taken */
	uint64_t max_rss; /* bytes */
	Mosix__GuestExited exited;
	ev_timer stats;
	double stats_interval; /* seconds */
	struct usage usage;
	uint64_t net_bytes, net_rate; /* as the daemon counts them */
	struct usage_told {
		uint64_t rss, net_rate;
		uint32_t demand, processes;
		bool stopped;
	} told;

	struct guest_chan daemon;
	ev_timer redial;
	struct guest_chan direct;
	bool path; /* LINK_UP was said */
	bool write_waits[LINK_STREAMS];
	bool frozen;         /* nothing is put into or taken from the job */
	uint64_t signal_seq; /* of the last signal from home that was taken */
	ev_io pipe_io[3], tty_io;

	struct guest_move move;
	uint64_t move_done; /* the last one that is over, and how: to be said again when asked */
	bool move_commit;

	/* The last message before the process ends; it is said again if the daemon changes. */
	uint16_t farewell;
	uint8_t *farewell_body;
	size_t farewell_len;
	bool farewell_sent, over;

	ev_prepare prepare;
};

/* guest_daemon.c */
int guest_daemon_init(struct guest *g);
/* Dropped without a connection: GuestHello will say what matters. */
void guest_send(struct guest *g, uint16_t type, const ProtobufCMessage *m);
/* Sends what is queued now, not when the loop waits again. Not while a message is dispatched. */
void guest_daemon_push(struct guest *g);
/* Sends @m as the last message; the process ends when the daemon has taken it. */
void guest_farewell(struct guest *g, uint16_t type, const ProtobufCMessage *m);
void guest_daemon_settle(struct guest *g);

/* guest_job.c */
void guest_job_init(struct guest *g);
void guest_start(struct guest *g, Mosix__GuestStart *m); /* takes m->spec */
/* Watches init and its state file; after a start and after a restore. 0 or negative. */
int guest_job_watch(struct guest *g, struct err *e);
void guest_job_unwatch(struct guest *g);
/* Looks at the state file now. */
void guest_job_look(struct guest *g);
/* False: it cannot be taken now. */
bool guest_signal(struct guest *g, int sig, bool group);
/* Whether the terminal is for the job's main process. */
void guest_ground(struct guest *g, bool foreground);
void guest_signal_from_home(struct guest *g, const Mosix__GuestSignal *m);
void guest_job_settle(struct guest *g);
/* Whatever is left of the copy dies; then its group is removed. False if something does not die. */
bool guest_kill_all(struct guest *g);
int guest_build(struct guest *g, struct err *e);

/* guest_stats.c */
void guest_stats_init(struct guest *g);
void guest_stats_start(struct guest *g);
void guest_stats_stop(struct guest *g);
/* Tells at once. */
void guest_stats_soon(struct guest *g);
/* The daemon says that it seems to be busy. */
void guest_stats_wake(struct guest *g);
void guest_stats_net(struct guest *g, const Mosix__GuestNet *m);

/* guest_relay.c */
void guest_relay_init(struct guest *g);
void guest_relay_settle(struct guest *g);
void guest_relay_stop(struct guest *g);
/* The terminal's output as far as there is room: it goes before what is told of the job then. */
void guest_relay_take_tty(struct guest *g);
void guest_relay_end(struct guest *g); /* init is gone: no more output than there is */
bool guest_relay_finished(const struct guest *g);
void guest_link_up(struct guest *g, const Mosix__LinkUp *m, int fd);
void guest_link_down(struct guest *g);
void guest_link_frame(struct guest *g, const struct chan_frame *f);

/* guest_move.c */
void guest_move_init(struct guest *g);
void guest_move_decision(struct guest *g, const Mosix__MoveDecision *m);
/* Of an engine call: a worker that is gone says why in an event that is still to come. */
static inline bool guest_move_refused(int r)
{
	return r < 0 && r != -EPIPE && r != -ECONNRESET;
}
/* Starts the engine for the move in @m, or says why not. */
int guest_move_spawn(struct guest *g, enum engine_role role, struct err *e);
void guest_move_watch(struct guest *g);
void guest_move_ref(struct guest *g, uint16_t type); /* sends a MoveRef */
void guest_move_fill(const struct guest *g, Mosix__MoveFailed *m, bool refused, char *text);
/* The engine is not needed any more, and no descriptor or memory of the move. */
void guest_move_release(struct guest *g);
void guest_move_over(struct guest *g, bool commit);

/* guest_source.c */
void guest_source_begin(struct guest *g, const Mosix__MoveBegin *m);
void guest_source_event(struct guest *g, struct engine_event *ev);
void guest_source_decided(struct guest *g, bool commit);
void guest_source_retry(struct guest *g);

/* guest_destination.c */
void guest_destination_prepare(struct guest *g, Mosix__MovePrepare *m);        /* takes m->spec */
void guest_destination_bulk(struct guest *g, const Mosix__MoveRef *m, int fd); /* takes fd */
void guest_destination_event(struct guest *g, struct engine_event *ev);
void guest_destination_decided(struct guest *g, bool commit);

/* guest_check.c: what keeps the job from moving. *ret is the caller's, movable_done(). */
int guest_check(struct guest *g, struct movable *ret);
void guest_check_request(struct guest *g, const Mosix__GuestCheck *m);
/* Why this is no good moment to freeze the job for a move, which soon may be otherwise. */
struct guest_moment {
	bool vfork; /* a process waits for its vfork() child, and criu would wait for that one: the
		       one cannot be stopped before the other has gone on */
	bool lock;  /* a file is locked for writing: the copy would have to take the lock while the
		       original, frozen, still holds it */
	bool tty;   /* /dev/tty is open and stands for the job's own terminal */
	char *walk; /* a directory that is open for reading; the caller's */
	bool look;  /* it has just looked at one, perhaps to read it (only known of a frozen job) */
};
/* True if it is a good one. */
bool guest_check_moment(struct guest *g, struct guest_moment *ret);
/* Why it is none. */
void guest_moment_explain(const struct guest_moment *m, struct err *e);

/* guest_walk.c */
/* Is descriptor @name of the directory @fds (/proc/PID/fd) a directory that is being read? @info:
 * its fdinfo; @path (PATH_MAX bytes): set to where it is. */
bool walk_is_open(int fds, const char *name, const char *info, char *path);
/* Has a thread of this stopped process just looked at a directory? */
bool walk_has_begun(pid_t pid);

/* guest_state.c */
int guest_state_pack(struct guest *g, uint8_t **ret, size_t *ret_len);
int guest_state_unpack(struct guest *g, const uint8_t *data, size_t len, struct err *e);

/* Starts, changes or stops (@events 0) a watcher. */
void guest_io(struct guest *g, ev_io *io, int fd, int events);
/* Stops the watcher before the descriptor goes away. */
void guest_close(struct guest *g, ev_io *io, int *fd);

#endif
