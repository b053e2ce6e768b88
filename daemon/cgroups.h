/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The delegated subtree of control groups: main (this process), guests (guest and worker
 * processes), jobs/HOME.SEQ.GEN (the copies, made by their guests). Controllers stay off.
 */
#ifndef MOSIX_DAEMON_CGROUPS_H
#define MOSIX_DAEMON_CGROUPS_H

#include "common/err.h"
#include <stddef.h>

#define CGROUP_PATH_MAX 512

struct mosixd;

/* Finds the subtree and makes the groups; moves this process to main if it is not there. */
int cgroups_init(struct mosixd *d, struct err *e);

#endif
