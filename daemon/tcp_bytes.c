/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bytes of TCP connections by control group. Netlink is written out as in common/times.c: libnl
 * knows neither the filter nor the attribute that this is about. */
#include "daemon/tcp_bytes.h"

#include "common/cleanup.h"
#include "common/fd.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define REPLY_MAX 32768 /* the most that the kernel puts into one answer */
#define SNMP_MAX 8192
#define SOCKETS_MAX 65536u
#define QUIET_LOOKS 2u /* in vain, until the count of connections decides */
/* The kernel checks a filter in quadratic time. With more groups it is dropped here. */
#define FILTER_GROUPS 96u

/* Behind these the kernel may have more. */
#define INFO_MIN (offsetof(struct tcp_info, tcpi_bytes_received) + sizeof(uint64_t))

/* enum of the kernel's net/tcp_states.h: those that may have carried something. */
#define STATES (1u << 1 | 1u << 2 | 1u << 4 | 1u << 5 | 1u << 8 | 1u << 9 | 1u << 11)

struct connection {
	uint64_t cookie; /* the kernel's number of the socket */
	uint64_t group;
	uint64_t bytes; /* counted so far */
	uint32_t seen;  /* look */
	UT_hash_handle hh;
};

struct tcp_bytes {
	int fd;   /* for dumps */
	int ends; /* that tells of sockets that are gone; -1 = nobody has any */
	int snmp; /* -1 = cannot be had */
	uint32_t look;
	uint64_t made;      /* connections, ever, in this namespace */
	unsigned int quiet; /* looks that found none of the groups */
	struct connection *table;
};

/* What is said of one socket. */
struct told {
	uint64_t cookie, group, bytes;
	bool has_group;
};

/* ------------------------------------------------------------------ connections */

static int by_id(const void *a, const void *b)
{
	const struct tcp_group *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

static struct tcp_group *find_group(struct tcp_group *groups, size_t count, uint64_t id)
{
	struct tcp_group key = {.id = id};

	return count ? bsearch(&key, groups, count, sizeof(*groups), by_id) : NULL;
}

static struct connection *find(struct tcp_bytes *t, uint64_t cookie)
{
	struct connection *c;

	HASH_FIND(hh, t->table, &cookie, sizeof(cookie), c);
	return c;
}

static struct connection *add(struct tcp_bytes *t, const struct told *w)
{
	struct connection *c;

	if (HASH_COUNT(t->table) >= SOCKETS_MAX)
		return NULL;
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->cookie = w->cookie;
	c->group = w->group;
	HASH_ADD(hh, t->table, cookie, sizeof(c->cookie), c);
	if (!c->hh.tbl) {
		free(c);
		return NULL;
	}
	return c;
}

static void drop(struct tcp_bytes *t, struct connection *c)
{
	HASH_DEL(t->table, c);
	free(c);
}

static void count_bytes(struct connection *c, struct tcp_group *g, uint64_t bytes)
{
	if (g && bytes > c->bytes)
		g->bytes += bytes - c->bytes;
	c->bytes = bytes;
}

static void on_alive(struct tcp_bytes *t, const struct told *w, struct tcp_group *groups, size_t n)
{
	struct tcp_group *g = w->has_group ? find_group(groups, n, w->group) : NULL;
	struct connection *c;

	if (!g)
		return;
	c = find(t, w->cookie);
	if (!c) {
		c = add(t, w);
		if (c && g->old)
			c->bytes = w->bytes;
	}
	if (!c)
		return;
	c->seen = t->look;
	count_bytes(c, g, w->bytes);
}

/* The kernel does not say whose it was. */
static void on_end(struct tcp_bytes *t, const struct told *w, struct tcp_group *groups, size_t n)
{
	struct connection *c = find(t, w->cookie);

	if (!c)
		return;
	count_bytes(c, find_group(groups, n, c->group), w->bytes);
	drop(t, c);
}

/* Word of its end may come a little after it is gone. */
static void forget_unseen(struct tcp_bytes *t)
{
	struct connection *c, *next;

	HASH_ITER (hh, t->table, c, next)
		if (t->look - c->seen > 1)
			drop(t, c);
}

/* ------------------------------------------------------------------ netlink */

static uint64_t number_at(const char *p)
{
	uint64_t n;

	memcpy(&n, p, sizeof(n));
	return n;
}

static bool parse(const char *p, size_t len, struct told *ret)
{
	struct inet_diag_msg m;
	struct nlattr a;
	bool has_info = false;

	if (len < sizeof(m))
		return false;
	memcpy(&m, p, sizeof(m));
	*ret = (struct told){.cookie = (uint64_t)m.id.idiag_cookie[1] << 32 | m.id.idiag_cookie[0]};
	p += NLMSG_ALIGN(sizeof(m));
	len -= NLMSG_ALIGN(sizeof(m)) < len ? NLMSG_ALIGN(sizeof(m)) : len;
	while (len >= sizeof(a)) {
		size_t step;

		memcpy(&a, p, sizeof(a));
		step = NLMSG_ALIGN((size_t)a.nla_len);
		if (a.nla_len < sizeof(a) || a.nla_len > len)
			return false;
		if (a.nla_type == INET_DIAG_INFO && a.nla_len >= sizeof(a) + INFO_MIN) {
			const char *info = p + sizeof(a);

			ret->bytes =
				number_at(info + offsetof(struct tcp_info, tcpi_bytes_acked)) +
				number_at(info + offsetof(struct tcp_info, tcpi_bytes_received));
			has_info = true;
		} else if (a.nla_type == INET_DIAG_CGROUP_ID &&
			   a.nla_len >= sizeof(a) + sizeof(uint64_t)) {
			ret->group = number_at(p + sizeof(a));
			ret->has_group = true;
		}
		if (step >= len)
			break;
		p += step;
		len -= step;
	}
	return has_info;
}

typedef void told_fn(struct tcp_bytes *t, const struct told *w, struct tcp_group *groups, size_t n);

/* One answer. 1: more will come; 0: that was all; negative. */
static int take(struct tcp_bytes *t, const char *buf, size_t len, told_fn *fn,
		struct tcp_group *groups, size_t n)
{
	struct nlmsghdr h;
	struct told w;
	int error;

	while (len >= sizeof(h)) {
		memcpy(&h, buf, sizeof(h));
		if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > len)
			return -EPROTO;
		if (h.nlmsg_type == NLMSG_DONE)
			return 0;
		if (h.nlmsg_type == NLMSG_ERROR) {
			if (h.nlmsg_len < sizeof(h) + sizeof(error))
				return -EPROTO;
			memcpy(&error, buf + sizeof(h), sizeof(error));
			return error < 0 ? error : -EPROTO;
		}
		if ((h.nlmsg_type == SOCK_DIAG_BY_FAMILY || h.nlmsg_type == TCPDIAG_GETSOCK) &&
		    parse(buf + sizeof(h), h.nlmsg_len - sizeof(h), &w))
			fn(t, &w, groups, n);
		if (NLMSG_ALIGN(h.nlmsg_len) >= len)
			break;
		buf += NLMSG_ALIGN(h.nlmsg_len);
		len -= NLMSG_ALIGN(h.nlmsg_len);
	}
	return 1;
}

/* "Is it of this group? Then yes. Else: is it of the next one? …": an answer is yes at the end of
 * the program, no behind it. */
struct step {
	struct inet_diag_bc_op is;
	uint32_t id[2];
	struct inet_diag_bc_op jump;
};

struct request {
	struct nlmsghdr n;
	struct inet_diag_req r;
	struct nlattr a;
	struct step steps[FILTER_GROUPS];
};

static size_t fill_filter(struct request *q, const struct tcp_group *groups, size_t count)
{
	if (!count || count > FILTER_GROUPS)
		return 0;
	for (size_t i = 0; i < count; i++) {
		struct step *s = &q->steps[i];
		size_t rest = (count - i) * sizeof(*s);

		s->is.code = INET_DIAG_BC_CGROUP_COND;
		s->is.yes = sizeof(s->is) + sizeof(s->id);
		s->is.no = (uint16_t)(i + 1 < count ? sizeof(*s) : rest + sizeof(s->is));
		memcpy(s->id, &groups[i].id, sizeof(s->id));
		s->jump.code = INET_DIAG_BC_JMP;
		s->jump.yes = sizeof(s->jump);
		s->jump.no = (uint16_t)(rest - s->is.yes);
	}
	q->a.nla_type = INET_DIAG_REQ_BYTECODE;
	q->a.nla_len = (uint16_t)(sizeof(q->a) + count * sizeof(*q->steps));
	return q->a.nla_len;
}

/* The older form of the request is answered for both families in one walk through the kernel's
 * table, which is what a look costs: the table has some hundred thousand places. */
static int dump(struct tcp_bytes *t, struct tcp_group *groups, size_t count)
{
	static _Alignas(8) char buf[REPLY_MAX];
	static struct request q;
	ssize_t got;
	int r;

	q = (struct request){.n.nlmsg_type = TCPDIAG_GETSOCK,
			     .n.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
			     .n.nlmsg_seq = t->look};
	q.r.idiag_family = AF_INET;
	q.r.idiag_ext = 1 << (INET_DIAG_INFO - 1);
	q.r.idiag_states = STATES;
	q.n.nlmsg_len = (uint32_t)(offsetof(struct request, a) + fill_filter(&q, groups, count));
	if (send(t->fd, &q, q.n.nlmsg_len, 0) < 0)
		return -errno;
	do {
		got = recv(t->fd, buf, sizeof(buf), 0);
		r = got < 0 ? -errno : take(t, buf, (size_t)got, on_alive, groups, count);
	} while (r > 0);
	return r;
}

/* What does not fit into the socket's buffer is lost; a look is due before long. */
static void take_ends(struct tcp_bytes *t, struct tcp_group *groups, size_t count)
{
	_Alignas(8) char buf[2048];
	ssize_t got;

	while (t->ends >= 0) {
		got = recv(t->ends, buf, sizeof(buf), MSG_DONTWAIT);
		if (got >= 0)
			(void)take(t, buf, (size_t)got, on_end, groups, count);
		else if (errno != ENOBUFS)
			return;
	}
}

static int open_diag(uint32_t groups)
{
	/* The kernel answers within recv(); should it not, nobody shall wait. */
	const struct timeval timeout = {.tv_usec = 100000};
	struct sockaddr_nl a = {.nl_family = AF_NETLINK, .nl_groups = groups};
	_cleanup_fd_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

	if (fd < 0 || bind(fd, (void *)&a, sizeof(a)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0)
		return -errno;
	return steal_fd(&fd);
}

/* Each TCP socket that ends here costs a message, so only while it can matter. */
static void listen_for_ends(struct tcp_bytes *t, bool on)
{
	if (!on)
		t->ends = fd_close(t->ends);
	else if (t->ends < 0)
		t->ends = open_diag(1u << (SKNLGRP_INET_TCP_DESTROY - 1) |
				    1u << (SKNLGRP_INET6_TCP_DESTROY - 1));
}

/* ------------------------------------------------------------------ looking */

/* The "Tcp:" lines are names and numbers; two of the numbers are the connections ever made. */
static bool connections_made(const struct tcp_bytes *t, uint64_t *ret)
{
	char text[SNMP_MAX];
	uint64_t active, passive;
	const char *p;
	ssize_t n = t->snmp < 0 ? -1 : pread(t->snmp, text, sizeof(text) - 1, 0);

	if (n < 0)
		return false;
	text[n] = '\0';
	p = strstr(text, "\nTcp: ");
	p = p ? strstr(p + 1, "\nTcp: ") : NULL;
	if (!p || sscanf(p, "\nTcp: %*s %*s %*s %*s %" SCNu64 " %" SCNu64, &active, &passive) != 2)
		return false;
	*ret = active + passive;
	return true;
}

static bool is_needless(struct tcp_bytes *t)
{
	uint64_t made = 0, before = t->made;
	bool known = connections_made(t, &made);

	t->made = made;
	if (!known || made != before)
		t->quiet = 0;
	return t->quiet >= QUIET_LOOKS;
}

int tcp_bytes_look(struct tcp_bytes *t, struct tcp_group *groups, size_t count)
{
	int r;

	if (!count) {
		listen_for_ends(t, false);
		t->quiet = 0;
		return 0;
	}
	qsort(groups, count, sizeof(*groups), by_id);
	if (is_needless(t))
		return 0;
	t->look++;
	take_ends(t, groups, count);
	r = dump(t, groups, count);
	if (r < 0)
		return r;
	forget_unseen(t);
	listen_for_ends(t, t->table);
	t->quiet = t->table ? 0 : t->quiet + 1;
	return 0;
}

int tcp_bytes_new(struct tcp_bytes **ret)
{
	struct tcp_bytes *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->ends = -1;
	t->snmp = open("/proc/self/net/snmp", O_RDONLY | O_CLOEXEC);
	t->fd = open_diag(0);
	if (t->fd < 0) {
		int r = t->fd;

		tcp_bytes_free(t);
		return r;
	}
	*ret = t;
	return 0;
}

struct tcp_bytes *tcp_bytes_free(struct tcp_bytes *t)
{
	struct connection *c, *next;

	if (!t)
		return NULL;
	HASH_ITER (hh, t->table, c, next)
		drop(t, c);
	fd_close(t->fd);
	fd_close(t->ends);
	fd_close(t->snmp);
	free(t);
	return NULL;
}
