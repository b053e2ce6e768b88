/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The protocol between a guest and its migration worker (mosix-ckpt), one worker per half of a
 * move, on a socketpair (fd 3 of the worker), as MSG_WORKER frames: u32 verb, u32 arg, then the
 * verb's body. The worker does one thing, blocking, and exits; it never decides.
 *
 *  mosix-ckpt dump                        guest -> worker        worker -> guest
 *	1. spawns `criu swrk`, idle                                READY
 *	2.                                 DUMP (+ fd: bulk        FAILED(text, refused) or
 *	   connects, TLS, criu DUMP with   connection, connected;  HOOK_FROZEN is not needed: the
 *	   the cgroup frozen, sends images body: struct            guest froze and drained first
 *	   while they are written          worker_dump)            PROGRESS(bytes)
 *	3. at post-dump freezes the cgroup                         DUMPED(bytes): the vote
 *	   again, sends the rest, waits
 *	   until the receiver has it all
 *	4. COMMIT: answers criu ok, which  COMMIT | ABORT          FINISHED, exits 0
 *	   kills the tree; ABORT: answers
 *	   false, the tree is intact (still
 *	   frozen: the guest thaws it)
 *
 *  mosix-ckpt restore
 *	1. spawns criu swrk inside the     (argv, environment)     READY
 *	   job's new cgroup, mount namespace
 *	   of the guest
 *	2. receives images (TLS server)    RESTORE_RECV (+ fd)     STATE(body): the guest's own part
 *	                                                           of the image (stdio state …)
 *	3. criu RESTORE with the guest's   RESTORE (+ up to 4 fds  FAILED(text)
 *	   external mounts and inherited   as INHERIT frames sent
 *	   descriptors; at pre-resume      before it)
 *	   restores the PID cursor, affinity …; moves criu out,
 *	   freezes the cgroup                                      RESTORED(init pid): the vote
 *	   exits 0; the tree is now the guest's child (the guest is a subreaper)
 *
 * The worker may be killed at any time: the guest sees the socket close, and the cgroup's frozen
 * state, never a socket, decides whether the job runs.
 */
#ifndef MOSIX_CKPT_WORKER_H
#define MOSIX_CKPT_WORKER_H

#include <stdint.h>

enum worker_verb {
	WORKER_READY = 1,
	WORKER_DUMP,
	WORKER_PROGRESS,
	WORKER_DUMPED,
	WORKER_COMMIT,
	WORKER_ABORT,
	WORKER_FINISHED,
	WORKER_FAILED,
	WORKER_RECV,
	WORKER_STATE,
	WORKER_INHERIT,
	WORKER_RESTORE,
	WORKER_RESTORED,
};

#endif
