/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the TCP connections of control groups carry, as the kernel tells it of each socket by
 * sock_diag: this network namespace alone, IPv4 and IPv6. A connection that is seen once is counted
 * to its end, which the kernel announces; one that is made and closed between two looks is missed.
 * Other protocols have no counts there.
 */
#ifndef MOSIX_DAEMON_TCP_BYTES_H
#define MOSIX_DAEMON_TCP_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tcp_bytes;

/* A group to look at. */
struct tcp_group {
	uint64_t id;    /* of the group: its directory's inode */
	bool old;       /* what its connections have carried so far is known */
	uint64_t bytes; /* answer: sent (and acknowledged) and received since the last look */
	void *owner;    /* the caller's */
};

/* 0 or negative: this kernel does not tell. */
int tcp_bytes_new(struct tcp_bytes **ret);
struct tcp_bytes *tcp_bytes_free(struct tcp_bytes *t); /* returns NULL */
/* Sorts @groups, fills in the bytes. As long as none of them has a connection, and none was made in
 * this namespace since, this is one short file to read. 0 or negative. */
int tcp_bytes_look(struct tcp_bytes *t, struct tcp_group *groups, size_t count);

#endif
