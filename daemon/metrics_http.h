/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The smallest HTTP server that Prometheus can read: GET /metrics, one request for each connection.
 * Whoever connects is taken for hostile: few connections, short requests, and not for long.
 */
#ifndef MOSIX_DAEMON_METRICS_HTTP_H
#define MOSIX_DAEMON_METRICS_HTTP_H

#include "common/err.h"
#include <ev.h>
#include <netinet/in.h>

struct metrics_http;

/* @text: makes what is served, free(); NULL when out of memory. */
int metrics_http_new(struct metrics_http **ret, struct ev_loop *loop, const struct sockaddr_in *at,
		     char *(*text)(void *arg), void *arg, struct err *e);
struct metrics_http *metrics_http_free(struct metrics_http *h); /* NULL is fine; returns NULL */
/* Where it listens, the port as the kernel chose it if 0 was asked for. */
const struct sockaddr_in *metrics_http_address(const struct metrics_http *h);

/* The status for what has come of a request; 0: it has not all come yet. */
int metrics_http_judge(const char *request, size_t len);

#endif
