/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The migration engine as the guest process sees it: a worker process (mosix-ckpt) that is driven
 * with commands and answers with events. Nothing here blocks except engine_spawn(); engine_free()
 * may wait a moment for a criu that has to be ended in order, and engine_next() for the end of what
 * a worker that was killed has restored.
 *
 * The phases of a move, in order:
 *
 *	          source                                     destination
 *	prepare   engine_spawn() → READY                     engine_spawn() → READY
 *	pre-copy  none yet: would come here, while the job runs; PROGRESS
 *	freeze    the caller: the cgroup, then stdio
 *	hand-over engine_dump() → PROGRESS … DUMPED          engine_recv() → STATE, engine_restore()
 *	                                                     → RESTORED
 *	finish    engine_decide() → FINISHED                 the caller: thaws or kills the cgroup
 *
 * The worker never decides; it may be killed at any time (DIED). What runs is decided by the
 * cgroup's frozen state alone.
 */
#ifndef MOSIX_CKPT_ENGINE_H
#define MOSIX_CKPT_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/chan.h"
#include "common/err.h"

#define ENGINE_KEY_SIZE 32
/* Bytes of the guest's blob: three full pipes of 1 MiB and what is under way to and from them. */
#define ENGINE_STATE_MAX (CHAN_FRAME_MAX - (64u << 10))
#define ENGINE_INHERIT_MAX 4
#define ENGINE_MOUNTS_MAX 1024
/* Key of the mount whose contents the engine takes along: the job's /dev/shm, a tmpfs of the
 * guest's own at each node, empty before a restore. */
#define ENGINE_SHM_KEY "shm"

struct engine;

enum engine_role { ENGINE_SOURCE, ENGINE_DESTINATION };

enum engine_event_kind {
	ENGINE_READY = 1, /* spawned, criu idle */
	ENGINE_PROGRESS,  /* bytes so far */
	ENGINE_DUMPED,    /* source: everything is at the destination; held, cgroup frozen */
	ENGINE_STATE,     /* destination: data = the guest's blob. Images are still coming in; call
			     engine_restore() at once, so that criu waits when they are complete */
	ENGINE_RESTORED,  /* destination: complete, frozen; worker and criu have exited; pid = init,
			     a  child of ours */
	ENGINE_FINISHED,  /* source: the decision is carried out */
	ENGINE_FAILED,    /* text says why; `refused`: before anything was disturbed. After it the
			     worker has exited; at the source the tree is intact and frozen */
	ENGINE_DIED, /* the worker vanished, and its criu with it; the caller looks at its state
			and acts. Source: the cgroup may be frozen or not; see engine_tidy().
			Destination: nothing is left in the cgroup */
};

struct engine_event {
	enum engine_event_kind kind;
	uint64_t bytes;
	pid_t pid;
	bool refused;
	char text[ERR_MAX];
	const uint8_t *data; /* valid until the next engine call */
	size_t data_len;
};

/* A mount of the container that criu must not look into: in dumps by its mount point, in restores
 * by what is bound there. */
struct engine_mount {
	const char *key;        /* unique name, the same at both ends */
	const char *mountpoint; /* in the job */
	const char *source;     /* destination: path in the guest's mount namespace */
};

/* A descriptor of the job whose other end is outside: a stdio pipe or the terminal's slave. */
struct engine_inherit {
	const char *key; /* criu's: "pipe:[INO]" or "tty[RDEV:DEV]", as seen at the source */
	int fd;          /* destination: what takes its place (borrowed) */
};

struct engine_dump {
	pid_t init;
	const char *cgroup; /* v2 path of the copy, already frozen by the caller */
	const struct engine_mount *mounts;
	size_t mount_count;
	const char *const *external_ttys; /* "tty[RDEV:DEV]" keys */
	size_t external_tty_count;
	const char *address; /* numeric; the destination daemon's port; the worker
				connects, sends the preamble and does TLS */
	uint16_t port;
	const uint8_t *token; /* PREAMBLE_TOKEN bytes */
	const uint8_t *key;   /* ENGINE_KEY_SIZE bytes */
	const void *state;    /* the guest's blob, sent along with the images */
	size_t state_len;
};

struct engine_restore {
	/* All of it must stay until engine_free(). */
	const char *root;   /* where the job's "/" is bound */
	const char *cgroup; /* v2 path of the new copy: existing, empty, thawed */
	const struct engine_mount *mounts;
	size_t mount_count;
	const struct engine_inherit *inherit;
	size_t inherit_count;
};

/* Starts the worker. @cgroup (destination): restored tasks are born in it. @worker_cgroup: where
 * worker and criu belong otherwise; NULL: where the caller is. 0 or negative. The guest must be a
 * child subreaper and must not reap the worker: it waits for processes that it knows only. */
int engine_spawn(struct engine **ret, enum engine_role role, const char *cgroup,
		 const char *worker_cgroup, struct err *e);
/* Kills the worker and criu if they are still there. Returns NULL. */
struct engine *engine_free(struct engine *en);

/* One descriptor for the engine's whole life, and what to wait for: POLLIN. */
int engine_fd(const struct engine *en);
short engine_events(const struct engine *en);
/* 1 = an event, 0 = none yet, negative = as ENGINE_DIED. */
int engine_next(struct engine *en, struct engine_event *ret);

/* Source. The cgroup must be frozen before engine_dump(). engine_decide(true) kills the tree. */
int engine_dump(struct engine *en, const struct engine_dump *d);
int engine_decide(struct engine *en, bool commit);
/* Source, after ENGINE_DIED, when it is certain that the job stays, and before it is thawed:
 * removes the links in the job's directories that the dump made and a restore would need. */
void engine_tidy(pid_t init, const char *cgroup);
/* Destination. @bulk is taken: an accepted connection behind its preamble; TLS server. When the
 * restore fails the worker has killed what was in the cgroup. */
int engine_recv(struct engine *en, int bulk, const uint8_t key[ENGINE_KEY_SIZE]);
int engine_restore(struct engine *en, const struct engine_restore *r);

#endif
