/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * control.sock: deputies (mosix-run) and users' commands (mosixctl). Who asks is what the kernel
 * says of the other end, never what a message says.
 */
#ifndef MOSIX_DAEMON_CONTROL_H
#define MOSIX_DAEMON_CONTROL_H

#include "common/err.h"
#include <ev.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct conn;
struct job;
struct mosixd;

struct client {
	struct mosixd *d;
	struct conn *conn;
	uint64_t serial; /* never used twice: names the client in answers that come later */
	pid_t pid;
	uid_t uid;
	gid_t gid;
	gid_t *groups;
	uint32_t group_count;
	struct job *job;      /* of a deputy: the job whose link and news this connection carries */
	bool spoke;           /* its first message was taken */
	unsigned int pending; /* requests without their last answer */
	struct ev_timer idle; /* closes those that have nothing to wait for */
	struct client *prev, *next;
};

int control_new(struct mosixd *d, struct err *e);
void control_free(struct mosixd *d);
struct client *control_find(struct mosixd *d, uint64_t serial);
int client_fd(const struct client *c);

#endif
