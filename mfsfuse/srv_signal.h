/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which signals the server's threads use. */
#ifndef MOSIX_MFSFUSE_SRV_SIGNAL_H
#define MOSIX_MFSFUSE_SRV_SIGNAL_H

#include <signal.h>

/* A lease is wanted back; blocked everywhere. SIGIO comes instead when the queue is full. */
#define LEASE_SIGNAL (SIGRTMIN + 4)

#endif
