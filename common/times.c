/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Run and wait times of processes. The netlink exchange is written out here since every guest
 * process has this: libnl would cost each of them more than this file.
 */
#include "common/times.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/taskstats.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fd.h"

#define REPLY_MAX 4096
#define PATH_SIZE 512
/* Other kernels have other fields behind these. */
#define STATS_MIN (offsetof(struct taskstats, cpu_run_virtual_total) + sizeof(uint64_t))

/* ------------------------------------------------------------------ netlink */

#define ALIGNED(len) (((size_t)(len) + 3) & ~(size_t)3)
#define HEADERS (sizeof(struct nlmsghdr) + sizeof(struct genlmsghdr))

struct request {
	struct nlmsghdr n;
	struct genlmsghdr g;
	struct nlattr a;
	char value[16];
};

/* One exchange. 0: *ret is what is behind the headers, *ret_len bytes of attributes. */
static int ask(int fd, uint16_t type, uint8_t cmd, uint16_t attr, const void *value, size_t len,
	       char buf[REPLY_MAX], const char **ret, size_t *ret_len)
{
	struct request q = {.n.nlmsg_type = type, .n.nlmsg_flags = NLM_F_REQUEST};
	struct nlmsghdr n;
	ssize_t got;

	q.g.cmd = cmd;
	q.g.version = 1;
	q.a.nla_type = attr;
	q.a.nla_len = (uint16_t)(sizeof(q.a) + len);
	memcpy(q.value, value, len);
	q.n.nlmsg_len = (uint32_t)(offsetof(struct request, value) + ALIGNED(len));
	if (send(fd, &q, q.n.nlmsg_len, 0) < 0)
		return -errno;
	got = recv(fd, buf, REPLY_MAX, 0);
	if (got < 0)
		return -errno;
	if ((size_t)got < HEADERS)
		return -EPROTO;
	memcpy(&n, buf, sizeof(n));
	if (n.nlmsg_type == NLMSG_ERROR) {
		int error;

		memcpy(&error, buf + sizeof(n), sizeof(error));
		return error < 0 ? error : -EPROTO;
	}
	*ret = buf + HEADERS;
	*ret_len = (size_t)got - HEADERS;
	return 0;
}

/* Enters the attribute @type among those at *p: *p and *len become its value. */
static bool enter(const char **p, size_t *len, uint16_t type)
{
	struct nlattr a;

	for (; *len >= sizeof(a); *p += ALIGNED(a.nla_len), *len -= ALIGNED(a.nla_len)) {
		memcpy(&a, *p, sizeof(a));
		if (a.nla_len < sizeof(a) || a.nla_len > *len)
			return false;
		if ((a.nla_type & NLA_TYPE_MASK) == type) {
			*p += sizeof(a);
			*len = a.nla_len - sizeof(a);
			return true;
		}
		if (ALIGNED(a.nla_len) > *len)
			return false;
	}
	return false;
}

static int find_family(int fd, uint16_t *ret)
{
	static const char name[] = TASKSTATS_GENL_NAME;
	_Alignas(8) char buf[REPLY_MAX];
	const char *p;
	size_t len;
	int r;

	r = ask(fd, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME, name, sizeof(name),
		buf, &p, &len);
	if (r < 0)
		return r;
	if (!enter(&p, &len, CTRL_ATTR_FAMILY_ID) || len < sizeof(*ret))
		return -EPROTO;
	memcpy(ret, p, sizeof(*ret));
	return 0;
}

static int times_netlink(const struct times_source *s, pid_t pid, struct times *ret)
{
	_Alignas(8) char buf[REPLY_MAX];
	uint32_t number = (uint32_t)pid;
	uint64_t t[2];
	const char *p;
	size_t len;
	int r;

	r = ask(s->fd, s->family, TASKSTATS_CMD_GET, TASKSTATS_CMD_ATTR_TGID, &number,
		sizeof(number), buf, &p, &len);
	if (r < 0)
		return r;
	if (!enter(&p, &len, TASKSTATS_TYPE_AGGR_TGID) || !enter(&p, &len, TASKSTATS_TYPE_STATS) ||
	    len < STATS_MIN)
		return -EPROTO;
	memcpy(&t[0], p + offsetof(struct taskstats, cpu_run_virtual_total), sizeof(t[0]));
	memcpy(&t[1], p + offsetof(struct taskstats, cpu_delay_total), sizeof(t[1]));
	*ret = (struct times){.run = t[0], .wait = t[1]};
	return 0;
}

static int open_netlink(struct times_source *s)
{
	/* The kernel answers within send(); should it not, nobody shall wait. */
	const struct timeval timeout = {.tv_usec = 100000};
	struct sockaddr_nl a = {.nl_family = AF_NETLINK};
	_cleanup_fd_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	struct times t;
	int r;

	if (fd < 0 || bind(fd, (void *)&a, sizeof(a)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0)
		return -errno;
	r = find_family(fd, &s->family);
	if (r < 0)
		return r;
	s->fd = fd;
	r = times_netlink(s, getpid(), &t);
	if (r < 0)
		s->fd = -1;
	else
		steal_fd(&fd);
	return r;
}

/* ------------------------------------------------------------------ /proc */

static bool add_task(int dir, const char *tid, struct times *sum)
{
	char path[64], buf[128];
	_cleanup_fd_ int fd = -1;
	uint64_t run, wait;
	ssize_t n;

	snprintf(path, sizeof(path), "%.20s/schedstat", tid);
	fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = pread(fd, buf, sizeof(buf) - 1, 0);
	if (n < 0)
		return false;
	buf[n] = '\0';
	if (sscanf(buf, "%" SCNu64 " %" SCNu64, &run, &wait) != 2)
		return false;
	sum->run += run;
	sum->wait += wait;
	return true;
}

static int times_proc(const struct times_source *s, pid_t pid, struct times *ret)
{
	_cleanup_dir_ DIR *dir = NULL;
	struct times sum = {0};
	char path[PATH_SIZE];
	struct dirent *e;
	bool any = false;

	snprintf(path, sizeof(path), "%s/proc/%d/task", s->root, (int)pid);
	dir = opendir(path);
	if (!dir)
		return -ESRCH;
	while ((e = readdir(dir)))
		if (e->d_name[0] != '.')
			any |= add_task(dirfd(dir), e->d_name, &sum);
	if (!any)
		return -ESRCH;
	*ret = sum;
	return 0;
}

/* ------------------------------------------------------------------ either */

void times_open(struct times_source *s, const char *root)
{
	*s = (struct times_source){.root = root, .fd = -1};
	if (!*root && open_netlink(s) < 0)
		s->fd = -1;
}

void times_close(struct times_source *s)
{
	s->fd = fd_close(s->fd);
}

int times_of(const struct times_source *s, pid_t pid, struct times *ret)
{
	return s->fd >= 0 ? times_netlink(s, pid, ret) : times_proc(s, pid, ret);
}
