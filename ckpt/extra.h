/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What criu does not carry: where the numbering of processes goes on, CPU affinity and I/O
 * priority of each thread. Read while the job is frozen, put back before it runs.
 */
#ifndef MOSIX_CKPT_EXTRA_H
#define MOSIX_CKPT_EXTRA_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Packs a worker.Extra for the job whose pid 1 is @init in the cgroup @cgroup. free() it. */
int extra_save(pid_t init, const char *cgroup, uint8_t **ret, size_t *ret_len);
/* Adds the locks in a worker.Extra to the images, so that criu takes them. 0 or negative. */
int extra_add_locks(int images, const uint8_t *data, size_t len);
/* -EBADMSG when it is not a worker.Extra. CPUs that this node lacks are left out; a thread that
 * could run nowhere then may run everywhere. */
int extra_restore(pid_t init, const char *cgroup, const uint8_t *data, size_t len);

#endif
