/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A listening AF_UNIX socket in the loop, and connections made from what it accepts. */
#ifndef MOSIX_DAEMON_LOCAL_SOCKET_H
#define MOSIX_DAEMON_LOCAL_SOCKET_H

#include "common/err.h"
#include <stddef.h>
#include <sys/types.h>

struct conn;
struct conn_ops;
struct local_socket;
struct mosixd;

/* @accepted takes the descriptor. The socket file replaces an older one. */
int local_socket_new(struct local_socket **ret, struct mosixd *d, const char *path, mode_t mode,
		     void (*accepted)(struct mosixd *d, int fd), struct err *e);
/* NULL is fine; returns NULL. The file stays: a client that dials meanwhile gets ECONNREFUSED. */
struct local_socket *local_socket_free(struct local_socket *ls);

/* Takes @fd. */
int local_conn_new(struct conn **ret, struct mosixd *d, int fd, size_t max_queue,
		   const struct conn_ops *ops, void *owner);

#endif
