/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sockets and pipes: what has its other end outside of the job cannot move. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ckpt/movable_look.h"
#include "ckpt/tasks.h"
#include "common/cleanup.h"
#include "common/fd.h"

#define ICONS_MAX 4096
#define STATE_ESTABLISHED 1
#define STATE_CLOSE 7
#define STATE_LISTEN 10

static int option(int fd, int name)
{
	socklen_t len = sizeof(int);
	int value = -1;

	return getsockopt(fd, SOL_SOCKET, name, &value, &len) < 0 ? -1 : value;
}

/* ------------------------------------------------------------------ IP */

union address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static void address_text(const union address *a, char *ret, size_t size)
{
	char ip[INET6_ADDRSTRLEN] = "?";

	if (a->sa.sa_family == AF_INET6)
		inet_ntop(AF_INET6, &a->in6.sin6_addr, ip, sizeof(ip));
	else
		inet_ntop(AF_INET, &a->in.sin_addr, ip, sizeof(ip));
	snprintf(ret, size, a->sa.sa_family == AF_INET6 ? "[%s]:%u" : "%s:%u", ip,
		 ntohs(a->in.sin_port));
}

/* The wildcard and the loopback are there on every node. */
static bool address_everywhere(const union address *a)
{
	const struct in6_addr *v6 = &a->in6.sin6_addr;
	in_addr_t v4;

	if (a->sa.sa_family != AF_INET6)
		v4 = ntohl(a->in.sin_addr.s_addr);
	else if (IN6_IS_ADDR_V4MAPPED(v6))
		v4 = ntohl(v6->s6_addr32[3]);
	else
		return IN6_IS_ADDR_UNSPECIFIED(v6) || IN6_IS_ADDR_LOOPBACK(v6) ||
		       IN6_IS_ADDR_MULTICAST(v6);
	return v4 == INADDR_ANY || v4 >> 24 == 127 || IN_MULTICAST(v4);
}

static void check_bound(struct look *l, const struct look_end *e, int fd, const char *kind)
{
	union address a = {0};
	socklen_t len = sizeof(a);
	char text[64];

	if (getsockname(fd, &a.sa, &len) < 0 || address_everywhere(&a))
		return;
	address_text(&a, text, sizeof(text));
	look_reason(l, &e->proc,
		    "has a %s socket at this node's address %s (descriptor %d): other nodes do not "
		    "have it, close it.",
		    kind, text, e->fd);
}

static void check_tcp(struct look *l, const struct look_end *e, int fd)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);
	union address a = {0};
	char text[64] = "?";

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
		return;
	if (info.tcpi_state == STATE_LISTEN && info.tcpi_unacked) {
		look_reason(
			l, &e->proc,
			"has %u connections that wait to be accepted (descriptor %d): try again.",
			info.tcpi_unacked, e->fd);
	} else if (info.tcpi_state == STATE_LISTEN || info.tcpi_state == STATE_CLOSE) {
		check_bound(l, e, fd, "TCP");
	} else {
		len = sizeof(a);
		if (getpeername(fd, &a.sa, &len) == 0)
			address_text(&a, text, sizeof(text));
		look_reason(
			l, &e->proc,
			"has a TCP connection to %s (descriptor %d): close it or wait for its end.",
			text, e->fd);
	}
}

static void check_ip(struct look *l, const struct look_end *e, int fd)
{
	int type = option(fd, SO_TYPE), protocol = option(fd, SO_PROTOCOL);

	if (type == SOCK_STREAM && protocol == IPPROTO_TCP)
		check_tcp(l, e, fd);
	else if (type == SOCK_STREAM && protocol == IPPROTO_MPTCP)
		look_reason(l, &e->proc, "has an MPTCP socket (descriptor %d): this cannot move.",
			    e->fd);
	else if (type == SOCK_DGRAM && (protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE))
		check_bound(l, e, fd, "UDP");
	else if (type != SOCK_RAW)
		look_reason(l, &e->proc,
			    "has a socket of protocol %d (descriptor %d): this cannot move.",
			    protocol, e->fd);
}

/* ------------------------------------------------------------------ unix */

struct diag {
	int fd;          /* NETLINK_SOCK_DIAG in the job's network namespace */
	uint32_t *icons; /* clients that wait at the job's own listeners */
	size_t icon_count;
};

struct unix_state {
	int state;
	uint32_t peer; /* inode; 0 = none */
};

/* A job with its own network is asked about there. */
static int diag_open(const struct look *l)
{
	_cleanup_fd_ int own = -1, job = -1;
	char path[40];
	int fd;

	if (tasks_namespace(getpid(), "net") == l->ns[LOOK_NET])
		return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)l->init.pid);
	own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	job = open(path, O_RDONLY | O_CLOEXEC);
	if (own < 0 || job < 0 || setns(job, CLONE_NEWNET) < 0)
		return -1;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (setns(own, CLONE_NEWNET) < 0)
		abort(); /* nothing that follows would be right */
	return fd;
}

static int diag_ask(int nl, uint32_t ino, void *buf, size_t size)
{
	struct {
		struct nlmsghdr h;
		struct unix_diag_req r;
	} q = {
		.h = {.nlmsg_len = sizeof(q),
		      .nlmsg_type = SOCK_DIAG_BY_FAMILY,
		      .nlmsg_flags = NLM_F_REQUEST},
		.r = {.sdiag_family = AF_UNIX,
		      .udiag_ino = ino,
		      .udiag_states = ~0u,
		      .udiag_show = UDIAG_SHOW_PEER | UDIAG_SHOW_ICONS,
		      .udiag_cookie = {~0u, ~0u}},
	};
	ssize_t n;

	if (send(nl, &q, sizeof(q), 0) < 0)
		return -errno;
	n = recv(nl, buf, size, 0);
	return n < 0 ? -errno : (int)n;
}

static void keep_icons(struct diag *d, const struct rtattr *a)
{
	size_t n = RTA_PAYLOAD(a) / sizeof(uint32_t);
	uint32_t *p;

	if (n > ICONS_MAX)
		n = ICONS_MAX;
	p = realloc(d->icons, (d->icon_count + n) * sizeof(*p));
	if (!p)
		return;
	memcpy(p + d->icon_count, RTA_DATA(a), n * sizeof(*p));
	d->icons = p;
	d->icon_count += n;
}

static int diag_read(struct diag *d, uint32_t ino, struct unix_state *ret)
{
	_Alignas(struct nlmsghdr) char buf[32768];
	struct nlmsghdr *h = (struct nlmsghdr *)buf;
	struct unix_diag_msg *m;
	const struct rtattr *a;
	unsigned int left, step;
	const char *p;
	int n;

	n = diag_ask(d->fd, ino, buf, sizeof(buf));
	if (n < 0)
		return n;
	if (!NLMSG_OK(h, (unsigned int)n) || h->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
	    h->nlmsg_len < NLMSG_LENGTH(sizeof(*m)))
		return -ENOENT;
	m = NLMSG_DATA(h);
	ret->state = m->udiag_state;
	ret->peer = 0;
	left = h->nlmsg_len - (unsigned int)NLMSG_LENGTH(sizeof(*m));
	p = (const char *)m + NLMSG_ALIGN(sizeof(*m));
	while (left >= sizeof(*a)) {
		a = (const struct rtattr *)p;
		if (a->rta_len < sizeof(*a) || a->rta_len > left)
			break;
		if (a->rta_type == UNIX_DIAG_PEER && RTA_PAYLOAD(a) >= sizeof(ret->peer))
			memcpy(&ret->peer, RTA_DATA(a), sizeof(ret->peer));
		if (a->rta_type == UNIX_DIAG_ICONS)
			keep_icons(d, a);
		step = (unsigned int)RTA_ALIGN(a->rta_len);
		step = step < left ? step : left;
		p += step;
		left -= step;
	}
	return 0;
}

static bool waits_at_own_listener(const struct diag *d, uint64_t ino)
{
	for (size_t i = 0; i < d->icon_count; i++) {
		if (d->icons[i] == ino)
			return true;
	}
	return false;
}

static void check_unix(struct look *l, struct diag *d, const struct look_end *e)
{
	struct unix_state st;
	size_t before = d->icon_count;

	if (diag_read(d, (uint32_t)e->ino, &st) < 0)
		return;
	for (size_t i = before; i < d->icon_count; i++) {
		if (!look_find(&l->sockets, d->icons[i]))
			look_reason(l, &e->proc,
				    "has a connection from outside of the job that waits to be "
				    "accepted (descriptor %d): try again.",
				    e->fd);
	}
	if (!st.peer || look_find(&l->sockets, st.peer) || waits_at_own_listener(d, e->ino))
		return;
	look_reason(
		l, &e->proc,
		"is connected to a process outside of the job by a unix socket (descriptor %d): "
		"close it.",
		e->fd);
}

/* ------------------------------------------------------------------ all sockets */

static const char *family_name(int domain)
{
	switch (domain) {
	case AF_PACKET:
		return "a packet socket";
	case AF_VSOCK:
		return "a vsock socket";
	case AF_ALG:
		return "a kernel cryptography socket";
	case AF_BLUETOOTH:
		return "a bluetooth socket";
	default:
		return "a socket of an unusual kind";
	}
}

/* Listeners first: their queues tell which clients belong to the job. */
static int check_socket(struct look *l, struct diag *d, const struct look_end *e, bool listeners)
{
	_cleanup_fd_ int fd = look_get_fd(e);
	int domain;

	if (fd < 0)
		return fd == -ESRCH || fd == -EBADF ? 0 : fd;
	domain = option(fd, SO_DOMAIN);
	if ((option(fd, SO_ACCEPTCONN) == 1) != listeners)
		return 0;
	switch (domain) {
	case AF_UNIX:
		check_unix(l, d, e);
		break;
	case AF_INET:
	case AF_INET6:
		check_ip(l, e, fd);
		break;
	case AF_NETLINK:
		break;
	default:
		look_reason(l, &e->proc, "has %s (descriptor %d): this cannot move, close it.",
			    family_name(domain), e->fd);
	}
	return 0;
}

static int each_socket(struct look *l, struct diag *d, bool listeners)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < l->sockets.count; i++) {
		const struct look_end *e = &l->sockets.list[i];

		/* Inherited by several processes, it is still one socket. */
		if (i && e[-1].ino == e->ino)
			continue;
		r = check_socket(l, d, e, listeners);
	}
	return r;
}

int look_at_sockets(struct look *l)
{
	struct diag d = {0};
	int r;

	if (!l->sockets.count)
		return 0;
	d.fd = diag_open(l);
	if (d.fd < 0)
		return -errno;
	r = each_socket(l, &d, true);
	if (r == 0)
		r = each_socket(l, &d, false);
	fd_close(d.fd);
	free(d.icons);
	return r;
}

/* ------------------------------------------------------------------ pipes */

/* An end without its other end in the job: was that closed, or is it held elsewhere? */
static int check_pipe(struct look *l, const struct look_end *e)
{
	_cleanup_fd_ int fd = look_get_fd(e);
	struct pollfd p = {.fd = fd, .events = 0};

	if (fd < 0)
		return fd == -ESRCH || fd == -EBADF ? 0 : fd;
	if (poll(&p, 1, 0) < 0)
		return -errno;
	if (!(p.revents & (POLLERR | POLLHUP)))
		look_reason(l, &e->proc,
			    "has a pipe to a process outside of the job (descriptor %d): close it.",
			    e->fd);
	return 0;
}

int look_at_pipes(struct look *l)
{
	const struct look_ends *p = &l->pipes;
	int r = 0;

	for (size_t i = 0, k; r == 0 && i < p->count; i = k) {
		bool rd = false, wr = false;

		for (k = i; k < p->count && p->list[k].ino == p->list[i].ino; k++) {
			rd |= p->list[k].rd;
			wr |= p->list[k].wr;
		}
		if (rd != wr && !look_is_stdio(l, p->list[i].ino))
			r = check_pipe(l, &p->list[i]);
	}
	return r;
}
