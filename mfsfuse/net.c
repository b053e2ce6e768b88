/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sockets of both file-system programs.
 */
#include "mfsfuse/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define DEAD_MS 10000

int net_parse(const char *text, struct sockaddr_in *ret, struct err *e)
{
	const char *colon = strrchr(text, ':');
	struct sockaddr_in a = {.sin_family = AF_INET};
	char host[64];
	char *end;
	unsigned long port;

	if (!colon || colon == text || (size_t)(colon - text) >= sizeof(host))
		goto bad;
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	port = strtoul(colon + 1, &end, 10);
	if (*end || end == colon + 1 || port == 0 || port > 65535)
		goto bad;
	if (inet_pton(AF_INET, host, &a.sin_addr) != 1)
		goto bad;
	a.sin_port = htons((uint16_t)port);
	*ret = a;
	return 0;
bad:
	return err_set(e, -EINVAL, "%s is not ADDRESS:PORT with a numeric address", text);
}

void net_tune(int fd)
{
	const int one = 1, dead = DEAD_MS;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead, sizeof(dead));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
}

int net_key(const char *path, uint8_t ret[KEY_SIZE], struct err *e)
{
	uint8_t cluster[KEY_SIZE];
	int r = key_load(path, cluster, e);

	if (r == 0)
		r = key_derive(cluster, "mfs", ret);
	explicit_bzero(cluster, sizeof(cluster));
	return r;
}
