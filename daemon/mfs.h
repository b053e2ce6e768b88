/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Supervision of the file-system processes: mosix-mfsd, which serves this node's files, and
 * mosix-mfs, which mounts everybody's at /run/mosix/mfs. They outlive this daemon.
 */
#ifndef MOSIX_DAEMON_MFS_H
#define MOSIX_DAEMON_MFS_H

#include "common/err.h"

struct conn;
struct mosixd;

int mfs_new(struct mosixd *d, struct err *e);
void mfs_free(struct mosixd *d);
/* The map or the key may have changed. */
void mfs_reload(struct mosixd *d);
/* To mosix-mfsd; NULL: it does not run. */
struct conn *mfs_server_conn(struct mosixd *d);
/* An accepted connection behind its preamble; takes @fd. */
void mfs_take_connection(struct mosixd *d, int fd);

#endif
