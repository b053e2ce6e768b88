/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sockets of both file-system programs.
 */
#ifndef MOSIX_MFSFUSE_NET_H
#define MOSIX_MFSFUSE_NET_H

#include <netinet/in.h>
#include <stdint.h>

#include "common/err.h"
#include "common/key.h"

/* Where mosix-mfsd listens for the mosix-mfs of its own node. */
#define MFS_SERVER_SOCK "/run/mosix/mfsd.sock"

/* "ADDRESS:PORT", numeric. 0 or -EINVAL. */
int net_parse(const char *text, struct sockaddr_in *ret, struct err *e);
/* A dead peer is noticed, small requests do not wait. */
void net_tune(int fd);
/* The key of the file system out of the cluster key in a file. */
int net_key(const char *path, uint8_t ret[KEY_SIZE], struct err *e);

#endif
